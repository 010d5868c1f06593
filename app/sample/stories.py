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

from app.clinical.instruments import instrument
from app.sample.plot import (
    DAYS,
    FOLLOWED_CLOSELY,
    UNKNOWN,
    Course,
    Dose,
    Effect,
    Event,
    Lab,
    Plot,
    at,
)

Json = dict[str, Any]

SYSTEM = "urn:titrate:sample"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"

WEIGHTS = {
    "phq-9": (2.0, 2.2, 2.0, 2.1, 1.3, 1.8, 1.6, 0.9, 0.0),
    "gad-7": (2.0, 2.0, 1.9, 1.8, 1.0, 1.4, 1.1),
}
"""Which items a score rests on, alike where nothing is said. PHQ-9 item 9 is told by the plot
and never by chance."""
ASKED_LESS_OFTEN = "gad-7"
ILLNESS_SPAN = 27
"""How ill somebody is: the story's own questionnaire on the scale of the PHQ-9."""

SKIPPED, SKIPPED_AT_WEEKENDS = 0.11, 0.22
"""Share of days without a check-in."""
HOURS_NOT_KNOWN = 0.12
"""Share of check-ins that rate the night and do not say how long it was."""
ASKED_EVERY = 3
"""Days from one check-in that asks for an open side effect to the next."""
ASKED_AGAIN = 2
"""Visits that still ask for a side effect after the one that closed it."""
PERSISTENCE = 0.6
"""Autocorrelation of one day's wellbeing with the next (AR(1)); sizes are points of 0 to 10."""
SHARED_SD, OWN_SD = 0.8, 0.6
REVIEWED_AT_MIN = 17 * 60
"""A plan is looked at when the day's visits are over."""

