"""Reads a model's parameters from .safetensors or published .pth files; never runs code in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from bikd_core.teachers.card import TeacherError

SUFFIXES = (".safetensors", ".pth")
_NESTED_UNDER = ("net", "model", "state_dict")  # where published files keep the parameters


def read_parameters(path: Path) -> dict[str, Tensor]:
    """Return parameters and buffers by name, on the CPU, of any shapes.

    A .pth file may hold them bare or under 'net', 'model' or 'state_dict'; the prefix 'module.',
    which data-parallel training adds, is removed.

    Raises:
        TeacherError: The file is damaged, holds no parameters, or needs code to be read.
    """
    if path.suffix == ".pth":
        return _named_tensors(_unpickle(path), path)
    try:
        return _named_tensors(safetensors.torch.load_file(path), path)
    except (OSError, safetensors.SafetensorError) as error:
        raise TeacherError(f"{path} is cut off or damaged: {error}.") from error


def _unpickle(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises nearly anything; it stays the cause
        if forbidden := re.search(r"GLOBAL (\S+)", str(error)):
            raise TeacherError(
                f"{path} holds more than parameters ({forbidden[1]}), and reading it could run "
                "code; save its state_dict alone and load that."
            ) from error
        raise TeacherError(
            f"{path} is cut off or damaged: torch cannot read parameters from it."
        ) from error


def _named_tensors(loaded: Any, path: Path) -> dict[str, Tensor]:
    if isinstance(loaded, Mapping):
        nested = (loaded[key] for key in _NESTED_UNDER if isinstance(loaded.get(key), Mapping))
        loaded = next(nested, loaded)
    found = loaded.items() if isinstance(loaded, Mapping) else ()
    tensors = {
        str(key).removeprefix("module."): value for key, value in found if isinstance(value, Tensor)
    }
    if not tensors:
        raise TeacherError(
            f"{path} holds no parameters by name, neither bare nor under 'net', 'model' or "
            "'state_dict'."
        )
    return tensors


def load_parameters(
    model: nn.Module, parameters: Mapping[str, Tensor], path: Path, name: str
) -> None:
    """Put `parameters`, read from `path`, into a model of the architecture `name`.

    Raises:
        TeacherError: They are those of another architecture (the first name or shape that differs
            is named), of another number of classes, or not finite.
    """
    expected: dict[str, Tensor] = model.state_dict()
    # The oldest published files have no batch counts, and nothing here reads them.
    needed = [key for key in expected if not key.endswith("num_batches_tracked")]
    if missing := [key for key in needed if key not in parameters]:
        raise TeacherError(f"{path} is no {name}: it has no {missing[0]}.")
    if unknown := [key for key in parameters if key not in expected]:
        raise TeacherError(f"{path} is no {name}: that has no {unknown[0]}.")
    differing = [key for key in needed if parameters[key].shape != expected[key].shape]
    if differing == ["fc.weight", "fc.bias"] and _fc_inputs(parameters) == _fc_inputs(expected):
        raise TeacherError(
            f"{path} tells {len(parameters['fc.bias'])} classes apart; "
            f"the data set has {len(expected['fc.bias'])}."
        )
    if differing:
        found, right = (tuple(of[differing[0]].shape) for of in (parameters, expected))
        raise TeacherError(
            f"{path} is no {name}: its {differing[0]} has shape {found}, not {right}."
        )
    if broken := [key for key in needed if not torch.isfinite(parameters[key]).all()]:
        raise TeacherError(f"{path} cannot teach: its {broken[0]} has values that are not finite.")
    model.load_state_dict(expected | dict(parameters))


def _fc_inputs(parameters: Mapping[str, Tensor]) -> torch.Size:
    return parameters["fc.weight"].shape[1:]
