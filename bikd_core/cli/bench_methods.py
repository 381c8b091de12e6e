"""Those commands of `bikd bench …` that compare methods by many runs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bikd_core.cli.paths import expanded
from bikd_core.cli.shared import DataDir, places_at
from bikd_core.places import Places

Json = Annotated[
    bool, Parameter(name="--json", negative=(), help="Print one JSON object instead of a table.")
]


def over(
    *,
    objective: Annotated[str, Parameter(help="The method that the weights stand over.")] = (
        "prior_kd"
    ),
    pair: Annotated[
        Literal["32x4-8x4", "20-8", "digits"], Parameter(help="Teacher and student.")
    ] = "20-8",
    estimator: Annotated[
        Literal["forward", "finite_difference"], Parameter(help="Of the hypergradient.")
    ] = "finite_difference",
    repeats: int = 9,
    as_json: Json = False,
) -> None:
    """Measure what learned weights add to an objective's step, and so to a whole run."""
    from bikd_core.bench import over as over_bench
    from bikd_core.bench import report

    rows = over_bench.measure(pair, objective, estimator, repeats)
    report.show("What do learned weights cost?", rows, as_json=as_json)


def relative(
    results: Annotated[
        Path, Parameter(converter=expanded, help="Holds or receives the results, a line each.")
    ],
    /,
    *,
    part: Annotated[
        Literal["rates", "variants", "league2", "dive", "inputs"],
        Parameter(
            help="Each objective at four learning rates; variants in either league, or over DiVE; "
            "or out-of-fold teachers and trust, with clean and with wrong labels."
        ),
    ] = "rates",
    num_splits: int = 8,
    as_json: Json = False,
) -> None:
    """Measure what relative weights add on digits, over splits; goes on where it was interrupted.

    All of "rates" take about five hours of one core.
    """
    from bikd_core.bench import relative as relative_bench
    from bikd_core.bench import report

    rows = relative_bench.measure(results, part, num_splits, Places.from_environment())
    report.show("What do relative weights add?", rows, as_json=as_json)


def answer(
    name: Annotated[
        str,
        Parameter(
            help="digits, digits_by_count, digits_pairs, fashion_mnist or cifar10, then -league1 "
            "or, of the clean ones, -league2, in which D_val may be trained on."
        ),
    ],
    /,
    *,
    folder: Annotated[
        Path, Parameter(converter=expanded, help="Holds or receives the runs and the result.")
    ] = Path("benchmarks"),
    again: Annotated[
        str | None,
        Parameter(
            help="A method of the result: test it on seeds that nothing has seen, against the "
            "rivals near the best."
        ),
    ] = None,
    time: Annotated[
        bool,
        Parameter(help="Time the chosen methods in turns instead; the machine should be idle."),
    ] = False,
    record: Annotated[
        bool, Parameter(help="Let the page Compare of this checkout show the result.")
    ] = False,
    jobs: Annotated[int, Parameter(help="Processes that train.")] = 2,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Compare all methods and BiKD over each, tuned alike on D_val, over seeds of their own.

    Hours of two cores. Each run that ends is a line of a file: after Ctrl-C the same command
    goes on, on another machine too.
    """
    from bikd_core.answer import driver, plans, report, summary

    plan, places = plans.plan_named(name, folder), places_at(None, data_dir)
    if time:
        path = driver.time_methods(plan, folder)
    elif again is None:
        path = driver.run(plan, folder, places, jobs, driver.print_progress)
    else:
        path = driver.run_again(plan, again, folder, places, jobs, driver.print_progress)
    if record:
        summary.write_summary(folder, name)
    report.show(path, as_json=as_json)


def pictures(
    name: Annotated[str, Parameter(help="An answer, whose protocol the runs have.")],
    own: Annotated[str, Parameter(help="A method with a weight net.")],
    rival: Annotated[str, Parameter(help="A method with a teacher.")],
    /,
    *,
    runs_dir: Annotated[
        Path,
        Parameter(converter=expanded, help="Holds the runs of both that `bikd compare` trained."),
    ],
    seeds: str = "100-139",
    data_dir: DataDir = None,
) -> None:
    """Say which test pictures one method gains over another, and how its weights lie."""
    import json

    from bikd_core.answer import pictures as moved
    from bikd_core.answer import plans
    from bikd_core.config import RunConfig
    from bikd_core.studies.seeds import read_seeds

    base = RunConfig.from_flat(plans.plan_named(name, Path("benchmarks")).base)
    places = places_at(None, data_dir)
    print(json.dumps(moved.result(base, own, rival, read_seeds(seeds), runs_dir, places), indent=1))


def studies(
    *,
    stubs: Annotated[int, Parameter(help="Runs that do nothing.")] = 10_000,
    runs: Annotated[int, Parameter(help="Real runs, by each executor.")] = 0,
    ray: Annotated[str, Parameter(help="A Ray cluster, or local; else only processes.")] = "",
    as_json: Json = False,
) -> None:
    """Measure what it costs to schedule runs of a study, in processes and on a Ray cluster."""
    from bikd_core.bench import report
    from bikd_core.bench import studies as studies_bench

    rows = list(studies_bench.measure(stubs, runs, ray))
    report.show("What do executors cost?", rows, as_json=as_json)


def mislabelled(*, num_seeds: int = 5, as_json: Json = False) -> None:
    """Measure how well weights and influence find wrong labels on digits, beside simple rivals."""
    from bikd_core.bench import mislabelled, report

    with tempfile.TemporaryDirectory() as home:
        rows = mislabelled.measure(num_seeds, Places.at(Path(home)))
    report.show("Which ranking finds wrong labels?", rows, as_json=as_json)


def recommend(
    folder: Annotated[Path, Parameter(converter=expanded, help="Receives the runs' files.")],
    /,
    *,
    splits: Annotated[int, Parameter(help="Of each condition.")] = 10,
    trials: Annotated[int, Parameter(help="Of each recipe.")] = 8,
    jobs: Annotated[int, Parameter(help="Processes that train.")] = 1,
    condition: Annotated[str | None, Parameter(help="One alone, by its name; else all.")] = None,
    as_json: Json = False,
) -> None:
    """Measure how near the choice of `bikd recommend` comes to the best recipe on the test set.

    What has ended is kept: the same command goes on.
    """
    from bikd_core.answer.driver import print_progress
    from bikd_core.bench import report
    from bikd_core.recommend import bench

    places = places_at(None, None)
    rows = bench.measure(folder, splits, trials, places, jobs, print_progress, condition)
    report.show("Is the choice near the best?", rows, as_json=as_json)


COMMANDS = (over, relative, answer, pictures, studies, mislabelled, recommend)
