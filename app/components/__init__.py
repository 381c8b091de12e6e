"""Our Streamlit components: each is a Python function beside its JavaScript."""

from app.components.control_keys import control_keys
from app.components.drawer import drawer
from app.components.gallery import Gallery, Picture, gallery, portrait
from app.components.live_plot import live_plot
from app.components.stepper import stepper
from app.components.timeline import chosen_epoch, timeline
from app.components.visibility import page_is_hidden

__all__ = [
    "Gallery",
    "Picture",
    "chosen_epoch",
    "control_keys",
    "drawer",
    "gallery",
    "live_plot",
    "page_is_hidden",
    "portrait",
    "stepper",
    "timeline",
]
