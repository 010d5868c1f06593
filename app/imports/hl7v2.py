"""Reads HL7 v2 messages: each group of segments becomes a resource of R4, which `fhir` reads.

The way from one to the other is that of the HL7 Version 2 to FHIR guide, for PID, ORC with RXO or
RXE and their timing, and OBR with OBX. What is no medicine and no number is skipped with a reason.
Fields and tables are those of HL7 v2.5.1.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.clinical.medications import ATC, RXNORM
from app.imports import fhir
from app.imports.facts import End, Entry, Subject, moment_of
from app.imports.questionnaires import NONE, Own
from app.imports.r4 import LOINC, UCUM, Resource
from app.imports.results import File, Skipped
from app.imports.segments import Segment, field_of, messages_of, segments_of

_TIME = re.compile(
    r"(\d{4})(\d\d)?(\d\d)?(?:(\d\d)(?:(\d\d)(\d\d)?(?:\.\d+)?)?)?([+-]\d{4})?", re.ASCII
)
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?", re.ASCII)

CODE_SYSTEMS = {
    "LN": LOINC,
    "RXNORM": RXNORM,
    "ATC": ATC,
    "NDC": "http://hl7.org/fhir/sid/ndc",
    "SCT": "http://snomed.info/sct",
}
"""Table 0396. A code of another system names nothing for sure, so that its text is taken."""
NOT_A_PERSONS = frozenset({"AN", "VN", "XX"})
"""Table 0203: accounts, visits and organisations."""
SEXES = {"F": "female", "M": "male", "O": "other"}

ENDS_IT = frozenset({"DC", "OD", "DR", "RP", "RU"})
CANCELS_IT = frozenset({"CA", "OC", "CR"})
HOLDS_IT = frozenset({"HD", "OH", "HR"})
CHANGES_IT = frozenset({"XO", "XX", "XR"})
"""Table 0119, order control; every other code leaves an order as it stands."""
ENDED = frozenset({"DC", "RP"})
"""Table 0038, order status: discontinued, replaced."""

UNITS = {
    "mg": ("milligram", "milligrams"),
    "ug": ("microgram", "micrograms"),
    "ng": ("nanogram", "nanograms"),
    "g": ("gram", "grams"),
    "mL": ("milliliter", "milliliters", "millilitre", "millilitres"),
    "mmol": ("millimole", "millimoles"),
    "[iU]": ("unit", "units", "international unit", "international units"),
    "{tablet}": ("tablet", "tablets"),
    "{capsule}": ("capsule", "capsules"),
    "{patch}": ("patch", "patches"),
    "[drp]": ("drop", "drops"),
    "{puff}": ("puff", "puffs"),
}
_WORDS = {word: unit for unit, words in UNITS.items() for word in words}
_SYMBOLS = {
    **{unit: unit for unit in ("mg", "ug", "ng", "g", "mL", "mmol")},
    **fhir.FORMS,
    "ml": "mL",
    "mcg": "ug",
}
"""Symbols of UCUM in their exact case, and the codes of HL7's orderableDrugForm."""
_ISO = {"mg": "mg", "ug": "ug", "ng": "ng", "g": "g", "ml": "mL", "mmol": "mmol", "iu": "[iU]"}
"""ISO+ (chapter 7.4.2.6), in which case has no meaning."""
TIMES_A_DAY = {
    "QD": "QD", "DAILY": "QD", "QHS": "QD", "QAM": "AM", "QPM": "PM",
    "BID": "BID", "TID": "TID", "QID": "QID", "QOD": "QOD",
}  # fmt: skip
"""Table 0335, as the codes that R4 has for them."""
EVERY = re.compile(r"Q(\d{1,3})([HDW])")
PERIODS = {"H": "h", "D": "d", "W": "wk"}
STATES = {
    "F": "final",
    "U": "final",
    "C": "corrected",
    "D": "entered-in-error",
    "W": "entered-in-error",
}
"""Table 0085, state of a result; all others are not final."""

