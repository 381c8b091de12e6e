import pytest

from app.shared.audience import GONE_S, TIERS, Audience


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def audience(clock):
    return Audience(clock)


def tier_of(seconds):
    """The seconds of the tier; a page polls up to 15 % sooner."""
    return next(tier.poll_s for tier in TIERS if 0.85 * tier.poll_s < seconds <= tier.poll_s)


def polls(audience, number, run_id="run"):
    """The tier of the last of so many pages, when each has asked once."""
    return tier_of([audience.poll_s(run_id, f"page {page}") for page in range(number)][-1])


@pytest.mark.parametrize(
    ("pages", "expected"), [(1, 0.5), (3, 0.5), (4, 1), (8, 1), (9, 2), (30, 2)]
)
def test_more_pages_poll_less_often_but_at_least_every_two_seconds(audience, pages, expected):
    assert polls(audience, pages) == expected


def test_a_page_that_polls_again_is_one_page(audience):
    told = {audience.poll_s("run", "page") for _ in range(50)}
    assert len(told) == 1
    assert tier_of(told.pop()) == 0.5


def test_pages_that_were_opened_together_do_not_always_poll_together(audience):
    told = sorted(audience.poll_s("run", f"page {page}") for page in range(300))[-200:]
    assert len(set(told)) == 200
    assert told[-1] / told[0] > 1.08  # within 30 polls they stand all over an interval


def test_runs_have_audiences_of_their_own(audience):
    assert polls(audience, 30, "one") == 2
    assert polls(audience, 2, "other") == 0.5


def test_a_closed_page_no_longer_counts(audience, clock):
    assert polls(audience, 30) == 2
    clock.now = GONE_S + 0.1
    assert tier_of(audience.poll_s("run", "page 0")) == 0.5


def test_a_page_more_or_less_does_not_change_the_interval_each_time(audience, clock):
    assert polls(audience, 4) == 1
    clock.now = 5.0
    assert polls(audience, 3) == 1  # the fourth is not gone yet
    clock.now = 7.0  # now it is, and three would begin with the shorter one
    assert polls(audience, 3) == 1
    clock.now = 14.0
    assert polls(audience, 1) == 0.5


def test_a_page_polls_before_it_counts_as_closed():
    assert max(tier.poll_s for tier in TIERS) < GONE_S / 2
