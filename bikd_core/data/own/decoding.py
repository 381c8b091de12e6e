"""One picture of any size and mode as a small square of RGB, or why it cannot be read.

S: height and width of the square in pixels.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_FILE_BYTES = 256 * 2**20
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
#: What Pillow's decoders raise for damaged files, besides OSError.
_DAMAGE = (SyntaxError, ValueError, IndexError, KeyError, struct.error, zlib.error, EOFError)

Square = NDArray[np.uint8]  # [S, S, 3]


class Unreadable(Exception):
    """A picture cannot be read; the message completes "FILE …"."""


@contextmanager
def refusing_bombs() -> Iterator[None]:
    """Make Pillow refuse what would unpack to too many pixels, in all threads, inside a block."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def check_size(num_bytes: int) -> None:
    """Check that a file is not too large to be read.

    Raises:
        Unreadable: It is.
    """
    if num_bytes > MAX_FILE_BYTES:
        raise Unreadable(f"is larger than {MAX_FILE_BYTES >> 20} MB")


def square_of_file(path: Path, size: int) -> Square:
    """Return the pixels of a picture's file as [S, S, 3].

    Raises:
        Unreadable: As `square_of`; or the file cannot be read.
    """
    try:
        check_size(path.stat().st_size)
        content = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from error
    return square_of(content, size)


def square_of(content: bytes, size: int) -> Square:
    """Return the pixels of a picture in a file's format as [S, S, 3].

    It is turned as its EXIF data says, laid on white where it is transparent, cut to its middle
    square and resized. One that has the size already keeps its pixels as they are.

    Raises:
        Unreadable: It is none of `FORMATS`, is damaged, or too large.
    """
    with _opened(content, size) as image:
        return _square(image, size)


def thumbnail_of(content: bytes, longest: int) -> NDArray[np.uint8]:
    """Return a picture in a file's format as it is, but no larger than so many pixels: [H, W, 3].

    Raises:
        Unreadable: As `square_of`.
    """
    with _opened(content, longest) as image:
        rgb = _rgb(image)
        rgb.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        return np.array(rgb)


@contextmanager
def _opened(content: bytes, size: int) -> Iterator[Image.Image]:
    """Open a picture in a file's format, turned; what fails inside the block is one sentence."""
    if not content:
        raise Unreadable("is empty")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            image.draft("RGB", (2 * size, 2 * size))  # a JPEG decodes to no more than is needed
            yield _turned(image)
    except UnidentifiedImageError as error:
        raise Unreadable("is not a picture") from error
    except _BOMB as error:
        limit = (Image.MAX_IMAGE_PIXELS or 0) / 1e6
        raise Unreadable(f"has more than {limit:.0f} million pixels") from error
    except (OSError, MemoryError, *_DAMAGE) as error:
        raise Unreadable("is cut off or damaged") from error


def square_of_image(image: Image.Image, size: int) -> Square:
    """Return the pixels of a decoded picture as [S, S, 3], as `square_of` does.

    Raises:
        Unreadable: It has floating-point pixels, or cannot be decoded.
    """
    try:
        return _square(_turned(image), size)
    except (OSError, MemoryError, *_DAMAGE) as error:
        raise Unreadable("is cut off or damaged") from error


def square_of_array(pixels: NDArray[Any], size: int) -> Square:
    """Return one picture of an array as [S, S, 3]; [H, W] or [H, W, c] with c = 1, 3 or 4."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype == np.uint16:
        pixels = np.rint(pixels / 257)
    elif pixels.dtype == np.bool_:
        pixels = pixels * 255
    return _square(Image.fromarray(pixels.astype(np.uint8)), size)


def _turned(image: Image.Image) -> Image.Image:
    turned: Image.Image = ImageOps.exif_transpose(image)
    return turned


def _square(image: Image.Image, size: int) -> Square:
    rgb = _rgb(image)
    if rgb.size != (size, size):
        rgb = ImageOps.fit(rgb, (size, size), Image.Resampling.LANCZOS)
    return np.array(rgb)


def _rgb(image: Image.Image) -> Image.Image:
    """Return a picture of any mode in RGB; 16 bits a pixel become 8."""
    if image.mode == "F":
        raise Unreadable("has floating-point pixels, which have no fixed white")
    if image.mode.startswith("I"):
        values = np.rint(np.clip(np.array(image, dtype=np.float64), 0, 65535) / 257)
        return Image.fromarray(values.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        front = image.convert("RGBA")
        white = Image.new("RGBA", front.size, "white")
        return Image.alpha_composite(white, front).convert("RGB")
    return image.convert("RGB")
