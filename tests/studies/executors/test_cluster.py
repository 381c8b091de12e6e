"""A real Ray cluster of two nodes on this machine: the same numbers, and a node that is killed."""

import os
import socket
import time

import pytest

from bikd_core.config import ConfigError
from bikd_core.data.own.opening import open_pictures
from bikd_core.places import Places
from bikd_core.store import list_runs
from bikd_core.studies.executors import LocalExecutor, cluster, node
from bikd_core.studies.executors.keep import train_and_keep
from bikd_core.studies.running import Running
from bikd_core.studies.study import Cell, grid_of
from tests.data.own.own_pictures import make_folder
from tests.studies.executors import doing
from tests.studies.results_of import small_study

LOOPBACK = "127.0.0.1"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # or 127.0.0.1 would be another address
ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'bikd[cluster]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

KDS = (Cell("KD", "kd"), Cell("soft KD", "kd:kd_alpha=0.1"))
CELLS = (Cell("CE", "ce"), *KDS, Cell("BiKD", "bikd"))
GRID = grid_of(small_study(CELLS))


@pytest.fixture(scope="module")
def two_nodes():
    """Start a head without slots and two nodes with one slot each; stop all at the end."""
    from ray.cluster_utils import Cluster

    started = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "node_ip_address": LOOPBACK},
    )
    for _ in range(2):
        started.add_node(num_cpus=1, node_ip_address=LOOPBACK)
    yield started
    ray.shutdown()
    started.shutdown()


def kept(running):
    return {run: one.outcome.measures for run, one in running.ledger.results.items()}


def test_a_study_has_the_same_bits_on_a_cluster_as_here_and_teachers_travel(two_nodes, tmp_path):
    here, there = Places.at(tmp_path / "here"), Places.at(tmp_path / "there")
    alone = Running(GRID, tmp_path / "local", here)
    alone.run(LocalExecutor(here, 2))
    running = Running(GRID, tmp_path / "ray", there)
    with cluster.RayExecutor(there, two_nodes.address) as executor:
        assert executor.slots == 2
        running.run(executor, work=train_and_keep)
    assert running.results.is_complete
    assert kept(running) == kept(alone)
    stored = {folder.record().name: folder for folder in list_runs(there.runs)}
    assert sorted(stored) == sorted(
        f"small, seed {seed}: {cell.label}" for seed in (0, 1) for cell in CELLS
    )
    assert all(folder.status().state == "finished" for folder in stored.values())
    assert (
        {path.name for path in there.teachers.glob("*.json")}
        == {path.name for path in here.teachers.glob("*.json")}
        != set()
    )


def test_own_pictures_travel_to_nodes_that_do_not_have_them(two_nodes, tmp_path):
    here, pets = Places.at(tmp_path / "here"), tmp_path / "pets"
    make_folder(pets, {"ant": 30, "bee": 12, "cow": 6}, size=(8, 8), channels=1)
    dataset = open_pictures(pets, here.data, size=8)
    grid = grid_of(small_study(CELLS[:2]), (0, 1), {"dataset": dataset})
    alone = Running(grid, tmp_path / "local", here)
    alone.run(LocalExecutor(here, 1))
    running = Running(grid, tmp_path / "ray", here)
    with cluster.RayExecutor(here, two_nodes.address) as executor:
        running.run(executor)
    assert running.results.is_complete
    assert kept(running) == kept(alone)


def runs(number):
    """Return as many groups of one run each."""
    return [[config] for _, _, config in grid_of(small_study(CELLS[:1]), range(number)).runs()]


def test_a_killed_node_costs_no_result_and_nothing_counts_twice(two_nodes, tmp_path):
    third = two_nodes.add_node(num_cpus=1, node_ip_address=LOOPBACK)
    groups, done, lost = runs(16), [], []
    with cluster.RayExecutor(Places.at(tmp_path), two_nodes.address) as executor:
        assert executor.slots == 3

        def ended(group, result):
            done.append(group[0].training.seed)
            if len(done) == 5:
                two_nodes.remove_node(third, allow_graceful=False)

        executor.map(doing.slowly_there, groups, ended, lambda group, reason: lost.append(reason))
    assert sorted(done) == [*range(16)]
    assert not lost


def test_a_stop_leaves_what_has_ended(two_nodes, tmp_path):
    done = []
    with cluster.RayExecutor(Places.at(tmp_path), two_nodes.address) as executor:
        executor.map(
            doing.slowly_there,
            runs(100),
            lambda group, result: done.append(group),
            lambda group, reason: None,
            should_stop=lambda: len(done) >= 3,
        )
    assert 3 <= len(done) < 20


def test_what_a_cluster_lacks_is_said_before_anything_starts(two_nodes, tmp_path, monkeypatch):
    address = two_nodes.address
    with pytest.raises(ConfigError, match="0 GPUs"):
        cluster.RayExecutor(Places.at(tmp_path), address, gpus=0.5)
    monkeypatch.setattr(cluster, "own_versions", lambda: node.versions() | {"bikd": "99.0"})
    with pytest.raises(ConfigError, match=r"it has bikd .* this machine has bikd 99\.0"):
        cluster.RayExecutor(Places.at(tmp_path), address)


def test_a_cluster_that_is_not_there_is_said_at_once(tmp_path, monkeypatch):
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    with pytest.raises(ConfigError, match="there is no Ray cluster"):
        cluster.RayExecutor(Places.at(tmp_path), f"{LOOPBACK}:{port}")


def test_a_server_that_is_no_cluster_is_given_up_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT_S", 6.0)
    with socket.create_server((LOOPBACK, 0)) as silent:
        address = f"{LOOPBACK}:{silent.getsockname()[1]}"
        start = time.monotonic()
        with pytest.raises(ConfigError, match="there is no Ray cluster"):
            cluster.RayExecutor(Places.at(tmp_path), address)
    assert time.monotonic() - start < 60
