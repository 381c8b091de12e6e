from pathlib import Path

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
