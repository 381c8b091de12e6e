"""A run's numbers in tools that others keep theirs in: one listener of events, three sinks.

The tools are extras, imported when they are asked for; nothing here imports torch before that.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Literal, Protocol, get_args

from bikd_core.config import ConfigError, RunConfig, as_text, title_of
from bikd_core.events import ClassBiasesFitted, EpochDone, Event, RunStarted

log = logging.getLogger(__name__)

ExperimentLog = Literal["tensorboard", "mlflow", "trackio"]
PROJECT = "bikd"  # mlflow's experiment, trackio's project
_MOST_CLASSES = 20  # with more, the classes have no line of their own

#: The fields of `EpochDone` that are logged, by their names in the tools.
_SCALARS = {
    "train/hard_loss": "train_hard_loss",
    "train/soft_loss": "train_soft_loss",
    "train/weighted_loss": "train_weighted_loss",
    "train/learning_rate": "learning_rate",
    "train/images_per_second": "images_per_second",
    "val/loss": "val_loss",
    "val/accuracy": "val_accuracy",
    "test/loss": "test_loss",
    "test/accuracy": "accuracy",
    "test/accuracy_many": "accuracy_many",
    "test/accuracy_medium": "accuracy_medium",
    "test/accuracy_few": "accuracy_few",
    "test/calibration_error": "calibration_error",
    "weights/saturated_share": "saturated_share",
    "weights/hypergradient_norm": "hypergradient_norm",
    "weights/hypergradient_cosine": "hypergradient_cosine",
}
_PER_CLASS = {
    "test_by_class": "accuracy_per_class",
    "w_hard_by_class": "w_hard_per_class",
    "w_soft_by_class": "w_soft_per_class",
}


def scalars_of(event: EpochDone) -> dict[str, float]:
    """Return an epoch's numbers by name; those that the run does not have are left out."""
    found = {name: getattr(event, field) for name, field in _SCALARS.items()}
    for name, field in _PER_CLASS.items():
        values = getattr(event, field) or ()
        if len(values) <= _MOST_CLASSES:
            found |= {f"{name}/{label:02d}": value for label, value in enumerate(values)}
    return {name: float(value) for name, value in found.items() if value is not None}


class Sink(Protocol):
    """A tool that holds the numbers of one run."""

    def write(self, numbers: Mapping[str, float], epoch: int) -> None:
        """Take numbers of an epoch."""
        ...

    def close(self, state: str) -> None:
        """End the run there: "finished", "stopped" or "failed"."""
        ...


class _TensorBoard:
    def __init__(self, folder: Path, config: RunConfig, resumed_after: int | None) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # What was written of later epochs, which are trained again, is taken back.
        purge_step = None if resumed_after is None else resumed_after + 1
        self._writer = SummaryWriter(log_dir=str(folder / "tensorboard"), purge_step=purge_step)
        rows = "\n".join(f"| {name} | {value} |" for name, value in parameters_of(config).items())
        text = f"| control | value |\n| --- | --- |\n{rows}"
        self._writer.add_text("controls", text)

    def write(self, numbers: Mapping[str, float], epoch: int) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def close(self, state: str) -> None:
        self._writer.close()


class _MLflow:
    _STATES: ClassVar[dict[str, str]] = {"finished": "FINISHED", "failed": "FAILED"}

    def __init__(self, folder: Path, config: RunConfig, resumed_after: int | None) -> None:
        import mlflow

        self._mlflow = mlflow
        mlflow.set_experiment(PROJECT)
        known = None if resumed_after is None else self._known(folder.name)
        if known is None:
            mlflow.start_run(run_name=folder.name)
            mlflow.log_params(parameters_of(config))
        else:
            mlflow.start_run(run_id=known)

    def _known(self, name: str) -> str | None:
        """Return the id of the run of that name there; None if there is none."""
        found = self._mlflow.search_runs(
            experiment_names=[PROJECT],
            filter_string=f"attributes.run_name = '{name}'",
            output_format="list",
            max_results=1,
        )
        return str(found[0].info.run_id) if found else None

    def write(self, numbers: Mapping[str, float], epoch: int) -> None:
        self._mlflow.log_metrics(dict(numbers), step=epoch)

    def close(self, state: str) -> None:
        self._mlflow.end_run(status=self._STATES.get(state, "KILLED"))


