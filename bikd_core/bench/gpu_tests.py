"""Runs the tests that use a device, and counts how they end.

They run in their own process, whose output is kept as text: what had ended before a time limit, or
before a crash, counts.
"""

from __future__ import annotations

import ast
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from time import monotonic

from bikd_core.bench.gpu_results import Deadline
from bikd_core.bench.report import Row
from bikd_core.places import ROOT

_GRACE_S = 10  # for the summary after an interrupt
_RESULT = re.compile(r"^(tests/.+::.+?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b", re.MULTILINE)
_REASON = re.compile(r"^(?:FAILED|ERROR) (tests/\S+::.+?) - (.*)$", re.MULTILINE)
NO_TESTS = 5  # pytest's exit code


def device_test_files(tests: Path) -> list[Path]:
    """Return the test files with a test that takes the `device` fixture or watches CUDA's waits."""
    return [path for path in sorted(tests.rglob("test_*.py")) if _uses_a_device(path)]


def _uses_a_device(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(
        (isinstance(node, ast.ImportFrom) and node.module == "tests.cuda_waits")
        or (
            isinstance(node, ast.FunctionDef)
            and node.name.startswith("test_")
            and "device" in [argument.arg for argument in node.args.args]
        )
        for node in ast.walk(tree)
    )


def run_tests(keyword: str, speed: str, deadline: Deadline, log: Path) -> Row:
    """Run the tests of the device fixture; return how many passed, and which failed.

    Args:
        keyword: pytest's -k, such as "cuda".
        speed: pytest's -m, such as "not slow".
        deadline: When they are interrupted.
        log: Receives pytest's output.
    """
    row: Row = {"keyword": keyword, "speed": speed}
    files = device_test_files(ROOT / "tests")
    if not files:
        return row | {"ended": "no tests lie beside the product"}
    command = [sys.executable, "-m", "pytest", "-v", "--tb=short", "-p", "no:cacheprovider"]
    command += ["--color=no", "-k", keyword, "-m", speed]
    command += [str(path.relative_to(ROOT)) for path in files]
    start = monotonic()
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        is_cut_off = not _ends_by(process, deadline)
    text = log.read_text(encoding="utf-8", errors="replace")
    return row | _counted(text, process.returncode, is_cut_off) | {"seconds": monotonic() - start}


def _ends_by(process: subprocess.Popen[bytes], deadline: Deadline) -> bool:
    """Wait for a process; interrupt it at the deadline and return False."""
    try:
        process.wait(deadline.left_s)
        return True
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return False


def _counted(output: str, exit_code: int, is_cut_off: bool) -> Row:
    outcomes = dict(_RESULT.findall(output))
    counts = Counter(outcomes.values())
    reasons = dict(_REASON.findall(output))
    failed = [name for name, outcome in outcomes.items() if outcome in ("FAILED", "ERROR")]
    ended = "finished" if exit_code in (0, 1, NO_TESTS) else f"failed: exit code {exit_code}"
    return {
        "ended": "cut off" if is_cut_off else ended,
        "passed": counts["PASSED"],
        "skipped": counts["SKIPPED"],
        "failed": len(failed),
        "failures": [{"test": name, "reason": reasons.get(name, "")} for name in failed],
    }
