"""Writes a run's student to a file by its ending, with the model card beside it."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bikd_core.config import ConfigError
from bikd_core.models.own import OwnNetwork
from bikd_core.store import RunFolder, StoreError
from bikd_core.store.files import replace_bytes, replace_text, tensor_bytes, writing
from bikd_core.students.card import model_card
from bikd_core.students.network import Loaded, load_student

LARGEST_DIFFERENCE = 1e-4  # of the scores of an .onnx from torch's own
_CHECKED = (1, 5, 64)  # batch sizes: it is free
_IN, _OUT = "images", "scores"

_INPUT = (
    "It takes float32 pixels in 0 … 1 of the shape (batch, {channels}, {size}, {size}), any batch "
    "size, and gives a score for each class, in label order; the softmax of them is the "
    "probabilities."
)
_USAGE = {
    ".safetensors": "The parameters of the network {model} alone. Pixels in 0 … 1 are normalised "
    "by the mean and standard deviation of each channel in the metadata, which also holds the "
    "class names and what is added to the logits (`added`).\n\n"
    "```python\nimport safetensors.torch\n\nparameters = safetensors.torch.load_file({file!r})\n"
    "with safetensors.safe_open({file!r}, 'pt') as file:\n    metadata = file.metadata()\n```",
    ".pt2": _INPUT + " Normalisation is inside. It needs torch alone, of {torch} or newer.\n\n"
    "```python\nimport torch\n\nstudent = torch.export.load({file!r}).module()\n"
    "scores = student(images)\n```",
    ".onnx": _INPUT + " Normalisation is inside; its metadata hold the class names.\n\n"
    "```python\nimport onnxruntime\n\nsession = onnxruntime.InferenceSession({file!r})\n"
    "[scores] = session.run(None, {{'images': images}})\n```",
}


def check_ending(target: Path) -> None:
    """Refuse a file whose ending says no form that a student can have.

    Raises:
        ConfigError: It does.
    """
    if target.suffix not in _USAGE:
        raise ConfigError(
            f"student = {str(target)!r} is not possible: it must end in {' or '.join(_USAGE)}."
        )
    if target.suffix == ".onnx":
        lacking = [n for n in ("onnx", "onnxscript", "onnxruntime") if not _is_installed(n)]
        if lacking:
            raise ConfigError(
                f"student = {str(target)!r} needs {' and '.join(lacking)}: pip install 'bikd[onnx]'"
            )


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def export_student(folder: RunFolder, target: Path, data_dir: Path) -> tuple[Path, Path]:
    """Write the student of a finished run and its card; return both paths.

    The form is that of the file's ending: .safetensors, .pt2 (torch.export) or .onnx. Files that
    exist are replaced, and nothing is left of one that cannot be written or differs from torch.

    Raises:
        ConfigError: The ending says no form, or needs packages that are not installed.
        StoreError: The run has no student, it cannot be written, or an .onnx differs from torch.
        DatasetUnavailable: The run's data set is needed and not on this machine.
    """
    check_ending(target)
    loaded = load_student(folder, data_dir)
    content = _FORMS[target.suffix](folder, loaded)
    channels, size = loaded.split.train.images.shape[1:3]
    usage = _USAGE[target.suffix].format(
        file=target.name,
        channels=channels,
        size=size,
        model=folder.record().config.models.student,
        torch=torch.__version__.partition("+")[0],
    )
    card = target.with_suffix(".md")
    text = model_card(folder, target.name, usage)
    with writing(target):
        replace_bytes(target, content)
        replace_text(card, text)
    return target, card


def _about(folder: RunFolder, loaded: Loaded) -> dict[str, str]:
    """Return what a file says about its student: run, network, data set, names of the classes."""
    record = folder.record()
    return {
        "run": record.id,
        "model": record.config.models.student,
        "dataset": record.config.data.dataset,
        "class_names": json.dumps(loaded.split.class_names, ensure_ascii=False),
    }


def _safetensors(folder: RunFolder, loaded: Loaded) -> bytes:
    network = loaded.student.network
    state = (network.net if isinstance(network, OwnNetwork) else network).state_dict()
    metadata = _about(folder, loaded) | {
        "mean": json.dumps(loaded.split.mean),
        "std": json.dumps(loaded.split.std),
        "added": json.dumps(loaded.student.added.tolist()),
    }
    return tensor_bytes({name: value.numpy() for name, value in state.items()}, metadata)


def _example(loaded: Loaded, number: int) -> torch.Tensor:
    """Return so many test images, pixels in 0 … 1, (B, c, H, W); some repeat if there are few."""
    images = loaded.split.test.images
    return images[torch.arange(number) % len(images)].float() / 255


def _exported(loaded: Loaded) -> torch.export.ExportedProgram:
    shapes = {_IN: {0: torch.export.Dim("batch", min=1, max=2**20)}}
    return torch.export.export(loaded.student, (_example(loaded, 4),), dynamic_shapes=shapes)


def _pt2(folder: RunFolder, loaded: Loaded) -> bytes:
    buffer = io.BytesIO()
    with _quiet():
        torch.export.save(_exported(loaded), buffer)
    return buffer.getvalue()


def _onnx(folder: RunFolder, loaded: Loaded) -> bytes:
    with _quiet():
        program = torch.onnx.export(
            _exported(loaded), input_names=[_IN], output_names=[_OUT], dynamo=True, verbose=False
        )
    assert program is not None  # it is where no file is named
    model = program.model_proto
    for name, text in _about(folder, loaded).items():
        model.metadata_props.add(key=name, value=text)
    content: bytes = model.SerializeToString()
    _check_onnx(content, loaded)
    return content


def _check_onnx(content: bytes, loaded: Loaded) -> None:
    """Compare onnxruntime with torch on test images, in batches of several sizes.

    Raises:
        StoreError: A score differs by more than `LARGEST_DIFFERENCE`.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for number in _CHECKED:
        images = _example(loaded, number)
        with torch.no_grad():
            expected = loaded.student(images).numpy()
        [found] = session.run([_OUT], {_IN: images.numpy()})
        difference = float(np.abs(found - expected).max())
        if not difference <= LARGEST_DIFFERENCE:
            raise StoreError(
                f"The .onnx differs from torch by {difference:.2g} on {number} images; at most "
                f"{LARGEST_DIFFERENCE:g} is allowed, so it was not written."
            )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let the exporters warn nobody about their own code, and print nothing."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    before = [logger.level for logger in loggers]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)


_FORMS: dict[str, Callable[[RunFolder, Loaded], Any]] = {
    ".safetensors": _safetensors,
    ".pt2": _pt2,
    ".onnx": _onnx,
}
