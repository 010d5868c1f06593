"""What happens to each synthetic patient. Days count from the first of 730; all of it is made up.

A course is a line of anchors `(day, value)` with straight stretches between them. Doses lie in
the ranges of the reference, but for the one story whose point is that its dose does not.
"""

from dataclasses import dataclass
from itertools import pairwise

Anchors = tuple[tuple[int, float], ...]

DAYS = 730
FOLLOWED_CLOSELY = 84
"""After a start, a visit every two weeks for twelve weeks; then one in four to eight weeks."""
EARLY_VISITS = (0, 14, 28, 42, 56, 70, 84, 98)
"""With the start on day 14; the visit before it is the first of all."""
START = 14


@dataclass(frozen=True, slots=True)
class Medicine:
    """A drug of our reference, as a prescription names it."""

    reference_id: str
    rxnorm: str
    form: str


@dataclass(frozen=True, slots=True)
class Dose:
    """What is decided at the visit of a day: so many mg once a day, or None: to stop."""

    day: int
    mg: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Course:
    """One medicine, from its first dose on."""

    medicine: Medicine
    doses: tuple[Dose, ...]

    def before(self, day: int) -> Dose | None:
        """Give the dose that a patient takes who comes to the visit of a day; None: not on it."""
        doses = [dose for dose in self.doses if dose.day < day]
        return doses[-1] if doses and doses[-1].mg is not None else None


@dataclass(frozen=True, slots=True)
class Effect:
    """One side effect: severity 0 to 4 over the days, and what visits do about it, in turn."""

    term: str
    severity: Anchors
    actions: tuple[str, ...] = ("watch",)


@dataclass(frozen=True, slots=True)
class Plot:
    """One story: who, which medicines, and how it goes."""

    name: str
    family: str
    birth_date: str
    sex: str
    time_zone: str
    language: str
    courses: tuple[Course, ...]
    visits: tuple[int, ...]
    phq_9: Anchors
    gad_7: Anchors
    effects: tuple[Effect, ...] = ()
    thoughts_on: int | None = None
    """The visit at which PHQ-9 item 9 is "several days"; it is 0 at all others."""
    thins_out: tuple[int, int] | None = None
    """From which day on fewer check-ins come, and from which day on none."""


def at(anchors: Anchors, day: int) -> float:
    """Give the value of a day: straight between two anchors, level before and after them."""
    if day <= anchors[0][0]:
        return anchors[0][1]
    for (day0, value0), (day1, value1) in pairwise(anchors):
        if day <= day1:
            return value0 + (value1 - value0) * (day - day0) / (day1 - day0)
    return anchors[-1][1]


SERTRALINE = Medicine("sertraline", "36437", "tablet")
ESCITALOPRAM = Medicine("escitalopram", "321988", "tablet")
VENLAFAXINE = Medicine("venlafaxine", "39786", "extended-release capsule")

EARLY_RESPONDER = Plot(
    # Responds early, stays well, stops by agreement, falls ill again, and responds early again.
    name="early-responder",
    family="Early Responder",
    birth_date="1988-03-09",
    sex="female",
    time_zone="America/New_York",
    language="en",
    courses=(
        Course(
            SERTRALINE,
            (
                Dose(14, "50", "initial"),
                Dose(56, "100", "partial_response"),
                Dose(364, "50", "taper"),
                Dose(392, None, "remission"),
            ),
        ),
        Course(SERTRALINE, (Dose(574, "50", "initial"), Dose(616, "100", "partial_response"))),
    ),
    visits=(
        *(*EARLY_VISITS, 126, 154, 196, 238, 280, 322, 364, 392, 434, 476, 518, 546),
        *(560, 574, 588, 602, 616, 630, 644, 658, 686, 714),
    ),
    phq_9=(
        *((14, 18), (28, 13), (42, 9), (56, 7), (98, 4), (150, 2), (430, 2), (480, 5), (546, 15)),
        *((574, 18), (588, 13), (602, 9), (616, 7), (658, 4), (700, 2)),
    ),
    gad_7=(
        *((14, 12), (42, 8), (56, 6), (98, 4), (150, 2), (430, 2), (480, 4), (546, 10)),
        *((574, 12), (602, 8), (616, 6), (658, 3), (700, 2)),
    ),
    effects=(
        Effect("nausea", ((16, 0), (18, 1), (26, 1), (27, 0))),
        Effect("headache", ((577, 0), (579, 1), (598, 1), (600, 0))),
    ),
)

