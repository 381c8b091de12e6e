"""A figure's numbers as a Parquet file: the browser sends the table, nothing is kept."""

from __future__ import annotations

import io
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

ADDRESS = "figure.parquet"  # relative to the pages
MAX_BYTES = 8 * 2**20  # of the table as JSON: the largest figure takes a tenth
_MAX_COLUMNS = 100


class _Table(BaseModel):
    """Columns by name, rows of cells."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    columns: Annotated[list[str], Field(min_length=1, max_length=_MAX_COLUMNS)]
    rows: list[list[float | str | None]]

    @model_validator(mode="after")
    def _is_a_table(self) -> _Table:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("two columns have the same name")
        if wrong := [len(row) for row in self.rows if len(row) != len(self.columns)]:
            raise ValueError(f"a row has {wrong[0]} cells for {len(self.columns)} columns")
        return self


async def figure_table(request: Request) -> Response:
    """Answer a table in JSON by the same as Parquet; 413 if it is too large, 422 if it is none."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            return PlainTextResponse(f"the table is larger than {MAX_BYTES:,} bytes.", 413)
    try:
        table = _Table.model_validate_json(bytes(body))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "table"
        return PlainTextResponse(f"{where}: {first['msg']}.", 422)
    content = await run_in_threadpool(_as_parquet, table)
    return Response(content, media_type="application/vnd.apache.parquet")


def _as_parquet(table: _Table) -> bytes:
    """Return the file. A column that holds both texts and numbers holds texts."""
    import pyarrow as pa  # a quarter of a second, which the first page needs
    import pyarrow.parquet as pq

    columns = {}
    for place, name in enumerate(table.columns):
        cells = [row[place] for row in table.rows]
        if any(isinstance(cell, str) for cell in cells):
            cells = [cell if cell is None else str(cell) for cell in cells]
        columns[name] = pa.array(cells)
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()
