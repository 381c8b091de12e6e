"""What the first page's picture needs, and the file in which the server sends it at once.

`python -m app.home.first_picture` writes that file, after the recorded runs have changed.
"""

from __future__ import annotations

import json

from app.figures.playing import Playing, playing
from app.server.first_view import FILE
from app.shared.recorded import first_pair


def first_picture() -> Playing | None:
    """Return the first recorded run with weights, beside one on the same pictures without.

    None if there is no such run.
    """
    pair = first_pair()
    if pair is None:
        return None
    shown, other = pair
    rival = None
    if other is not None:
        rival = (f"{other.method}, equal weights for all", other.epochs[-1])
    return playing(shown.started, shown.epochs, rival)


def as_text() -> str:
    """Return the content of the file.

    Raises:
        ValueError: No recorded run has weights.
    """
    shown = first_picture()
    if shown is None:
        raise ValueError("No recorded run has weights, so there is no first picture.")
    return json.dumps(shown._asdict(), ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(as_text(), encoding="utf-8")
