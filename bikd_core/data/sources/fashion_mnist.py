"""Fashion-MNIST: grey pictures of clothes."""

from bikd_core.config import SourceFacts
from bikd_core.data.file_formats import idx_images
from bikd_core.data.published_source import PublishedSource
from bikd_core.data.source import Source

FACTS = SourceFacts(
    title="Fashion-MNIST",
    class_names=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    channels=1,
    size=28,
    pool_per_class=6000,
    has_test=True,
    default_test_per_class=1000,
    download_mb=30.9,
    citation="Xiao, Rasul, Vollgraf, arXiv:1708.07747",
    terms="MIT",
    defaults={
        "teacher_model": "grey_cnn_l",
        "student": "grey_cnn_s",
        "batch_size": 100,
        "val_per_class": 100,
        "epochs": 20,
    },
)  # fmt: skip

SOURCE: Source = PublishedSource(
    facts=FACTS,
    torchvision_class="FashionMNIST",
    train_files={
        "FashionMNIST/raw/train-images-idx3-ubyte": None,
        "FashionMNIST/raw/train-labels-idx1-ubyte": None,
    },
    test_files={
        "FashionMNIST/raw/t10k-images-idx3-ubyte": None,
        "FashionMNIST/raw/t10k-labels-idx1-ubyte": None,
    },
    decode=idx_images,
    package="fashion-mnist",  # of Debian's dataset-fashion-mnist
)
