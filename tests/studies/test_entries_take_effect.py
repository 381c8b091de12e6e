"""Each option that an entry of ours names is in the config that it makes, with that value."""

import pytest

from bikd_core.answer.plans import DIGITS
from bikd_core.config import RunConfig, as_text
from bikd_core.recommend.recipes import RECIPES
from bikd_core.studies.entries import read_entry
from bikd_core.studies.questions import NAMES, study_named

PLANNED = [(plan.base, entry) for plan in DIGITS.values() for entry in plan.entries]
RECOMMENDED = [({}, recipe.entry) for recipe in RECIPES]
ASKED = [
    (design.base | dict(cell.controls), cell.entry)
    for study in map(study_named, NAMES)
    for dataset, design in study.designs.items()
    for cell in study.cells(dataset)
]
ENTRIES = {(entry, str(base)): (base, entry) for base, entry in [*PLANNED, *RECOMMENDED, *ASKED]}


@pytest.mark.parametrize(("base", "entry"), ENTRIES.values(), ids=str)
def test_an_entry_is_trained_as_it_says(base, entry):
    base = RunConfig.from_flat(dict(base))
    entry = read_entry(entry, base.flat())
    found = entry.config(base, 0).flat()
    assert {name: as_text(found[name]) for name in entry.own_controls} == {
        name: as_text(type(found[name])(value)) if type(found[name]) in (int, float) else value
        for name, value in entry.own_controls.items()
    }
