import json

import pytest

from bikd_core.bench import gpu_results
from bikd_core.bench.gpu_results import Deadline, Results
from bikd_core.config import ConfigError


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(gpu_results.time, "monotonic", lambda: now[0])
    return now


def test_a_phase_gets_its_share_of_the_whole_time_but_no_more_than_is_left(clock):
    deadline = Deadline(60)
    assert deadline.share(0.25).left_s == 15
    clock[0] += 50
    assert deadline.share(0.25).left_s == 10
    assert not deadline.is_over
    clock[0] += 11
    assert deadline.is_over
    assert deadline.left_s == deadline.share(0.5).left_s == 0


def test_each_file_says_the_machine_and_has_all_rows_so_far(tmp_path):
    results = Results(tmp_path / "out", {"device": "cpu"})
    results.write("steps", [{"seconds": 1.0}])
    results.write("steps", [{"seconds": 1.0}, {"seconds": 2.0}])
    [file] = (tmp_path / "out").iterdir()
    found = json.loads(file.read_text())
    assert found == {"device": "cpu", "rows": [{"seconds": 1.0}, {"seconds": 2.0}]}


def test_a_folder_with_files_is_refused(tmp_path):
    (tmp_path / "steps.json").write_text("{}")
    with pytest.raises(ConfigError, match="holds files already: name a new folder"):
        Results(tmp_path, {})
