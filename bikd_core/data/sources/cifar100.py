"""CIFAR-100: colour pictures of a hundred kinds of things."""

from bikd_core.config import SourceFacts
from bikd_core.data.file_formats import cifar_batches
from bikd_core.data.published_source import PublishedSource
from bikd_core.data.source import Source

FACTS = SourceFacts(
    title="CIFAR-100",
    class_names=(
        "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle",
        "bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle",
        "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch",
        "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest",
        "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower",
        "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain",
        "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear",
        "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit",
        "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
        "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower",
        "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor", "train",
        "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
    ),
    channels=3,
    size=32,
    pool_per_class=500,
    has_test=True,
    default_test_per_class=100,
    download_mb=169.0,
    citation="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    terms="none stated",
    defaults={
        "teacher_model": "resnet32x4",
        "student": "resnet8x4",
        "inner_steps": 5,
        "batch_size": 100,
        "learning_rate": 0.1,
        "augmentation": "crop_flip",
        "epochs": 120,
        "val_per_class": 10,
        "weight_net_layers": 2,
    },
)  # fmt: skip

SOURCE: Source = PublishedSource(
    facts=FACTS,
    torchvision_class="CIFAR100",
    train_files={"cifar-100-python/train": "16019d7e3df5f24257cddd939b257f8d"},
    test_files={"cifar-100-python/test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    other_files=("cifar-100-python/meta",),
    decode=cifar_batches,
)
