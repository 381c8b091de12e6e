"""Times one student step: the published algorithm, each estimator in each precision, and KD.

It also times two parts of a step: the teacher's forward pass T and the student's forward pass F.
Since KD is T + F + B, they give the time of a backward pass B and so a lower bound: with k inner
steps, BiKD by `finite_difference` is T + 3F + (2 + 1/k)B.

Variants take turns within each repeat. Plain KD of the same precision runs just before each, the
published algorithm before the first and after the last. A ratio is the median of the ratios within
each repeat, so that a temporary slowdown of the machine cancels out. With k inner steps, one step
in k moves the weight net and takes a second backward pass; both kinds are timed, and the mean for
any k follows from them. The published code costs the same for every k. It runs in its own process,
where freed memory goes back to the system, as in the original. Peak memory is measured in a
separate process for each variant.
"""

from __future__ import annotations

import ctypes
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import torch
from torch import nn

from bikd_core.bench.published import Published
from bikd_core.bench.report import Row
from bikd_core.config import Precision, RunConfig, WeightNetOptions
from bikd_core.hypergradients import Inside, OuterBatch, hypergradient, pair_of
from bikd_core.methods import Batch
from bikd_core.models import build
from bikd_core.models.network import computing_in
from bikd_core.teachers.kept_views import TeacherViews
from bikd_core.training import resolve_device
from bikd_core.training.compute import keep_freed_memory
from bikd_core.training.loop import Loop
from bikd_core.training.measure import random_split

PAIRS: dict[str, dict[str, Any]] = {
    "32x4-8x4": {"dataset": "cifar100", "teacher_model": "resnet32x4", "student": "resnet8x4"},
    "56-20": {"dataset": "cifar10", "teacher_model": "resnet56", "student": "resnet20"},
    "rehearsal": {
        "dataset": "cifar10",
        "teacher_model": "resnet8",
        "student": "resnet8",
        "batch_size": 16,
        "val_per_class": 2,
    },
}
INNER_STEPS = (1, 5)  # values of k, each with its rows
PUBLISHED, KD = "published", "KD"
TEACHER, FORWARD = "teacher alone", "student's forward pass alone"
_SELF = (sys.executable, "-m", "bikd_core.bench.step")
WINDOW = 2  # steps timed together: one without a weight-net step, one with it


class Variant(NamedTuple):
    """A way to train, with its controls."""

    name: str
    precision: Precision
    controls: dict[str, Any]

    @property
    def is_kd(self) -> bool:
        """Whether this is plain KD."""
        return self.name == KD

    @property
    def has_hypergradient(self) -> bool:
        """Whether the variant computes a hypergradient."""
        return "estimator" in self.controls


def _variants() -> list[Variant]:
    precisions: tuple[Precision, ...] = ("float32", "bfloat16")
    fast, kept = "finite_difference", {"teacher_views": 4}
    variants = [Variant(PUBLISHED, "float32", {"memory_format": "contiguous"})]
    for precision in precisions:
        variants += [
            Variant(name, precision, {"estimator": name}) for name in ("forward", fast, "unrolled")
        ]
        variants.append(Variant(KD, precision, {"method": "kd"}))
        variants += [Variant(part, precision, {}) for part in (TEACHER, FORWARD)]
    plain = {"estimator": fast, "memory_format": "contiguous"}
    variants.append(Variant(f"{fast}, contiguous", "float32", plain))
    for precision in precisions:
        variants.append(Variant(f"{fast}, kept views", precision, {"estimator": fast} | kept))
    variants.append(Variant("forward, kept views", "bfloat16", {"estimator": "forward"} | kept))
    return variants


VARIANTS = _variants()


def ready_loop(config: RunConfig, draw: torch.Generator) -> tuple[Loop, nn.Module]:
    """Return a loop over one batch of random images, and its untrained teacher, drawn from `draw`.

    The teacher's answers do not change the time of a step.
    """
    split = random_split(config, num_batches=1)
    num_classes, (_, channels, size, _) = len(split.class_names), split.train.images.shape
    teacher = build(config.models.teacher_model, num_classes, channels, size, draw).eval()
    teacher.requires_grad_(False)
    loop = Loop(config, split, teacher, resolve_device("auto"))
    loop.student.train()
    return loop, teacher


