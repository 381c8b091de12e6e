"""A folder of three classes, and where opened pictures go."""

import pytest

from tests.data.own.own_pictures import COUNTS, make_folder


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def pets(tmp_path):
    return make_folder(tmp_path / "pets", COUNTS)
