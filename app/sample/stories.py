"""Tells a plot as the records that a clinic and a patient would have sent: pure and seeded.

The same seed and the same last day give the same bytes. Each patient has random numbers of
its own, so a new plot changes none of the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any, Literal, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from app.sample.plots import DAYS, FOLLOWED_CLOSELY, Course, Dose, Effect, Plot, at

Json = dict[str, Any]

SYSTEM = "urn:titrate:sample"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"

PHQ_9_WEIGHTS = (2.0, 2.2, 2.0, 2.1, 1.3, 1.8, 1.6, 0.9)
"""Which items a score rests on; item 9 is told by the plot and never by chance."""
GAD_7_WEIGHTS = (2.0, 2.0, 1.9, 1.8, 1.0, 1.4, 1.1)
MOST_OF_AN_ITEM = 3

SKIPPED, SKIPPED_AT_WEEKENDS = 0.11, 0.22
"""Share of days without a check-in."""
HOURS_NOT_KNOWN = 0.12
"""Share of check-ins that rate the night and do not say how long it was."""
ASKED_AGAIN = 2
"""Visits that still ask for a side effect after the one that closed it."""
PERSISTENCE = 0.6
"""Autocorrelation of one day's wellbeing with the next (AR(1)); sizes are points of 0 to 10."""
SHARED_SD, OWN_SD = 0.8, 0.6

Kind = Literal["medication", "follow_up", "check_in"]


class Record(NamedTuple):
    """One body as a client would send it; a check-in is the patient's, the rest a prescriber's."""

    kind: Kind
    id: UUID
    body: Json


@dataclass(frozen=True, slots=True)
class Story:
    """One synthetic patient, and all records in the order in which they came to be."""

    patient_id: UUID
    patient: Json
    records: tuple[Record, ...]


def patient_id(plot: Plot) -> UUID:
    """Give the id of a plot's patient; ids of records derive from it and the day."""
    return uuid5(NAMESPACE_URL, f"{SYSTEM}:{plot.name}")


def tell(plot: Plot, seed: int, last: date) -> Story:
    """Tell two years up to the day before `last`, so that nothing lies in the future anywhere."""
    told = _Telling(plot, seed, last)
    return Story(patient_id(plot), told.patient(), tuple(told.records()))


def told_until(patient: Json) -> date:
    """Give the `last` with which a patient was told, from the identifier that says it."""
    value: str = patient["identifiers"][0]["value"]
    return date.fromisoformat(value[-len("2026-01-31") :])


