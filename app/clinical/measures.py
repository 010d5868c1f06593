"""The measures that the house knows: those of the follow-up domains, and of every instrument.

Smallest differences and targets of ratings, diary and side effects are choices of this product
(trend-spec 4.5, last lines): no published value exists for them, and `mcid_source` says so.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType

from app.clinical import terms
from app.clinical.instruments import all_instruments, measures_of
from app.clinical.measure import Direction, Measure

PRODUCT = "a choice of this product, not a published value (trend-spec 4.5)"
SIDE_EFFECTS = "side_effects."
OWN_OUTCOMES = "functioning.own."


def _rating(code: str, direction: Direction, label: str) -> Measure:
    """Describe a 0-10 self rating of one day; of several on a day the mean counts."""
    return Measure(code, "{score}", 0, 10, direction, label, mcid=2, mcid_source=PRODUCT)


def _minutes(code: str, direction: Direction, label: str, mcid: float | None) -> Measure:
    """Describe minutes of one night."""
    source = None if mcid is None else PRODUCT
    return Measure(code, "min", 0, 1440, direction, label, mcid=mcid, mcid_source=source)


MOOD = _rating("mood_cognition.mood", "higher_better", "Mood")
ANXIETY = _rating("mood_cognition.anxiety", "lower_better", "Anxiety")
IRRITABILITY = _rating("mood_cognition.irritability", "lower_better", "Irritability")
ENERGY = _rating("mood_cognition.energy", "higher_better", "Energy")
CONCENTRATION = _rating("mood_cognition.concentration", "higher_better", "Concentration")
MEMORY = _rating("mood_cognition.memory", "higher_better", "Memory")

SLEEP_QUALITY = _rating("sleep.quality", "higher_better", "Sleep quality")
SLEEP_DURATION = Measure(
    "sleep.duration_h",
    "h",
    0,
    24,
    "target_range",
    "Hours of sleep",
    target=(6, 9),
    unlikely_below=0.5,
    unlikely_above=16,
    mcid=1,
    mcid_source=PRODUCT,
)
TIME_IN_BED = _minutes("sleep.time_in_bed_min", "none", "Time in bed", None)
"""Has no direction: long with good sleep and long with bad sleep are not the same thing."""
LATENCY = _minutes("sleep.latency_min", "lower_better", "Time to fall asleep", 15)
WASO = _minutes("sleep.waso_min", "lower_better", "Awake during the night", 15)
TOTAL_SLEEP_TIME = Measure(
    "sleep.total_sleep_time_min",
    "min",
    0,
    1440,
    "target_range",
    "Total sleep time",
    target=(360, 540),
    unlikely_below=30,
    unlikely_above=960,
    mcid=60,
    mcid_source=PRODUCT,
)
EFFICIENCY = Measure(
    "sleep.efficiency_pct",
    "%",
    0,
    100,
    "higher_better",
    "Sleep efficiency",
    mcid=10,
    mcid_source=PRODUCT,
)

WORK = _rating("functioning.work", "higher_better", "Work or study")
HOME = _rating("functioning.home", "higher_better", "Home")
SOCIAL = _rating("functioning.social", "higher_better", "Social life")
SELF_CARE = _rating("functioning.self_care", "higher_better", "Self-care")
DAYS_OUT_OF_ROLE = Measure(
    "functioning.days_out_of_role",
    "d",
    0,
    30,
    "lower_better",
    "Days out of role",
    step=1,
    recall_days=30,
    cadence_days=(14, 28),
    daily_aggregate="last",
)
"""Of the last 30 days, as WHODAS 2.0 asks in H2 and H3; asked at a follow-up, not daily."""

ADHERENCE = Measure(
    "dosage.adherence",
    "%",
    0,
    100,
    "higher_better",
    "Share of doses taken",
    recall_days=14,
    cadence_days=(14, 28),
    daily_aggregate="last",
)
"""One reading a medicine: the share of the reported days on which it was taken."""

OF_FOLLOW_UPS = (
    ADHERENCE,
    MOOD,
    ANXIETY,
    IRRITABILITY,
    ENERGY,
    CONCENTRATION,
    MEMORY,
    SLEEP_QUALITY,
    SLEEP_DURATION,
    TIME_IN_BED,
    LATENCY,
    WASO,
    TOTAL_SLEEP_TIME,
    EFFICIENCY,
    WORK,
    HOME,
    SOCIAL,
    SELF_CARE,
    DAYS_OUT_OF_ROLE,
)
"""Without the side effects, which are one measure a term (`side_effect`)."""

_OF_DOMAINS: list[Measure] = []


def register(measure: Measure) -> Measure:
    """Make known a number that a follow-up domain brings itself, as its file is imported."""
    _OF_DOMAINS.append(measure)
    built_in.cache_clear()
    return measure


@lru_cache(maxsize=1000)
def own_outcome(key: str) -> Measure:
    """Describe an outcome that a patient chose: 0 to 10, and 10 is what the patient wants.

    key: the patient's own word for it, which is its label too.
    """
    return _rating(f"{OWN_OUTCOMES}{key}", "higher_better", key.replace("-", " ").capitalize())


@lru_cache(maxsize=1000)
def side_effect(term: str, label: str | None = None) -> Measure:
    """Describe the severity of one side effect, 0 none to 4 life-threatening; a day's worst.

    term: an id of the vocabulary, or any other word, which then is its own label unless one
        is given. `other` holds effects of several kinds: from one to the next is no change, so it
        has no direction.
    """
    known = terms.find(term)
    label = known.label if known else label or term.replace("-", " ").replace("_", " ")
    return Measure(
        f"{SIDE_EFFECTS}{term}",
        "{score}",
        0,
        4,
        "none" if term == terms.OTHER else "lower_better",
        label.capitalize(),
        step=1,
        mcid=1,
        mcid_source=PRODUCT,
        daily_aggregate="max",
    )


@cache
def built_in() -> Mapping[str, Measure]:
    """Give the measures of the house by code: domains, side effects, then instruments."""
    known = [*OF_FOLLOW_UPS, *_OF_DOMAINS]
    known += [side_effect(term.id) for term in terms.all_terms()]
    for instrument in all_instruments():
        known += measures_of(instrument)
    return MappingProxyType({measure.code: measure for measure in known})


def find(code: str) -> Measure | None:
    """Find a measure of the house; any `side_effects.<term>` and any `functioning.own.<key>` is
    one. None for another code.
    """
    known = built_in().get(code)
    if known is None and code.startswith(OWN_OUTCOMES) and code != OWN_OUTCOMES:
        return own_outcome(code.removeprefix(OWN_OUTCOMES))
    if known is None and code.startswith(SIDE_EFFECTS) and code != SIDE_EFFECTS:
        return side_effect(code.removeprefix(SIDE_EFFECTS))
    return known
