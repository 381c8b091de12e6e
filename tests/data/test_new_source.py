"""A new source is one new file."""

import importlib

import numpy as np
import pytest

from bikd_core.config import SOURCE_FACTS, DataConfig
from bikd_core.config.source_facts import source_facts
from bikd_core.data import sources
from bikd_core.data.image_set import load_source
from bikd_core.data.long_tail import make_split
from bikd_core.data.pictures import load_pictures
from bikd_core.data.possible import models_for

FILE = """
import numpy as np

from bikd_core.config import SourceFacts
from bikd_core.data.source import Labelled, Parts

FACTS = SourceFacts(
    title="Stripes",
    class_names=("across", "down", "none"),
    channels=1,
    size=8,
    pool_per_class=20,
    has_test=False,
    default_test_per_class=5,
    download_mb=0,
    citation="made up",
    terms="CC0",
    defaults={"val_per_class": 4},
)


class Stripes:
    facts = FACTS

    def read(self, data_dir):
        labels = np.arange(60) % 3
        pictures = np.zeros((60, 8, 8, 1), dtype=np.uint8)
        pictures[labels == 0, ::2] = 255
        pictures[labels == 1, :, ::2] = 255
        return Parts(Labelled(pictures, labels), None)

    def load(self, data_dir, on_progress=None):
        return self.read(data_dir)


SOURCE = Stripes()
"""


@pytest.fixture
def stripes(tmp_path, monkeypatch):
    """Drop the file into a folder in which sources are looked for."""
    (tmp_path / "stripes.py").write_text(FILE, encoding="utf-8")
    importlib.invalidate_caches()
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    monkeypatch.setitem(SOURCE_FACTS, "stripes", source_facts(tmp_path)["stripes"])


@pytest.mark.usefixtures("stripes")
def test_a_source_is_split_and_shown_from_its_one_file(tmp_path):
    assert models_for("stripes") == models_for("digits")
    source = load_source("stripes", tmp_path)
    config = DataConfig.model_construct(dataset="stripes", imbalance_factor=5.0, val_per_class=4)
    split = make_split(source, config)
    assert split.class_names == ("across", "down", "none")
    assert split.class_counts == (11, 4, 2)
    shown = load_pictures("stripes", split.test.original_indices.numpy(), tmp_path)
    assert np.array_equal(shown.transpose(0, 3, 1, 2), split.test.images.numpy())
