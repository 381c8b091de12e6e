"""`python -m app.site FOLDER`: what `bikd site` calls."""

from __future__ import annotations

import sys
from pathlib import Path

from streamlit.logger import set_log_level

from app.lesson.cards import LessonError
from app.site.write import write_site


def main(folder: str) -> int:
    """Write the site, and print each file and its size; a refusal is printed, and 2 returned."""
    set_log_level("ERROR")  # no page is drawn here
    total = 0
    try:
        for name, size in write_site(Path(folder)):
            total += size
            print(f"{size / 1e6:5.1f} MB  {name}", file=sys.stderr, flush=True)
    except (OSError, LessonError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{Path(folder) / 'index.html'}: {total / 1e6:.1f} MB in all")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
