"""The page Try it, over answers that no network gave."""

import dataclasses

import pytest

from app.lab import this_run
from app.try_it import asking
from app.try_it.answer import sentence
from bikd_core.students.picture_answer import NoAnswer, PictureAnswer
from tests.app.shown import drawings, words
from tests.app.test_user_text import assert_no_image, hostile_run
from tests.made_up import make_run

PIXEL = "data:image/png;base64,AAAA"


def answer(**changes):
    """An answer that takes a picture for 3; weights differ by label."""
    belief = (0.05, 0.05, 0.1, 0.5, *(0.05,) * 6)
    values = {
        "picture": PIXEL,
        "seen": PIXEL,
        "student": belief,
        "teacher": belief[::-1],
        "ce_student": tuple(0.5 + label for label in range(10)),
        "ce_teacher": tuple(0.25 + label for label in range(10)),
        "weights": tuple((0.1 + 0.05 * label, 0.9) for label in range(10)),
        "weights_from": "weight_net",
        "is_outside": (False,) * 10,
    }
    return PictureAnswer.model_validate(values | changes)


@pytest.fixture
def asked(monkeypatch):
    """Note what is asked, and answer it with `given`."""
    found, given = [], {"answer": answer(label=9)}

    def take(run, *what):
        found.append(what[:-1])
        if isinstance(given["answer"], Exception):
            raise given["answer"]
        return given["answer"]

    monkeypatch.setattr(asking, "ask_about_file", take)
    monkeypatch.setattr(asking, "ask_about_test_picture", take)
    return found, given


@pytest.fixture
def run(manager):
    folder = make_run(manager.places.runs, method="bikd")
    folder.student_path.write_bytes(b"parameters")
    return folder


def metrics(page):
    return {metric.label: metric.value for metric in page.metric}


def segment(page, value):
    [bar] = [group for group in page.get("button_group") if group.key == "try_source"]
    return bar.set_value(value).run()


def test_a_dropped_picture_is_answered_at_once_and_once(open_page, run, asked):
    found, given = asked
    given["answer"] = answer()
    page = open_page("try", run=run.run_id)
    page.file_uploader(key="try_upload").upload("cat.png", b"pixels", "image/png").run()
    assert not page.exception
    assert found == [(b"pixels",)]
    [figure] = [d for name, d in drawings(page).items() if name == "figure-beliefs"]
    assert "The student takes it for 3 (50.0 %" in figure["sentence"]
    # The label is the prediction at first; another one needs no process.
    assert metrics(page) == {
        "student's loss": "3.50",
        "teacher's loss": "3.25",
        "w_hard": "0.25",
        "w_soft": "0.90",
    }
    [label] = [box for box in page.selectbox if box.key.startswith("try_label")]
    label.set_value(8).run()
    assert metrics(page)["w_hard"] == "0.50"
    assert "Labelled 8, it gets w_hard and w_soft from the weight net" in words(page)
    assert len(found) == 1


def test_a_test_picture_begins_with_its_true_label(open_page, run, asked):
    found, _ = asked
    page = segment(open_page("try", run=run.run_id), "A test picture")
    page.selectbox(key="try_class").set_value(2).run()
    page.button(key="try_ask").click().run()
    assert not page.exception
    assert found == [(2, 0)]
    assert metrics(page)["student's loss"] == "9.50"  # of label 9, which the answer says is true
    assert page.query_params == {"run": [run.run_id]} or page.query_params["run"] == run.run_id


def test_what_is_refused_is_one_sentence(open_page, run, asked):
    _, given = asked
    given["answer"] = NoAnswer("The file is not a picture.")
    page = open_page("try", run=run.run_id)
    page.file_uploader(key="try_upload").upload("cat.png", b"words", "image/png").run()
    assert [error.value for error in page.error] == ["The file is not a picture."]
    assert not page.metric


def test_class_biases_are_a_switch_where_there_are_any(open_page, run, asked):
    _, given = asked
    given["answer"] = answer(calibrated=(*(0.0,) * 9, 1.0))
    page = open_page("try", run=run.run_id)
    page.file_uploader(key="try_upload").upload("cat.png", b"pixels", "image/png").run()
    page.toggle(key="try_biases").set_value(True).run()
    figure = drawings(page)["figure-beliefs"]
    assert "The student takes it for 9 (100.0 %" in figure["sentence"]