class _Trackio:
    def __init__(self, folder: Path, config: RunConfig, resumed_after: int | None) -> None:
        import trackio

        self._trackio = trackio
        resume = "never" if resumed_after is None else "allow"
        trackio.init(project=PROJECT, name=folder.name, config=parameters_of(config), resume=resume)

    def write(self, numbers: Mapping[str, float], epoch: int) -> None:
        self._trackio.log(dict(numbers), step=epoch)

    def close(self, state: str) -> None:
        self._trackio.finish()


_SINKS: dict[str, Callable[[Path, RunConfig, int | None], Sink]] = {
    "tensorboard": _TensorBoard,
    "mlflow": _MLflow,
    "trackio": _Trackio,
}


def parameters_of(config: RunConfig) -> dict[str, str]:
    """Return the controls that a run reads, as text by name, and what its method is called."""
    read = {name: as_text(value) for name, value in config.read_by_method().items()}
    return read | {"title": title_of(config.method)}


def check_installed(kind: str) -> None:
    """Refuse a tool whose package is not installed.

    Raises:
        ConfigError: It is not; the sentence has the command that installs it.
    """
    if kind not in get_args(ExperimentLog):
        names = " or ".join(get_args(ExperimentLog))
        raise ConfigError(f"log = {kind!r} is not possible: it must be {names}.")
    if importlib.util.find_spec(kind) is None:
        raise ConfigError(f"log = {kind!r} needs the package {kind}: pip install 'bikd[{kind}]'")


class Listener:
    """Hands the numbers of a run's events to a tool.

    A tool that fails while the run trains is left alone from then on, with a warning in the
    program's log: a run is not lost because of it.
    """

    def __init__(
        self,
        kind: ExperimentLog,
        folder: Path,
        config: RunConfig,
        *,
        resumed_after: int | None = None,
    ) -> None:
        """Open the run there.

        Args:
            kind: Which tool.
            folder: The run's folder: its name is the run's there, and TensorBoard's files lie in
                it.
            config: The run's.
            resumed_after: The epoch after which it goes on, and so does the run there; None for a
                new one.

        Raises:
            ConfigError: The tool is not installed, or cannot be opened.
        """
        check_installed(kind)
        self._kind = kind
        self._sink: Sink | None = None
        try:
            with _out_of_the_way():
                self._sink = _SINKS[kind](folder, config, resumed_after)
        except Exception as error:  # a tool of others raises nearly anything; it stays the cause
            raise ConfigError(f"log = {kind!r} cannot be opened: {error}") from error

    def hear(self, event: Event) -> None:
        """Take an event of the run."""
        if isinstance(event, EpochDone):
            self._write(scalars_of(event), event.epoch)
        elif isinstance(event, ClassBiasesFitted):
            biased = {
                "test/accuracy_with_class_biases": event.accuracy,
                "test/accuracy_few_with_class_biases": event.accuracy_few,
            }
            self._write(biased, event.epoch)
        elif isinstance(event, RunStarted) and event.teacher_accuracy_per_class:
            accuracies = event.teacher_accuracy_per_class
            self._write({"teacher/accuracy": sum(accuracies) / len(accuracies)}, 0)

    def _write(self, numbers: Mapping[str, float], epoch: int) -> None:
        self._ask(lambda sink: sink.write(numbers, epoch))

    def close(self, state: str) -> None:
        """End the run there, in this state."""
        self._ask(lambda sink: sink.close(state))
        self._sink = None

    def _ask(self, what: Callable[[Sink], None]) -> None:
        if self._sink is None:
            return
        try:
            with _out_of_the_way():
                what(self._sink)
        except Exception as error:  # as above; the training goes on
            self._sink = None
            log.warning("Nothing more goes to %s: %s", self._kind, error)


@contextlib.contextmanager
def _out_of_the_way() -> Iterator[None]:
    """Let a tool print to standard error: standard output holds results alone."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
