import pytest

from bikd_core.cli import main
from bikd_core.config import DataConfig
from bikd_core.data.long_tail import load_split
from tests.data.conftest import make_tiny  # noqa: F401

SMALL = "--imbalance-factor 2 --val-per-class 1 --test-per-class 1".split()


def test_a_cut_is_written_and_described(make_tiny, tmp_path, capsys):  # noqa: F811
    data_dir, folder = make_tiny("cifar10").unpacked, tmp_path / "cut"
    assert main(["data", "cut", str(folder), *SMALL, "--data-dir", str(data_dir)]) == 0
    out = capsys.readouterr().out
    config = DataConfig(dataset="cifar10", imbalance_factor=2, val_per_class=1, test_per_class=1)
    assert f"{folder / 'cifar10-cut.xz'}: " in out
    assert load_split(config, folder).fingerprint in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--dataset", "imagenet"], "dataset"), (["--test-per-class", "2000"], "test_per_class")],
)
def test_what_is_not_possible_is_one_sentence(tmp_path, capsys, arguments, words):
    assert main(["data", "cut", str(tmp_path), *arguments, "--data-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1
