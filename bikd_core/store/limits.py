"""What the zip of a run may hold: which members, how large, how many. Checked before unpacking."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

from bikd_core.config import RunConfig, SourceFacts, known_facts
from bikd_core.config.own_loop import OwnLoop
from bikd_core.events import SURFACE_AXIS, TOP_BELIEFS, WEIGHT_BINS, Frame, Panel, StepTrace
from bikd_core.store.files import CorruptRunError, check_packing
from bikd_core.store.layouts import layouts

MAX_UNPACKED_BYTES = 2**30
MAX_RECORD_BYTES = 2**20  # run.json is read before anything else is known
MAX_RATIO = 100  # unpacked over packed; arrays of real runs hardly shrink, their logs tenfold
FREE_UNPACKED_BYTES = 16 * 2**20  # the ratio of small zips does not matter
_MAX_TRACES, _MAX_BATCH = 20_000, 4096
_STATUS_BYTES = 2**16
_STUDENT_BYTES = 256 * 2**20
_STEPS_BYTES = 8 * 2**20  # of the log: steps and controls, as many as somebody clicks
_EPOCH_BYTES, _EPOCH_CLASS_BYTES = 4096, 400  # of the log, per epoch, and per class of an epoch
_ARRAY_BYTES = 1024  # headers of an array in its file
_MEMBER = re.compile(
    r"(?P<file>(run|status)\.json|events\.jsonl|panel\.npz|student\.safetensors)|"
    r"frames/(?P<frame>\d{4,9})\.npz|traces/(?P<trace>\d{4,9})-\d{6,12}\.npz"
)


def is_member(name: str) -> bool:
    """Return whether a file of this name, relative to a run's folder, belongs into its zip."""
    return _MEMBER.fullmatch(name) is not None


def members_of(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the files in the zip of a run, after a check of names, packing and total size.

    Raises:
        CorruptRunError: The zip cannot be that of a run, or is out of proportion.
    """
    members = [member for member in archive.infolist() if not member.is_dir()]
    seen: set[str] = set()
    for member in members:
        shown = repr(member.filename[:80])
        if not is_member(member.filename):
            raise CorruptRunError(f"The zip is not that of a run: it holds {shown}.")
        if member.filename in seen:
            raise CorruptRunError(f"The zip is not that of a run: it holds {shown} twice.")
        seen.add(member.filename)
        check_packing(member)
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES:
        raise CorruptRunError(f"The zip is larger than {MAX_UNPACKED_BYTES:,} bytes unpacked.")
    packed = sum(member.compress_size for member in members)
    if unpacked > FREE_UNPACKED_BYTES + MAX_RATIO * packed:
        raise CorruptRunError(
            f"The zip would unpack from {packed:,} to {unpacked:,} bytes; a run's zip grows at "
            f"most {MAX_RATIO}-fold."
        )
    if "run.json" not in seen:
        raise CorruptRunError("The zip is not that of a run: it has no run.json.")
    if archive.getinfo("run.json").file_size > MAX_RECORD_BYTES:
        raise CorruptRunError(f"run.json is larger than {MAX_RECORD_BYTES:,} bytes.")
    return members


def check_sizes(members: Sequence[zipfile.ZipInfo], config: RunConfig) -> None:
    """Refuse members that a run of this config cannot need.

    Raises:
        CorruptRunError: There is such a member; the message names it and the limit.
    """
    limits, num_traces = _limits(config), 0
    for member in members:
        name, match = member.filename, _MEMBER.fullmatch(member.filename)
        assert match is not None  # `members_of` has checked the names
        epoch = match["frame"] or match["trace"]
        if epoch is not None and not 1 <= int(epoch) <= config.training.epochs:
            raise CorruptRunError(
                f"{name} is of epoch {int(epoch)}; the run has {config.training.epochs}."
            )
        num_traces += match["trace"] is not None
        limit = limits["frame" if match["frame"] else "trace" if match["trace"] else name]
        if member.file_size > limit:
            raise CorruptRunError(
                f"{name} has {member.file_size:,} bytes; a run of {config.training.epochs} epochs "
                f"on {config.data.dataset} needs at most {limit:,}."
            )
    if num_traces > _MAX_TRACES:
        raise CorruptRunError(
            f"The zip has {num_traces:,} traces of steps; at most {_MAX_TRACES:,} are read."
        )


def max_images(config: RunConfig) -> int:
    """Return a number of training images that no run of this config exceeds."""
    if isinstance(config.method, OwnLoop):
        return config.method.num_images
    return sum(_facts(config).pool_of_each)


def _facts(config: RunConfig) -> SourceFacts:
    facts = known_facts(config.data.dataset)
    if facts is None:  # a record of own pictures without their facts
        raise CorruptRunError(
            f"run.json says nothing about the data set {config.data.dataset[:80]}, whose facts it "
            "should have."
        )
    return facts


def _num_classes(config: RunConfig) -> int:
    if isinstance(config.method, OwnLoop):
        return config.method.num_classes
    return _facts(config).num_classes


def _limits(config: RunConfig) -> dict[str, int]:
    """Return the most bytes that each kind of member can need."""
    num_classes = _num_classes(config)
    sizes = {
        "N": max_images(config),
        "M": _MAX_BATCH,
        "C": num_classes,
        "T": TOP_BELIEFS,
        "B": WEIGHT_BINS,
        "S": len(SURFACE_AXIS),
    }
    return {
        "run.json": MAX_RECORD_BYTES,
        "status.json": _STATUS_BYTES,
        "events.jsonl": _STEPS_BYTES
        + config.training.epochs * (_EPOCH_BYTES + _EPOCH_CLASS_BYTES * num_classes),
        "panel.npz": _npz_bytes(Panel, sizes),
        "student.safetensors": _STUDENT_BYTES,
        "frame": _npz_bytes(Frame, sizes),
        "trace": _npz_bytes(StepTrace, sizes),
    }


def _npz_bytes(kind: type[Panel | Frame | StepTrace], sizes: Mapping[str, int]) -> int:
    total = 0
    for layout in layouts(kind).values():
        shape = [sizes[part] if part.isalpha() else int(part) for part in layout.shape]
        # An array of whole numbers of any width is at most int16: the classes believed in.
        is_abstract = layout.dtype is np.integer
        width = 2 if is_abstract else np.dtype(layout.dtype).itemsize
        total += _ARRAY_BYTES + width * math.prod(shape)
    return total