NO_PATIENT = Skipped("segment_missing", "no PID segment; a segment ends with CR, LF or CRLF")
UNREAD = {
    "AL1": Skipped("allergies_not_kept", "allergies are kept with the intake, by a clinician"),
    "IAM": Skipped("allergies_not_kept", "allergies are kept with the intake, by a clinician"),
    "DG1": Skipped("type_not_read", "diagnoses are not read here"),
    "RXD": Skipped("type_not_read", "dispenses are not read here"),
    "RXA": Skipped("type_not_read", "administrations are not read here"),
    "RXG": Skipped("type_not_read", "gives are not read here"),
    "OBR": Skipped("no_value", "asks for a test, and has no result"),
    "ORC": Skipped("not_a_medicine", "an order of nothing that is read here"),
}


# ---- a file and its messages


def read(files: Sequence[File], system: str | None = None, own: Own = NONE) -> list[list[Entry]]:
    """Read messages: for each file an entry for each group of segments that has a fact.

    These are PID, AL1, DG1, each order (ORC with RXO, RXE, RXD or OBR) and each OBX. Messages
    may be many, in batches, in MLLP frames, and their segments end with CR, LF or CRLF.
    system: of the identifiers whose assigning authority is not said.
    own: the clinic's own questionnaires.

    Raises:
        Unreadable: larger than 200 MiB, no HL7 v2, or another character set than MSH-18 says.
    """
    return [_entries(file, system, own) for file in files]


def _entries(file: File, system: str | None, own: Own) -> list[Entry]:
    found: list[Entry] = []
    for lines in messages_of(file):
        number = len(found) + 1
        try:
            found += _Message(segments_of(lines), system, own).entries(number)
        except Skipped as reason:
            found.append(Entry(number, "MSH", skipped=reason))
    return found


@dataclass
class _Order:
    """The segments from one ORC or OBR to the next."""

    segments: list[Segment] = field(default_factory=list)

    def first(self, *names: str) -> Segment | None:
        found = (one for name in names for one in self.segments if one.name == name)
        return next(found, None)

    def all(self, name: str) -> list[Segment]:
        return [one for one in self.segments if one.name == name]


