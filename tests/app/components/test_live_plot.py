import ast
import base64
import hashlib
import json
import re
import zlib
from importlib import resources

from app.components.live_plot import packed
from app.components.source import text_of
from app.figures import Drawing
from app.server.static_files import PLOTLY, STATIC, plotly_version

FIGURES = STATIC.parent / "figures"
#: What "type" says in figures of axes, errors and shapes.
OF_LAYOUTS = {"category", "data", "line", "linear", "log", "rect"}


def types_in_figures() -> set[str]:
    """The values that dicts in the figures' modules have under "type"."""
    found = set()
    for path in FIGURES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "type":
                        found.add(ast.literal_eval(value))
    return found


def test_plotlys_bundle_draws_every_trace_that_the_figures_use():
    used = types_in_figures() - OF_LAYOUTS
    assert used == {"bar", "contour", "heatmap", "scatter"}
    script = PLOTLY.read_text(encoding="utf-8")
    assert used <= set(re.findall(r'moduleType:"trace",name:"(\w+)"', script))


def test_plotlys_bundle_has_the_first_number_of_the_plotly_packages_script():
    script = resources.files("plotly") / "package_data" / "plotly.min.js"
    with script.open(encoding="utf-8") as file:
        [theirs] = re.findall(r"plotly\.js v(\d+)\.", file.read(200))
    assert plotly_version().split(".")[0] == theirs


def test_plotlys_bundle_is_the_unmodified_file_that_its_readme_names():
    readme = (PLOTLY.parent / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(PLOTLY.read_bytes()).hexdigest() in readme
    assert plotly_version() in readme
    assert "MIT License" in (PLOTLY.parent / "LICENSE").read_text(encoding="utf-8")


def test_a_figure_is_packed_to_less_than_half_and_comes_back_whole():
    drawing = Drawing(
        "Who − whom?", "At epoch 3: 5 %.", "…", [{"y": [0.125, 0.25, -3.5] * 200}], {}, 334
    )
    text = packed(drawing)
    whole = zlib.decompress(base64.b64decode(text))
    assert json.loads(whole) == drawing._asdict()
    assert len(text) < len(json.dumps(drawing._asdict())) / 2


def test_a_components_script_is_sent_without_comments_and_indentation():
    sent = text_of("timeline.js")
    whole = (STATIC.parent / "components" / "timeline.js").read_text(encoding="utf-8")
    assert len(sent) < len(whole)
    assert not any(line.startswith(("//", " ")) for line in sent.splitlines())
