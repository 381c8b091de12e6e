"""`bikd bench …`: one command for each measurement in `benchmarks/`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from bikd_core.cli.bench_methods import COMMANDS, Json
from bikd_core.cli.paths import expanded
from bikd_core.config import ConfigError
from bikd_core.places import Places

app = App(name="bench", help="Measure on this machine what benchmarks/ reports.")
for command in COMMANDS:
    app.command(command)


@app.command
def weights(*, num_seeds: int = 5, as_json: Json = False) -> None:
    """Measure the mean w_hard of head and tail in default digits runs, from seed 0 on."""
    from bikd_core.bench import report, weights

    with tempfile.TemporaryDirectory() as home:
        rows = weights.measure(tuple(range(num_seeds)), Places.at(Path(home)))
    report.show("Does the weight net favour the tail?", rows, as_json=as_json)


@app.command
def step(
    *,
    pair: Annotated[
        Literal["32x4-8x4", "56-20"], Parameter(help="Teacher and student.")
    ] = "32x4-8x4",
    repeats: int = 3,
    as_json: Json = False,
) -> None:
    """Measure one student step, as published, by each estimator, and of KD: time and memory."""
    from bikd_core.bench import report, step

    rows = step.measure(pair, repeats)
    report.show("What does a step cost?", rows, as_json=as_json)


@app.command
def gpu(
    *,
    out: Annotated[
        Path | None,
        Parameter(converter=expanded, help="New folder that receives the results, JSON files."),
    ] = None,
    minutes: Annotated[float, Parameter(help="When to end.")] = 8,
    pack: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="Measure nothing; write an archive with all that the command needs on a machine "
            "with torch and no network, CIFAR-10's cut among it.",
        ),
    ] = None,
    python: Annotated[str, Parameter(help="Python's version on that machine.")] = "3.12",
    platform: Annotated[
        str, Parameter(help="That machine's platform, as wheels name it.")
    ] = "manylinux_2_28_x86_64",
    data_dir: Annotated[
        Path | None,
        Parameter(
            converter=expanded, help="Folder that holds CIFAR-10 or its cut; else BIKD_DATA."
        ),
    ] = None,
) -> int:
    """Measure what a borrowed GPU should answer: tests, steps beside their floors, trainings.

    Without CUDA, a small plan is rehearsed on the CPU. Results are written as soon as there are
    any, what matters most first.
    """
    data_dir = data_dir or Places.from_environment().data
    if pack is not None:
        from bikd_core.bench import gpu_pack

        size = gpu_pack.pack(pack, data_dir, python, platform)
        print(f"{pack}: {size / 1e6:.1f} MB")
        return 0
    if out is None:
        raise ConfigError("out is missing: name a new folder for the results.")
    from bikd_core.bench import gpu

    is_whole = True
    for row in gpu.run(out, minutes, data_dir):
        reason = f" ({row['error']})" if "error" in row else ""
        print(f"{row['phase']}: {row['ended']}{reason}, {row['seconds']:.0f} s", flush=True)
        is_whole = is_whole and not row["ended"].startswith("failed")
    return 0 if is_whole else 1


@app.command
def auto(
    *students: Annotated[str, Parameter(help="Architectures; else all.")],
    repeats: int = 9,
    batch_size: Annotated[
        int | None, Parameter(help="Images a step; else the data set's default.")
    ] = None,
    table: Annotated[
        Path | None,
        Parameter(
            converter=expanded, help="A table, such as config/auto.json, that takes the new rows."
        ),
    ] = None,
    data_dir: Annotated[
        Path | None, Parameter(converter=expanded, help="Folder of the data sets; else BIKD_DATA.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure what "auto" chooses from: time and error of finite_difference and of bfloat16."""
    from bikd_core.bench import auto, report

    places = Places.from_environment()
    rows = auto.measure(students, repeats, batch_size, data_dir or places.data)
    if table is not None:
        auto.merge(rows, table)
    report.show("Which approximations pay?", rows, as_json=as_json)


@app.command(name="input")
def input_(*, repeats: int = 5, as_json: Json = False) -> None:
    """Measure augmented batches: ours against torchvision's transforms and DataLoader."""
    from bikd_core.bench import input as input_bench
    from bikd_core.bench import report

    rows = input_bench.measure(repeats)
    report.show("How fast do augmented images come?", rows, as_json=as_json)


@app.command
def epoch(
    *,
    repeats: int = 3,
    data_dir: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="Folder that holds CIFAR-10; without it, only digits are timed.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a digits run of 60 epochs and one epoch of CIFAR-10-LT at factor 100."""
    from bikd_core.bench import epoch, report

    rows = epoch.measure(repeats, data_dir)
    report.show("How long does an epoch take?", rows, as_json=as_json)


@app.command
def seeds(
    *,
    student: Annotated[
        Literal["digits_cnn_s", "digits_mlp", "resnet8"], Parameter(help="The network.")
    ] = "digits_cnn_s",
    repeats: int = 7,
    as_json: Json = False,
) -> None:
    """Measure epochs of 1, 2, 5 and 10 seeds that train together, beside as many single runs."""
    from bikd_core.bench import report, seeds

    rows = seeds.measure(repeats, student)
    report.show("What does it save to train seeds together?", rows, as_json=as_json)


@app.command
def growth(*, repeats: int = 2, as_json: Json = False) -> None:
    """Measure how the time of an epoch grows with images, classes and inner steps."""
    from bikd_core.bench import growth, report

    report.show("How does an epoch's time grow?", growth.measure(repeats), as_json=as_json)


@app.command
def page(
    *,
    rounds: int = 3,
    in_class: Annotated[
        bool, Parameter(negative=(), help="The viewers are the followers of a class.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure how much 1 to 30 viewers slow down a training run, and how long they wait."""
    from bikd_core.bench import page, report

    report.show("What do viewers cost?", page.measure(rounds, in_class=in_class), as_json=as_json)


@app.command
def start(*, num_runs: int = 5, as_json: Json = False) -> None:
    """Measure import, first paint, and Start to first chart, in a headless Chromium."""
    from bikd_core.bench import report, start

    report.show("How long does a user wait?", start.measure(num_runs), as_json=as_json)


@app.command
def click(
    *,
    num_clicks: int = 40,
    data_dir: Annotated[
        Path | None,
        Parameter(converter=expanded, help="Folder that holds CIFAR-10; else BIKD_DATA."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure clicks on the page, idle and while a CIFAR-size network trains."""
    from bikd_core.bench import click, report

    rows = click.measure(num_clicks, data_dir or Places.from_environment().data)
    report.show("Does the page answer while something trains?", rows, as_json=as_json)


@app.command
def lab(
    *,
    num_moves: int = 20,
    data_dir: Annotated[
        Path | None,
        Parameter(
            converter=expanded,
            help="Folder that holds CIFAR-10; without it, nothing trains meanwhile.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure bytes of a poll, building of figures, the epoch slider, and the first paint."""
    from bikd_core.bench import lab, report

    report.show("What does the Lab cost?", lab.measure(num_moves, data_dir), as_json=as_json)
