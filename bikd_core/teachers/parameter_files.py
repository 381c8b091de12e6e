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

from bikd_core.config import listed
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
_MAX_NAMED = 3  # of the names or shapes that differ
#: What people call the last layer; libraries have it one level deeper, as in classifier.0.
_HEAD_WEIGHT = r"(^|\.)(fc|linear|classifier|head)(\.\w+)?\.weight$"
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

    A last layer called fc, linear, classifier or head is the model's own, whatever that is called.

    Raises:
        TeacherError: They are those of another architecture (the first three names or shapes that
            differ are named), of another number of classes, or cannot be a network's.
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
        weight = f"{_head_of(expected)}.weight"
        raise TeacherError(
            f"{path} tells {len(found[weight])} classes apart; "
            f"the data set has {len(expected[weight])}."
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
    own, other = _head_of(expected), _head_of(found)
    if not own or not other or other == own or f"{own}.weight" in found:
        return found
    if found[f"{other}.weight"].shape[1:] != expected[f"{own}.weight"].shape[1:]:
        return found
    return {_renamed(key, other, own): value for key, value in found.items()}


def _renamed(key: str, before: str, after: str) -> str:
    return after + key.removeprefix(before) if key.startswith(f"{before}.") else key


def _head_of(parameters: Mapping[str, Tensor]) -> str:
    """Return the name of the last layer, such as "fc" or "net.classifier.0"; "" if none has one."""
    found = [
        key.removesuffix(".weight")
        for key, value in parameters.items()
        if re.search(_HEAD_WEIGHT, key) and value.dim() == 2
    ]
    return found[-1] if found else ""


def _mismatch(
    found: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    needed: list[str],
) -> str:
    """Return the first differences in names and shapes, the number of classes aside; "" if none."""
    missing = [key for key in needed if key not in found]
    unknown = [key for key in found if key not in expected]
    differing = [key for key in needed if key in found and found[key].shape != expected[key].shape]
    if not missing and not unknown and _are_other_classes(found, expected, differing):
        return ""
    named, said = 0, []
    for words, keys in (("it has no", missing), ("that has no", unknown)):
        if first := keys[: _MAX_NAMED - named]:
            said.append(f"{words} {listed(first)}")
            named += len(first)
    for key in differing[: _MAX_NAMED - named]:
        shapes = (tuple(of[key].shape) for of in (found, expected))
        said.append("its {} has shape {}, not {}".format(key, *shapes))
        named += 1
    more = len(missing) + len(unknown) + len(differing) - named
    return ", ".join(said) + (f", and {more} more" if more else "")


def _are_other_classes(
    found: Mapping[str, Tensor], expected: Mapping[str, Tensor], differing: list[str]
) -> bool:
    """Return whether parameters differ in nothing but the number of rows of the last layer."""
    head = _head_of(expected)
    if not {*differing} <= {f"{head}.weight", f"{head}.bias"}:
        return False
    return all(found[key].shape[1:] == expected[key].shape[1:] for key in differing)


def _fits(name: str, parameters: Mapping[str, Tensor]) -> bool:
    """Return whether parameters are those of an architecture, with any number of classes."""
    with torch.device("meta"):
        expected: dict[str, Tensor] = MODELS[name].make(2).state_dict()
    needed = [key for key in expected if not key.endswith("num_batches_tracked")]
    return not _mismatch(_as_named_in(expected, parameters), expected, needed)


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
