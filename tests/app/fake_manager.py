"""A run manager that trains nothing."""

from collections.abc import Sequence
from pathlib import Path

from bikd_core.config import RunConfig
from bikd_core.places import Places
from bikd_core.runs import Snapshot
from bikd_core.runs.cost import Timing
from bikd_core.runs.history import BrokenRun, Histories, History
from bikd_core.store import list_runs, open_run
from tests.made_up import make_run


class FakeCosts:
    """Times nothing; notes the configs that it is asked to time."""

    def __init__(self) -> None:
        self.asked: list[tuple[RunConfig, ...]] = []
        self.now: Timing | None = None  # of all configs

    def begin(self, configs: Sequence[RunConfig]) -> bool:
        self.asked.append(tuple(configs))
        return True

    def timing(self, configs: Sequence[RunConfig]) -> Timing | None:
        return self.now


class FakeManager:
    """Answers as a `RunManager` from the folders alone; notes what it is asked to do."""

    def __init__(self, home: Path) -> None:
        self.places = Places.at(home)
        self.asked: list[tuple] = []
        self.seconds: float | None = None  # its estimate
        self.error: Exception | None = None  # what it refuses with
        self.costs = FakeCosts()
        self._histories: dict[str, History] = {}

    def start(self, config: RunConfig, name: str = "") -> str:
        self._note("start", config)
        return make_run(self.places.runs, **config.flat() | {"epochs": 3}).run_id

    def start_together(self, configs: Sequence[RunConfig]) -> list[str]:
        return [self.start(config) for config in configs]

    def snapshot(self, run_id: str) -> Snapshot:
        folder = open_run(self.places.runs, run_id)
        history = self._histories.get(run_id)
        if history is None:
            history = self._histories[run_id] = History(folder, is_ours=True)
        history.refresh(is_ours=True)
        return history.snapshot()

    def list(self) -> tuple[Snapshot, ...]:
        return tuple(self.snapshot(folder.run_id) for folder in list_runs(self.places.runs))

    def broken(self) -> tuple[BrokenRun, ...]:
        return Histories(self.places.runs, is_ours=lambda run_id: True).list()[1]

    def delete(self, run_id: str) -> None:
        self._note("delete", run_id)

    def is_idle(self) -> bool:
        return all(run.has_ended for run in self.list())

    def estimate(self, config: RunConfig) -> float | None:
        return self.seconds

    def pause(self, run_id: str) -> None:
        self._note("pause", run_id)

    def resume(self, run_id: str) -> None:
        self._note("resume", run_id)

    def resume_from_checkpoint(self, run_id: str) -> Sequence[str]:
        self._note("resume_from_checkpoint", run_id)
        return [run_id]

    def step(self, run_id: str, level: str) -> None:
        self._note("step", run_id, level)

    def set_speed(self, run_id: str, epochs_per_second: float | None) -> None:
        self._note("set_speed", run_id, epochs_per_second)

    def stop(self, run_id: str) -> None:
        self._note("stop", run_id)

    def _note(self, *what) -> None:
        if self.error is not None:
            raise self.error
        self.asked.append(what)
