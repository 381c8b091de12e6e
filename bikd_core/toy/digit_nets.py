"""Teacher, student and weight net of the lesson's run on digits, in one file, and what they say.

`python -m bikd_core.toy.digit_nets FILE` trains that run (the defaults: digits, BiKD, seed 0) and
writes the file. C classes, T test pictures.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from bikd_core.config import RunConfig
from bikd_core.control import Control
from bikd_core.losses import weight_net_inputs
from bikd_core.models import WeightNet, build
from bikd_core.places import Places
from bikd_core.toy.pipe import Answer, Question, packed
from bikd_core.training.loop import Loop
from bikd_core.training.record import surface
from bikd_core.training.start import begin

NUM_CLASSES = 10


class DigitNets:
    """The three networks, ready to be asked.

    Args:
        path: A file of `write_nets`.
    """

    def __init__(self, path: Path) -> None:
        with safetensors.safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        draw = torch.Generator().manual_seed(0)  # of values that are replaced at once
        self.student, self.teacher = (
            build(facts[role], NUM_CLASSES, 1, 8, draw) for role in ("student", "teacher")
        )
        self.weight_net = WeightNet(facts["weight_net_layers"], draw)
        for role, net in self._nets().items():
            net.load_state_dict(_under(f"{role}.", tensors))
            net.eval()
        self.pictures, self.labels = tensors["pictures"], tensors["labels"]  # [T, 8, 8], [T]
        self._mean, self._std = facts["mean"], facts["std"]
        values = surface(self.weight_net)
        self._surface = packed((254 * values.astype(float)).round(), "u1")

    def _nets(self) -> dict[str, nn.Module]:
        return {"student": self.student, "teacher": self.teacher, "weight_net": self.weight_net}

    def logits(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return what student and teacher say; (B, 1, 8, 8) from 0 to 255 -> (B, C), (B, C)."""
        images = (pictures / 255 - self._mean) / self._std
        return self.student(images), self.teacher(images)

    @torch.no_grad()
    def answer(self, question: Question) -> Answer:
        """Return what the networks say about a picture, for each label that it might have."""
        label = None
        if question.picture is None:
            pixels = torch.tensor(question.pixels).view(8, 8) * (255 / 16)
        else:
            at = question.picture % len(self.labels)
            pixels, label = self.pictures[at].float(), int(self.labels[at])
        logits = self.logits(pixels.view(1, 1, 8, 8))
        labels = torch.arange(NUM_CLASSES)
        student, teacher = (z.expand(NUM_CLASSES, -1) for z in logits)
        seen = weight_net_inputs(student, teacher, labels)
        weights = self.weight_net(seen)
        return Answer(
            toy=question.toy,
            number=question.number,
            pixels=tuple(pixels.round().int().flatten().tolist()),
            label=label,
            student=tuple(logits[0].softmax(dim=1)[0].tolist()),
            teacher=tuple(logits[1].softmax(dim=1)[0].tolist()),
            losses=tuple((a, b) for a, b in seen.tolist()),
            weights=tuple((a, b) for a, b in weights.tolist()),
            surface=self._surface,
        )


def write_nets(path: Path, config: RunConfig) -> None:
    """Train a run and write its three networks, with the test pictures, as safetensors.

    Args:
        path: The file to write.
        config: Digits, by BiKD as published: the weight net sees plain cross-entropies.
    """
    with tempfile.TemporaryDirectory() as home:
        loop = _trained(config, Places.at(Path(home)))
    teacher, weight_net = loop.teacher, loop.method.weight_net
    assert teacher is not None
    assert weight_net is not None
    nets = {"student": loop.student, "teacher": teacher, "weight_net": weight_net}
    tensors = {
        f"{role}.{name}": value.contiguous()
        for role, net in nets.items()
        for name, value in net.state_dict().items()
    }
    tensors |= {"pictures": loop.split.test.images[:, 0].contiguous()}
    tensors |= {"labels": loop.split.test.labels.to(torch.uint8)}
    facts = {
        "student": config.models.student,
        "teacher": config.models.teacher_model,
        "weight_net_layers": config.flat()["weight_net_layers"],
        "mean": loop.split.mean[0],
        "std": loop.split.std[0],
        "config": config.model_dump(mode="json"),
    }
    safetensors.torch.save_file(tensors, path, {"facts": json.dumps(facts)})


def _trained(config: RunConfig, places: Places) -> Loop:
    control, loops = Control(), []

    def events() -> Iterator[object]:
        begun = yield from begin(config, control, places)
        assert begun is not None  # nobody stops it
        loops.append(begun.loop)
        for _ in range(config.training.epochs):
            yield from begun.loop.run_epoch(control)

    for _ in events():
        pass
    return loops[0]


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): value for n, value in tensors.items() if n.startswith(prefix)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    write_nets(Path(sys.argv[1]), RunConfig())
