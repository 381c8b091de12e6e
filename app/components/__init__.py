"""Streamlit components of our own; each is a Python function beside its JavaScript."""

from app.components.live_plot import live_plot
from app.components.timeline import timeline
from app.components.visibility import page_is_hidden

__all__ = ["live_plot", "page_is_hidden", "timeline"]