def test_without_a_run_or_a_student_the_page_says_what_to_do(open_page, manager):
    assert "Open a finished run in the Lab" in words(open_page("try"))
    gone = open_page("try", run="nothing-here")
    assert "run = 'nothing-here' is not a run of this server" in words(gone)
    folder = make_run(manager.places.runs, state="stopped")
    page = open_page("try", run=folder.run_id)
    assert "it has a student to try when it has finished" in words(page)
    assert not page.get("file_uploader")


def test_texts_of_others_are_no_markdown(open_page, manager, asked):
    _, given = asked
    given["answer"] = answer(label=9, notes=("![i](http://foreign.example/x.png)",))
    folder = hostile_run(manager.places.runs, method="bikd")
    folder.student_path.write_bytes(b"parameters")
    page = segment(open_page("try", run=folder.run_id), "A test picture")
    page.button(key="try_ask").click().run()
    assert page.metric
    assert_no_image(page)


def test_the_lab_leads_to_it_and_offers_the_student_with_its_card(open_lab, run, monkeypatch):
    monkeypatch.setattr(this_run, "can_write_onnx", lambda: True)
    lab = open_lab(run=run.run_id)
    [link] = [e.proto for e in lab.get("link_button") if e.proto.label == "Try it on a picture"]
    assert link.url.endswith(f"/try?run={run.run_id}")
    labels = [element.proto.label for element in lab.get("download_button")]
    assert "Student and its card (.safetensors, zipped)" in labels
    assert "Student and its card (.onnx, zipped)" in labels
    monkeypatch.setattr(this_run, "can_write_onnx", lambda: False)
    labels = [e.proto.label for e in open_lab(run=run.run_id).get("download_button")]
    assert not [label for label in labels if "onnx" in label]


def test_a_student_whose_data_are_absent_is_still_to_be_downloaded(open_lab, manager):
    folder = make_run(manager.places.runs, dataset="cifar10", method="kd")
    folder.student_path.write_bytes(b"parameters")
    lab = open_lab(run=folder.run_id)
    [link] = [e.proto for e in lab.get("link_button") if e.proto.label == "Try it on a picture"]
    assert link.disabled
    labels = [element.proto.label for element in lab.get("download_button")]
    assert "Student (.safetensors)" in labels


# The sentence ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "changes", "expected"),
    [
        (
            "kd",
            {"weights": ((0.5, 0.5),) * 10, "weights_from": "objective"},
            "KD learns no weights: w_hard and w_soft are the same for each picture and label.",
        ),
        (
            "ce",
            {"weights": ((1.0,),) * 10, "weights_from": "objective", "teacher": None},
            "CE learns no weights: w_hard is the same for each picture and label.",
        ),
        (
            "wsl",
            {"weights_from": "objective"},
            "WSL learns no weights: w_hard and w_soft are a formula of both losses.",
        ),
        (
            "bikd",
            {"weights": ((0.5, 0.5),) * 10, "weights_from": "before_learning"},
            "The run ended before its weight net learned: w_hard and w_soft were these for each "
            "picture.",
        ),
        (
            "bikd",
            {"weights": (), "weights_from": "none", "ce_teacher": None, "teacher": None},
            "There are no weights of BiKD here, because the teacher's loss is not known.",
        ),
        (
            "bikd",
            {"weights_from": "surface", "is_outside": (False, True, *(False,) * 8)},
            "Labelled one, it gets w_hard and w_soft as the surface of the last epoch has them: "
            "this run is here without its weight net. A loss lies beyond the ends of that surface, "
            "which is taken to go on level.",
        ),
    ],
)
def test_the_sentence_says_where_the_weights_come_from(manager, method, changes, expected):
    folder = make_run(manager.places.runs, method=method)
    assert sentence(answer(**changes), manager.snapshot(folder.run_id), "one", 1) == expected


def test_relative_weights_are_said_to_be_multiples(manager):
    folder = make_run(manager.places.runs, method="bikd", weight_scale="relative")
    said = sentence(answer(), manager.snapshot(folder.run_id), "one", 1)
    assert said.endswith("the last epoch, in multiples of the objective's own weight.")


def test_what_a_page_holds_of_a_picture_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        asking.Asked("run", ("file", "1")).complaint = "x"
