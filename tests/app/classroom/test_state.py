"""The state of classes, by hand and with a clock of our own."""

import threading

import pytest

from app.classroom.state import (
    ALPHABET,
    CLASSES,
    FOLLOWERS,
    HERE_S,
    IDLE_S,
    REMEMBERED_S,
    SEAT_S,
    Classes,
    ClassroomError,
    NoClass,
    Place,
    Question,
    as_code,
    checked,
)

PLACE = Place("run-1", view="Weights", epoch=7)
QUESTION = Question("Which class?", ("head", "tail", "none"), right=1)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def classes(clock):
    return Classes(clock)


@pytest.fixture
def hosted(classes):
    """The classes, and the code and the key of one."""
    return (classes, *classes.open(PLACE))


def test_a_follower_sees_where_the_host_is_and_where_it_goes(hosted):
    classes, code, key = hosted
    assert classes.attend(code, "anna").place == PLACE
    classes.move(code, key, PLACE._replace(epoch=None, second_run="run-2"))
    place = classes.attend(code, "anna").place
    assert (place.epoch, place.runs) == (None, ("run-1", "run-2"))


def test_a_code_has_five_characters_that_nobody_confuses(classes):
    codes = [classes.open(PLACE)[0] for _ in range(CLASSES)]
    assert len(set(codes)) == CLASSES
    assert all(len(code) == 5 and set(code) <= set(ALPHABET) for code in codes)
    assert not set("0O1IL") & set(ALPHABET)


def test_two_classes_do_not_disturb_each_other(classes):
    (first, first_key), (second, second_key) = (
        classes.open(Place(run)) for run in ("run-1", "run-2")
    )
    classes.ask(first, first_key, QUESTION)
    classes.look_here(first, first_key)
    assert classes.attend(second, "anna").question is None
    assert classes.attend(second, "anna").look == 0
    for change in (classes.look_here, classes.reveal, classes.withdraw, classes.end):
        with pytest.raises(ClassroomError, match=f"opened class {first}"):
            change(first, second_key)
    assert not classes.is_host(first, second_key)
    assert classes.is_host(second, second_key)
    classes.end(first, first_key)
    assert classes.attend(second, "anna").place.run == "run-2"


def test_only_the_first_answer_counts_and_only_one_of_the_choices(hosted):
    classes, code, key = hosted
    classes.ask(code, key, QUESTION)
    for name, choice in [("anna", 1), ("ben", 0), ("carl", 1), ("anna", 0)]:
        classes.attend(code, name)
        classes.answer(code, name, 1, choice)
    assert classes.hosted(code, key).counts == (1, 2, 0)
    assert classes.attend(code, "anna").answer == 1
    for choice in (-1, 3, 10_000):
        with pytest.raises(ClassroomError, match=f"answer = {choice} is not possible"):
            classes.answer(code, "ben", 1, choice)
    with pytest.raises(ClassroomError, match="Join the class first"):
        classes.answer(code, "nobody", 1, 0)


def test_followers_see_neither_answers_nor_the_right_one_before_the_host_reveals(hosted):
    classes, code, key = hosted
    classes.ask(code, key, QUESTION)
    classes.attend(code, "anna")
    classes.answer(code, "anna", 1, 2)
    seen = classes.attend(code, "anna")
    assert (seen.counts, seen.question.right) == ((), None)
    classes.reveal(code, key)
    now = classes.attend(code, "anna")
    assert (now.counts, now.question.right) == ((0, 0, 1), 1)
    assert now.news > seen.news
    classes.attend(code, "ben")
    with pytest.raises(ClassroomError, match="closed"):
        classes.answer(code, "ben", 1, 0)


def test_an_answer_to_the_question_before_is_not_one_to_the_next(hosted):
    classes, code, key = hosted
    classes.attend(code, "anna")
    classes.ask(code, key, QUESTION)
    classes.answer(code, "anna", 1, 0)
    classes.ask(code, key, QUESTION)
    with pytest.raises(ClassroomError, match="closed"):
        classes.answer(code, "anna", 1, 0)
    assert classes.hosted(code, key).counts == (0, 0, 0)
    classes.answer(code, "anna", 2, 2)
    classes.withdraw(code, key)
    assert classes.attend(code, "anna").question is None
    with pytest.raises(ClassroomError, match="closed"):
        classes.answer(code, "anna", 2, 2)


def test_who_has_not_polled_is_not_here_but_keeps_the_seat_and_the_answer(hosted, clock):
    classes, code, key = hosted
    classes.ask(code, key, QUESTION)
    classes.attend(code, "anna")
    classes.answer(code, "anna", 1, 1)
    clock.now += HERE_S + 1
    classes.attend(code, "ben")
    assert classes.hosted(code, key).num_here == 1
    clock.now += 60
    assert classes.attend(code, "anna").answer == 1
    assert classes.hosted(code, key).counts == (0, 1, 0)


