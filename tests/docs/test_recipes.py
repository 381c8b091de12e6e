"""Each recipe of docs/ is followed literally, and what it makes is what it says."""

import importlib.util

import pytest
import torch
from torch.nn import functional as F

from bikd_core.config import MethodConfig
from bikd_core.config.method_facts import method_facts
from bikd_core.methods import Batch, Setting
from tests.docs.recipe import DOCS, blocks, change, copy_tree, follow

RECIPES = sorted(DOCS.glob("add-a-*.md"))


@pytest.mark.slow
@pytest.mark.parametrize("page", RECIPES, ids=lambda page: page.stem)
def test_a_recipe_can_be_followed_literally(page, tmp_path):
    tree = tmp_path / "tree"
    copy_tree(tree)
    follow(page, tree, tmp_path / "home")


@pytest.fixture
def focal(tmp_path):
    """The folder that holds the recipe's method, in the file that it names."""
    (block,) = (block for block in blocks(DOCS / "add-a-method.md") if block.path)
    assert block.path == "bikd_core/methods/focal.py"
    assert len([line for line in block.text.splitlines() if line.strip()]) <= 20
    (tmp_path / "focal.py").write_text(block.text, encoding="utf-8")
    return tmp_path


def test_the_recipes_method_says_what_it_is(focal):
    facts = method_facts(focal)["focal"]
    assert facts.title == "Focal loss"
    assert not facts.needs_teacher
    assert facts.reads == ()


def test_the_recipes_method_is_the_focal_loss(focal):
    spec = importlib.util.spec_from_file_location("focal", focal / "focal.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    student = torch.nn.Linear(3, 4).double()
    method = module.FocalLoss(
        Setting(MethodConfig(), student, lambda: None, (4, 3, 2, 1), torch.device("cpu"), None)
    )
    images, labels = torch.randn(6, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1])
    result = method.step(Batch(images, labels, None), 0.1)
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
