"""Exports of a study: the raw table as CSV or Parquet, the means as LaTeX, everything as JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

from bikd_core.config import ConfigError
from bikd_core.store.files import writing
from bikd_core.studies.answer import in_percent, interval
from bikd_core.studies.export import as_latex
from bikd_core.studies.results import Results

#: Columns of the LaTeX table: accuracies in percent.
_TITLES = {"accuracy": "balanced", "accuracy_many": "many", "accuracy_few": "few"}


def to_csv(results: Results) -> bytes:
    """Return the raw table as CSV, one row per run."""
    import pandas as pd

    text: str = pd.DataFrame(results.rows()).to_csv(index=False)
    return text.encode()


def to_parquet(results: Results) -> bytes:
    """Return the raw table as Parquet, with the rows of the CSV."""
    import pandas as pd

    rows = pd.DataFrame(results.rows()).astype({"x": str})  # numbers in one study, names in another
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False)
    return buffer.getvalue()


def to_json(results: Results) -> bytes:
    """Return everything as one JSON object."""
    return json.dumps(results.as_data(), indent=1).encode() + b"\n"


def to_latex(results: Results) -> bytes:
    """Return a LaTeX `table` of the cells' means, the verdict in its caption; needs booktabs."""
    notes = "Accuracies in %, ± half of the 95 % interval over seeds."
    caption = " ".join([results.grid.study.question, results.verdict(), notes, results.cite()])
    return as_latex(table(results), caption).encode()


def table(results: Results) -> list[list[str]]:
    """Return heading and rows as text: a cell each, with its means in percent."""
    rows = [["", "seeds", *_TITLES.values()]]
    for cell in results.grid.cells:
        columns = [[*results.values(cell, name).values()] for name in _TITLES]
        means = [in_percent(interval(column)) if column else "–" for column in columns]
        rows.append([cell.label, str(len(columns[0])), *means])
    return rows


FORMATS: dict[str, Callable[[Results], bytes]] = {
    ".csv": to_csv,
    ".parquet": to_parquet,
    ".tex": to_latex,
    ".json": to_json,
}


def check_format(path: Path) -> None:
    """Check the ending of a file.

    Raises:
        ConfigError: There is no such format.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(
            f"export = {str(path)!r} is not possible: the file must end in {', '.join(FORMATS)}."
        )


def write(results: Results, path: Path) -> None:
    """Write results in the format of the file's ending.

    Raises:
        ConfigError: There is no such format.
        StoreError: The file cannot be written.
    """
    check_format(path)
    content = FORMATS[path.suffix.lower()](results)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
