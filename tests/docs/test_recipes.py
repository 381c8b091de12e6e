"""Each recipe of docs/ is followed literally, and what it makes is what it says."""

import importlib.util
import json

import pytest
import torch
from torch.nn import functional as F

from bikd_core.config import METHOD_CONFIGS
from bikd_core.config.method_facts import method_facts
from bikd_core.methods import Batch, Setting
from tests.docs.recipe import DOCS, blocks, change, copy_tree, follow, run

RECIPES = sorted(DOCS.glob("add-a-*.md"))
ON_THE_PAGE = """
from tests.app.shown import unfold

def test_the_control_of_the_link_is_on_the_page(open_lab):
    lab = unfold(open_lab(dampening="0.25"))
    assert not lab.warning
    assert lab.number_input(key="control_dampening").value == 0.25
    assert lab.query_params["dampening"] == "0.25"
"""


@pytest.mark.slow
@pytest.mark.parametrize("page", RECIPES, ids=lambda page: page.stem)
def test_a_recipe_can_be_followed_literally(page, tmp_path):
    tree, home = tmp_path / "tree", tmp_path / "home"
    copy_tree(tree)
    follow(page, tree, home)
    CHECKS[page.stem](tree, home)


def check_method(tree, home):
    config = newest_config(home)
    assert config["method"] == {"method": "focal", "focal_gamma": 1.0}
    over = [config["method"] for config in configs(home) if config["method"]["method"] == "bikd"]
    assert {method["over"] for method in over} == {"focal"}
    assert 1.0 in {method.get("focal_gamma") for method in over}
    assert "relative" in {method["weight_scale"] for method in over}


def check_control(tree, home):
    assert newest_config(home)["training"]["dampening"] == 0.1
    assert "--dampening" in run("bikd run --help", tree, home)
    (tree / "tests/app/test_dampening.py").write_text(ON_THE_PAGE, encoding="utf-8")
    run("pytest -q tests/app/test_dampening.py", tree, home)


def check_data_source(tree, home):
    assert newest_config(home)["data"]["dataset"] == "bars"


def check_view(tree, home):
    """Its own test opened the page."""
    files = {block.path for block in blocks(DOCS / "add-a-view.md") if block.language == "python"}
    assert files == {"app/lab/views/calibration.py", "tests/app/lab/views/test_calibration.py"}


CHECKS = {
    "add-a-control": check_control,
    "add-a-data-source": check_data_source,
    "add-a-method": check_method,
    "add-a-view": check_view,
}


def newest_config(home):
    """The config of the run that began last."""
    return configs(home)[-1]


def configs(home):
    """The configs of all runs, in the order in which they began."""
    paths = sorted(home.rglob("run.json"), key=lambda path: path.stat().st_mtime)
    return [json.loads(path.read_text(encoding="utf-8"))["config"] for path in paths]


@pytest.fixture
def focal(tmp_path):
    """The folder that holds the recipe's method, in the file that it names."""
    block = next(block for block in blocks(DOCS / "add-a-method.md") if block.path)
    assert block.path == "bikd_core/methods/focal.py"
    assert len([line for line in block.text.splitlines() if line.strip()]) <= 20
    (tmp_path / "focal.py").write_text(block.text, encoding="utf-8")
    return tmp_path


def test_the_recipes_method_says_what_it_is(focal):
    facts = method_facts(focal)["focal"]
    assert facts.title == "Focal loss"
    assert not facts.needs_teacher
    assert not facts.has_weight_net


def test_the_recipes_method_is_the_focal_loss(focal):
    spec = importlib.util.spec_from_file_location("focal", focal / "focal.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    student = torch.nn.Linear(3, 4).double()
    setting = Setting(
        options=METHOD_CONFIGS["ce"](),  # no options, as the recipe's first file
        student=student,
        next_val_batch=lambda: None,
        class_counts=(4, 3, 2, 1),
        device=torch.device("cpu"),
        generator=torch.Generator(),
        num_epochs=1,
    )
    images, labels = torch.randn(6, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1])
    result = module.FocalLoss(setting).step(Batch(images, labels, None), 0.1)
    p = F.softmax(student(images), dim=1)[torch.arange(6), labels].detach()
    torch.testing.assert_close(result.losses, -((1 - p) ** 2) * p.log())
    assert student.weight.grad.abs().sum() > 0


# How a recipe's changes are read ----------------------------------------------------------------


def test_a_diff_adds_a_line_where_it_says():
    assert change("a\nb\nc\n", " a\n+new\n b\n") == "a\nnew\nb\nc\n"
    assert change("a\nb\nc\n", "-b\n+new\n") == "a\nnew\nc\n"
    assert change("a\nb\nc\n", " a\n+x\n@@\n c\n+y\n") == "a\nx\nb\nc\ny\n"


@pytest.mark.parametrize(("text", "times"), [("b\n", 0), ("a\na\n", 2)])
def test_a_diff_whose_place_is_not_unique_is_refused(text, times):
    with pytest.raises(AssertionError, match=f"found {times} times"):
        change(text, " a\n+new\n")
