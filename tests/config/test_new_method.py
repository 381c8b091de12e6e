"""A method that is dropped in as two files is offered everywhere; a wrong one is named."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bikd_core
from tests.patience import PATIENCE_S
from tests.repeated import first_quick

PACKAGE = Path(bikd_core.__file__).parent

SHARP = """
from typing import ClassVar
from torch import Tensor
from bikd_core.config.methods.sharp import Options
from bikd_core.losses import hard_loss
from bikd_core.methods.objective import Objective
from bikd_core.methods.protocol import Batch


class Sharp(Objective):
    title: ClassVar[str] = "Sharp CE"
    words: ClassVar[str] = "cross-entropy of scaled logits"
    options: Options

    def hard(self, logits: Tensor, batch: Batch) -> Tensor:
        return hard_loss(self.options.sharpness * logits, batch.labels)
"""
SHARP_OPTIONS = """
from pydantic import Field
from bikd_core.config.method import MethodConfig


class Options(MethodConfig):
    sharpness: float = Field(
        2.0, gt=0, le=9, title="Sharpness", description="Factor of the logits."
    )
"""


@pytest.fixture
def package(tmp_path):
    """A copy of the engine, for a method to be dropped in."""
    ignored = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(PACKAGE, tmp_path / "bikd_core", ignore=ignored)


def run_in(package, code):
    """What a process prints that imports this copy of the engine."""
    environment = os.environ | {"PYTHONPATH": str(package.parent), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=package.parent,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_method_with_an_option_is_two_files_and_is_offered_everywhere(package):
    (package / "methods/sharp.py").write_text(SHARP)
    (package / "config/methods/sharp.py").write_text(SHARP_OPTIONS)
    said = run_in(
        package,
        """
import bikd_core.cli, sys
from bikd_core.config import METHOD_FACTS, ConfigError, RunConfig, fields
from bikd_core.studies import label_of, read_entry

print(METHOD_FACTS["sharp"].title, fields()["sharpness"].title)
config = RunConfig.from_flat({"method": "sharp", "sharpness": "3"})
print(config.method.sharpness, RunConfig.model_validate_json(config.model_dump_json()) == config)
for values in ({"method": "sharp", "sharpness": 0}, {"method": "dull"}):
    try:
        RunConfig.from_flat(values)
    except ConfigError as error:
        print(error)
print(label_of("sharp:sharpness=3"))
try:
    read_entry("ce:sharpness=3")
except ConfigError as error:
    print(error)
bikd_core.cli.main(["run", "--help"])
assert "torch" not in sys.modules

import torch
from bikd_core.methods import METHODS, Batch, Setting
made = METHODS["sharp"](
    Setting(config.method, torch.nn.Linear(2, 3), None, (1, 1, 1), torch.device("cpu"), None, 1)
)
logits = torch.tensor([[1.0, 0.0, 0.0]])
print(f"{made.losses(logits, Batch(logits, torch.tensor([0]), None)).item():.4f}")
""",
    )
    for sentence in (
        "Sharp CE Sharpness",
        "3.0 True",
        "sharpness = 0 is not possible: it must be a number, more than 0 and at most 9.",
        "method = 'dull' is not possible: it must be one of bikd, ce, kd,",
        "Sharp CE (sharpness 3)",
        "methods = 'ce:sharpness=3' is not possible: CE does not read sharpness, only ",
        "--sharpness",
        "Factor of the logits.",
        "0.0949",  # -log(e³ / (e³ + 2))
    ):
        assert sentence in said


@pytest.mark.parametrize(
    ("method", "options", "said"),
    first_quick(
        [
            (None, SHARP_OPTIONS, "config/methods/sharp.py has no method: methods/sharp.py is"),
            (
                SHARP.replace(
                    "    options", "    needs_teacher: ClassVar[bool] = True\n    options"
                ),
                SHARP_OPTIONS,
                "config/methods/sharp.py: Options must extend TeacherOptions.",
            ),
            (
                SHARP,
                SHARP_OPTIONS.replace("sharpness", "kd_alpha"),
                "The option kd_alpha is declared twice, differently",
            ),
            (SHARP, "", "config/methods/sharp.py declares no class Options"),
        ]
    ),
    ids=["no method", "no group", "twice", "no options"],
)
def test_option_files_that_do_not_fit_are_named(package, method, options, said):
    if method is not None:
        (package / "methods/sharp.py").write_text(method)
    (package / "config/methods/sharp.py").write_text(options)
    assert said in run_in(package, "import bikd_core.config")
