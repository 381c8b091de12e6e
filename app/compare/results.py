"""The results of a comparison so far: figures, table, links to the single runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from statistics import median
from textwrap import wrap
from typing import Any
from urllib.parse import urlencode, urljoin

import streamlit as st

from app.compare import cost
from app.components import live_plot
from app.components.terms_text import terms_text
from app.figures import comparison as figures
from app.figures.comparison import CALIBRATIONS, Results
from app.figures.drawing import Drawing
from app.shared import engine
from app.shared.session import session
from bikd_core.data.counts import planned_counts
from bikd_core.data.sources import facts_of
from bikd_core.runs import Snapshot
from bikd_core.studies import (
    Comparison,
    Gain,
    Interval,
    Line,
    PlannedRun,
    each_once,
    gains,
    report_of,
)
from bikd_core.studies.export import FORMATS
from bikd_core.studies.learned_weights import CLAIMED
from bikd_core.studies.learning_rates import rate_curves
from bikd_core.studies.significance import power_sentence

_ROWS = (("who_wins", "differences"), ("class_differences",), ("cost",))
_DRAW = {
    "learning_rates": figures.learning_rates,
    "learned_weights": figures.learned_weights,
    "who_wins": figures.who_wins,
    "differences": figures.differences,
    "class_differences": figures.class_differences,
    "cost": figures.cost,
}


def show(comparison: Comparison, planned: Sequence[PlannedRun]) -> None:
    """Draw the results of the finished runs."""
    done = tuple((each.run.run_id) for each in planned if each.run and each.is_done)
    times = cost.epoch_seconds(comparison)
    results, drawings = _evaluated(
        _identity(comparison), done, times, _comparison=comparison, _planned=planned
    )
    first = (("learning_rates",),) * bool(results.rate_curves)
    first += (("learned_weights",),) * bool(results.gains)
    for row in (*first, *_ROWS):
        columns = st.columns(len(row), gap="medium")
        for name, column in zip(row, columns, strict=True):
            with column:
                live_plot(
                    drawings[name],
                    key=f"figure_{name}",
                    keep_zoom_of=_identity(comparison),
                    on_point=_open_point if name == "who_wins" else None,
                )
    cost.button(comparison, is_training=any(each.is_active for each in planned))
    _table(results)
    _gains_table(results)
    _downloads(comparison, planned, results)
    _runs(comparison, planned)


def _identity(comparison: Comparison) -> str:
    """Return a text that is the same for equal comparisons."""
    return f"{comparison.base.model_dump_json()} {comparison!r}"


@st.cache_resource(max_entries=200, show_spinner=False)
def _evaluated(
    identity: str,
    done: tuple[str, ...],
    times: tuple[tuple[str, tuple[float, ...]], ...],
    *,
    _comparison: Comparison,
    _planned: Sequence[PlannedRun],
) -> tuple[Results, Mapping[str, Drawing]]:
    """Return results and figures; made once for all browsers, whenever a run has finished."""
    results = replace(results_of(_comparison, _planned), epoch_seconds=dict(times))
    return results, {name: draw(results) for name, draw in _DRAW.items()}


def results_of(comparison: Comparison, planned: Sequence[PlannedRun]) -> Results:
    """Return the answer of the finished runs, with what its figures need."""
    done = [(each, each.run) for each in planned if each.run is not None and each.is_done]
    by_method = {
        method: [(each, run) for each, run in done if each.method == method]
        for method in comparison.methods
    }
    epochs = comparison.epochs_of(
        {method: {each.seed: run for each, run in runs_of} for method, runs_of in by_method.items()}
    )
    data = comparison.base.data
    return Results(
        lines=tuple(comparison.answer([run for _, run in done])),
        reference=comparison.reference,
        reference_name=comparison.labels[comparison.reference],
        epochs=epochs,
        run_ids={
            method: {each.seed: run.run_id for each, run in runs_of}
            for method, runs_of in by_method.items()
        },
        class_names=facts_of(data.dataset).class_names,
        class_counts=planned_counts(data),
        calibrations={entry.text: comparison.calibration_of(entry) for entry in comparison.entries},
        gains=tuple(gains(comparison, epochs)),
        rate_curves=tuple(rate_curves(comparison)),
    )


# From here to the Lab --------------------------------------------------------------------------


def _open_point(point: Mapping[str, Any]) -> None:
    """Open the run of the clicked dot in the Lab, when the page is next drawn."""
    run_id = point.get("customdata")
    if not isinstance(run_id, str):
        return
    snapshot = engine.attempt(lambda: engine.linked_snapshot("run", run_id))
    if snapshot is not None:
        session().show_run(run_id)
        session().set_controls(snapshot.config)
        session().opens_lab = True


def _runs(comparison: Comparison, planned: Sequence[PlannedRun]) -> None:
    """Draw each run with its state and a link; the failed ones are named elsewhere too."""
    planned = each_once(planned)
    with st.expander(f"All {len(planned)} runs, each with its link"):
        st.dataframe(
            [
                {
                    "method": comparison.labels[each.method],
                    "seed": each.seed,
                    "state": each.run.state if each.run else "missing",
                    "balanced": 100 * each.run.epochs[-1].accuracy
                    if each.run and each.run.epochs
                    else None,
                    "run": _link(each.run.run_id) if each.run else None,
                }
                for each in planned
            ],
            column_config={
                "method": st.column_config.TextColumn("Method"),
                "seed": st.column_config.NumberColumn("Seed", format="%d"),
                "state": st.column_config.TextColumn("State"),
                "balanced": st.column_config.NumberColumn("Last epoch, balanced", format="%.1f %%"),
                "run": st.column_config.LinkColumn("Run", display_text="open in the Lab"),
            },
            hide_index=True,
            placeholder="–",
            key="compared_runs",
        )


def _link(run_id: str) -> str:
    return f"{urljoin(st.context.url or '', '.')}?{urlencode({'run': run_id})}"


# The table -------------------------------------------------------------------------------------

_METRICS = {
    "accuracy": "Balanced",
    "accuracy_many": "Many",
    "accuracy_medium": "Medium",
    "accuracy_few": "Few",
    "calibration_error": "ECE",
}
_WIDTHS = {"accuracy": 68, "accuracy_many": 50, "accuracy_medium": 62}  # px; of the others 46
_MORE = {"calibration_error": "Expected calibration error, 15 bins, in %."}
_BY_CALIBRATION = {"none": "As trained", "class_biases": "+ biases"}
_TEST = "Of the t-test paired by seed, corrected by Holm for the number of leads"
# px: all columns are in sight on a screen of 1280. Long names of methods are wrapped.
_NAME, _WIDTH, _SHORT, _HALF = 120, 66, 44, 34
_LINE, _LINE_HEIGHT, _ROW_ADDS = 15, 20, 14  # characters of a name; px of a line; px around them


def _table(results: Results) -> None:
    if not results.lines:
        return
    st.markdown("### All numbers")
    number = st.column_config.NumberColumn
    lead = f"Points of balanced accuracy over {results.reference_name}, paired by seed"
    columns: dict[str, Any] = {
        "method": st.column_config.TextColumn("Method", pinned=True, width=_NAME),
        "seeds": number("n", format="%d", width=_HALF, help="Seeds: the runs that count."),
        "lead": number("Lead", format="%+.1f", width=_SHORT, help=f"{lead}."),
        "lead_half": number(
            "± ", format="%.1f", width=_HALF, help="Half the lead's 95 % interval."
        ),
        "p": number("p", format="%.3f", width=_SHORT + 6, help=f"{_TEST}."),
    }
    if results.time_base:
        columns["cost"] = number(
            "Time",
            format="%.2f ×",
            width=_SHORT + 12,
            help=f"Of an epoch, as a multiple of {results.time_base_name}'s, timed here in turns.",
        )
    for name, title in _METRICS.items():
        width = _WIDTHS.get(name, _SHORT)
        columns[name] = number(title, format="%.1f", width=width, help=_MORE.get(name, "In %."))
        columns[f"{name}_half"] = number(
            "±", format="%.1f", width=_HALF, help=f"{title}: half its interval."
        )
    for name, title in _BY_CALIBRATION.items():
        columns[name] = number(
            title, format="%.1f", width=_WIDTH, help=f"Balanced, in %, {CALIBRATIONS[name]}."
        )
    st.dataframe(
        [row_of(line, results) for line in results.lines],
        column_config=columns,
        hide_index=True,
        placeholder="–",
        row_height=_row_height([line.label for line in results.lines]),
        key="compared_methods",
    )
    shown = power_sentence([line.test for line in results.lines if line.test is not None])
    terms_text(
        f"Accuracies and ECE are in %. Lead: {lead[0].lower()}{lead[1:]}. "
        f"± is half the 95 % interval (t distribution over the seeds). p: {_TEST[0].lower()}"
        f"{_TEST[1:]}. {shown} A click on the name of a column sorts.",
        key="compared_methods_words",
        tag="small",
    )


def _row_height(labels: Sequence[str]) -> int:
    """Return the pixels of a row in which the longest name fits, wrapped."""
    lines = max(len(wrap(label, _LINE)) for label in labels)
    return _ROW_ADDS + _LINE_HEIGHT * lines


def _gains_table(results: Results) -> None:
    """Draw what learned weights add to each objective, with its p-values."""
    if not any(gain.differences for gain in results.gains):
        return
    st.markdown("### What learned weights add")
    number = st.column_config.NumberColumn
    columns: dict[str, Any] = {
        "objective": st.column_config.TextColumn("Objective", pinned=True),
        "seeds": number("Seeds", format="%d", width=_WIDTH, help="Seeds that both have finished."),
    }
    for name in CLAIMED:
        title = _METRICS[name]
        columns[name] = number(title, format="%+.1f", width=_WIDTH, help="In points.")
        columns[f"{name}_half"] = number("±", format="%.1f", width=_HALF)
        columns[f"{name}_p"] = number(
            "p", format="%.3f", width=_WIDTH, help=f"{title}: of the t-test, corrected by Holm."
        )
        columns[f"{name}_could_show"] = number(
            "Could show", format="%.1f", width=_WIDTH, help="In points, with 80 % power."
        )
    st.dataframe(
        [gain_row(gain) for gain in results.gains],
        column_config=columns,
        hide_index=True,
        placeholder="–",
        key="learned_weights",
    )
    terms_text(
        "BiKD over the objective, with relative weights, minus the objective itself, paired by "
        "seed. ± is half the 95 % interval; p is of the paired t-test, corrected by Holm for the "
        "number of objectives. Could show: the smallest gain that these seeds would have "
        "shown with 80 % power.",
        key="learned_weights_words",
        tag="small",
    )


def gain_row(gain: Gain) -> dict[str, Any]:
    """Return an objective's row, in points, not fractions."""
    row: dict[str, Any] = {"objective": gain.label, "seeds": len(gain.seeds)}
    for name in CLAIMED:
        value = gain.differences.get(name)
        row[name] = None if value is None else 100 * value.mean
        row[f"{name}_half"] = None if value is None else _half(value)
        row[f"{name}_p"] = gain.tests[name].p_value
        row[f"{name}_could_show"] = _points(gain.tests[name].detectable)
    return row


