"""The pages' addresses, and where the bare one leads."""

import pytest

from app.server.files import page_of


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("", ""),
        ("owner=abc", ""),
        ("embed=true", ""),
        ("run=x&epoch=3", "lab"),
        ("lesson=3", "learn"),
        ("epochs=3&owner=abc", "lab"),
        ("present=true", "lab"),
        ("misspelt=1", "lab"),  # which says that it knows no such control
    ],
)
def test_an_old_link_without_a_page_leads_to_the_page_that_it_was_made_for(query, page):
    parameters = dict(pair.split("=") for pair in query.split("&") if pair)
    assert page_of(parameters) == page
