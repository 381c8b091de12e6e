"""What the README shows as code runs."""

import importlib.util
import re
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from bikd_core.config import MethodConfig
from bikd_core.config.method_facts import method_facts
from bikd_core.methods import Batch, Setting

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture
def focal(tmp_path):
    """The folder that holds the README's method, in the file that it names."""
    text = README.read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    (tmp_path / "focal.py").write_text(code, encoding="utf-8")
    return tmp_path


def test_the_readmes_method_says_what_it_is(focal):
    facts = method_facts(focal)["focal"]
    assert facts.title == "Focal loss"
    assert not facts.needs_teacher
    assert not facts.has_weight_net


def test_the_readmes_method_is_the_focal_loss(focal):
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


@pytest.mark.parametrize("text", ["", "class Nameless:\n    pass\n"])
def test_a_file_without_a_method_is_named(tmp_path, text):
    (tmp_path / "odd.py").write_text(text)
    with pytest.raises(ValueError, match=r"odd.py holds no method"):
        method_facts(tmp_path)


def test_an_attribute_that_has_to_be_computed_is_named(tmp_path):
    (tmp_path / "odd.py").write_text("class Odd:\n    title: str = 'a' + str(1)\n")
    with pytest.raises(ValueError, match=r"odd.py: title must be a plain value"):
        method_facts(tmp_path)
