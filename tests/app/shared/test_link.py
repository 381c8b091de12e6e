"""Query parameters as a typed model."""

from typing import Literal

import pytest
from pydantic import Field

from app.shared.link import MAX_SHOWN, Link, WholeNumber


class Example(Link):
    axes: Literal["log", "linear"] = Field("log", description="log or linear")
    step: WholeNumber | None = Field(None, ge=1, description="a whole number from 1 on")
    epoch: WholeNumber | None = Field(None, title="the newest epoch", description="an epoch")
    other: str = Field("", alias="with", description="a run")
    names: tuple[str, ...] = Field((), description="names")


def test_what_is_written_is_read_again():
    link = Example(axes="linear", step=3, other="run-b")
    assert link.write() == {"axes": "linear", "step": "3", "with": "run-b"}
    assert Example.read(link.write()) == (link, [])


def test_defaults_are_not_written():
    assert Example().write() == {}
    assert Example.read({}) == (Example(), [])


def test_parameters_of_others_are_nobody_s_fault():
    assert Example.read({"colour": "red", "run": "x"}) == (Example(), [])


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "0", "-1", "+1", "1.0", "1e3", "1_0", " 1", "1 ", "0x1", "nan", "inf", "none"),
        *("true", "null", "[1]", "٣", "１", "1" * 10, "9" * 5000, "1;2", "1\n", "1\x00", "½"),
    ],
)
def test_a_whole_number_is_digits_and_nothing_else(text):
    link, [sentence] = Example.read({"step": text})
    assert link == Example()
    assert sentence.startswith("step = ")
    assert "must be a whole number from 1 on. It is left out." in sentence
    assert len(sentence) < 150


def test_leading_zeros_are_digits_too():
    assert Example.read({"step": "007"}) == (Example(step=7), [])


def test_one_bad_parameter_leaves_the_others():
    link, complaints = Example.read({"axes": "cubic", "step": "4", "epoch": "last"})
    assert link == Example(step=4)
    assert complaints == [
        "axes = 'cubic' is not possible: it must be log or linear. log is used.",
        "epoch = 'last' is not possible: it must be an epoch. The newest epoch is shown.",
    ]


@pytest.mark.parametrize("text", ["LOG", "log ", "lo", "log,linear", "<b>log</b>"])
def test_a_choice_is_read_to_the_letter(text):
    link, [sentence] = Example.read({"axes": text})
    assert link.axes == "log"
    assert repr(text) in sentence


def test_a_long_value_is_cut_short():
    _, [sentence] = Example.read({"axes": "x" * 10_000})
    assert "x" * MAX_SHOWN in sentence
    assert "x" * (MAX_SHOWN + 1) not in sentence


def test_a_parameter_goes_by_its_alias_in_the_address():
    assert Example.read({"with": "b"})[0].other == "b"
    assert Example.read({"other": "b"})[0].other == ""
