"""What the pages of docs/ say about the tree is true."""

import re

import pytest

from tests.docs.recipe import DOCS, ROOT, blocks, run


@pytest.mark.slow
def test_the_engine_is_used_from_python_as_the_page_shows(tmp_path):
    """Its blocks continue each other, so they are one script."""
    code = [block.text for block in blocks(DOCS / "python.md") if block.language == "python"]
    assert len([line for line in code[0].splitlines() if line.strip()]) <= 10
    (tmp_path / "example.py").write_text("".join(code), encoding="utf-8")
    run("bikd run --epochs 2 --name earlier", ROOT, tmp_path / "home")
    printed = run(f"python {tmp_path / 'example.py'}", ROOT, tmp_path / "home").splitlines()
    assert [line.split(":")[0] for line in printed[:5]] == [f"epoch {n}" for n in range(1, 6)]
    assert re.fullmatch(r"mean w_hard of the largest class 0\.\d\d,", printed[5])
    assert printed[7:] == ["the last epoch was 3", "earlier finished 2 epochs"]


def test_the_map_of_rooms_names_every_package_and_no_other():
    text = (DOCS / "rooms.md").read_text(encoding="utf-8")
    engine, page = text.split("## The page")
    for rooms, folder in ((engine, ROOT / "bikd_core"), (page, ROOT / "app")):
        first_cells = re.findall(r"^\| (`.*?) \|", rooms, flags=re.MULTILINE)
        named = {
            name.removesuffix("/") for cell in first_cells for name in re.findall("`(.*?)`", cell)
        }
        modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
        packages = {path.parent.name for path in folder.glob("*/__init__.py")}
        assert {name.removesuffix(".py") for name in named} == modules | packages
