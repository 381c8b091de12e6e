"""A module imports only from above it in this list; app imports all of the core."""

import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parents[1] / "bikd_core"
ORDER = (
    "config events control places data speed models losses hypergradient evaluation methods store "
    "teachers training worker runs studies bench cli"
).split()
TORCH_FREE = (
    "__init__ config events control places data/sources data/counts data/possible data/pictures "
    "data/source data/published_source speed evaluation store worker runs studies cli teachers/card"
).split()


def imported(path: Path, *, top_level_only: bool = False) -> set[str]:
    names: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda p: str(p.relative_to(CORE)))
def test_imports_point_up_the_list(path):
    names = imported(path)
    assert not {name for name in names if name.split(".")[0] in {"streamlit", "app", "plotly"}}
    layer = path.relative_to(CORE).with_suffix("").parts[0]
    if layer == "__init__":
        return
    assert layer in ORDER, f"{layer} has no place in the layer order"
    used = {name.split(".")[1] for name in names if name.startswith("bikd_core.")}
    above = {*ORDER[: ORDER.index(layer) + 1], "__version__"}
    assert used <= above, f"{layer} imports {sorted(used - above)}"


@pytest.mark.parametrize("layer", TORCH_FREE)
def test_what_the_page_needs_to_replay_imports_no_torch(layer):
    files = [path for path in (CORE / f"{layer}.py", *(CORE / layer).glob("*.py")) if path.exists()]
    assert files, f"there is no module {layer}"
    names = set().union(*(imported(path, top_level_only=True) for path in files))
    assert not {name for name in names if name.split(".")[0] in {"torch", "torchvision", "sklearn"}}
