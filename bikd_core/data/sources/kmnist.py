"""Kuzushiji-MNIST: grey pictures of cursive Japanese characters."""

from bikd_core.config import SourceFacts
from bikd_core.data.file_formats import idx_images
from bikd_core.data.published_source import PublishedSource
from bikd_core.data.source import Source

FACTS = SourceFacts(
    title="Kuzushiji-MNIST",
    class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    channels=1,
    size=28,
    pool_per_class=6000,
    has_test=True,
    default_test_per_class=1000,
    download_mb=21.2,
    citation="Clanuwat et al., arXiv:1812.01718",
    terms="CC BY-SA 4.0",
    defaults={
        "teacher_model": "grey_cnn_l",
        "student": "grey_cnn_s",
        "batch_size": 100,
        "val_per_class": 100,
        "epochs": 20,
    },
)

SOURCE: Source = PublishedSource(
    facts=FACTS,
    torchvision_class="KMNIST",
    train_files={
        "KMNIST/raw/train-images-idx3-ubyte": None,
        "KMNIST/raw/train-labels-idx1-ubyte": None,
    },
    test_files={
        "KMNIST/raw/t10k-images-idx3-ubyte": None,
        "KMNIST/raw/t10k-labels-idx1-ubyte": None,
    },
    decode=idx_images,
)
