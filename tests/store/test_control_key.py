import io
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from bikd_core.store import RunFolder, StoreError, control_key, create_run
from bikd_core.store.archive import export_run, import_run
from tests.fake_training import config


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return create_run(tmp_path, config())


def test_a_run_has_no_key_until_one_is_made(run):
    assert not control_key.has_key(run)
    assert not control_key.is_key(run, "")
    key = control_key.make_key(run)
    assert control_key.has_key(run)
    assert control_key.is_key(run, key)
    assert 20 < len(key) <= control_key.MAX_LENGTH


def test_a_key_is_made_once_also_by_many_at_once(run):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: control_key.make_key(run), range(32)))
    [key] = [key for key in made if key is not None]
    assert control_key.is_key(run, key)


@pytest.mark.parametrize("claimed", ["", "junk", "\udcff", "x" * 10_000])
def test_anything_else_is_not_the_key(run, claimed):
    control_key.make_key(run)
    assert not control_key.is_key(run, claimed)


def test_an_empty_file_is_a_key_that_nobody_has(run):
    (run.path / "control.key").touch()
    assert not control_key.is_key(run, "")
    assert control_key.make_key(run) is None


def test_nobody_else_on_the_machine_can_read_the_key(run):
    control_key.make_key(run)
    assert stat.S_IMODE((run.path / "control.key").stat().st_mode) == 0o600


def test_a_key_is_not_exported(run, tmp_path):
    key = control_key.make_key(run)
    run.write_status("stopped", epoch=0, epochs=3)
    target = io.BytesIO()
    export_run(run, target)
    with zipfile.ZipFile(target) as archive:
        assert not any(key.encode() in archive.read(name) for name in archive.namelist())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert not control_key.has_key(import_run(target, elsewhere))


def test_a_key_that_cannot_be_written_is_one_sentence(run):
    run.delete()
    with pytest.raises(StoreError, match=r"control\.key cannot be written"):
        control_key.make_key(run)
