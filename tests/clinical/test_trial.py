"""A fair trial: long enough at an adequate dose, and taken; the unknown leaves it open."""

import pytest

from app.clinical.trial import fair_trial


@pytest.mark.parametrize(
    ("weeks", "share", "word", "fair", "codes"),
    [
        (4, 0.8, None, "yes", set()),
        (3.9, 0.9, None, "no", {"TOO_SHORT_AT_ADEQUATE_DOSE"}),
        (12, 0.79, None, "no", {"NOT_TAKEN_ENOUGH"}),
        (10, None, "good", "yes", set()),
        (10, None, "poor", "no", {"NOT_TAKEN_ENOUGH"}),
        (10, None, None, "cannot_say", {"ADHERENCE_UNKNOWN"}),
        (10, None, "unknown", "cannot_say", {"ADHERENCE_UNKNOWN"}),
        (None, 0.9, None, "cannot_say", {"DOSE_OR_DURATION_UNKNOWN"}),
        (None, 0.5, None, "no", {"NOT_TAKEN_ENOUGH", "DOSE_OR_DURATION_UNKNOWN"}),
    ],
)
def test_the_verdict_follows_from_dose_weeks_and_taking(
    weeks: float | None, share: float | None, word: str | None, fair: str, codes: set[str]
) -> None:
    found = fair_trial(weeks_at_or_above_minimum=weeks, taken_share=share, adherence_word=word)

    assert found.fair == fair
    assert {*found.not_enough, *found.missing} == codes
