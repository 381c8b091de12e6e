"""`python -m app.takeaway [--pictures] FILE RUN [RUN]`, for `bikd export --html`, `--notebook`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from streamlit.logger import set_log_level

from app.takeaway.bake import Size, bake, size_of
from app.takeaway.file import as_html
from app.takeaway.notebook import as_notebook
from bikd_core.places import Places
from bikd_core.runs.history import Histories, Snapshot
from bikd_core.store.files import replace_text

WITH_PICTURES = "--pictures"


def main(file: str, *run_ids: str, has_pictures: bool = False) -> int:
    """Write a run to a notebook, by the file's ending, or one or two runs to an HTML file.

    What was written is printed. A refusal is printed, too, and 2 returned.
    """
    set_log_level("ERROR")  # no page is drawn here
    histories, path = Histories(Places.from_environment().runs, lambda run_id: False), Path(file)
    try:
        runs = [histories.snapshot(run_id) for run_id in run_ids]
        if path.suffix == ".ipynb":
            replace_text(path, as_notebook(runs[0]))
            print(path)
        else:
            _write_html(path, runs, has_pictures=has_pictures)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _write_html(path: Path, runs: Sequence[Snapshot], *, has_pictures: bool) -> None:
    size = size_of(runs)
    print(_in_words(size), file=sys.stderr)
    baked = bake(runs, size, has_pictures=has_pictures)
    text = as_html(baked)
    replace_text(path, text)
    print(
        f"{path}: {len(text) / 1e6:.1f} MB, {len(baked.epochs)} epochs of "
        f"{baked.num_bytes / len(baked.epochs) / 1000:.1f} kB"
    )


def _in_words(size: Size) -> str:
    """Return how large the file is going to be, before it is made."""
    stride = f", one in {size.stride}" if size.stride > 1 else ""
    return f"About {size.num_bytes / 1e6:.1f} MB: {size.num_epochs} epochs{stride}."


if __name__ == "__main__":
    arguments = [each for each in sys.argv[1:] if each != WITH_PICTURES]
    sys.exit(main(*arguments, has_pictures=len(arguments) < len(sys.argv[1:])))
