"""What a page remembers expires without ending the page."""

import ast

import pytest

from app.shared import expiry
from bikd_core.places import ROOT

CACHES = {"cache_resource", "cache_data"}
MODULES = sorted((ROOT / "app").rglob("*.py"))


def caches_in(source: str):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in CACHES:
            yield node


def test_a_period_is_one_number_until_it_is_over(monkeypatch):
    numbers = []
    for now in (100.0, 101.9, 102.0, 103.9, 104.0):
        monkeypatch.setattr(expiry.time, "monotonic", lambda now=now: now)
        numbers.append(expiry.period(2.0))
    assert numbers == [50, 50, 51, 51, 52]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_left_to_the_cache_to_expire(module):
    # Read in the moment in which it expires, it would end the page: see app/shared/expiry.py.
    given = {
        keyword.arg for cache in caches_in(module.read_text("utf-8")) for keyword in cache.keywords
    }
    assert "ttl" not in given


def test_the_check_finds_what_it_looks_for():
    (cache,) = caches_in("@st.cache_data(ttl=60)\ndef f(): ...")
    assert [keyword.arg for keyword in cache.keywords] == ["ttl"]