def test_a_host_without_network_for_a_minute_still_is_the_host(hosted, clock):
    classes, code, key = hosted
    classes.attend(code, "anna")
    classes.ask(code, key, QUESTION)
    classes.answer(code, "anna", 1, 1)
    clock.now += 60
    now = classes.hosted(code, key)
    assert (now.place, now.counts, now.num_here) == (PLACE, (0, 1, 0), 0)
    classes.reveal(code, key)
    assert classes.attend(code, "anna").counts == (0, 1, 0)


def test_a_class_is_full_at_its_limit_until_a_seat_is_given_up(clock):
    classes = Classes(clock, followers=3)
    code, _ = classes.open(PLACE)
    for name in ("anna", "ben", "carl", "anna"):
        classes.attend(code, name)
    with pytest.raises(ClassroomError, match="it holds 3 followers at once"):
        classes.attend(code, "dora")
    clock.now += SEAT_S - 1
    classes.attend(code, "anna")
    classes.attend(code, "ben")
    clock.now += 2  # carl left too long ago
    classes.attend(code, "dora")
    with pytest.raises(ClassroomError, match="full"):
        classes.attend(code, "carl")


def test_two_hundred_follow_by_default(classes):
    code, key = classes.open(PLACE)
    for number in range(FOLLOWERS):
        classes.attend(code, f"follower {number}")
    assert classes.hosted(code, key).num_here == FOLLOWERS == 200
    with pytest.raises(ClassroomError, match="200"):
        classes.attend(code, "one more")


def test_an_ended_class_says_so_and_one_that_never_was_says_that(hosted, clock):
    classes, code, key = hosted
    classes.end(code, key)
    with pytest.raises(NoClass, match=f"Class {code} has ended"):
        classes.attend(code, "anna")
    assert not classes.is_host(code, key)
    with pytest.raises(NoClass, match="There is no class 22222"):
        classes.attend("22222", "anna")
    clock.now += REMEMBERED_S + 1
    with pytest.raises(NoClass, match="There is no class"):
        classes.attend(code, "anna")


def test_a_class_that_nobody_polls_ends_and_one_that_anybody_polls_goes_on(classes, clock):
    (left, left_key), (kept, kept_key) = classes.open(PLACE), classes.open(PLACE)
    for _ in range(3):
        clock.now += 0.6 * IDLE_S
        classes.attend(kept, "anna")  # the host is away
    assert classes.is_host(kept, kept_key)
    assert not classes.is_host(left, left_key)


def test_a_server_refuses_more_classes_than_it_holds_until_one_ends(classes):
    (code, key), *_ = [classes.open(PLACE) for _ in range(CLASSES)]
    with pytest.raises(ClassroomError, match=str(CLASSES)):
        classes.open(PLACE)
    classes.end(code, key)
    assert classes.open(PLACE)


@pytest.mark.parametrize("typed", ["k7m3q", " K7M3Q ", "K7 M3Q"])
def test_a_code_may_be_typed_as_people_type(typed):
    assert as_code(typed) == "K7M3Q"


@pytest.mark.parametrize("typed", ["", "K7M3", "K7M3QQ", "K7M30", "<b>ab", "x" * 10_000])
def test_what_cannot_be_a_code_is_refused_in_one_short_sentence(typed):
    with pytest.raises(ClassroomError, match="5 letters and digits") as refused:
        as_code(typed)
    assert len(str(refused.value)) < 200


def test_a_typed_question_loses_blanks_and_empty_choices():
    question = checked("  Which? ", ["", " a ", "b", ""], right=2)
    assert question == Question("Which?", ("a", "b"), 1)
    assert checked("Which?", ["a", "b"]).right is None


@pytest.mark.parametrize(
    ("text", "choices", "right", "said"),
    [
        ("", ["a", "b"], None, "0 characters: it must have 1 to 200"),
        ("x" * 10_000, ["a", "b"], None, "10,000 characters: it must have 1 to 200"),
        ("Which?", ["a", " "], None, "1 choices: it must have 2 to 4"),
        ("Which?", list("abcde"), None, "5 choices: it must have 2 to 4"),
        ("Which?", ["a", "x" * 81], None, "Choice 2 has 81 characters: it must have 1 to 80"),
        ("Which?", ["a", "b", ""], 2, "right choice is number 3, which is empty"),
    ],
)
def test_a_question_that_is_not_possible_is_refused_with_its_limit(text, choices, right, said):
    with pytest.raises(ClassroomError, match=said):
        checked(text, choices, right)


def test_many_threads_lose_no_answer(hosted):
    classes, code, key = hosted
    classes.ask(code, key, QUESTION)

    def follow(first):
        for number in range(first, FOLLOWERS, 8):
            classes.attend(code, f"follower {number}")
            classes.answer(code, f"follower {number}", 1, number % 3)

    threads = [threading.Thread(target=follow, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert classes.hosted(code, key).counts == (67, 67, 66)
