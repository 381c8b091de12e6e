"""Uploads are read by a process of its own; here it is real."""

import dataclasses
import io
import subprocess

import pytest

from bikd_core.places import Places
from bikd_core.runs import importing
from bikd_core.runs.importing import import_upload, used_bytes
from bikd_core.store import CorruptRunError, StoreError
from bikd_core.store.archive import export_run
from tests import made_up


@pytest.fixture
def upload(tmp_path):
    buffer = io.BytesIO()
    export_run(made_up.make_run(tmp_path / "elsewhere"), buffer)
    return buffer


@pytest.fixture
def places(tmp_path):
    return Places.at(tmp_path / "home")


@pytest.mark.slow
def test_an_upload_becomes_a_run_and_its_progress_is_shown(places, upload):
    seen = []
    run = import_upload(upload, places, lambda done, total: seen.append(done / total))
    assert [path.name for path in places.runs.iterdir()] == [run.run_id]
    assert len(run.events()) == 4
    assert seen == sorted(seen)
    assert 0.9 < seen[-1] <= 1
    assert import_upload(upload, places).run_id == run.run_id  # again: the same one
    assert used_bytes(places.runs) == run.size_bytes()


@pytest.mark.slow
def test_an_upload_that_is_refused_in_the_other_process_is_one_sentence(places, upload):
    with pytest.raises(CorruptRunError, match="not the zip of a run"):
        import_upload(io.BytesIO(b"no zip"), places)
    with pytest.raises(StoreError, match="the runs may take only 0 MB more"):
        import_upload(upload, dataclasses.replace(places, quota_bytes=0))
    assert list(places.runs.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "complaint"),
    [("import time; time.sleep(60)", "took longer than 0.2 s"), ("raise SystemExit(3)", "crashed")],
)
def test_a_process_that_hangs_or_crashes_is_one_sentence(
    places, upload, monkeypatch, code, complaint
):
    monkeypatch.setattr(importing, "LIMIT_S", 0.2 if "sleep" in code else 60.0)
    monkeypatch.setattr(importing, "_COMMAND", (importing.sys.executable, "-c", code))
    with pytest.raises(CorruptRunError, match=complaint):
        import_upload(upload, places)
    assert list(places.runs.iterdir()) == []


@pytest.mark.slow
def test_a_viewer_who_leaves_takes_the_process_along(places, upload, monkeypatch):
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1]
    )

    def leave(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_upload(upload, places, leave)
    assert started[0].poll() is not None
    assert list(places.runs.iterdir()) == []
