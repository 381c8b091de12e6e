"""A module imports only what stands above it in one list; what a page needs imports no torch."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Folders and modules, each below those that it may import.
ORDER = (
    "bikd_core/config bikd_core/events bikd_core/control bikd_core/places bikd_core/npy "
    "bikd_core/data "
    "bikd_core/speed bikd_core/models bikd_core/losses bikd_core/optimizers "
    "bikd_core/hypergradients bikd_core/own_hypergradient bikd_core/evaluation "
    "bikd_core/label_doubts bikd_core/calibration "
    "bikd_core/methods "
    "bikd_core/store "
    "bikd_core/teachers bikd_core/training bikd_core/worker bikd_core/recorder "
    "bikd_core/experiment_logs "
    "bikd_core/students bikd_core/runs "
    "bikd_core/toy "
    "bikd_core/studies "
    "bikd_core/bench bikd_core/answer bikd_core/recommend bikd_core/cli "
    "app/server app/figures app/shared/glossary app/components app/shared app/toy "
    "app/lab/views app/takeaway app/lab/pair app/lab/headline app/classroom "
    "app/lab app/compare app/studies app/teachers app/try_it app/home app/lesson "
    "app/site app/bench "
    "app/navigation app/main"
).split()
PAGES = ("home", "lesson", "lab", "compare", "studies", "teachers", "try_it")
#: What is imported before anybody trains: a recorded run replays without torch.
TORCH_FREE = (
    "bikd_core/__init__ bikd_core/config bikd_core/events bikd_core/control bikd_core/places "
    "bikd_core/npy "
    "bikd_core/data/sources bikd_core/data/counts bikd_core/data/possible bikd_core/data/pictures "
    "bikd_core/data/val_plan "
    "bikd_core/data/source bikd_core/data/published_source bikd_core/speed bikd_core/evaluation "
    "bikd_core/calibration bikd_core/label_doubts "
    "bikd_core/experiment_logs "
    "bikd_core/store bikd_core/recorder bikd_core/teachers/card bikd_core/teachers/imitation "
    "bikd_core/worker bikd_core/students/picture_answer bikd_core/runs bikd_core/studies "
    "bikd_core/cli app "
    "bikd_core/toy/plane bikd_core/toy/pipe bikd_core/toy/turns bikd_core/toy/server "
    "bikd_core/toy/process bikd_core/toy/tables"
).split()
ROOTS = {"bikd_core.__init__", "app.__init__"}
HEAVY = {"torch", "torchvision", "sklearn", "optuna", "statsmodels"}
FRONT_END = {"streamlit", "plotly", "app"}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for package in ("bikd_core", "app")
    for path in sorted((ROOT / package).rglob("*.py"))
}


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def imported(module: str, *, top_level_only: bool = False) -> frozenset[str]:
    """The modules and names that a module imports, by their full names."""
    tree = tree_of(module)
    names: set[str] = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


@cache
def own_modules(names: frozenset[str]) -> set[str]:
    """The modules of this project among imported names."""
    return {module for name in names for module in (name, f"{name}.__init__") if module in MODULES}


def is_in(module: str, folder_or_module: str) -> bool:
    return f"{module}.".startswith(f"{folder_or_module.replace('/', '.')}.")


def modules_in(folder_or_module: str) -> list[str]:
    return [module for module in MODULES if is_in(module, folder_or_module)]


@cache
def layer_of(module: str) -> str:
    """The longest entry of the list that a module belongs to; "" if there is none."""
    return max((layer for layer in ORDER if is_in(module, layer)), key=len, default="")


def heavy_import(module: str, seen: set[str]) -> list[str]:
    """The chain of imports from a module to a heavy one, when it is imported; or nothing.

    What has been seen before is left out.
    """
    seen.add(module)
    names = imported(module, top_level_only=True)
    if heavy := HEAVY & {name.split(".")[0] for name in names}:
        return [module, *sorted(heavy)]
    parts = module.split(".")
    packages = {".".join([*parts[:length], "__init__"]) for length in range(1, len(parts))}
    for other in sorted(own_modules(names) | (packages & set(MODULES))):
        if other not in seen and (chain := heavy_import(other, seen)):
            return [module, *chain]
    return []


def test_each_module_has_a_place_in_the_list_and_each_place_a_module():
    assert not [module for module in MODULES if not layer_of(module) and module not in ROOTS]
    assert not [layer for layer in (*ORDER, *TORCH_FREE) if not modules_in(layer)]


@pytest.mark.parametrize("layer", ORDER)
def test_a_module_imports_only_from_above_it_in_the_list(layer):
    above = ORDER[: ORDER.index(layer) + 1]
    wrong = {
        (module, other)
        for module in modules_in(layer)
        if layer_of(module) == layer
        for other in own_modules(imported(module)) - ROOTS
        if layer_of(other) not in above
    }
    assert not wrong


def test_the_roots_of_the_packages_import_nothing_of_them():
    assert not [module for module in ROOTS if own_modules(imported(module))]


def test_the_engine_imports_no_front_end():
    modules = modules_in("bikd_core")
    used = {module: {name.split(".")[0] for name in imported(module)} for module in modules}
    assert not {module: names & FRONT_END for module, names in used.items() if names & FRONT_END}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_imports_nothing_from_another_page(page):
    others = [f"app/{other}" for other in PAGES if other != page]
    wrong = {
        (module, name)
        for module in modules_in(f"app/{page}")
        for name in own_modules(imported(module))
        if any(is_in(name, other) for other in others)
    }
    assert not wrong


def test_only_navigation_imports_the_pages():
    pages = {f"app.{page}.page" for page in PAGES}
    assert pages <= set(MODULES)
    importing = {module for module in MODULES if pages & own_modules(imported(module))}
    assert importing == {"app.navigation"}


@pytest.mark.parametrize("layer", TORCH_FREE)
def test_no_module_that_replay_needs_leads_to_torch(layer):
    seen: set[str] = set()
    chains = {module: heavy_import(module, seen) for module in modules_in(layer)}
    assert not {module: chain for module, chain in chains.items() if chain}


def test_the_top_of_the_app_holds_only_what_all_pages_share():
    files = {path.name for path in (ROOT / "app").iterdir() if path.is_file()}
    assert files == {"__init__.py", "main.py", "navigation.py", "style.css"}
