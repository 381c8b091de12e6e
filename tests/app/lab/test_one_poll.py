"""One poll of the Lab: everything shows one epoch, and the header keeps its height."""

from app.lab import page
from app.lab.views.view import Figure
from bikd_core.store import open_run
from tests.app.shown import words
from tests.made_up import make_run


def test_all_figures_of_a_poll_are_made_before_anything_of_it_is_sent(
    open_lab, manager, monkeypatch
):
    happened = []
    at, drawn = Figure.at, page.timeline

    def noted_at(figure, moment):
        happened.append(figure.name)
        return at(figure, moment)

    def noted_timeline(**how):
        happened.append("sent")
        return drawn(**how)

    monkeypatch.setattr(Figure, "at", noted_at)
    monkeypatch.setattr(page, "timeline", noted_timeline)
    run = make_run(manager.places.runs, done=3)
    lab = open_lab(run=run.run_id, epoch="2")
    assert not lab.exception
    before, after = happened[: happened.index("sent")], happened[happened.index("sent") + 1 :]
    assert "w_hard" in before
    assert set(after) <= set(before)


def test_the_name_of_a_run_stands_in_its_header_and_both_names_over_a_pair(open_lab, manager):
    runs = manager.places.runs
    first, second = (make_run(runs, method=method) for method in ("bikd", "kd"))
    assert f"**{first.run_id}" not in words(open_lab(run=first.run_id))  # it was given no name
    open_run(runs, first.run_id).rename("BiKD *lifts* the tail")
    open_run(runs, second.run_id).rename("plain distillation")
    named = "**BiKD *lifts* the tail** · digits ×50 · BiKD"
    assert named in words(open_lab(run=first.run_id))
    said = words(open_lab(run=first.run_id, **{"with": second.run_id}))
    assert named in said
    difference = "**B differs only in method: KD instead of BiKD.**"
    assert f"**plain distillation** · {difference} · digits ×50 · KD" in said


def test_a_warning_stands_in_the_line_of_the_header_for_the_epoch_shown(open_lab, manager):
    run = make_run(manager.places.runs, done=3, warned=2)
    said = words(open_lab(run=run.run_id, epoch="2"))
    assert ":orange[:material/warning: nothing moves.]" in said
    assert "nothing moves" not in words(open_lab(run=run.run_id, epoch="3"))
