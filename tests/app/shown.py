"""What a page that was run without a browser has handed to the components."""

import base64
import json
import zlib

import numpy as np
from streamlit.testing.v1 import AppTest


def components(lab: AppTest) -> list[dict]:
    """The data of each, in the page's order; a list of one is that one."""
    made = [json.loads(element.proto.json or "{}") for element in lab.get("bidi_component")]
    single = [data[0] if isinstance(data, list) and len(data) == 1 else data for data in made]
    return [_whole(data) for data in single]


def _whole(data):
    """The data of a component, and of a live plot what its packed drawing holds."""
    if not isinstance(data, dict) or "drawing" not in data:
        return data
    return json.loads(zlib.decompress(base64.b64decode(data["drawing"]))) | data


def drawings(lab: AppTest) -> dict[str, dict]:
    """The data of the live plots, by the figure's name."""
    return {data["file_name"]: data for data in components(lab) if "file_name" in data}


def choose(lab: AppTest, key: str, value: str) -> AppTest:
    """Click on a segment of the bar with that key."""
    [bar] = [group for group in lab.get("button_group") if group.key == key]
    return bar.set_value(value).run()


def words(lab) -> str:
    """All that the page says outside widgets and figures."""
    kinds = (lab.markdown, lab.caption, lab.info, lab.warning, lab.error)
    lines = [
        " ".join(part["text"] for part in line)
        for data in components(lab)
        if isinstance(data, dict) and "tag" in data
        for line in data["lines"]
    ]
    return "\n".join([element.value for kind in kinds for element in kind] + lines)


def unpacked(z: dict[str, str]) -> np.ndarray:
    """The matrix that a figure holds as bytes."""
    values = np.frombuffer(base64.b64decode(z["bdata"]), np.dtype(z["dtype"]))
    return values.reshape([int(size) for size in z["shape"].split(",")])


def unfold(page: AppTest) -> AppTest:
    """Unfold the controls under "Advanced"; return the page."""
    page.session_state["advanced"] = True
    return page.run()
