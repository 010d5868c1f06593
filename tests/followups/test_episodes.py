"""Episodes are what was told, whatever came in first; without a database."""

from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.followups.episodes import Ends, Span, Stated, Told, spans

FIRST = date(2026, 4, 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def told(
    record: int, on: int, severity: int, onset: int | None = None, ended: int | None = None
) -> Told:
    return Told(
        UUID(int=record),
        day(on),
        severity,
        None if onset is None else day(onset),
        None if ended is None else day(ended),
    )


def of(said: list[Told], stated: list[Stated] | None = None) -> list[Span]:
    stated = stated or []
    return spans(said, stated, Ends.of(said, stated))


def test_readings_without_an_end_are_one_episode_from_the_first_day() -> None:
    (one,) = of([told(2, 5, 1), told(1, 3, 2), told(3, 9, 0)])

    assert (one.onset_on, one.onset_assumed, one.ended_on) == (day(3), True, None)
    assert one.first is not None
    assert one.first.record_id == UUID(int=1)


def test_an_end_parts_what_came_before_from_what_came_after() -> None:
    before, after = of([told(1, 1, 2), told(2, 9, 1), told(3, 6, 0, ended=5)])

    assert (before.onset_on, before.ended_on) == (day(1), day(5))
    assert (after.onset_on, after.ended_on) == (day(9), None)


def test_a_mere_absent_begins_nothing() -> None:
    assert of([told(1, 1, 0)]) == []


def test_an_end_alone_says_that_it_was_there() -> None:
    (one,) = of([told(1, 6, 0, ended=5)])

    assert (one.onset_on, one.onset_assumed, one.ended_on) == (day(5), True, day(5))


def test_the_earliest_stated_onset_counts_unless_it_was_seen_before() -> None:
    (stated,) = of([told(1, 5, 1, onset=3), told(2, 7, 1, onset=2)])
    (seen,) = of([told(1, 5, 1, onset=3), told(2, 2, 1)])

    assert (stated.onset_on, stated.onset_assumed) == (day(2), False)
    assert (seen.onset_on, seen.onset_assumed) == (day(2), True)


def test_an_onset_does_not_reach_into_the_episode_before() -> None:
    _before, after = of([told(1, 1, 2, ended=5), told(2, 9, 1, onset=3)])

    assert (after.onset_on, after.onset_assumed) == (day(9), True)


def test_an_episode_of_its_own_takes_the_readings_in_its_time() -> None:
    own = Stated(UUID(int=7), day(4))

    (one,) = of([told(1, 2, 1), told(2, 6, 2, ended=8)], [own])

    assert (one.stated, one.onset_on, one.ended_on) == (own.id, day(4), day(8))


def test_inside_an_episode_that_names_its_end_no_other_end_counts() -> None:
    own = Stated(UUID(int=7), day(4), day(20))

    (one,) = of([told(1, 11, 0, ended=10), told(2, 15, 1)], [own])

    assert (one.stated, one.ended_on) == (own.id, day(20))


days = st.integers(0, 20)
told_somehow = st.builds(
    lambda record, on, severity, onset, ended: told(
        record, on, severity, onset if severity else None, ended if ended is not None else None
    ),
    st.integers(1, 1000),
    days,
    st.integers(0, 4),
    st.none() | days,
    st.none() | days,
).filter(lambda one: one.onset_on is None or one.onset_on <= one.on)


@given(
    st.lists(told_somehow, max_size=8, unique_by=lambda one: one.record_id).flatmap(
        lambda said: st.tuples(st.just(said), st.permutations(said))
    )
)
def test_any_order_of_the_same_entries_gives_the_same_episodes(
    pair: tuple[list[Told], list[Told]],
) -> None:
    in_order, shuffled = pair

    assert of(in_order) == of(shuffled)


@given(st.lists(told_somehow, max_size=8, unique_by=lambda one: one.record_id))
def test_episodes_do_not_overlap_and_cover_every_day_on_which_it_was_there(
    said: list[Told],
) -> None:
    found = of(said)

    for earlier, later in pairwise(found):
        assert earlier.ended_on is not None
        assert earlier.ended_on < later.onset_on
    for one in said:
        if one.shows:
            assert sum(span.covers(one.on) for span in found) == 1