class _Telling:
    """What the records of one story share: the calendar, the dice and the ids."""

    def __init__(self, plot: Plot, seed: int, last: date) -> None:
        self.plot = plot
        self.last = last
        self.first = last - timedelta(days=DAYS)
        self.zone = ZoneInfo(plot.time_zone)
        self.patient_id = patient_id(plot)
        # Two dice, so that a visit's score does not hang on how many check-ins came before.
        self.of_visits = _dice(f"{seed}:{plot.name}:visits")
        self.of_days = _dice(f"{seed}:{plot.name}:days")
        self.visits = {self._working_day(day): day for day in plot.visits}
        self.episodes = [_Episode(self, effect) for effect in plot.effects]

    def id_of(self, what: str, day: int) -> UUID:
        return uuid5(self.patient_id, f"{what}:{day}")

    def course_id(self, course: Course) -> UUID:
        return self.id_of("medication", course.doses[0].day)

    def on(self, day: int) -> str:
        return (self.first + timedelta(days=day)).isoformat()

    def moment(self, day: int, minutes: int) -> str:
        at_ = datetime.combine(self.first + timedelta(days=day), time(), self.zone)
        return at_.replace(hour=minutes // 60, minute=minutes % 60).isoformat()

    def is_weekend(self, day: int) -> bool:
        return (self.first + timedelta(days=day)).weekday() > 4

    def _working_day(self, day: int) -> int:
        while self.is_weekend(day):
            day += 1
        return day

    def patient(self) -> Json:
        plot = self.plot
        return {
            "id": str(self.patient_id),
            "identifiers": [{"system": SYSTEM, "value": f"{plot.name}-{self.last.isoformat()}"}],
            "name": {"given": "Synthetic", "family": plot.family},
            "birth_date": plot.birth_date,
            "sex": plot.sex,
            "time_zone": plot.time_zone,
            "language": plot.language,
            "synthetic": True,
        }

    def records(self) -> Iterator[Record]:
        wellbeing = 0.0
        for day in range(DAYS):
            wellbeing = self._next(wellbeing)
            if self._answers(day):
                yield self._record("check_in", day, self._check_in(day, wellbeing))
            if day in self.visits:
                for course in self.plot.courses:
                    if course.doses[0].day == self.visits[day]:
                        body = self._course(day, course)
                        yield self._record("medication", self.visits[day], body)
                yield self._record("follow_up", day, self._visit(day))

    def _record(self, kind: Kind, day: int, body: Json) -> Record:
        id_ = self.id_of(kind, day)
        return Record(kind, id_, {"id": str(id_), **body})

    # ---- check-ins

    def _next(self, wellbeing: float) -> float:
        own = SHARED_SD * (1 - PERSISTENCE**2) ** 0.5
        return PERSISTENCE * wellbeing + self.of_days.gauss(0, own)

    def _answers(self, day: int) -> bool:
        skipped = SKIPPED_AT_WEEKENDS if self.is_weekend(day) else SKIPPED
        if self.plot.thins_out is not None:
            begin, end = self.plot.thins_out
            skipped = at(((begin, skipped), (end - 1, 0.8), (end, 1.0)), day)
        return self.of_days.random() >= skipped

    def _check_in(self, day: int, wellbeing: float) -> Json:
        depression = at(self.plot.phq_9, day)
        worry = at(self.plot.gad_7, day)
        sleepless = self._severity("insomnia", day)
        unwell = max((at(one.severity, day) for one in self.plot.effects), default=0.0)

        def rating(level: float, up: int = 1) -> int:
            told = level + up * wellbeing + self.of_days.gauss(0, OWN_SD)
            return min(10, max(0, round(told)))

        hours = 7.6 - 0.07 * depression - 0.5 * sleepless + 0.2 * wellbeing
        slept = {"duration_h": max(2.0, round(2 * (hours + self.of_days.gauss(0, 0.4))) / 2)}
        knows_hours = self.of_days.random() >= HOURS_NOT_KNOWN
        able = 8.8 - 0.27 * depression - 0.5 * unwell
        asked = ("home", "social") if self.is_weekend(day) else ("work",)
        readings = [one.reading(day) for one in self.episodes if one.is_open(day)]
        return {
            "occurred_at": self.moment(day, 7 * 60 + self.of_days.randrange(120)),
            "mood_cognition": {
                "mood": rating(8.6 - 0.29 * depression),
                "anxiety": rating(1.2 + 0.36 * worry, -1),
                "energy": rating(8.2 - 0.28 * depression - 0.3 * unwell),
            },
            "sleep": {
                "quality": rating(8.2 - 0.24 * depression - 0.9 * sleepless),
                **(slept if knows_hours else {}),
            },
            "functioning": {field: rating(able) for field in asked},
            **({"side_effects": {"episodes": readings}} if readings else {}),
        }

    def _severity(self, term: str, day: int) -> float:
        return max(
            (at(one.severity, day) for one in self.plot.effects if one.term == term), default=0
        )

    # ---- visits

    def _course(self, day: int, course: Course) -> Json:
        medicine, dose = course.medicine, course.doses[0]
        return {
            "kind": "drug",
            "code": {"system": RXNORM, "code": medicine.rxnorm, "display": medicine.reference_id},
            "form": medicine.form,
            "route": "oral",
            "indication": {"system": ICD_10_CM, "code": "F33.1"},
            "first_dose_event": self._event(day, course, dose, "start"),
        }

    def _event(self, day: int, course: Course, dose: Dose, kind: str) -> Json:
        return {
            "id": str(uuid5(self.course_id(course), f"dose_event:{dose.day}")),
            "medication_id": str(self.course_id(course)),
            "kind": kind,
            "effective_on": self.on(day),
            **_once_a_day(dose.mg),
            "reason": dose.reason,
        }

    def _visit(self, day: int) -> Json:
        nominal = self.visits[day]
        thoughts = int(self.plot.thoughts_on == nominal)
        total = self._score(at(self.plot.phq_9, nominal))
        moods = [*self._items(total - thoughts, PHQ_9_WEIGHTS), thoughts]
        worries = self._items(self._score(at(self.plot.gad_7, nominal)), GAD_7_WEIGHTS)
        # Every second visit is a longer one; after a new dose each asks for more than the PHQ-9.
        long = self.plot.visits.index(nominal) % 2 == 1
        close = any(
            0 <= nominal - dose.day <= FOLLOWED_CLOSELY
            for course in self.plot.courses
            for dose in course.doses
            if dose.mg is not None
        )
        told = [entry for one in self.episodes for entry in one.told_at(day)]
        dosage = self._dosage(day, total, long)
        burden = [self._filled_in("fibser", day, self._burden(day))] if dosage else []
        fuller = [self._filled_in("gad-7", day, worries), *burden]
        return {
            "kind": "visit",
            "occurred_at": self.moment(day, 9 * 60 + 15 * self.of_visits.randrange(24)),
            **({"dosage": dosage} if dosage else {}),
            **({"side_effects": {"episodes": told}} if told else {}),
            "functioning": {"days_out_of_role": max(0, round(0.5 * (total - 4)))},
            "interactions": {"list_reviewed": True},
            "assessments": [
                self._filled_in("phq-9", day, moods),
                *(fuller if close or long else ()),
            ],
        }

    def _score(self, level: float) -> int:
        """Give a total near the course: at most one point off, as one form is from the next."""
        return max(0, round(level) + self.of_visits.choice((-1, 0, 0, 1)))

    def _items(self, total: int, weights: tuple[float, ...]) -> list[int]:
        """Spread a total over items, heavier ones first; the items add up to it exactly."""
        items = [0] * len(weights)
        for _point in range(total):
            open_ = [place for place, one in enumerate(items) if one < MOST_OF_AN_ITEM]
            chances = [weights[place] / (1 + items[place]) ** 2 for place in open_]
            items[self.of_visits.choices(open_, chances)[0]] += 1
        return items

    def _filled_in(self, instrument: str, day: int, answers: list[int]) -> Json:
        return {
            "id": str(self.id_of(instrument, day)),
            "instrument": instrument,
            "answers": answers,
        }

    def _burden(self, day: int) -> list[int]:
        """Answer FIBSER: frequency, intensity and burden grow with the worst side effect."""
        worst = max((at(one.severity, day) for one in self.plot.effects), default=0.0)
        return [round(1.9 * worst), round(1.6 * worst), round(1.7 * worst)]

    def _dosage(self, day: int, phq_9: int, rated: bool) -> Json:
        nominal = self.visits[day]
        dosage: Json = {"taking": [], "adherence": [], "ratings": [], "dose_events": []}
        for course in self.plot.courses:
            taken = course.before(nominal)
            if taken is None:
                continue
            of_course = {"medication_id": str(self.course_id(course))}
            missed = self.of_visits.choice((0, 0, 0, 1, 1, 2))
            dosage["taking"].append({**of_course, **_once_a_day(taken.mg)})
            dosage["adherence"].append({**of_course, "days": 14, "missed_days": missed})
            if rated:
                dosage["ratings"].append({**of_course, **self._ratings(course, phq_9)})
            for dose in course.doses:
                if dose.day == nominal:
                    kind = "stop" if dose.mg is None else "change"
                    dosage["dose_events"].append(self._event(day, course, dose, kind))
        return {part: entries for part, entries in dosage.items() if entries}

    def _ratings(self, course: Course, phq_9: int) -> Json:
        before = at(self.plot.phq_9, course.doses[0].day)
        change = (before - phq_9) / before
        return {
            "pgi_i": _improvement(change + self.of_visits.uniform(-0.1, 0.1)),
            "cgi_i": _improvement(change),
            "cgi_s": _severity_of_illness(phq_9),
        }


class _Episode:
    """When a side effect begins and ends, and what each visit says of it."""

    def __init__(self, telling: _Telling, effect: Effect) -> None:
        self.telling = telling
        self.term = effect.term
        self.actions = effect.actions
        self.severities = [round(at(effect.severity, day)) for day in range(DAYS)]
        felt = [day for day, severity in enumerate(self.severities) if severity > 0]
        self.onset, self.end = felt[0], felt[-1]
        visits = sorted(telling.visits)
        courses = telling.plot.courses
        self.suspected = next(
            telling.course_id(course) for course in courses if course.before(self.onset)
        )
        self.told = next(day for day in visits if day >= self.onset)
        self.closed = next(day for day in visits if day > self.end)
        later = [day for day in visits if day > self.closed]
        self.asked_until = later[ASKED_AGAIN - 1] if len(later) >= ASKED_AGAIN else DAYS
        self.read = [day for day in visits if self.told <= day < self.closed]

    def is_open(self, day: int) -> bool:
        """Say whether check-ins ask for it: from the day after it was told until it is closed."""
        return self.told < day <= self.closed and self.told < self.closed

    def reading(self, day: int) -> Json:
        return {"term": self.term, "severity": self.severities[day]}

    def told_at(self, day: int) -> list[Json]:
        if day < self.told or day > self.asked_until:
            return []
        if day == self.told:
            return [self._told()]
        if day == self.closed:
            return [self.reading(day) | {"ended_on": self.telling.on(self.end)}]
        action = {"action": self._action(day)} if day in self.read else {}
        return [self.reading(day) | action]

    def _told(self) -> Json:
        over = self.told == self.closed
        worst = max(self.severities[self.onset : self.told + 1])
        return {
            "id": str(self.telling.id_of(f"side_effect:{self.term}", self.onset)),
            "term": self.term,
            "severity": worst if over else self.severities[self.told],
            "onset_on": self.telling.on(self.onset),
            **({"ended_on": self.telling.on(self.end)} if over else {}),
            "suspected_medication_ids": [str(self.suspected)],
            "causality": "probable",
            "action": "none" if over else self._action(self.told),
        }

    def _action(self, day: int) -> str:
        return self.actions[min(self.read.index(day), len(self.actions) - 1)]


def _dice(seed: str) -> Random:
    return Random(seed)  # noqa: S311 - repeatable on purpose; nothing secret hangs on it


def _once_a_day(mg: str | None) -> Json:
    if mg is None:
        return {}
    return {"dose": {"amount": mg, "unit": "mg"}, "times_per_day": 1}


def _within_10(level: float) -> int:
    return min(10, max(0, round(level)))


def _improvement(change: float) -> int:
    """Rate an improvement from 1, very much better, to 7: by the share of the score that went."""
    steps = (0.75, 0.5, 0.25, -0.15, -0.35, -0.6)
    return 1 + sum(change < step for step in steps)


def _severity_of_illness(depression: int) -> int:
    """Rate CGI-S from 1, not ill, to 6 by the PHQ-9, one step a band: the sample's own choice."""
    return 1 + sum(depression >= step for step in (3, 5, 10, 15, 20))