class Measurable(Protocol):
    """A variant that can be timed when it is its turn."""

    variant: Variant

    def measure(self) -> dict[str, float]:
        """Return the seconds of one step of each kind."""


class TimedVariant:
    """A variant ready to step in this process."""

    def __init__(self, pair: str, variant: Variant) -> None:
        self.variant = variant
        controls = {"meta_loss": "hard", "inner_steps": WINDOW, "precision": variant.precision}
        config = RunConfig.from_flat(PAIRS[pair] | controls | variant.controls)
        draw = torch.Generator().manual_seed(1)
        self.loop, teacher = ready_loop(config, draw)
        self.teacher, self.device = teacher, self.loop.device
        shape = (len(self.loop.split.class_names), 3, 32)
        if config.training.teacher_views:
            views = TeacherViews(self.loop.feed.train_set, config.training.teacher_views, draw)
            list(views.fill(teacher))
            self.loop.feed.views = views
        self.record = self.loop.new_record()
        self.rows = torch.arange(config.training.batch_size)
        self.published = Published(
            self.loop.student,
            teacher,
            lambda: build(config.models.student, *shape, draw).to(self.device),
            config.training.learning_rate,
            self.loop.temperature,
        )

    def measure(self) -> dict[str, float]:
        """Return the seconds of one step of each kind."""
        step = {
            PUBLISHED: self._published_step,
            TEACHER: lambda: self._pass(self.teacher),
            FORWARD: lambda: self._pass(self.loop.student),
            KD: self._step,
        }.get(self.variant.name)
        if step is not None:
            return {"window": self._timed(step)}
        return {"plain": self._timed(self._step), "window": self._timed(self._step)}

    def _timed(self, step: Callable[[], None]) -> float:
        start = time.perf_counter()
        step()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    def _step(self) -> None:
        self.loop.step(self.rows, self.record, 1, under_lens=False)

    def _pass(self, net: nn.Module) -> None:
        """Run only a forward pass."""
        net(self._batch_without_logits().images)

    def _published_step(self) -> None:
        self.published.step(self._batch_without_logits(), self.loop.feed.next_guide(0))

    def _batch_without_logits(self) -> Batch:
        """Return a training batch without the teacher's logits."""
        feed = self.loop.feed
        indices, augmentation = self.rows.to(self.device), feed.generators["augmentation"]
        images = feed.train_set.batch(indices, augmentation)
        return Batch(images, feed.train_set.labels[indices], None)