class _Message:
    """One message on its way to entries."""

    def __init__(self, segments: Sequence[Segment], system: str | None, own: Own) -> None:
        self.system, self.own = system, own
        self.segments = segments
        header = self.segments[0]
        self.type = "^".join(filter(None, (header.said(9), header.said(9, 2)))) or "MSH"
        found = _TIME.fullmatch(header.said(7) or "")
        self.offset = found[7] if found else None

    def entries(self, number: int) -> list[Entry]:
        if all(one.name != "PID" for one in self.segments):
            return [Entry(number, self.type, skipped=NO_PATIENT)]
        return [replace(one, number=place) for place, one in enumerate(self._read(), number)]

    def _read(self) -> Iterator[Entry]:
        subject: Subject | Skipped = NO_PATIENT
        order = _Order()
        for segment in self.segments:
            if segment.name == "PID":
                yield from self._order(order, subject)
                order = _Order()
                subject = self._subject(segment)
                yield _entry("PID", subject)
            elif segment.name in {"AL1", "IAM", "DG1"}:
                yield Entry(0, segment.name, skipped=UNREAD[segment.name])
            elif segment.name == "ORC" or (segment.name == "OBR" and order.first("OBR")):
                yield from self._order(order, subject)
                order = _Order([segment])
            else:
                order.segments.append(segment)
        yield from self._order(order, subject)

    # ---- who

    def _subject(self, pid: Segment) -> Subject | Skipped:
        try:
            _require_whole(pid)
            identifiers = tuple(dict.fromkeys(self._identifiers(pid)))
            if not identifiers:
                raise Skipped("identifier_missing", "PID-3 has no identifier of the person")
            born = _day(pid.said(7))
            given = [one for one in (pid.said(5, 2), pid.said(5, 3)) if one]
            resource = {
                "name": [{"family": pid.said(5), "given": given}],
                "gender": SEXES.get(pid.said(8) or ""),
                "birthDate": born,
            }
            return Subject(identifiers, fhir.person(resource, identifiers[0][1]))
        except Skipped as reason:
            return reason

    def _identifiers(self, pid: Segment) -> Iterator[tuple[str | None, str]]:
        for repeat in pid.repeats(3):
            value = pid.said(3, repeat=repeat)
            if value and pid.said(3, 5, repeat=repeat) not in NOT_A_PERSONS:
                oid = pid.said(3, 4, 2, repeat)
                is_oid = pid.said(3, 4, 3, repeat) == "ISO"
                named = f"urn:oid:{oid}" if oid and is_oid else oid or pid.said(3, 4, 1, repeat)
                yield named or self.system, value

    # ---- an order, and the results under it

    def _order(self, order: _Order, subject: Subject | Skipped) -> Iterator[Entry]:
        detail = order.first("RXE", "RXO", "RXD", "RXA", "RXG", "OBR", "ORC")
        results = order.all("OBX")
        if detail is not None and not (detail.name in {"OBR", "ORC"} and results):
            yield self._detail(detail, order, subject)
        for one in results:
            try:
                _require_whole(one)
                resource = self._observation(one, order)
                key = f"Observation/{self._result_id(one, order)}"
                yield _entry("OBX", subject, key, resource, self.own)
            except Skipped as reason:
                yield Entry(0, "OBX", skipped=reason)

    def _detail(self, detail: Segment, order: _Order, subject: Subject | Skipped) -> Entry:
        try:
            for one in order.segments:
                if one.name != "OBX":
                    _require_whole(one)
            if detail.name in UNREAD:
                raise UNREAD[detail.name]
            resource = self._request(detail, order)
            if resource["status"] == "stopped":
                return self._end(detail, resource, subject)
            identity = {name: resource[name] for name in resource if name != "status"}
            return _entry(
                detail.name, subject, f"MedicationRequest/{fhir.digest(identity)}", resource
            )
        except Skipped as reason:
            return Entry(0, detail.name, skipped=reason)

    def _end(
        self, detail: Segment, resource: Mapping[str, Any], subject: Subject | Skipped
    ) -> Entry:
        """Make the entry of an order that ends what holds of its medicine."""
        code, name = fhir.medicine(resource, lambda _: None)
        at = moment_of(resource["ended"], "ORC-15")
        if isinstance(subject, Skipped):
            raise subject
        medicine = fhir.digest(resource["medicationCodeableConcept"])
        key = f"{subject.source}/hl7v2/End/{at.isoformat()}|{medicine}"
        return Entry(0, detail.name, subject, (End(key, code, name, at),))

    def _request(self, rx: Segment, order: _Order) -> dict[str, Any]:
        """Make the R4 request of an order in RXE (as the pharmacy encoded it) or RXO.

        Raises:
            Skipped: it is on hold.
        """
        orc = order.first("ORC")
        control = field_of(orc, 1) or ""
        state = field_of(orc, 5) or ""
        if control in HOLDS_IT or state == "HD":
            raise Skipped("on_hold", "holds an order; a clinician records the hold")
        drug, least, most, unit = (2, 3, 4, 5) if rx.name == "RXE" else (1, 2, 3, 4)
        timings = list(_timings(rx, order))
        begins = next((one.begins for one in timings if one.begins), None)
        ordered = field_of(orc, 15) or field_of(orc, 9)
        if control in CHANGES_IT:
            begins = ordered or begins
        resource: dict[str, Any] = {
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": _concept(rx, drug),
            "authoredOn": self._iso(begins or ordered),
            "dosageInstruction": [_instruction(rx, least, most, unit, one) for one in timings],
        }
        ends = self._iso(next((one.ends for one in timings if one.ends), None))
        if control in CANCELS_IT or state == "CA":
            resource["status"] = "cancelled"
        elif control in ENDS_IT or state in ENDED:
            resource |= {"status": "stopped", "ended": self._iso(ordered)}
        elif state == "CM":
            resource["status"] = "completed"
        # What was cancelled is named as it was ordered.
        if resource["status"] not in {"active", "cancelled"} and ends:
            resource["dispenseRequest"] = {"validityPeriod": {"end": ends}}
        return resource

    def _observation(self, obx: Segment, order: _Order) -> dict[str, Any]:
        obr = order.first("OBR")
        codings = [one for one in (_coding(obx, 3, 1), _coding(obx, 3, 4)) if one]
        return {
            "status": STATES.get(obx.said(11) or "", "not said to be final"),
            "category": [{"coding": [{"code": "laboratory"}]}] if obr else [],
            "code": {"coding": codings},
            "effectiveDateTime": self._iso(obx.said(14) or field_of(obr, 7)),
            **_value(obx),
        }

    def _result_id(self, obx: Segment, order: _Order) -> str:
        """Name a result by its order, test and time, so that a correction of it is seen as one."""
        obr = order.first("OBR")
        parts = (
            field_of(obr, 3) or field_of(obr, 2) or "",
            obx.said(3) or "",
            obx.said(3, 3) or "",
            obx.said(4) or "",
            self._iso(obx.said(14) or field_of(obr, 7)) or "",
        )
        return "|".join(parts)

    def _iso(self, text: str | None) -> str | None:
        """Write a time as R4 does; without any offset (its own, or that of MSH-7) the day alone.

        What is no time stays as it is, for a reader to refuse.
        """
        found = _TIME.fullmatch(text or "")
        if found is None or found[3] is None:
            return text
        day = "-".join(found.group(1, 2, 3))
        offset = found[7] or self.offset
        if found[5] is None or offset is None:
            return day
        return f"{day}T{found[4]}:{found[5]}:{found[6] or '00'}{offset[:3]}:{offset[3:]}"


