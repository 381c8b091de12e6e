"""The view "Pictures" of a run for an HTML file: galleries of its epochs, and each image once."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from app.components import Gallery
from app.lab.views import Moment
from app.lab.views.images.contents import Order, gallery_at, order_in_words
from bikd_core.config import ConfigError
from bikd_core.runs import Snapshot


class BakedPictures(NamedTuple):
    """Galleries of the drawn epochs."""

    galleries: dict[str, bytes]  # by what they are ordered by, in words: of each epoch, packed
    images: tuple[str, ...]  # data URIs; a gallery's pictures name them by their place


def bake_pictures(run: Snapshot, epochs: Sequence[int]) -> BakedPictures:
    """Return the highest and the lowest pictures of each epoch, by each weight.

    Raises:
        ConfigError: The pictures are not on this machine.
    """
    last = Moment(run, epochs[-1])
    orders: tuple[Order, ...] = tuple(last.kinds) if last.has_weights else ("loss",)
    places: dict[str, int] = {}
    galleries = {}
    for order in orders:
        shown = [gallery_at(Moment(run, epoch), order, None) for epoch in epochs]
        text = json.dumps([_stored(gallery, places) for gallery in shown], separators=(",", ":"))
        galleries[order_in_words(order)] = zlib.compress(text.encode(), level=9)
    return BakedPictures(galleries, tuple(places))


def _stored(gallery: Gallery, places: dict[str, int]) -> dict[str, Any]:
    """Return a gallery whose pictures name their image by its place, which a new one gets here."""
    if not any(pictures for _, pictures in gallery.sections):
        raise ConfigError(f"pictures is not possible: {gallery.sentence}")
    sections = [
        (
            title,
            [{**each, "image": places.setdefault(each["image"], len(places))} for each in pictures],
        )
        for title, pictures in gallery.sections
    ]
    return gallery._asdict() | {"sections": sections}