Kind = Literal[
    "medication",
    "plan",
    "lab",
    "life_event",
    "follow_up",
    "treatment_plan",
    "plan_review",
    "answer",
    "check_in",
]


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
    """Tell a story up to the day before `last`, so that nothing lies in the future anywhere."""
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
        self.visits = dict(self._calendar())
        self.real = {nominal: day for day, nominal in self.visits.items()}
        self.forms = list(plot.levels)
        self.episodes = [_Episode(self, effect) for effect in plot.effects]

    def id_of(self, what: str, day: int) -> UUID:
        return uuid5(self.patient_id, f"{what}:{day}")

    def course_id(self, course: Course) -> UUID:
        return self.id_of(f"medication:{course.medicine.reference_id}", course.begins)

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

    def _calendar(self) -> Iterator[tuple[int, int]]:
        """Give the day on which each planned visit takes place: a working day, one a day."""
        last = -1
        for nominal in self.plot.visits:
            last = self._working_day(max(nominal, last + 1))
            yield last, nominal

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
        labs = [(self._working_day(one.day), one) for one in self.plot.labs]
        for day in range(self.plot.begins, DAYS):
            wellbeing = self._next(wellbeing)
            if self._answers(day):
                yield self._record("check_in", day, self._check_in(day, wellbeing))
            for drawn, lab in labs:
                if drawn == day:
                    yield self._record("lab", day, self._lab(day, lab), f"lab:{lab.test.loinc}")
            if day in self.visits:
                yield from self._decided(self.visits[day])
                yield self._record("follow_up", day, self._visit(day))
                for event in self.plot.events:
                    if event.visit == self.visits[day]:
                        yield self._record("life_event", event.begins, self._event_of_life(event))
                yield from self._agreed(day)
                if done := self.plot.answered.get(self.visits[day]):
                    move = {"state": "closed", "action": done}
                    yield Record("answer", self.id_of("follow_up", day), move)

    def _agreed(self, day: int) -> Iterator[Record]:
        """Give the plan that was made at the visit of a day, or a look at it."""
        agreement, visit = self.plot.agreement, self.visits[day]
        if agreement is None:
            return
        if visit == agreement.visit:
            id_ = uuid5(self.patient_id, "treatment-plan")  # The one plan of a patient.
            yield Record(
                "treatment_plan",
                id_,
                {
                    "id": str(id_),
                    "agreed_on": self.on(day),
                    "decision_shared": True,
                    "why": agreement.why,
                    "goals": [
                        {"patient_words": words, "measure": measure, "target": target}
                        for words, measure, target in agreement.goals
                    ],
                    "expected": [{"week": week, "sign": sign} for week, sign in agreement.expected],
                    "measured_by": list(agreement.measured_by),
                    "review_interval_days": agreement.every_days,
                },
            )
        elif outcome := agreement.reviews.get(visit):
            body = {"reviewed_at": self.moment(day, REVIEWED_AT_MIN), "outcome": outcome}
            yield self._record("plan_review", day, body)

    def _record(self, kind: Kind, day: int, body: Json, what: str | None = None) -> Record:
        id_ = self.id_of(what or kind, day)
        return Record(kind, id_, {"id": str(id_), **body})

    def _decided(self, visit: int) -> Iterator[Record]:
        """Give the courses that are first told of at a visit, and the plans made there."""
        for course in self.plot.courses:
            told_on = course.begins if course.told_on is None else course.told_on
            id_ = self.course_id(course)
            if told_on == visit:
                yield Record("medication", id_, {"id": str(id_), **self._course(course)})
            if course.planned_on == visit:
                steps = [self._step(course, dose) for dose in course.plan]
                yield Record("plan", UUID(steps[-1]["id"]), {"steps": steps})

    # ---- check-ins

    def _next(self, wellbeing: float) -> float:
        own = SHARED_SD * (1 - PERSISTENCE**2) ** 0.5
        return PERSISTENCE * wellbeing + self.of_days.gauss(0, own)

    def _answers(self, day: int) -> bool:
        skipped = SKIPPED_AT_WEEKENDS if self.is_weekend(day) else SKIPPED
        if self.plot.thins_out is not None:
            begin, end = self.plot.thins_out
            skipped = at(((begin, skipped), (end - 1, 0.8), (end, 1.0)), day)
        if self.plot.away is not None and self.plot.away[0] <= day < self.plot.away[1]:
            skipped = 1.0
        return self.of_days.random() >= skipped

    def _check_in(self, day: int, wellbeing: float) -> Json:
        level = self.plot.level
        depression, worry, elation = level("phq-9", day), level("gad-7", day), level("asrm", day)
        distraction, wakefulness = level("asrs-18", day), level("isi", day)
        sleepless = self._severity("insomnia", day)
        unwell = max((at(one.severity, day) for one in self.plot.effects), default=0.0)

        def rating(level: float, up: int = 1) -> int:
            return _within_10(level + up * wellbeing + self.of_days.gauss(0, OWN_SD))

        hours = 7.6 - 0.07 * depression - 0.5 * sleepless - 0.09 * wakefulness - 0.15 * elation
        slept = max(2.0, hours + 0.2 * wellbeing + self.of_days.gauss(0, 0.4))
        knows_hours = self.of_days.random() >= HOURS_NOT_KNOWN
        able = 8.8 - 0.27 * depression - 0.5 * unwell - 0.08 * distraction - 0.1 * elation
        able -= 0.12 * wakefulness
        asked = ("home", "social") if self.is_weekend(day) else ("work",)
        readings = [one.reading(day) for one in self.episodes if one.is_asked(day)]
        mood = {
            "mood": rating(8.6 - 0.29 * depression + 0.12 * elation),
            "anxiety": rating(1.2 + 0.36 * worry, -1),
            "energy": rating(8.2 - 0.28 * depression - 0.3 * unwell + 0.2 * elation),
        }
        if "asrs-18" in self.plot.levels:
            mood["concentration"] = rating(9.2 - 0.12 * distraction)
        if "asrm" in self.plot.levels:
            mood["irritability"] = rating(1.5 + 0.35 * elation + 0.1 * depression, -1)
        sleep: Json = {
            "quality": rating(8.2 - 0.24 * depression - 0.9 * sleepless - wakefulness / 5)
        }
        if self.plot.keeps_diary:
            sleep["diary"] = self._night(day, slept, wakefulness)
        elif knows_hours:
            sleep["duration_h"] = round(2 * slept) / 2
        return {
            "occurred_at": self.moment(day, 7 * 60 + self.of_days.randrange(120)),
            "mood_cognition": mood,
            "sleep": sleep,
            "functioning": {field: rating(able) for field in asked},
            **({"side_effects": {"episodes": readings}} if readings else {}),
        }

    def _night(self, day: int, hours: float, wakefulness: float) -> Json:
        """Tell a night in clock times; it ends on the day of the check-in."""
        woke = 6 * 60 + 5 * self.of_days.randrange(8)
        latency = 5 * max(1, round(1 + wakefulness / 2 + self.of_days.gauss(0, 1)))
        awake = 5 * max(0, round(wakefulness / 3 + self.of_days.gauss(0, 1)))
        tried = woke - 5 * round(12 * hours) - latency - awake
        return {
            "woke_on": self.on(day),
            "into_bed": _clock(tried - 10),
            "tried_to_sleep": _clock(tried),
            "latency_min": latency,
            "awakenings": awake // 15,
            "waso_min": awake,
            "final_awakening": _clock(woke),
            "out_of_bed": _clock(woke + 15),
        }

    def _severity(self, term: str, day: int) -> float:
        return max(
            (at(one.severity, day) for one in self.plot.effects if one.term == term), default=0
        )

    # ---- visits

    def _course(self, course: Course) -> Json:
        medicine = course.medicine
        named: Json = {"reference_id": medicine.reference_id}
        if medicine.rxnorm is not None:
            code = {"system": RXNORM, "code": medicine.rxnorm, "display": medicine.reference_id}
            indication = {"system": ICD_10_CM, "code": self.plot.indication}
            named = {"code": code, "indication": indication}
        return {
            "kind": medicine.kind,
            **named,
            **({"form": medicine.form} if medicine.form else {}),
            **({"route": medicine.route} if medicine.route else {}),
            "first_dose_event": self._event(course, course.doses[0], "start"),
        }

    def _event(self, course: Course, dose: Dose, kind: str) -> Json:
        """Write what was done to a dose: on the day of the visit, or told of later, on its own."""
        return {
            "id": str(uuid5(self.course_id(course), f"dose_event:{dose.day}")),
            "medication_id": str(self.course_id(course)),
            "kind": kind,
            "effective_on": self.on(self.real.get(dose.day, dose.day)),
            **_once_a_day(dose.mg),
            "reason": dose.reason,
        }

    def _step(self, course: Course, dose: Dose) -> Json:
        """Write one step of a plan; that it was done is said by an event of its own."""
        event = self._event(course, dose, "stop" if dose.mg is None else "change")
        id_ = uuid5(self.course_id(course), f"planned:{dose.day}")
        return {**event, "id": str(id_), "planned": True}

    def _lab(self, day: int, lab: Lab) -> Json:
        test = lab.test
        return {
            "code": {"system": LOINC, "code": test.loinc, "display": test.display},
            "value": lab.value,
            "unit": test.unit,
            "drawn_at": self.moment(day, 9 * 60),
            **({} if lab.hours is None else {"hours_since_dose": lab.hours}),
        }

    def _event_of_life(self, event: Event) -> Json:
        last = {} if event.ends is None else {"to_on": self.on(event.ends)}
        return {
            "kind": event.kind,
            "label": event.label,
            "from_on": self.on(event.begins),
            **last,
        }

    def _visit(self, day: int) -> Json:
        nominal = self.visits[day]
        filled = {name: self._answered(name, nominal) for name in self.forms}
        illness = self._illness(sum(filled[self.forms[0]]))
        # Every second visit is a longer one; after a new dose each asks for more.
        long = self.plot.visits.index(nominal) % 2 == 1
        close = any(
            0 <= nominal - dose.day <= FOLLOWED_CLOSELY
            for course in self.plot.courses
            for dose in course.doses
            if dose.mg is not None
        )
        told = [entry for one in self.episodes for entry in one.told_at(day)]
        dosage = self._dosage(nominal, illness, long)
        if not long:
            filled.pop(ASKED_LESS_OFTEN, None)
        if (close or long) and dosage.get("taking"):
            filled["fibser"] = self._burden(day)
        return {
            "kind": "visit",
            "occurred_at": self.moment(day, 9 * 60 + 15 * self.of_visits.randrange(24)),
            "dosage": dosage,
            "side_effects": {"episodes": told},
            "mood_cognition": self._interviewed(nominal),
            "sleep": {"quality": _within_10(8.2 - 0.24 * illness + self.of_visits.gauss(0, 1))},
            "functioning": {"days_out_of_role": max(0, round(0.5 * (illness - 4)))},
            "interactions": {"list_reviewed": True},
            "assessments": [
                {"id": str(self.id_of(name, day)), "instrument": name, "answers": answers}
                for name, answers in filled.items()
            ],
        }

    def _interviewed(self, nominal: int) -> Json:
        """Rate what a check-in does not ask about."""
        depression = self.plot.level("phq-9", nominal)
        distraction = self.plot.level("asrs-18", nominal)
        level = 8.8 - 0.2 * depression - 0.1 * distraction
        return {
            field: _within_10(level + self.of_visits.gauss(0, 0.7))
            for field in ("concentration", "memory")
        }

    def _answered(self, name: str, nominal: int) -> list[int]:
        """Fill in a form at the level of the day."""
        thoughts = int(name == "phq-9" and self.plot.thoughts_on == nominal)
        items = self._items(name, self._score(self.plot.level(name, nominal)) - thoughts)
        items[-1] += thoughts
        return items

    def _illness(self, total: int) -> int:
        return round(total * ILLNESS_SPAN / _most(self.forms[0]))

    def _score(self, level: float) -> int:
        """Give a total near the course: at most one point off, as one form is from the next."""
        return max(0, round(level) + self.of_visits.choice((-1, 0, 0, 1)))

    def _items(self, name: str, total: int) -> list[int]:
        """Spread a total over items, heavier ones first; the items add up to it exactly."""
        most = [max(item.allowed) for item in instrument(name).items]
        weights = WEIGHTS.get(name, (1.0,) * len(most))
        items = [0] * len(most)
        for _point in range(total):
            open_ = [place for place, one in enumerate(items) if one < most[place]]
            chances = [weights[place] / (1 + items[place]) ** 2 for place in open_]
            items[self.of_visits.choices(open_, chances)[0]] += 1
        return items

    def _burden(self, day: int) -> list[int]:
        """Answer FIBSER: frequency, intensity and burden grow with the worst side effect."""
        worst = max((at(one.severity, day) for one in self.plot.effects), default=0.0)
        return [round(1.9 * worst), round(1.6 * worst), round(1.7 * worst)]

    def _dosage(self, nominal: int, illness: int, rated: bool) -> Json:
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
                dosage["ratings"].append({**of_course, **self._ratings(course, illness)})
            for dose in course.doses:
                if dose.day == nominal:
                    kind = "stop" if dose.mg is None else "change"
                    dosage["dose_events"].append(self._event(course, dose, kind))
        return {part: entries for part, entries in dosage.items() if entries or part == "taking"}

    def _ratings(self, course: Course, illness: int) -> Json:
        before = self._illness(round(self.plot.level(self.forms[0], course.begins)))
        change = (before - illness) / before
        return {
            "pgi_i": _improvement(change + self.of_visits.uniform(-0.1, 0.1)),
            "cgi_i": _improvement(change),
            "cgi_s": _severity_of_illness(illness),
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
        self.suspected = self._suspected()
        self.told = next(day for day in visits if day >= self.onset)
        self.closed = next((day for day in visits if day > self.end), DAYS)
        later = [day for day in visits if day > self.closed]
        self.asked_until = later[ASKED_AGAIN - 1] if len(later) >= ASKED_AGAIN else DAYS
        self.read = [day for day in visits if self.told <= day < self.closed]

    def _suspected(self) -> list[str]:
        """Suspect the medicine that was begun or stopped last before the onset; or none."""
        telling = self.telling
        turns = [
            (day, str(telling.course_id(course)))
            for course in telling.plot.courses
            for dose in course.doses
            if dose in (course.doses[0], course.doses[-1])
            if (day := telling.real.get(dose.day, dose.day)) < self.onset
        ]
        return [max(turns)[1]] if turns else []

    def is_asked(self, day: int) -> bool:
        """Say whether a check-in asks for it: from when it was told until it is closed."""
        return self.told < day <= self.closed and (day - self.told) % ASKED_EVERY == 0

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
            "suspected_medication_ids": self.suspected,
            **({"causality": "probable"} if self.suspected else {}),
            "action": "none" if over else self._action(self.told),
        }

    def _action(self, day: int) -> str:
        return self.actions[min(self.read.index(day), len(self.actions) - 1)]


def _dice(seed: str) -> Random:
    return Random(seed)  # noqa: S311 - repeatable on purpose; nothing secret hangs on it


def _once_a_day(mg: str | None) -> Json:
    if mg is None:
        return {}
    if mg == UNKNOWN:
        return {"dose": None, "dose_known": False}
    return {"dose": {"amount": mg, "unit": "mg"}, "times_per_day": 1}


def _clock(minutes: int) -> str:
    """Write minutes since midnight, also those before it, as a time of day."""
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def _most(name: str) -> int:
    return sum(max(item.allowed) for item in instrument(name).items)


def _within_10(level: float) -> int:
    return min(10, max(0, round(level)))


def _improvement(change: float) -> int:
    """Rate an improvement from 1, very much better, to 7: by the share of the score that went."""
    steps = (0.75, 0.5, 0.25, -0.15, -0.35, -0.6)
    return 1 + sum(change < step for step in steps)


def _severity_of_illness(illness: int) -> int:
    """Rate CGI-S from 1, not ill, to 6, one step a band of the PHQ-9: the sample's own choice."""
    return 1 + sum(illness >= step for step in (3, 5, 10, 15, 20))
