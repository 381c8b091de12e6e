"""CIFAR-10: colour pictures of ten kinds of animals and vehicles."""

from bikd_core.config import SourceFacts
from bikd_core.data.file_formats import cifar_batches
from bikd_core.data.published_source import PublishedSource
from bikd_core.data.source import Source

FACTS = SourceFacts(
    title="CIFAR-10",
    class_names=(
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ),
    channels=3,
    size=32,
    pool_per_class=5000,
    has_test=True,
    default_test_per_class=1000,
    download_mb=170.5,
    citation="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    terms="none stated",
    defaults={
        "teacher_model": "resnet32x4",
        "student": "resnet8x4",
        "batch_size": 100,
        "learning_rate": 0.1,
        "augmentation": "crop_flip",
        "epochs": 120,
        "val_per_class": 100,
    },
    published_defaults={"meta_loss": "mix"},
)  # fmt: skip

SOURCE: Source = PublishedSource(
    facts=FACTS,
    torchvision_class="CIFAR10",
    train_files={
        "cifar-10-batches-py/data_batch_1": "c99cafc152244af753f735de768cd75f",
        "cifar-10-batches-py/data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "cifar-10-batches-py/data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "cifar-10-batches-py/data_batch_4": "634d18415352ddfa80567beed471001a",
        "cifar-10-batches-py/data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    test_files={"cifar-10-batches-py/test_batch": "40351d587109b95175f43aff81a1287e"},
    other_files=("cifar-10-batches-py/batches.meta",),
    decode=cifar_batches,
)
