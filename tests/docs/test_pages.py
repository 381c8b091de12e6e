"""What the pages of docs/ say about the tree is true."""

import inspect
import re

import pytest

from bikd_core import Recorder
from bikd_core.events import EpochDone, RunStarted
from bikd_core.places import Places
from bikd_core.store import list_runs
from bikd_core.students.ask import ask
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
def test_own_pictures_are_opened_trained_on_and_used_as_the_page_shows(tmp_path):
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
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
    looked, trained, exported, used, from_python, from_dataset = printed
    counts = [170 // (label + 1) for label in range(10)]
    assert f"pictures: {sum(counts)} grey pictures of 10 classes, resized to 8×8" in looked
    assert trained.startswith("Finished after epoch 3")
    assert exported.split() == ["student.onnx", "student.md"]
    [run_folder] = [folder for folder in list_runs(home / "runs") if "natural" in folder.run_id]
    picture = (tmp_path / "pictures" / "0" / "0.png").read_bytes()
    found = ask(run_folder, home / "data", Places.at(home).teacher_folders(), picture).student
    started = next(event for event in run_folder.events() if isinstance(event, RunStarted))
    share = max(found)
    assert used == f"class {started.class_names[found.index(share)]}, {share:.0%}\n"
    assert from_dataset.startswith("bikd run --dataset own_all_digits_")
    train, test = sum(n - min(10, n // 3) - n // 3 for n in counts), sum(n // 3 for n in counts)
    assert from_python.splitlines() == [
        "0 has 170, 9 the fewest",
        f"{train} to train on, {test} to test",
    ]
    assert from_dataset.startswith("bikd run --dataset own_all_digits_")


@pytest.mark.slow
def test_own_networks_are_trained_as_the_page_shows(tmp_path):
    """Its files, commands and scripts in their order, in one folder."""
    pytest.importorskip("timm", reason="no timm: the page of own networks was not followed")
    home, printed = tmp_path / "home", []
    for number, block in enumerate(blocks(DOCS / "own-networks.md")):
        if block.path:
            (tmp_path / block.path).write_text(block.text, encoding="utf-8")
        elif block.language == "bash":
            printed.append(run(block.text, tmp_path, home, engine=ROOT))
        else:
            (tmp_path / f"script{number}.py").write_text(block.text, encoding="utf-8")
            printed.append(run(f"python script{number}.py", tmp_path, home, engine=ROOT))
    of_library, of_code, exported, from_python, saved, from_file = printed
    assert of_library.startswith("Finished after epoch 2")
    assert "Teacher digits-my_networks_Large_" in of_code
    assert exported.split() == ["student.safetensors", "student.md"]
    assert from_python == "2 epochs\n"
    assert saved == ""
    assert from_file.startswith("Finished after epoch 1")


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


@pytest.mark.slow
def test_somebodys_own_loop_is_recorded_as_the_page_shows(tmp_path):
    code = [block.text for block in blocks(DOCS / "own-loop.md") if block.language == "python"]
    added = [line for line in code[0].splitlines() if "ecorder" in line]
    assert len(added) <= 6
    (tmp_path / "example.py").write_text("".join(code), encoding="utf-8")
    printed = run(f"python {tmp_path / 'example.py'}", ROOT, tmp_path / "home").splitlines()
    [found] = list_runs(tmp_path / "home" / "runs")
    assert printed[0] == f"open /lab?run={found.run_id}"
    assert re.fullmatch(r"D_val's loss after the last look ahead: \d\.\d\d", printed[1])
    epochs = [event for event in found.events() if isinstance(event, EpochDone)]
    assert (found.status().state, len(epochs)) == ("finished", 4)
    assert epochs[-1].w_hard_per_class[2] > epochs[-1].w_hard_per_class[0]  # the tail is harder


def test_the_page_on_own_loops_names_what_the_recorder_takes():
    text = (DOCS / "own-loop.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)(?:=[^`]*)?`", text.split("| call |")[1].split("\n\n")[0]))
    taken = {
        name
        for function in (Recorder.__init__, Recorder.batch, Recorder.end_epoch)
        for name in inspect.signature(function).parameters
    }
    assert named <= taken | {"Recorder", "batch", "end_epoch"}


@pytest.mark.slow
def test_a_student_is_taken_along_as_the_page_shows(tmp_path):
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    part = (DOCS / "use.md").read_text(encoding="utf-8").split("## Take the student along")[1]
    [command] = re.findall(r"```bash\n(.*?)```", part.split("\n## ")[0], flags=re.DOTALL)
    printed = run(f"export PYTHONPATH={ROOT}; cd {tmp_path}\n{command}", ROOT, tmp_path / "home")
    assert printed.splitlines()[1:] == ["student.pt2", "student.md", "student.onnx", "student.md"]
    names = {path.name for path in tmp_path.iterdir()} - {"home"}
    assert names == {"student.pt2", "student.onnx", "student.md"}
