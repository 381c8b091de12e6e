"""Street View House Numbers: colour pictures of digits."""

from bikd_core.config import SourceFacts
from bikd_core.data.file_formats import svhn_matrix
from bikd_core.data.published_source import PublishedSource
from bikd_core.data.source import Source

FACTS = SourceFacts(
    title="Street View House Numbers",
    class_names=("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
    channels=3,
    size=32,
    pool_per_class=4659,
    pool_counts=(4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659),
    has_test=True,
    test_counts=(1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595),
    default_test_per_class=1595,
    download_mb=246.3,
    citation="Netzer et al., NIPS workshop 2011",
    terms="non-commercial use only",
    defaults={
        "teacher_model": "resnet32x4",
        "student": "resnet8x4",
        "batch_size": 100,
        "learning_rate": 0.1,
        "augmentation": "crop",
        "epochs": 120,
        "val_per_class": 100,
    },
)

SOURCE: Source = PublishedSource(
    facts=FACTS,
    torchvision_class="SVHN",
    train_files={"train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373"},
    test_files={"test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3"},
    decode=svhn_matrix,
)
