import os
import subprocess
import sys

import pytest

from tests.app.conftest import MAIN

OPEN = """
import sys
sys.path[:] = ["", *(path for path in sys.path if path not in ("", ROOT)), ROOT]
from streamlit.testing.v1 import AppTest
page = AppTest.from_file(MAIN, default_timeout=300).run()
assert not page.exception, page.exception
print([title.value for title in page.markdown][:3])
"""


@pytest.mark.slow
def test_a_file_app_py_in_the_working_folder_hides_nothing(tmp_path):
    (tmp_path / "app.py").write_text("raise SystemExit('the wrong app')")
    names = f"MAIN = {str(MAIN)!r}\nROOT = {str(MAIN.parents[1])!r}\n"
    done = subprocess.run(
        [sys.executable, "-c", names + OPEN],
        cwd=tmp_path,
        env=os.environ | {"BIKD_HOME": str(tmp_path / "home"), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
