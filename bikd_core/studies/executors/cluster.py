"""A Ray cluster: runs are its tasks, and what they need travels to each node once.

Ray is imported when a cluster is used: it is the extra `cluster`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, Self

from bikd_core.config import ConfigError, RunConfig, allowed_code
from bikd_core.places import Places
from bikd_core.store.files import replace_bytes
from bikd_core.studies.executors import node
from bikd_core.studies.executors.executor import LOST, POLL_S, Item, ShouldStop, Work, never
from bikd_core.studies.executors.parcel import files_for
from bikd_core.studies.executors.work import make_teachers
from bikd_core.studies.made_by import own_versions

_RETRIES = 3  # of a task whose process or node died; a run that fails is not tried again
_CONNECT_S = 30.0
_SOCKET_S = 5.0
_ANSWER_S = 120.0  # for a node to say its versions: it may start a process for it
_AHEAD = 2  # tasks for each slot, so that no slot waits for this process
_PROBE = (
    "import sys, ray; ray.init(sys.argv[1], log_to_driver=False, logging_level='ERROR'); "
    "print(len(ray.nodes()))"
)


class RayExecutor:
    """Trains on a Ray cluster; a context, which leaves the cluster when it ends.

    Args:
        places: Where data sets and teachers lie on this machine.
        address: As Ray takes it: HOST:PORT, ray://HOST:PORT, "auto" for a cluster that this machine
            belongs to, or "local" for one that is started here and ends with this.
        cpus: Of each group of runs that share their steps.
        gpus: The same; a fraction lets several share one.

    Raises:
        ConfigError: Ray is not installed, there is no such cluster, a node has other versions, or
            the cluster has less than a run needs.
    """

    def __init__(
        self, places: Places, address: str, *, cpus: float = 1.0, gpus: float = 0.0
    ) -> None:
        self._places, self._resources = places.absolute(), (cpus, gpus)
        self._home, self._refs = f"bikd-{uuid.uuid4().hex[:12]}", dict[str, Any]()
        self._ray = _connect(address)
        try:
            self._check_versions()
            if not self.slots:
                raise ConfigError(
                    f"ray = {address!r} is not possible: its nodes have "
                    f"{self._total('CPU'):g} CPUs and {self._total('GPU'):g} GPUs, and a run needs "
                    f"{cpus:g} and {gpus:g}."
                )
        except BaseException:
            self._ray.shutdown()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._refs.clear()
        with suppress(self._ray.exceptions.RayError):
            done = [self._on(one, node.forget).remote(self._home) for one in self._nodes()]
            self._ray.wait(done, num_returns=max(1, len(done)), timeout=5.0)
        self._ray.shutdown()

    @property
    def slots(self) -> int:
        """How many groups train at a time; 0 where no node has what one needs."""
        fitting = []
        for name, needed in zip(("CPU", "GPU"), self._resources, strict=True):
            if needed:
                fitting.append(int(self._total(name) / needed + 1e-9))
        return min(fitting)

    def map(
        self,
        work: Work[Item],
        items: Iterable[Item],
        on_result: Callable[[Item, Any], None],
        on_lost: Callable[[Item, str], None],
        should_stop: ShouldStop = never,
    ) -> None:
        """Do work on each item: see `Executor.map`.

        Ray does an item again whose worker or node died, a few times.
        """
        waiting, under_way = iter(items), dict[Any, Item]()
        try:
            while not should_stop():
                room = max(_AHEAD * self.slots, 1) - len(under_way)
                for item in islice(waiting, max(0, room)):
                    under_way[self._submit(work, item)] = item
                if not under_way:
                    return
                done, _ = self._ray.wait(list(under_way), num_returns=1, timeout=POLL_S)
                for ref in done:
                    self._settle(work, under_way.pop(ref), ref, on_result, on_lost)
        finally:
            for ref in under_way:
                with suppress(self._ray.exceptions.RayError):
                    self._ray.cancel(ref, force=True)

    def _submit(self, work: Work[Item], item: Item) -> Any:
        cpus, gpus = self._resources
        task = self._ray.remote(node.do).options(
            num_cpus=cpus, num_gpus=gpus, max_retries=_RETRIES, retry_exceptions=False
        )
        whole: Any = item  # a run, or a group of them
        configs = [whole] if isinstance(whole, RunConfig) else list(whole)
        order = node.Order(
            work,
            item,
            self._home,
            own_versions(),
            bool(gpus),
            work is make_teachers,
            allowed_code(),
        )
        return task.remote(order, self._parcel(configs))

    def _settle(
        self,
        work: Work[Item],
        item: Item,
        ref: Any,
        on_result: Callable[[Item, Any], None],
        on_lost: Callable[[Item, str], None],
    ) -> None:
        try:
            done: node.Done = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:  # the node could not even begin
            on_lost(item, str(error.cause).strip().split("\n")[0])
        except self._ray.exceptions.RayError as error:
            on_lost(item, f"{LOST} ({type(error).__name__})")
        else:
            if done.refusal:
                raise ConfigError(done.refusal)
            for name, content in done.teachers.items():
                self._places.teachers.mkdir(parents=True, exist_ok=True)
                if not (path := self._places.teachers / name).exists():
                    replace_bytes(path, content)
            on_result(item, done.result)

    def _parcel(self, configs: list[RunConfig]) -> dict[str, list[Any]]:
        """Return what runs need: a reference to each file, by its path below a node's home."""
        found = {}
        for name, path in files_for(configs, self._places).items():
            if name not in self._refs:
                self._refs[name] = self._ray.put(path.read_bytes())
            found[name] = [self._refs[name]]  # in a list, so that Ray does not fetch it unasked
        return found

    def _nodes(self) -> Iterator[dict[str, Any]]:
        return (one for one in self._ray.nodes() if one["Alive"] and one["Resources"].get("CPU"))

    def _total(self, resource: str) -> float:
        return float(sum(one["Resources"].get(resource, 0.0) for one in self._nodes()))

    def _on(self, one: dict[str, Any], function: Callable[..., Any]) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        strategy = NodeAffinitySchedulingStrategy(one["NodeID"], soft=False)
        return self._ray.remote(function).options(num_cpus=0, scheduling_strategy=strategy)

    def _check_versions(self) -> None:
        """Check that each node has the versions of this machine.

        Raises:
            ConfigError: One has not, or does not answer.
        """
        asked = [(one, self._on(one, node.versions).remote()) for one in self._nodes()]
        for one, ref in asked:
            name = one["NodeManagerAddress"]
            try:
                found = self._ray.get(ref, timeout=_ANSWER_S)
            except self._ray.exceptions.TaskUnschedulableError:
                continue  # it left meanwhile
            except self._ray.exceptions.RayError as error:
                raise ConfigError(
                    f"ray is not possible with the node {name}: it must have "
                    f"{node.in_words(own_versions())}, as here ({str(error).splitlines()[-1]})."
                ) from error
            if refusal := node.refusal(name, found, own_versions()):
                raise ConfigError(refusal)