class VariantProcess:
    """A variant, by its index in `VARIANTS`, in its own process that waits between turns."""

    def __init__(self, pair: str, number: int) -> None:
        self.variant = VARIANTS[number]
        self._process = subprocess.Popen(
            [*_SELF, pair, str(number), "turns"],
            text=True,
            bufsize=1,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # ends its input, and so the process

    def measure(self) -> dict[str, float]:
        """Return the seconds of one step of each kind."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        taken: dict[str, float] = json.loads(self._process.stdout.readline())
        return taken


def serve_turns(pair: str, number: int) -> None:
    """Take a turn for each line of input: the other side of `VariantProcess`."""
    timed = TimedVariant(pair, VARIANTS[number])
    for _ in sys.stdin:
        print(json.dumps(timed.measure()), flush=True)


class Turn(NamedTuple):
    """Seconds of a variant in one repeat, and of its two references in the same repeat."""

    kinds: dict[str, float]
    kd: float
    published: float

    def seconds(self, k: int) -> float:
        """Return the mean seconds of a step over k of them."""
        window = self.kinds["window"]
        return (window + (k - 1) * self.kinds.get("plain", window)) / k


def measure(pair: str, repeats: int) -> list[Row]:
    """Return the rows of a pair of networks in `PAIRS`, the published algorithm first."""
    keep_freed_memory()  # as in every process that trains
    with VariantProcess(pair, 0) as published:
        timed = [TimedVariant(pair, variant) for variant in VARIANTS[1:]]
        _repeat([published, *timed])  # warms up: allocates memory and chooses kernels
        turns = list(zip(*(_repeat([published, *timed]) for _ in range(repeats)), strict=True))
    errors = [None, *(_error(one) for one in timed)]
    del timed
    memory = [_peak_memory(pair, number) for number in range(len(VARIANTS))]
    return [row for k in INNER_STEPS for row in _rows(pair, k, turns, errors, memory)]


def _repeat(timed: Sequence[Measurable]) -> list[Turn]:
    """Give each variant one turn."""
    kd_variants = {one.variant.precision: one for one in timed if one.variant.is_kd}
    published, *others = timed
    before = published.measure()["window"]
    taken = []
    for one in others:
        kd = kd_variants[one.variant.precision].measure()["window"]
        taken.append((one.measure(), kd))
    mean = (before + published.measure()["window"]) / 2
    kd = statistics.median(
        kd for (_, kd), one in zip(taken, others, strict=True) if one.variant.precision == "float32"
    )
    return [Turn({"window": mean}, kd, mean), *(Turn(kinds, kd, mean) for kinds, kd in taken)]


def _rows(
    pair: str,
    k: int,
    turns: Sequence[Sequence[Turn]],
    errors: list[float | None],
    memory: list[float],
) -> list[Row]:
    """Return a row per variant, from its turns in all repeats."""
    rows = []
    for variant, taken, error, peak in zip(VARIANTS, turns, errors, memory, strict=True):
        speedups = [turn.published / turn.seconds(k) for turn in taken]
        row = {
            "pair": pair,
            "k": k,
            "variant": variant.name,
            "precision": variant.precision,
            "seconds": statistics.median(turn.seconds(k) for turn in taken),
            "speedup_to_published": statistics.median(speedups),
            "speedup_low": min(speedups),
            "speedup_high": max(speedups),
            "ratio_to_kd": statistics.median(turn.seconds(k) / turn.kd for turn in taken),
            "peak_mb": peak,
            "memory_to_published": peak / memory[0],
            "hypergradient_error": error,
        }
        rows.append(row)
    return rows


def _error(timed: TimedVariant) -> float | None:
    """Return the error of ∂L_val/∂w relative to `unrolled` in float32, on the same batches."""
    if not timed.variant.has_hypergradient:
        return None
    loop = timed.loop
    train, val = loop.feed.training_batch(timed.rows, 0)[0], loop.feed.next_guide(0)
    assert train.teacher_logits is not None
    inner = pair_of(train.images, train.labels, train.teacher_logits, 4.0)
    outer = OuterBatch(val.images, val.labels, None, 4.0, "hard")
    weights = torch.rand(len(train.labels), 2, generator=torch.Generator().manual_seed(0))
    problem = (loop.student, inner, outer, Inside(weights.to(timed.device)), 0.1)
    assert isinstance(loop.config.method, WeightNetOptions)
    assert loop.config.method.estimator != "auto"
    found = hypergradient(loop.config.method.estimator, *problem).inside.weights
    with computing_in(loop.student, "float32"):
        exact = hypergradient("unrolled", *problem).inside.weights
    return float((found - exact).norm() / exact.norm())


def _peak_memory(pair: str, number: int) -> float:
    command = [*_SELF, pair, str(number), "memory"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def peak_of_steps(pair: str, number: int) -> float:
    """Return the MB that the steps of a variant, by its index in `VARIANTS`, need at most."""
    if VARIANTS[number].name != PUBLISHED:
        keep_freed_memory()
    timed = TimedVariant(pair, VARIANTS[number])
    if timed.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        timed.measure()
        return torch.cuda.max_memory_allocated() / 1e6
    ctypes.CDLL(None).malloc_trim(
        0
    )  # so that memory freed while getting ready does not help the steps
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # resets the peak
    before = _resident("VmRSS")
    timed.measure()
    return _resident("VmHWM") - before


def _resident(what: str) -> float:
    """Return the MB of this process, now (VmRSS) or at its peak (VmHWM); Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) / 1000 for line in lines if line.startswith(what))


if __name__ == "__main__":
    _pair, _number, _what = sys.argv[1:]
    if _what == "turns":
        serve_turns(_pair, int(_number))
    else:
        print(peak_of_steps(_pair, int(_number)))