# Files -----------------------------------------------------------------------------------------

_FILES = {"CSV": ".csv", "Parquet": ".parquet", "LaTeX": ".tex", "Markdown": ".md"}


def _downloads(comparison: Comparison, planned: Sequence[PlannedRun], results: Results) -> None:
    """Draw buttons for the table as files, each with its protocol; made when asked for."""
    if not results.lines:
        return
    runs = [each.run for each in planned if each.run is not None]
    with st.container(horizontal=True, gap="small", key="downloads"):
        for name, ending in _FILES.items():
            st.download_button(
                name,
                data=partial(_file, comparison, runs, ending),
                file_name=f"comparison-{comparison.base.data.dataset}{ending}",
                icon=":material/download:",
                key=f"download {name}",
                on_click="ignore",
                help="The table with the protocol that it was made under.",
            )


def _file(comparison: Comparison, runs: Sequence[Snapshot], ending: str) -> bytes:
    return FORMATS[ending]([report_of(comparison, runs)])


def row_of(line: Line, results: Results) -> dict[str, Any]:
    """Return a method's row, in percent and points, not fractions."""
    row: dict[str, Any] = {"method": line.label, "seeds": len(line.seeds)}
    for name in _METRICS:
        row[name] = 100 * line.values[name].mean
        row[f"{name}_half"] = _half(line.values[name])
    lead = line.lead.get("accuracy")
    row["lead"] = None if lead is None else 100 * lead.mean
    row["lead_half"] = None if lead is None else _half(lead)
    row["p"] = None if line.test is None else line.test.p_value
    if results.time_base and line.method in results.epoch_seconds:
        row["cost"] = median(results.times(line.method))
    row |= {name: 100 * value.mean for name, value in line.by_calibration.items()}
    return row


def _points(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def _half(value: Interval) -> float | None:
    return None if value.high is None else 100 * (value.high - value.mean)
