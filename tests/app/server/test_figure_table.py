"""The address that makes Parquet of a figure's table."""

import asyncio
import io
import json
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
from starlette.requests import Request

from app.server import figure_table


def answer_to(body):
    """Return the answer to a body, or to a table in JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def receive():
        return {"type": "http.request", "body": content, "more_body": False}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with ThreadPoolExecutor(1) as thread:  # a browser's tests leave a loop running in this one
        return thread.submit(asyncio.run, figure_table.figure_table(request)).result()


def parquet(columns, rows):
    return pd.read_parquet(io.BytesIO(answer_to({"columns": columns, "rows": rows}).body))


def test_a_table_comes_back_with_its_names_numbers_and_gaps():
    rows = [["0", 0.1, 'ä,"\n'], ["0", None, "=1+1"], ["1", 3, ""]]
    table = parquet(["class", "weight (−)", "label"], rows)
    assert list(table.columns) == ["class", "weight (−)", "label"]
    assert table["weight (−)"].tolist()[::2] == [0.1, 3.0]
    assert pd.isna(table["weight (−)"][1])
    assert table["label"].tolist() == [row[2] for row in rows]


def test_a_column_of_texts_and_numbers_holds_texts():
    texts = parquet(["x"], [[1.5], ["a"], [None]])["x"]
    assert texts[:2].tolist() == ["1.5", "a"]
    assert pd.isna(texts[2])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"not JSON", "Invalid JSON"),
        (b"{}", "columns"),
        (b'{"columns": ["a", "a"], "rows": []}', "two columns have the same name"),
        (b'{"columns": ["a"], "rows": [[1, 2]]}', "a row has 2 cells for 1 columns"),
        (b'{"columns": ["a"], "rows": [[{"b": 1}]]}', "rows.0.0"),
        (b'{"columns": ["a"], "rows": [[1e999]]}', "rows.0.0"),
        (b'{"columns": [], "rows": []}', "columns"),
    ],
)
def test_what_is_no_table_is_refused_in_words(body, words):
    answer = answer_to(body)
    assert answer.status_code == 422
    assert words in answer.body.decode()


def test_a_table_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(figure_table, "MAX_BYTES", 100)
    answer = answer_to({"columns": ["a"], "rows": [[1.0]] * 100})
    assert answer.status_code == 413
    assert "100 bytes" in answer.body.decode()
