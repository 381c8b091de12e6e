"""What `bikd run` imports: nothing that its run does not use."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
from bikd_core.cli import main
code = main(["run", "--epochs", "1", "--json", *sys.argv[1:]])
print(json.dumps([code, sorted(sys.modules)]))
"""
UNUSED = (
    "torch._dynamo torch._inductor torch._decomp.decompositions_for_jvp sympy torchvision "
    "sklearn scipy statsmodels optuna pandas pyarrow PIL streamlit plotly bikd_core.runs "
    "bikd_core.studies bikd_core.bench bikd_core.cli.compare bikd_core.cli.study "
    "bikd_core.cli.page"
).split()


def modules_after_run(tmp_path, *options):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *options],
        env=os.environ | {"BIKD_HOME": str(tmp_path)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    return set(modules)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["bikd", "kd"])
def test_a_digits_run_imports_neither_compiler_nor_page_nor_studies(tmp_path, method):
    modules = modules_after_run(tmp_path, "--method", method)
    assert "torch" in modules
    assert not {name for name in UNUSED if name in modules}
