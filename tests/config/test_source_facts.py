import pytest

from bikd_core.config import SOURCE_FACTS, choices
from bikd_core.config.source_facts import source_facts
from bikd_core.data.sources import source_of

FACTS = """
from no_such_package import SourceFacts

FACTS = SourceFacts(
    title="Noise", class_names=("white", "pink"), channels=3, size={size}, pool_per_class=9,
    has_test=True, default_test_per_class=2, download_mb=1.5, citation="x", terms="y",
)
"""


def test_facts_are_read_without_importing_the_file(tmp_path):
    (tmp_path / "noise.py").write_text(FACTS.format(size=16))
    [(name, facts)] = source_facts(tmp_path).items()
    assert (name, facts.title, facts.num_classes, facts.size) == ("noise", "Noise", 2, 16)
    assert facts.defaults == {}


def test_the_default_comes_first_then_smaller_images_then_names_in_order(tmp_path):
    for name, size in {"b": 4, "a": 6, "c": 4, "digits": 8}.items():
        (tmp_path / f"{name}.py").write_text(FACTS.format(size=size))
    assert list(source_facts(tmp_path)) == ["digits", "b", "c", "a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "bad.py holds no data source"),
        ("FACTS = 3", "bad.py holds no data source"),
        (FACTS.format(size="2 ** 4"), "bad.py: size must be a plain value"),
        (FACTS.format(size="'large'"), "bad.py: size: Input should be a valid integer"),
        (FACTS.format(size="4, colour=1"), "bad.py: colour: Extra inputs"),
        ("FACTS = SourceFacts(title='A')", "bad.py: class_names: Field required"),
    ],
)
def test_a_file_without_proper_facts_is_refused_by_name(text, message, tmp_path):
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(ValueError, match=message):
        source_facts(tmp_path)


@pytest.mark.parametrize("dataset", SOURCE_FACTS)
def test_the_facts_in_a_file_are_those_of_its_source(dataset):
    assert source_of(dataset).facts == SOURCE_FACTS[dataset]


def test_the_choice_of_a_data_set_is_made_from_the_files():
    assert choices("dataset") == tuple(SOURCE_FACTS)
    ours = "digits fashion_mnist kmnist svhn cifar10 cifar100".split()
    assert [name for name in SOURCE_FACTS if name in ours] == ours