NEVER_ADEQUATE = Plot(
    # Two medicines, each below the dose that could work; nobody raises either.
    name="never-adequate",
    family="Never Adequate",
    birth_date="1975-11-21",
    sex="male",
    time_zone="Europe/Berlin",
    language="de",
    courses=(
        Course(ESCITALOPRAM, (Dose(14, "5", "initial"), Dose(574, None, "no_response"))),
        Course(SERTRALINE, (Dose(574, "25", "switch"),)),
    ),
    visits=(
        *(*EARLY_VISITS, 126, 168, 210, 252, 308, 350, 392, 448, 490, 532, 560),
        *(574, 588, 602, 616, 630, 644, 658, 686, 714),
    ),
    phq_9=((14, 17), (42, 15), (98, 16), (200, 15), (360, 17), (574, 17), (602, 15), (714, 16)),
    gad_7=((14, 12), (42, 11), (200, 12), (540, 11), (574, 12), (714, 12)),
    thoughts_on=714,
)

LOWERED_DOSE = Plot(
    # Half better on 50 mg; 100 mg helps the mood and costs sleep and sex life; 75 mg holds.
    name="lowered-dose",
    family="Lowered Dose",
    birth_date="1993-07-02",
    sex="male",
    time_zone="America/Chicago",
    language="en",
    courses=(
        Course(
            SERTRALINE,
            (
                Dose(14, "50", "initial"),
                Dose(588, "100", "partial_response"),
                Dose(644, "75", "side_effect"),
            ),
        ),
    ),
    visits=(
        *(*EARLY_VISITS, 126, 168, 210, 252, 294, 336, 392, 448, 490, 518),
        *(546, 560, 574, 588, 602, 616, 644, 658, 672, 700, 714),
    ),
    phq_9=((14, 19), (42, 16), (98, 13), (150, 12), (588, 12), (616, 9), (658, 7), (714, 6)),
    gad_7=((14, 13), (42, 11), (98, 9), (588, 9), (616, 7), (658, 5), (714, 5)),
    effects=(
        Effect("nausea", ((590, 0), (593, 2), (604, 2), (612, 1), (645, 1), (650, 0))),
        Effect(
            "insomnia",
            ((591, 0), (595, 2), (606, 2), (614, 3), (644, 3), (656, 1), (668, 0)),
            ("dose_time_changed", "watch", "dose_lowered"),
        ),
        Effect(
            "sexual-dysfunction",
            ((594, 0), (600, 2), (612, 2), (620, 3), (646, 3), (664, 1), (682, 1), (688, 0)),
            ("watch", "watch", "dose_lowered"),
        ),
    ),
)

STOPPED_ANSWERING = Plot(
    # Better, though not well; then fewer answers, the score creeps up, and silence.
    name="stopped-answering",
    family="Stopped Answering",
    birth_date="1982-01-30",
    sex="female",
    time_zone="Europe/London",
    language="en",
    courses=(
        Course(
            VENLAFAXINE,
            (
                Dose(14, "37.5", "initial"),
                Dose(28, "75", "initial"),
                Dose(70, "150", "partial_response"),
            ),
        ),
    ),
    visits=(
        *(*EARLY_VISITS, 126, 168, 210, 252, 308, 350, 392, 448, 490, 518),
        *(546, 574, 602, 637),
    ),
    phq_9=((14, 19), (42, 16), (70, 14), (98, 11), (210, 7), (540, 7), (602, 9), (640, 12)),
    gad_7=((14, 14), (70, 11), (98, 8), (210, 6), (540, 6), (640, 8)),
    effects=(Effect("sweating", ((74, 0), (78, 1), (160, 1), (164, 0))),),
    thins_out=(540, 641),
)

PLOTS = (EARLY_RESPONDER, NEVER_ADEQUATE, LOWERED_DOSE, STOPPED_ANSWERING)
