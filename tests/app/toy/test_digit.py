"""What a browser sends of a drawing is asked about, or one sentence says why not."""

import pytest

from app.toy.digit import NUM_PICTURES, _State
from bikd_core.toy.digit_nets import DigitNets
from bikd_core.toy.pipe import Question
from tests.toy.test_digit_nets import FILE

LINE = [16 if at % 8 == 3 else 0 for at in range(64)]


@pytest.fixture
def state():
    return _State("me", Question(toy="me", picture=7))


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"number": 1, "pixels": [0] * 64}, "The drawing is empty"),
        ({"number": 1, "pixels": [16] * 64}, "The drawing is nearly full"),
        ({"number": 1, "pixels": [1] * 63}, "64 numbers from 0 to 16"),
        ({"number": 1, "pixels": [99] * 64}, "64 numbers from 0 to 16"),
        ({"number": 1, "pixels": ["x"] * 64}, "64 numbers from 0 to 16"),
        ({"number": 1, "pixels": [float("nan")] * 64}, "64 numbers from 0 to 16"),
        ({"number": 1}, "64 numbers from 0 to 16"),
        ({"number": 1, "picture": 900}, "test picture = 900 is not possible"),
        ({"number": 1, "picture": -1}, f"from 0 to {NUM_PICTURES - 1}"),
        ({"number": 1, "picture": "seven"}, "test picture = seven is not possible"),
    ],
)
def test_what_is_no_digit_is_one_sentence_and_the_last_picture_stays(state, sent, why):
    before = state.question
    state.take(sent)
    assert why in state.complaint
    assert state.question == before
    state.take({"number": 2, "pixels": LINE})
    assert state.complaint == ""
    assert state.question == Question(toy="me", number=2, pixels=tuple(LINE))


@pytest.mark.parametrize("junk", [None, 3, [], {}, {"number": None}, {"number": "x"}])
def test_junk_changes_nothing(state, junk):
    state.take(junk)
    assert (state.question.picture, state.complaint) == (7, "")


def test_the_file_has_as_many_pictures_as_the_page_offers():
    assert len(DigitNets(FILE).labels) == NUM_PICTURES