def _entry(
    type_: str,
    subject: Subject | Skipped,
    key: str = "",
    resource: Resource | None = None,
    own: Own = NONE,
) -> Entry:
    """Make the entry of a resource, or of the person alone."""
    if isinstance(subject, Skipped):
        return Entry(0, type_, skipped=subject)
    if resource is None:
        return Entry(0, type_, subject)
    name = key.partition("/")[0]
    key = f"{subject.source}/hl7v2/{key}"
    facts = fhir.facts_of(key, name, resource, lambda _: None, own)
    return Entry(0, type_, subject, facts, key=key)


def _require_whole(segment: Segment) -> None:
    if segment.broken:
        words = f"{segment.name} is broken off: the line after it begins no segment"
        raise Skipped("segment_broken", words)


# ---- parts of an order


@dataclass(frozen=True)
class _Timing:
    pattern: str
    as_needed: bool
    begins: str | None
    ends: str | None


def _timings(rx: Segment, order: _Order) -> Iterator[_Timing]:
    """Give each timing of an order: from TQ1, else from RXE-1 or ORC-7; at least an empty one."""
    found = False
    for one in order.all("TQ1"):
        found = True
        yield _timing(one.said(3), one.said(9), one.said(7), one.said(8))
    orc = order.first("ORC")
    old = [(rx, 1)] if rx.name == "RXE" else []
    for segment, number in [*old, *([(orc, 7)] if orc else [])]:
        for repeat in segment.repeats(number) if not found else ():
            said = [segment.said(number, part, 1, repeat) for part in (2, 6, 4, 5)]
            if any(said):
                found = True
                yield _timing(*said)
    if not found:
        yield _timing(None, None, None, None)


def _timing(
    pattern: str | None, priority: str | None, begins: str | None, ends: str | None
) -> _Timing:
    written = (pattern or "").upper()
    bare = written.replace("PRN", "").strip()
    return _Timing(bare, "PRN" in {written[:3], written[-3:], priority}, begins, ends)


