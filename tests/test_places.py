from pathlib import Path

import pytest

from bikd_core.places import ASSETS, Places


def test_all_lies_below_bikd_home():
    places = Places.from_environment({"BIKD_HOME": "/somewhere"})
    assert places == Places(
        Path("/somewhere/runs"), Path("/somewhere/teachers"), Path("/somewhere/data")
    )


def test_the_data_sets_may_lie_elsewhere():
    places = Places.from_environment({"BIKD_HOME": "/somewhere", "BIKD_DATA": "/sets"})
    assert places.data == Path("/sets")
    assert places.runs == Path("/somewhere/runs")


def test_a_tilde_is_the_users_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    places = Places.from_environment({"BIKD_HOME": "~/lab", "BIKD_DATA": "~/sets"})
    assert places == Places.at(tmp_path / "lab", tmp_path / "sets")


def test_without_bikd_home_the_users_data_folder_is_used_and_nothing_is_made(monkeypatch, tmp_path):
    monkeypatch.setattr("bikd_core.places.user_data_path", lambda name: tmp_path / name)
    assert Places.from_environment({}) == Places.at(tmp_path / "bikd")
    assert Places.from_environment({"BIKD_HOME": ""}) == Places.at(tmp_path / "bikd")
    assert not list(tmp_path.iterdir())


def test_the_projects_own_teachers_come_before_those_trained_here():
    places = Places.at(Path("/somewhere"))
    assert places.teacher_folders() == (ASSETS / "teachers", Path("/somewhere/teachers"))


def test_the_runs_may_lie_elsewhere():
    places = Places.from_environment({"BIKD_HOME": "/somewhere", "BIKD_RUNS": "/disk/runs"})
    assert places.runs == Path("/disk/runs")
    assert places.teachers == Path("/somewhere/teachers")


@pytest.mark.parametrize(("given", "gigabytes"), [("", 20), ("0.5", 0.5), ("0", 0), ("1e3", 1000)])
def test_the_quota_of_the_runs_is_set_in_one_place(given, gigabytes):
    places = Places.from_environment({"BIKD_HOME": "/a", "BIKD_QUOTA_GB": given})
    assert places.quota_bytes == places.absolute().quota_bytes == gigabytes * 10**9


@pytest.mark.parametrize("given", ["many", "-1", "nan", "inf", "5 GB"])
def test_a_quota_that_is_no_size_is_refused(given):
    with pytest.raises(ValueError, match=f"BIKD_QUOTA_GB = '{given}' is not possible"):
        Places.from_environment({"BIKD_HOME": "/a", "BIKD_QUOTA_GB": given})


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    for name in ("HOME", "XDG_DATA_HOME", "USERPROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as without an entry for the user
    with pytest.raises(ValueError, match="no home folder: set BIKD_HOME"):
        Places.from_environment({})
    assert Places.from_environment({"BIKD_HOME": "/a"}).runs.as_posix() == "/a/runs"
