"""What a run keeps of somebody's own pictures: their facts in its record, and pixels if given."""

import numpy as np
import pytest

from bikd_core.config import RunConfig
from bikd_core.data.own.opening import open_pictures
from bikd_core.store import CorruptRunError, create_run
from bikd_core.store.own_pictures import read_pictures, save_pictures
from tests import made_up
from tests.data.own.own_pictures import make_folder, noise


def test_the_record_of_a_run_has_the_facts_of_its_pictures(tmp_path):
    folder = make_folder(tmp_path / "pets", {"ant": 9, "bee": 6, "cow": 3}, size=(8, 8), channels=1)
    dataset = open_pictures(folder, tmp_path / "data", size=8)
    record = create_run(tmp_path / "runs", RunConfig.from_flat({"dataset": dataset})).record()
    assert record.own_data is not None
    assert dataset in record.own_data.model_dump_json()
    assert "pets" in record.own_data.model_dump_json()
    assert str(tmp_path) not in record.own_data.model_dump_json()


def test_pictures_come_back_by_their_rows(tmp_path):
    run = made_up.make_run(tmp_path)
    assert read_pictures(run, [0]) is None
    pictures = np.stack([noise(seed, (6, 5)) for seed in range(4)])
    save_pictures(run, pictures)
    np.testing.assert_array_equal(read_pictures(run, [3, 0, 3]), pictures[[3, 0, 3]])
    assert [path.name for path in run.path.glob("pictures*")] == ["pictures.npy"]
    with pytest.raises(CorruptRunError, match=r"pictures\.npy"):
        read_pictures(run, [4])
    (run.path / "pictures.npy").write_bytes(b"none")
    with pytest.raises(CorruptRunError, match=r"pictures\.npy"):
        read_pictures(run, [0])