def _instruction(rx: Segment, least: int, most: int, unit: int, timing: _Timing) -> dict[str, Any]:
    amount, up_to = rx.said(least), rx.said(most)
    said: dict[str, Any] = {"timing": _repeat(timing.pattern), "asNeededBoolean": timing.as_needed}
    if up_to is not None and up_to != amount:
        said["doseAndRate"] = [{"doseRange": {"low": amount, "high": up_to}}]
    elif amount is not None:
        said["doseAndRate"] = [{"doseQuantity": {"value": _number(amount), **_unit(rx, unit)}}]
    return said


def _repeat(pattern: str) -> dict[str, Any]:
    if pattern in TIMES_A_DAY:
        return {"code": {"coding": [{"code": TIMES_A_DAY[pattern]}]}}
    if (every := EVERY.fullmatch(pattern)) is not None:
        unit = PERIODS[every[2]]
        return {"repeat": {"frequency": 1, "period": int(every[1]), "periodUnit": unit}}
    return {}


def _unit(segment: Segment, number: int) -> dict[str, str]:
    """Give a unit only where a table of HL7 or a plain word makes it certain; else as received."""
    code, words, system = (segment.said(number, part) for part in (1, 2, 3))
    if system == "UCUM" and code:
        return {"system": UCUM, "code": code}
    if system == "ISO+" and code:
        return {"unit": _ISO.get(code.casefold(), code)}
    for one in (code, words):
        if one and (unit := _SYMBOLS.get(one) or _WORDS.get(one.casefold(), "")):
            return {"unit": unit}
    received = code or words
    return {"unit": received} if received else {}


def _concept(segment: Segment, number: int) -> dict[str, Any]:
    """Give what names a medicine: codes of systems that we know, and the text."""
    known = [
        one
        for one in (_coding(segment, number, 1), _coding(segment, number, 4))
        if one and one["system"] in CODE_SYSTEMS.values()
    ]
    words = segment.said(number, 2) or segment.said(number, 5) or segment.said(number)
    return {"coding": known, "text": words}


def _coding(segment: Segment, number: int, component: int) -> dict[str, str] | None:
    """Give a code of a coded field; a system that we do not know keeps its own name."""
    code, display, system = (segment.said(number, component + part) for part in range(3))
    if code is None:
        return None
    known = CODE_SYSTEMS.get((system or "").upper()) or f"urn:hl7v2:{system or 'local'}"
    return {"system": known, "code": code, **({"display": display} if display else {})}


def _value(obx: Segment) -> Mapping[str, Any]:
    type_, value = obx.said(2), obx.said(5)
    code, words, system = (obx.said(6, part) for part in (1, 2, 3))
    unit = {"code": code} if code and system == "UCUM" else {"unit": code or words}
    if type_ == "NM" and value is not None:
        return {"valueQuantity": {"value": _number(value), **unit}}
    if type_ == "SN":
        number, more = obx.said(5, 2), obx.said(5, 3)
        if number is not None and more is None and value in {None, "="}:
            return {"valueQuantity": {"value": _number(number), **unit}}
        if value is not None and value != "=":
            return {"valueQuantity": {"comparator": value}}
    if type_ in {"CE", "CWE", "CF", "CNE"}:
        coded = _coding(obx, 5, 1)
        words = obx.said(5, 2)
        return {"valueCodeableConcept": {"coding": [coded] if coded else [], "text": words}}
    return {} if value is None else {"valueString": value}


def _number(text: str) -> float | str:
    """Give a number as JSON would; what is none stays a text, for a reader to refuse."""
    if _NUMBER.fullmatch(text) is None:
        return text
    return float(text) if "." in text else int(text)


def _day(text: str | None) -> str | None:
    found = _TIME.fullmatch(text or "")
    return "-".join(found.group(1, 2, 3)) if found and found[3] else None
