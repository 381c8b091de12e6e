"""What the pages of docs/ say about the tree is true."""

import re

import pytest

from tests.docs.recipe import DOCS, ROOT, blocks, run
from tests.test_layers import ORDER, layer_of


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


@pytest.mark.slow
def test_own_pictures_are_opened_as_the_page_shows(tmp_path):
    page = blocks(DOCS / "own-pictures.md")
    [script] = [block for block in page if block.path]
    (tmp_path / script.path).write_text(script.text, encoding="utf-8")
    home, printed = tmp_path / "home", []
    for block in page:
        if block.language == "bash":
            printed.append(run(block.text, tmp_path, home, engine=ROOT))
        elif block.language == "python" and not block.path:
            (tmp_path / "example.py").write_text(block.text, encoding="utf-8")
            printed.append(run("python example.py", tmp_path, home, engine=ROOT))
    looked, trained, from_python = printed
    counts = [170 // (label + 1) for label in range(10)]
    assert f"pictures: {sum(counts)} grey pictures of 10 classes, resized to 8×8" in looked
    assert trained.startswith("Finished after epoch 3")
    train, test = sum(n - min(10, n // 3) - n // 3 for n in counts), sum(n // 3 for n in counts)
    assert from_python.splitlines() == [
        "0 has 170, 9 the fewest",
        f"{train} to train on, {test} to test",
    ]


def test_the_map_of_rooms_has_the_layers_in_their_order():
    engine, page = (DOCS / "rooms.md").read_text(encoding="utf-8").split("## The page")
    rooms = []
    for package, text in (("bikd_core", engine), ("app", page)):
        for cell in re.findall(r"^\| (`.*?) \|", text, flags=re.MULTILINE):
            rooms += [f"{package}/{name.rstrip('/')}" for name in re.findall("`(.*?)`", cell)]
    assert rooms == ORDER


def test_the_reference_names_modules_in_the_order_of_the_map():
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    modules = re.findall(r"automodule:: (\S+)", text)
    places = [ORDER.index(layer_of(f"{module}.__init__")) for module in modules]
    assert places == sorted(places)
