"""Export of reports with their protocol: CSV, Parquet, LaTeX, Markdown or JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bikd_core.config import ConfigError
from bikd_core.studies.answer import METRICS, Interval, Line, in_percent
from bikd_core.studies.learned_weights import verdict
from bikd_core.studies.report import (
    Report,
    as_data,
    league_of,
    protocol_of,
    protocol_sentences,
    use_of_d_val,
)
from bikd_core.studies.significance import (
    SIGNIFICANCE,
    correction,
    p_in_words,
    points_in_words,
    power_sentence,
)

if TYPE_CHECKING:
    import pandas as pd

AsData = Callable[[Report], dict[str, Any]]
#: Table headings of the metrics.
TITLES: dict[str, str] = {
    "accuracy": "balanced",
    "accuracy_many": "many",
    "accuracy_medium": "medium",
    "accuracy_few": "few",
    "calibration_error": "ECE",
}
_LATEX = str.maketrans({c: f"\\{c}" for c in "&%$#_{}"} | {"\\": r"\textbackslash{}"})


def rows(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """Return one flat row per line: fractions, seconds, and the whole protocol as JSON."""
    return [_row(report, line) for report in reports for line in report.lines]


def _row(report: Report, line: Line) -> dict[str, Any]:
    comparison = report.comparison
    entry = next(entry for entry in comparison.entries if entry.text == line.method)
    row: dict[str, Any] = {
        "method": line.method,
        "label": line.label,
        "league": league_of(comparison),
        "num_seeds": len(line.seeds),
        "use_of_d_val": use_of_d_val(comparison, entry),
        "epoch": comparison.chosen,
        "calibration": comparison.calibration_of(entry),
        "faults": ", ".join(comparison.faults),
    }
    for prefix, values in (("", line.values), (f"lead_over_{comparison.reference}_", line.lead)):
        for name in METRICS:
            value = values.get(name, Interval(None, None, None))  # type: ignore[arg-type]
            row |= {f"{prefix}{name}_{end}": bound for end, bound in value._asdict().items()}
    for name, value in line.by_calibration.items():
        row |= {f"accuracy_calibration_{name}_{k}": bound for k, bound in value._asdict().items()}
    test = line.test
    row |= {
        "lead_p_value_holm": None if test is None else test.p_value,
        "lead_could_have_shown": None if test is None else test.detectable,
    }
    row["seconds_per_epoch"] = line.seconds_per_epoch
    return row | {"protocol": json.dumps(protocol_of(comparison))}


def frame(reports: Sequence[Report]) -> pd.DataFrame:
    """Return the rows as a data frame."""
    import pandas as pd

    return pd.DataFrame(rows(reports))


def to_csv(reports: Sequence[Report]) -> bytes:
    """Return the reports as CSV, one row per line of a report."""
    text: str = frame(reports).to_csv(index=False)
    return text.encode()


def to_parquet(reports: Sequence[Report]) -> bytes:
    """Return the reports as Parquet, with the same rows as the CSV."""
    buffer = io.BytesIO()
    frame(reports).to_parquet(buffer, index=False)
    return buffer.getvalue()


def to_json(reports: Sequence[Report], data: AsData = as_data) -> bytes:
    """Return everything as JSON, per class too: one object per report."""
    return json.dumps([data(report) for report in reports], indent=1).encode() + b"\n"


def to_markdown(reports: Sequence[Report]) -> bytes:
    """Return a Markdown table per report, with its protocol above."""
    parts = []
    for report in reports:
        head, *body = table(report)
        lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
        parts += [*protocol_sentences(report.comparison), ""]
        parts += [
            f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
        ]
        parts += ["", *notes(report), ""]
    return "\n".join(parts).encode()


def to_latex(reports: Sequence[Report]) -> bytes:
    """Return a LaTeX `table` per report with its protocol in the caption; needs booktabs."""
    parts = []
    for report in reports:
        caption = " ".join([*protocol_sentences(report.comparison), *notes(report)])
        parts.append(as_latex(table(report), caption))
    return "\n".join(parts).encode()


def as_latex(lines: Sequence[Sequence[str]], caption: str) -> str:
    """Return a heading and rows of text as a LaTeX `table`; needs booktabs."""
    head, *body = ([_latex(cell) for cell in line] for line in lines)
    parts = [
        r"\begin{table}",
        rf"\caption{{{_latex(caption)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
        r"\toprule",
        rf"{' & '.join(head)} \\",
        r"\midrule",
        *[rf"{' & '.join(line)} \\" for line in body],
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(parts) + "\n"


def _latex(text: str) -> str:
    replaced = text.translate(_LATEX).replace("±", r"$\pm$").replace("×", r"$\times$")
    return replaced.replace("−", "$-$").replace("→", r"$\to$").replace("–", "--")


def table(report: Report) -> list[list[str]]:
    """Return heading and rows as text: accuracies and calibration error in %, ± half the interval.

    A star marks a lead that may be claimed.
    """
    reference = report.comparison.labels[report.comparison.reference]
    are_fitted = any(line.by_calibration for line in report.lines)
    biases = ["class biases: none → fitted"] if are_fitted else []
    head = [
        "method",
        "seeds",
        *TITLES.values(),
        *biases,
        f"lead over {reference}",
        "p",
        "could show",
    ]
    body = [
        [
            line.label,
            str(len(line.seeds)),
            *[in_percent(line.values[name]) for name in TITLES],
            *([_with_and_without_biases(line)] if are_fitted else []),
            _lead(line),
            p_in_words(None if line.test is None else line.test.p_value),
            points_in_words(None if line.test is None else line.test.detectable),
            f"{line.seconds_per_epoch:.2g}",
        ]
        for line in report.lines
    ]
    return [[*head, "s/epoch"], *body]


def _with_and_without_biases(line: Line) -> str:
    """Return the balanced accuracy without class biases and with them."""
    return " → ".join(f"{100 * value.mean:.1f}" for value in line.by_calibration.values()) or "–"


def _lead(line: Line) -> str:
    lead = line.lead.get("accuracy")
    if lead is None:
        return "–"
    return in_percent(lead, signed=True) + (
        " *" if line.test is not None and line.test.is_claim else ""
    )


def notes(report: Report) -> list[str]:
    """Return the notes below a table: what its numbers mean, and which runs do not count."""
    tests = [line.test for line in report.lines if line.test is not None]
    legend = (
        "In %, ± half of the 95 % interval over seeds. Leads are paired by seed; * marks a lead "
        f"with p < {SIGNIFICANCE:g} in the paired t-test{correction(tests)}. ECE: expected "
        "calibration error. s/epoch is as each entry's runs were trained, at whatever moment and "
        "on whatever machine: it does not say what a method costs; `bikd bench` measures that."
    )
    found = [" ".join(filter(None, [legend, power_sentence(tests)]))] + [
        f"Not counted: {run}: {why}" for run, why in report.missing.items()
    ]
    return [*found, verdict(report.gains)] if report.gains else found


#: How to write each format, by the ending of the file.
FORMATS: dict[str, Callable[[Sequence[Report]], bytes]] = {
    ".csv": to_csv,
    ".parquet": to_parquet,
    ".md": to_markdown,
    ".tex": to_latex,
    ".json": to_json,
}


def check_ending(path: Path) -> None:
    """Check the ending of an export file, before hours of training are spent.

    Raises:
        ConfigError: The ending is not in `FORMATS`.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(
            f"export = {str(path)!r} is not possible: the file must end in {', '.join(FORMATS)}."
        )


def export(reports: Sequence[Report], path: Path, data: AsData = as_data) -> None:
    """Write the reports in the format of the file's ending; `data` makes the JSON objects.

    Raises:
        ConfigError: The ending is not in `FORMATS`, or the file cannot be written.
    """
    check_ending(path)
    ending = path.suffix.lower()
    content = to_json(reports, data) if ending == ".json" else FORMATS[ending](reports)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"export = {str(path)!r} cannot be written: {error.strerror}.") from error
