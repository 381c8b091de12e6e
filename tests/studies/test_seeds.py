"""Seeds are read from text and written back."""

import pytest

from bikd_core.config import ConfigError
from bikd_core.studies import read_seeds, write_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0", (0,)),
        ("0,1,2", (0, 1, 2)),
        (" 3 , 5-7", (3, 5, 6, 7)),
        ("2147483647", (2147483647,)),
    ],
)
def test_seeds_are_read_one_by_one_and_in_ranges(text, seeds):
    assert read_seeds(text) == seeds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "-1",
        "1-",
        "-",
        "0,2-",
        "3-1",
        "1.5",
        "0-200",
        "0-150,200-299",
        "0-99999999999",
        "²",
        "2147483648",
    ],
)
def test_malformed_or_too_many_seeds_are_refused(text):
    with pytest.raises(ConfigError, match="seeds = "):
        read_seeds(text)


@pytest.mark.parametrize("text", ["0-2", "0,1", "4,0-2,7", "5"])
def test_seeds_are_written_as_they_are_read(text):
    assert write_seeds(read_seeds(text)) == text
