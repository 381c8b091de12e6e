import pytest

from bikd_core.bench import gpu_tests
from bikd_core.bench.gpu_results import Deadline
from bikd_core.bench.gpu_tests import device_test_files, run_tests
from bikd_core.places import ROOT

TESTS = """
import time

def test_sum(device):
    assert 1 + 1 == 2

def test_product(device):
    assert 1 * 1 == 2, "wrong product"

def test_long(device):
    time.sleep({seconds})
"""
CONFTEST = """
def pytest_generate_tests(metafunc):
    metafunc.parametrize("device", ["cpu", "cuda"])
"""
SETTINGS = '[tool.pytest.ini_options]\nmarkers = ["slow"]\npythonpath = ["."]\n'


@pytest.fixture
def make_tests(tmp_path, monkeypatch):
    def make(seconds):
        folder = tmp_path / "tests"
        folder.mkdir()
        (folder / "test_few.py").write_text(TESTS.format(seconds=seconds))
        (folder / "conftest.py").write_text(CONFTEST)
        (tmp_path / "pyproject.toml").write_text(SETTINGS)
        monkeypatch.setattr(gpu_tests, "ROOT", tmp_path)
        return tmp_path / "log.txt"

    return make


def test_files_with_the_device_fixture_and_those_that_watch_cuda_are_found():
    found = {path.name for path in device_test_files(ROOT / "tests")}
    assert {"test_hypergradient.py", "test_batches.py", "test_no_waiting.py"} <= found
    assert "test_events.py" not in found


def test_outcomes_are_counted_and_failures_have_their_reason():
    output = (
        "tests/a.py::test_one[cuda-a b] PASSED [ 20%]\n"
        "tests/a.py::test_two[cuda] FAILED [ 40%]\n"
        "tests/a.py::test_three[cuda] SKIPPED (no reason) [ 60%]\n"
        "tests/a.py::test_four[cuda] ERROR\n"
        "tests/a.py::test_five[cuda] \n"
        "FAILED tests/a.py::test_two[cuda] - assert 1 == 2\n"
    )
    found = gpu_tests._counted(output, 1, is_cut_off=True)
    assert (found["passed"], found["skipped"], found["failed"]) == (1, 1, 2)
    assert found["ended"] == "cut off"
    assert found["failures"][0]["test"] == "tests/a.py::test_two[cuda]"


@pytest.mark.parametrize(
    ("exit_code", "ended"), [(0, "finished"), (1, "finished"), (4, "failed: exit code 4")]
)
def test_a_run_that_pytest_itself_could_not_make_has_failed(exit_code, ended):
    assert gpu_tests._counted("", exit_code, is_cut_off=False)["ended"] == ended


@pytest.mark.slow
def test_tests_run_in_their_own_process(make_tests):
    log = make_tests(seconds=0)
    row = run_tests("cuda", "not slow", Deadline(100), log)
    assert (row["ended"], row["passed"], row["failed"]) == ("finished", 2, 1)
    [failure] = row["failures"]
    assert failure["test"] == "tests/test_few.py::test_product[cuda]"
    assert "wrong product" in failure["reason"]
    assert "test_product" in log.read_text()


@pytest.mark.slow
def test_what_ended_before_the_deadline_counts(make_tests):
    log = make_tests(seconds=600)
    row = run_tests("cuda", "not slow", Deadline(10), log)
    assert (row["ended"], row["passed"], row["failed"]) == ("cut off", 1, 1)
    assert row["seconds"] < 60


def test_a_product_without_tests_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_tests, "ROOT", tmp_path)
    row = run_tests("cuda", "not slow", Deadline(10), tmp_path / "log.txt")
    assert row["ended"] == "no tests lie beside the product"
