"""What the lesson's teacher believes of test pictures, as a small file for pages without torch.

`python -m bikd_core.toy.beliefs NETS FILE` asks the networks of `bikd_core.toy.digit_nets`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from bikd_core.toy.digit_nets import NUM_CLASSES, DigitNets
from bikd_core.toy.tables import Asked, Beliefs


@torch.no_grad()
def beliefs_of(nets: DigitNets) -> Beliefs:
    """Return what the teacher says of one test picture of each class, and on average.

    The picture is the one whose belief in the label is the class's median: not the best, not the
    worst.
    """
    student, teacher = nets.logits(nets.pictures.float().unsqueeze(1))
    belief = teacher.softmax(dim=1)
    pictures = []
    for label in range(NUM_CLASSES):
        members = (nets.labels == label).nonzero().flatten()
        order = belief[members, label].argsort()
        at = int(members[order[len(order) // 2]])
        pictures.append(
            Asked(
                number=at,
                label=label,
                pixels=tuple(nets.pictures[at].flatten().tolist()),
                student=_rounded(student[at]),
                teacher=_rounded(teacher[at]),
            )
        )
    mean = tuple(round(share, 5) for share in belief.mean(dim=0).tolist())
    return Beliefs(pictures=tuple(pictures), mean_belief=mean, num_pictures=len(nets.labels))


def _rounded(logits: torch.Tensor) -> tuple[float, ...]:
    return tuple(round(value, 3) for value in logits.tolist())


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = beliefs_of(DigitNets(Path(sys.argv[1])))
    Path(sys.argv[2]).write_text(found.model_dump_json(), encoding="utf-8")
