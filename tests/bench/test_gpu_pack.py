import subprocess
import tarfile
from pathlib import Path
from subprocess import run as subprocess_run

import pytest

from bikd_core.bench import gpu_pack
from bikd_core.config import ConfigError


@pytest.fixture
def pip(monkeypatch):
    """Replace pip and the cut by ones that write a file; returns the commands."""
    commands = []

    def run(command, **_):
        commands.append(command)
        target = Path(command[command.index("--target") + 1])
        target.mkdir()
        (target / "numpy.py").write_text("")
        (target / "bin").mkdir()
        (target / "bin" / "pytest").write_text("#!/home/us/python")
        return subprocess.CompletedProcess(command, 0, "", "")

    def take_cut(config, data_dir, folder):
        folder.mkdir(parents=True)
        (folder / "cifar10-cut.xz").write_bytes(b"cut")

    monkeypatch.setattr(gpu_pack.subprocess, "run", run)
    monkeypatch.setattr(gpu_pack, "take_cut", take_cut)
    monkeypatch.setattr(gpu_pack, "_source_files", lambda: [gpu_pack.ROOT / "pyproject.toml"])
    return commands


def test_an_archive_holds_packages_source_data_and_how_to_run_it(pip, tmp_path):
    archive = tmp_path / "new" / "pack.tar.xz"
    size = gpu_pack.pack(archive, tmp_path)
    assert size == archive.stat().st_size
    with tarfile.open(archive) as tar:
        names = set(tar.getnames())
        readme = tar.extractfile("bikd-gpu/README.txt").read().decode()
        script = tar.extractfile("bikd-gpu/run.sh").read().decode()
    assert {
        "bikd-gpu/packages/numpy.py",
        "bikd-gpu/data/cifar10-cut.xz",
        "bikd-gpu/source/pyproject.toml",
    } <= names
    assert not [name for name in names if name.startswith("bikd-gpu/packages/bin")]
    assert "tar -xf pack.tar.xz && bash bikd-gpu/run.sh" in readme
    assert "Python 3.12" in readme
    assert "bench gpu" in script


@pytest.mark.slow
def test_its_script_runs_the_command_with_the_data_and_packages_beside_it(pip, tmp_path):
    gpu_pack.pack(tmp_path / "pack.tar.xz", tmp_path)
    with tarfile.open(tmp_path / "pack.tar.xz") as tar:
        tar.extractall(tmp_path, filter="data")
    top = tmp_path / "bikd-gpu"
    (tmp_path / "python").write_text('#!/bin/bash\necho "$PYTHONPATH" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    done = subprocess_run(
        ["bash", top / "run.sh", "--minutes", "4"],
        env={"PYTHON": str(tmp_path / "python"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = f"{top}/source:{top}/packages -m bikd_core.cli bench gpu --data-dir {top}/data"
    assert done.stdout == f"{expected} --out {top}/results --minutes 4\n"


def test_the_source_has_the_engine_and_its_tests():
    files = {path.relative_to(gpu_pack.ROOT).as_posix() for path in gpu_pack._source_files()}
    assert {"pyproject.toml", "bikd_core/bench/gpu.py", "tests/conftest.py"} <= files
    assert not [file for file in files if file.endswith(".pyc")]


def test_pip_is_asked_for_wheels_of_the_other_machine_with_the_projects_versions(pip, tmp_path):
    gpu_pack.pack(tmp_path / "pack.tar.xz", tmp_path, "3.13", "manylinux_2_28_aarch64")
    [command] = pip
    assert command[command.index("--python-version") + 1] == "3.13"
    assert {"--platform=manylinux_2_28_aarch64", "--platform=manylinux2014_aarch64"} <= set(command)
    assert {"pydantic>=2.11", "numpy"} <= set(command)
    assert not [word for word in command if word.startswith("torch")]


def test_what_pip_lacks_is_one_sentence(pip, tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: x\nERROR: No matching distribution\n")
    monkeypatch.setattr(gpu_pack.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ConfigError, match=r"Python 3\.9 on .*: ERROR: No matching distribution$"):
        gpu_pack.pack(tmp_path / "pack.tar.xz", tmp_path, "3.9")
    assert not (tmp_path / "pack.tar.xz").exists()


def test_an_archive_that_is_too_large_is_not_written(pip, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_pack, "MAX_BYTES", 100)
    with pytest.raises(ConfigError, match="it must have at most"):
        gpu_pack.pack(tmp_path / "pack.tar.xz", tmp_path)
    assert not (tmp_path / "pack.tar.xz").exists()


def test_an_archive_is_never_overwritten(pip, tmp_path):
    (tmp_path / "pack.tar.xz").write_text("")
    with pytest.raises(ConfigError, match="exists: delete it"):
        gpu_pack.pack(tmp_path / "pack.tar.xz", tmp_path)
