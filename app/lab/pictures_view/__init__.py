"""The view of single training pictures, and the strip of pictures under other views' figures."""

from app.lab.pictures_view.gallery import CLICKABLE, row_of_strip, select, show, show_pair, strip

__all__ = ["CLICKABLE", "row_of_strip", "select", "show", "show_pair", "strip"]
