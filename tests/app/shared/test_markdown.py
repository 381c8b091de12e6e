import pytest

from app.shared.markdown import plain


@pytest.mark.parametrize(
    ("typed", "markdown"),
    [
        ("run 7, größer", "run 7, größer"),
        ("*a* [b](c)", r"\*a\* \[b\]\(c\)"),
        (":red[x] $y$", r"\:red\[x\] \$y\$"),
        ("C:\\runs\\a_b.pth", r"C\:\\runs\\a\_b\.pth"),
    ],
)
def test_what_people_typed_is_shown_as_they_typed_it(typed, markdown):
    assert plain(typed) == markdown
