"""The Compare page's address."""

import pytest

from app.compare.link import CompareLink

DEFAULT = CompareLink()


def test_what_is_written_is_read_again():
    link = CompareLink(
        question="methods",
        methods=("dkd", "bikd:prior=both,meta_loss=mix"),
        seeds="0,4-6",
        reference="dkd",
        counts="val",
        faults=("drop_window",),
    )
    assert link.write() == {
        "methods": "dkd,bikd:prior=both,meta_loss=mix",
        "seeds": "0,4-6",
        "reference": "dkd",
        "counts": "val",
        "faults": "drop_window",
    }
    assert CompareLink.read(link.write()) == (link, [])


def test_the_question_is_in_the_address_unless_it_is_the_usual_one():
    link = CompareLink(question="weights", methods=("kd",))
    assert link.write()["question"] == "weights"
    assert CompareLink.read(link.write()) == (link, [])
    link, [complaint] = CompareLink.read({"question": "why"})
    assert link.question == "methods"
    assert complaint.endswith("it must be one of methods, weights, rates. methods is used.")


def test_an_entry_is_judged_with_the_form_that_the_address_gives():
    methods = "bikd:kd_alpha=0.3"
    assert CompareLink.read({"methods": methods, "over": "kd"})[0].methods == (methods,)
    link, [complaint] = CompareLink.read({"methods": methods})
    assert link.methods == DEFAULT.methods
    assert "BiKD reads kd_alpha only with over = kd, dive or prior_kd" in complaint


def test_methods_and_seeds_are_always_written():
    assert DEFAULT.write() == {"methods": "ce,kd,balanced_softmax,bikd", "seeds": "0-2"}


def test_methods_that_do_not_exist_are_left_out_and_named_each():
    link, complaints = CompareLink.read({"methods": "kd,<b>,bikd:colour=red,,ce,kd"})
    assert link.methods == ("kd", "ce")
    assert len(complaints) == 2
    assert "'<b>'" in complaints[0]
    assert "colour" in complaints[1]
    assert all(sentence.endswith("It is left out.") for sentence in complaints)


@pytest.mark.parametrize("methods", ["", ",", "none", "<script>,KD"])
def test_without_one_method_that_exists_the_usual_ones_are_compared(methods):
    link, _ = CompareLink.read({"methods": methods})
    assert link.methods == DEFAULT.methods


@pytest.mark.parametrize("seeds", ["", "-1", "--1", "2-1", "1.5", "0-99999999999", "٣", "0;1"])
def test_seeds_that_cannot_be_read_are_named_with_the_default(seeds):
    link, [complaint] = CompareLink.read({"seeds": seeds})
    assert link.seeds == DEFAULT.seeds
    assert complaint.startswith(f"seeds = {seeds!r} is not possible")
    assert complaint.endswith("0-2 is used.")


def test_a_reference_that_is_not_compared_gives_way():
    link, [complaint] = CompareLink.read({"methods": "ce,dkd", "reference": "kd"})
    assert link.effective_reference == "ce"
    assert complaint == (
        "reference = 'kd' is not possible: it must be one of the methods compared. ce is used."
    )
    assert link.write()["reference"] == "ce"


def test_without_a_reference_in_the_address_nothing_is_said():
    link, complaints = CompareLink.read({"methods": "ce,dkd"})
    assert (link.effective_reference, complaints) == ("ce", [])


@pytest.mark.parametrize("counts", ["", "test", "LAST", "last,val"])
def test_an_epoch_that_cannot_count_is_named_with_those_that_can(counts):
    link, [complaint] = CompareLink.read({"counts": counts})
    assert link.counts == "last"
    assert complaint.endswith("must be one of last, val. last is used.")


@pytest.mark.parametrize("faults", ["none", "drop_window,none", "drop_window;x"])
def test_a_fault_that_does_not_exist_is_named_and_none_is_restored(faults):
    link, [complaint] = CompareLink.read({"faults": faults})
    assert link.faults == ()
    assert complaint.startswith("faults = ")
    assert complaint.endswith("It is left out.")