def _connect(address: str) -> Any:
    """Return Ray, connected to a cluster.

    Raises:
        ConfigError: Ray is not installed, or the cluster is not there.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "ray is not installed here: pip install 'bikd[cluster]' installs it."
        ) from error
    values: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == "local":
        values |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    else:
        _check_there(address)
    try:
        ray.init(address, **values)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConfigError(_not_there(address, str(error))) from error
    return ray


def _check_there(address: str) -> None:
    """Check within a time limit that a cluster answers: `ray.init` itself may wait for minutes.

    Raises:
        ConfigError: It does not.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=_SOCKET_S).close()
        except OSError as error:
            raise ConfigError(_not_there(address, str(error))) from error
    try:
        subprocess.run(
            [sys.executable, "-c", _PROBE, address],
            timeout=_CONNECT_S,
            check=True,
            capture_output=True,
            text=True,
        )
    except subprocess.TimeoutExpired as error:
        reason = f"it does not answer within {_CONNECT_S:.0f} s"
        raise ConfigError(_not_there(address, reason)) from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no reason is given"])[-1]
        raise ConfigError(_not_there(address, reason)) from error


def _not_there(address: str, reason: str) -> str:
    return (
        f"ray = {address[:80]!r} is not possible: there is no Ray cluster ({reason[:200]}); it "
        "must be HOST:PORT of one, auto, or local."
    )
