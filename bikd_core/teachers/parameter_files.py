"""Reads a model's parameters from a safetensors file or a published checkpoint of PyTorch's.

What a file is, is told by its content, never by its name. No code in it is run.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from bikd_core.models import MODELS
from bikd_core.teachers.card import TeacherError

#: Where published files keep the parameters, by precedence; averaged ones come last.
_NESTED_UNDER = (
    "net",
    "model",
    "state_dict",
    "model_state_dict",
    "network",
    "student",
    "state_dict_ema",
    "model_ema",
    "ema",
)
_MAX_NESTING = 4
_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


def read_parameters(path: Path) -> dict[str, Tensor]:
    """Return parameters and buffers by name, on the CPU, of any shapes.

    They may be bare or nested, as in `_NESTED_UNDER`. A prefix of all names, such as the `module.`
    of data-parallel training or the `_orig_mod.` of torch.compile, is removed.

    Raises:
        TeacherError: The file is damaged, holds no parameters, or needs code to be read.
    """
    try:
        loaded = safetensors.torch.load_file(path) if _is_safetensors(path) else _unpickle(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise TeacherError(f"{path} is cut off or damaged: {error}.") from error
    tensors = _without_common_prefix(_named_tensors(loaded))
    if not tensors:
        keys = ", ".join(map(repr, _NESTED_UNDER))
        raise TeacherError(f"{path} holds no parameters by name, neither bare nor under {keys}.")
    return tensors


def _is_safetensors(path: Path) -> bool:
    """Return whether a file begins as safetensors do: the header's length, then JSON."""
    with path.open("rb") as file:
        start = file.read(9)
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") < 10**8


def _unpickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings(), path.open("rb") as file:  # by its path, it goes by its name
            warnings.simplefilter("ignore")  # of kinds of tensors that are refused by name later
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises nearly anything; it stays the cause
        if forbidden := re.search(r"GLOBAL (\S+)", str(error)):
            raise TeacherError(
                f"{path} holds more than parameters ({forbidden[1]}), and reading it could run "
                "code; save its state_dict alone and load that."
            ) from error
        raise TeacherError(
            f"{path} is cut off or damaged: torch cannot read parameters from it."
        ) from error


def _named_tensors(loaded: Any, depth: int = 0) -> dict[str, Tensor]:
    if not isinstance(loaded, Mapping):
        return {}
    nested = (loaded[key] for key in _NESTED_UNDER if isinstance(loaded.get(key), Mapping))
    inner = next(nested, None)
    if inner is not None and depth < _MAX_NESTING:
        return _named_tensors(inner, depth + 1)
    # SWA's averages count themselves beside the network.
    found = {str(key): value for key, value in loaded.items() if key != "n_averaged"}
    return {key: value for key, value in found.items() if isinstance(value, Tensor)}


def _common_prefix(names: Mapping[str, Tensor]) -> str:
    """Return the parts that all names begin with: "module." of module.a.b and module.c."""
    prefix = ""
    while True:
        parts = {name[len(prefix) :].partition(".")[:2] for name in names}
        if len(parts) != 1 or not (first := parts.pop())[1]:
            return prefix
        prefix += "".join(first)


def _without_common_prefix(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    length = len(_common_prefix(tensors))
    return {name[length:]: value for name, value in tensors.items()}


def load_parameters(
    model: nn.Module, parameters: Mapping[str, Tensor], path: Path, name: str
) -> None:
    """Put `parameters`, read from `path`, into a model of the architecture `name`.

    Raises:
        TeacherError: They are those of another architecture (the first name or shape that differs
            is named), of another number of classes, or cannot be a network's.
    """
    expected: dict[str, Tensor] = model.state_dict()
    found = _as_named_in(expected, parameters)
    # The oldest published files have no batch counts, and nothing here reads them.
    needed = [key for key in expected if not key.endswith("num_batches_tracked")]
    if reason := _mismatch(found, expected, needed):
        others = [other for other in MODELS if other != name and _fits(other, parameters)]
        hint = f"; it fits {' and '.join(others)}" if others else ""
        raise TeacherError(f"{path} is no {name}: {reason}{hint}.")
    if any(found[key].shape != expected[key].shape for key in needed):
        raise TeacherError(
            f"{path} tells {len(found['fc.bias'])} classes apart; "
            f"the data set has {len(expected['fc.bias'])}."
        )
    values = {key: _as_float(found[key], key, path) for key in needed}
    counts = {
        key: value
        for key, value in found.items()
        if key not in values and value.dtype == torch.int64 and value.shape == expected[key].shape
    }
    model.load_state_dict(expected | counts | values)


def _as_named_in(
    expected: Mapping[str, Tensor], parameters: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return parameters under the model's own names for its parts."""
    prefix = _common_prefix(expected)
    found = {prefix + key: value for key, value in _without_common_prefix(parameters).items()}
    if "fc.weight" in expected and "fc.weight" not in found:  # in files of option-A ResNets
        found = {re.sub(r"^linear\.", "fc.", key): value for key, value in found.items()}
    return found


def _mismatch(
    found: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    needed: list[str],
) -> str:
    """Return the first difference in names and shapes, the number of classes aside; "" if none."""
    if missing := [key for key in needed if key not in found]:
        return f"it has no {missing[0]}"
    if unknown := [key for key in found if key not in expected]:
        return f"that has no {unknown[0]}"
    differing = [key for key in needed if found[key].shape != expected[key].shape]
    if differing == ["fc.weight", "fc.bias"] and _fc_inputs(found) == _fc_inputs(expected):
        return ""
    if differing:
        shapes = (tuple(of[differing[0]].shape) for of in (found, expected))
        return "its {} has shape {}, not {}".format(differing[0], *shapes)
    return ""


def _fits(name: str, parameters: Mapping[str, Tensor]) -> bool:
    """Return whether parameters are those of an architecture, with any number of classes."""
    with torch.device("meta"):
        expected: dict[str, Tensor] = MODELS[name].make(2).state_dict()
    needed = [key for key in expected if not key.endswith("num_batches_tracked")]
    return not _mismatch(_as_named_in(expected, parameters), expected, needed)


def _fc_inputs(parameters: Mapping[str, Tensor]) -> torch.Size:
    return parameters["fc.weight"].shape[1:]


def _as_float(value: Tensor, name: str, path: Path) -> Tensor:
    """Return a parameter as float32, of the same shape.

    Raises:
        TeacherError: It cannot be one of a network that teaches.
    """
    dense = value.layout == torch.strided and not value.is_meta and not value.is_quantized
    if not dense or value.dtype not in _FLOATS:
        kind = "without values" if value.is_meta else str(value.dtype).removeprefix("torch.")
        kind += "" if value.layout == torch.strided else ", sparse"
        raise TeacherError(
            f"{path} cannot teach: its {name} is {kind}; it must be dense and float32, float16, "
            "bfloat16 or float64."
        )
    converted = value.detach().float()
    if not torch.isfinite(converted).all():
        raise TeacherError(f"{path} cannot teach: its {name} has values that are not finite.")
    if value.dim() > 1 and not converted.any():
        raise TeacherError(f"{path} cannot teach: its {name} is 0 throughout.")
    if name.endswith("running_var") and (converted < 0).any():
        raise TeacherError(f"{path} cannot teach: its {name}, a variance, has negative values.")
    return converted
