"""Look-up of substances in the reference: by code, by id, and by what somebody typed.

A code or a reference id identifies. A text never does: it offers candidates, and whatever rests
on one says so. The reference lies in `reference/medications.yaml`, every field with its source.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"

FOLDER = Path(__file__).parent / "reference"

By = Literal["rxnorm", "atc", "name", "brand", "misspelling"]
Kind = Literal["drug", "supplement", "exposure"]

CONTAINED = 0.9
"""Score of a name that stands in a longer text; an exact name or code scores 1."""

_LONGEST_INTERVAL_DAYS = {"mg/mo": 31, "mg/(4.wk)": 28}
"""A monthly injection is given every four weeks or by calendar month: both reach the minimum."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A dose of the reference: UCUM unit of the reference (`mg/d`, `mg/mo`, `{tablet}/d`)."""

    value: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class AmountRange:
    """The usual adult range; `low` is the least dose expected to work."""

    low: Decimal
    high: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The largest dose of the label, for the population named; `note` may point to `notes`."""

    value: Decimal
    unit: str
    population: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Taper:
    """Whether a stop is tapered, and the default advice: for prescribers only."""

    needed: bool
    note: str


@dataclass(frozen=True, slots=True)
class Cyp:
    """One role at one enzyme. `grade`: strength (strong, moderate, weak) or sensitivity."""

    enzyme: str
    role: Literal["substrate", "inhibits", "induces"]
    grade: str


@dataclass(frozen=True, slots=True)
class Equivalent:
    """The dose in mg that equals the reference dose named by `of` (`diazepam10`)."""

    of: str
    mg: Decimal
    source: str
    verified: str


OF_CLINIC = "clinic"
"""The role of a medicine that a clinic added to the reference for itself."""


@dataclass(frozen=True, eq=False, slots=True)
class Substance:
    """One entry of the reference. Compared by identity: the reference is loaded once.

    `tall_man` is the name to display; it equals `name` unless the FDA or ISMP list has it.
    `form_of` names the entry of the same ingredient in its plain form (depot injections).
    `half_life_hours`, `onset_weeks`: (low, high). Scales: `serotonergic` and
    `anticholinergic_burden` 0-3, `qt_risk` none, possible, conditional, known.
    `verified` says field by field what was seen and what is memory.
    """

    reference_id: str
    name: str
    tall_man: str
    brands: tuple[str, ...]
    synonyms: tuple[str, ...]
    form_of: str | None
    kind: Kind
    role: str
    classes: frozenset[str]
    rxnorm: str | None
    atc: tuple[str, ...]
    forms: tuple[str, ...]
    usual_start: Amount | None
    usual_range: AmountRange | None
    max_daily: Ceiling | None
    half_life_hours: tuple[float, float] | None
    onset_weeks: tuple[float, float] | None
    taper: Taper | None
    qt_risk: str
    serotonergic: int
    anticholinergic_burden: int
    cyp: tuple[Cyp, ...]
    boxed_warnings: tuple[str, ...]
    pregnancy_note: str | None
    equivalents: tuple[Equivalent, ...]
    dea_schedule: str | None
    notes: str | None
    sources: tuple[str, ...]
    verified: Mapping[str, str]

    @property
    def is_of_clinic(self) -> bool:
        """A clinic added it: the house's rules and schedules do not know it."""
        return self.role == OF_CLINIC


@dataclass(frozen=True, slots=True)
class Candidate:
    """A substance that a text may mean; `score` is 1 for an exact name or code, less otherwise."""

    substance: Substance
    by: By
    score: float


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a substance of a record is known to be.

    `substance` is set only by a code or a reference id. Otherwise `candidates` holds the best
    guesses of equal score (two when one code or name stands for two forms), or nothing.
    `by` tells what identified it, or how the candidates were found.
    """

    substance: Substance | None
    candidates: tuple[Candidate, ...]
    by: Literal["reference_id"] | By | None

    @property
    def candidate(self) -> Candidate | None:
        """The first of the best candidates."""
        return self.candidates[0] if self.candidates else None


class SubstancesDiffer(ValueError):
    """The code and the reference id of one record name different substances."""


def load_reference(name: str) -> Any:
    """Read one packaged YAML file; with libyaml 0.1 s for the largest, without it 0.5 s."""
    text = (FOLDER / name).read_text("utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text, Loader=loader)  # noqa: S506 -- a safe loader on both paths


@cache
def version() -> tuple[str, str]:
    """Version and date of the reference."""
    return _file()["version"], _file()["date"]


def substances() -> tuple[Substance, ...]:
    """All entries, in the order of the file."""
    return tuple(_by_id().values())


def by_id(reference_id: str) -> Substance | None:
    """The entry with this id."""
    return _by_id().get(reference_id)


def daily_unit(substance: Substance | None) -> str | None:
    """Give the unit of the daily dose where the reference states another than milligrams."""
    ceiling = substance.max_daily if substance else None
    return "ug/d" if ceiling is not None and ceiling.unit == "ug/d" else None


def least_effective(substance: Substance | None) -> Decimal | None:
    """Give the low end of the usual range a day: the least dose expected to work."""
    usual = substance.usual_range if substance else None
    if usual is None:
        return None
    if usual.unit in _LONGEST_INTERVAL_DAYS:
        return usual.low / _LONGEST_INTERVAL_DAYS[usual.unit]
    return usual.low if usual.unit in ("mg/d", "ug/d") else None


def find(code_system: str, code: str) -> tuple[Substance, ...]:
    """The entries that carry a code of RxNorm or ATC (FHIR system addresses).

    An ingredient code means the plain form, not the depots made of it. Two entries come back
    where one code stands for two forms and neither is plain (selegiline, tablet and patch).
    """
    return _codes().get((code_system, code), ())


def candidates(text: str, limit: int = 5) -> list[Candidate]:
    """What a text may mean, best first; [] when nothing fits.

    Strengths, forms, salts and times of day are ignored ("tramadol 50 mg tablet at night").
    Tried in turn, the first that yields anything wins: a code, the exact name or brand, names
    within a longer text (a combination of the reference before its parts), a misspelling of one
    letter (two from eight letters on). Never by prefix: bupropion and buspirone share theirs.
    Several names in one text have one score, so that none of them stands for the whole.
    """
    found = _by_code(text) or _exact(text) or _contained(text) or _misspelt(text)
    best: dict[str, Candidate] = {}
    for one in found:
        known = best.get(one.substance.reference_id)
        if known is None or one.score > known.score:
            best[one.substance.reference_id] = one
    ranked = sorted(best.values(), key=lambda one: (-one.score, one.substance.reference_id))
    return ranked[:limit]


def resolve(
    code: tuple[str, str] | None = None,
    reference_id: str | None = None,
    text: str | None = None,
) -> Resolved:
    """Say what a record's substance is, as far as its members tell.

    code: (system, code). A code or an id that the reference does not know identifies nothing;
    the text may then still offer candidates.

    Raises:
        SubstancesDiffer: code and reference id are both known and name different ingredients.
    """
    named = by_id(reference_id) if reference_id is not None else None
    coded = find(*code) if code is not None else ()
    if named is not None:
        plain = {named.reference_id, named.form_of}
        if coded and not any(one.reference_id in plain for one in coded):
            raise SubstancesDiffer(f"{reference_id} is not what {code} stands for")
        return Resolved(named, (), "reference_id")
    if code is not None and coded:
        by: By = "rxnorm" if code[0] == RXNORM else "atc"
        if len(coded) == 1:
            return Resolved(coded[0], (), by)
        return Resolved(None, tuple(Candidate(one, by, 1.0) for one in coded), by)
    offered = candidates(text) if text is not None else []
    best = tuple(one for one in offered if one.score == offered[0].score)
    return Resolved(None, best, best[0].by if best else None)


# --- reading the file ---


@cache
def _file() -> Any:
    return load_reference("medications.yaml")


@cache
def _by_id() -> dict[str, Substance]:
    return {raw["id"]: _substance(raw) for raw in _file()["medications"]}


def _number(value: float) -> Decimal:
    return Decimal(str(value))


def _substance(raw: dict[str, Any]) -> Substance:
    start, usual, ceiling = raw["usual_start"], raw["usual_range"], raw["max_daily"]
    taper, half_life, onset = raw["taper"], raw["half_life_hours"], raw["onset_weeks"]
    return Substance(
        reference_id=raw["id"],
        name=raw["name"],
        tall_man=raw["tall_man"] or raw["name"],
        brands=tuple(raw["brands"]),
        synonyms=tuple(raw["synonyms"]),
        form_of=raw.get("form_of"),
        kind=raw["kind"],
        role=raw["role"],
        classes=frozenset(raw["classes"]),
        rxnorm=raw["rxcui"],
        atc=tuple(raw["atc"]),
        forms=tuple(raw["forms"]),
        usual_start=start and Amount(_number(start["value"]), start["unit"]),
        usual_range=usual
        and AmountRange(_number(usual["low"]), _number(usual["high"]), usual["unit"]),
        max_daily=ceiling
        and Ceiling(
            _number(ceiling["value"]), ceiling["unit"], ceiling["population"], ceiling["note"]
        ),
        half_life_hours=half_life and (half_life[0], half_life[1]),
        onset_weeks=onset and (onset[0], onset[1]),
        taper=taper and Taper(taper["needed"], taper["note"]),
        qt_risk=raw["qt_risk"],
        serotonergic=raw["serotonergic"],
        anticholinergic_burden=raw["anticholinergic_burden"],
        cyp=tuple(
            Cyp(one["enzyme"], role, one.get("strength") or one["sensitivity"])
            for role in ("substrate", "inhibits", "induces")
            for one in raw["cyp"][role]
        ),
        boxed_warnings=tuple(raw["boxed_warnings"]),
        pregnancy_note=raw["pregnancy_note"],
        equivalents=tuple(
            Equivalent(of, _number(one["mg"]), one["source"], one["verified"])
            for of, one in (raw["equivalents"] or {}).items()
        ),
        dea_schedule=raw["dea_schedule"],
        notes=raw["notes"],
        sources=tuple(raw["sources"]),
        verified=raw["verified"],
    )


@cache
def _codes() -> dict[tuple[str, str], tuple[Substance, ...]]:
    index: dict[tuple[str, str], tuple[Substance, ...]] = {}
    for one in substances():
        if one.form_of is not None:
            continue
        codes = [(ATC, code) for code in one.atc]
        if one.rxnorm is not None:
            codes.append((RXNORM, one.rxnorm))
        for code in codes:
            index[code] = (*index.get(code, ()), one)
    return index


# --- reading a text ---

_STRENGTH = re.compile(
    r"\b\d+(?:[.,]\d+)?\s*(?:mg|mcg|µg|μg|ug|g|ml|iu|units?|unt|meq|mmol|%)(?![a-z])"
    # "5 mg/mL", "25 mcg/24 h"; what stands behind the bar of "2 mg / naloxone" is a drug.
    r"(?:\s*/\s*(?:\d+(?:[.,]\d+)?\s*)?(?:ml|l|kg|g|mg|h|hr|hrs|hours?|d|days?|dose|actuat|actuation"
    r"|spray|puff|tablets?|tab|capsules?|cap|film|patch)(?![a-z]))?"
)
_JOINED = re.compile(r"[/+&]|\b(?:and|with)\b")
# Words that say how, when or as which salt, never what.
_NOISE_WORDS = """
tablet tablets tab tabs capsule capsules cap caps oral solution suspension concentrate syrup gummy
gummies injection injectable patch patches transdermal spray drops lozenge gum sublingual chewable
odt er xr sr cr xl la ir dr ec extended release sustained controlled immediate delayed film coated
depot daily bid tid qid qd qhs prn hs po once twice day per nightly night bedtime morning evening
at in the of as needed generic
hydrochloride hcl hydrobromide hbr sodium potassium calcium sulfate sulphate maleate tartrate
bitartrate succinate mesylate fumarate besylate citrate carbonate acetate phosphate oxalate
dimesylate
"""
_NOISE = frozenset(_NOISE_WORDS.split())
_LEAST_LETTERS_IN_A_TEXT = 5
"""A shorter name counts only alone: "a herbal tea" is not caffeine, "the same" is not SAMe."""
_LEAST_TO_GUESS = 5
"""A word of this many letters may be misspelt by one of them,"""
_LEAST_FOR_TWO = 8
"""and one of this many by two."""


def _words(text: str) -> list[str]:
    plain = text.casefold().replace("\u2019", "'").replace("'", "")
    return re.findall(r"[^\W_]+", plain)


def _bare(text: str) -> list[str]:
    """The words that can name something: no strength, form, salt or time of day."""
    words = _words(_STRENGTH.sub(" ", text.casefold()))
    return [word for word in words if word not in _NOISE]


@cache
def _names() -> dict[str, tuple[tuple[Substance, By], ...]]:
    """Every name and brand, as words joined by one space."""
    index: dict[str, tuple[tuple[Substance, By], ...]] = {}
    for one in substances():
        names: dict[str, By] = {" ".join(_words(brand)): "brand" for brand in one.brands}
        own = (one.name, one.reference_id, re.sub(r"\s*\(.*\)", "", one.name), *one.synonyms)
        names |= {" ".join(_words(name)): "name" for name in own}
        for name, by in names.items():
            index[name] = (*index.get(name, ()), (one, by))
    return index


def _by_code(text: str) -> list[Candidate]:
    code = text.strip().upper()
    found = [Candidate(one, "rxnorm", 1.0) for one in find(RXNORM, code)]
    return found + [Candidate(one, "atc", 1.0) for one in find(ATC, code)]


def _exact(text: str) -> list[Candidate]:
    bare = _bare(text)
    for words in (_words(text), bare, [word for word in bare if not word.isdigit()]):
        if hits := _names().get(" ".join(words)):
            return [Candidate(one, by, 1.0) for one, by in hits]
    return []


def _spans(words: list[str]) -> Iterator[str]:
    """The longest known names in the text, from left to right."""
    at = 0
    while at < len(words):
        for end in range(min(len(words), at + _most_words()), at, -1):
            name = " ".join(words[at:end])
            if len(name) >= _LEAST_LETTERS_IN_A_TEXT and name in _names():
                yield name
                at = end
                break
        else:
            at += 1


@cache
def _combinations() -> tuple[tuple[Substance, frozenset[str]], ...]:
    """Entries of several ingredients, with the names of the ingredients."""
    return tuple(
        (one, frozenset(" ".join(_words(part)) for part in one.name.split(" and ")))
        for one in substances()
        if " and " in one.name
    )


def _contained(text: str) -> list[Candidate]:
    spans = list(_spans(_words(text)))
    words = frozenset(_words(text))
    whole = [
        (one, parts)
        for one, parts in _combinations()
        if all(words.issuperset(part.split()) for part in parts)
    ]
    covered = frozenset[str]().union(*(parts for _, parts in whole))
    found = [Candidate(one, "name", CONTAINED) for one, _ in whole]
    found += [
        Candidate(one, by, CONTAINED)
        for span in spans
        if span not in covered
        for one, by in _names()[span]
    ]
    if found and _JOINED.search(_STRENGTH.sub(" ", text.casefold())):
        said = {word for span in (*spans, *covered) for word in span.split()}
        found += _near_words([word for word in _bare(text) if word not in said], CONTAINED)
    return found


def _misspelt(text: str) -> list[Candidate]:
    bare = [word for word in _bare(text) if not word.isdigit()]
    found = [
        Candidate(one, "misspelling", round(1 - edits / len(name), 3))
        for name, edits in _near(bare)
        for one, _ in _names()[name]
    ]
    if not found and len(bare) > 1:
        found = _near_words(bare)
    return found


def _near_words(words: Iterable[str], score: float | None = None) -> list[Candidate]:
    """What single words of a text may mean, all with one score: none stands for the whole."""
    near: dict[str, float] = {}
    for word in dict.fromkeys(words):
        hits = _near([word])
        best = min((edits / len(name) for name, edits in hits), default=None)
        near |= {name: edits / len(name) for name, edits in hits if edits / len(name) == best}
    if score is None:
        score = round(1 - max(near.values(), default=0), 3)
    return [Candidate(one, "misspelling", score) for name in near for one, _ in _names()[name]]


def _near(words: list[str]) -> list[tuple[str, int]]:
    """The names that these words misspell, word by word, each with the number of edits."""
    if not 0 < len(words) <= _most_words():
        return []
    near = [_near_word(word) for word in words]
    found = []
    for first in near[0]:
        for name in _by_first_word().get((len(words), first), ()):
            pairs = list(zip(near, name.split(), strict=True))
            if all(right in known for known, right in pairs):
                edits = sum(known[right] for known, right in pairs)
                found += [(name, edits)] if edits else []
    return found


def _near_word(typed: str) -> dict[str, int]:
    """The words of names that a word is, or misspells; with the number of edits."""
    vocabulary = _vocabulary()
    near = {right for one in _without_letters(typed) for right in vocabulary.get(one, ())}
    found = {typed: 0}
    for right in near - {typed}:
        edits = _distance(typed, right)
        if edits <= (2 if min(len(typed), len(right)) >= _LEAST_FOR_TWO else 1):
            found[right] = edits
    return found


def _without_letters(word: str) -> set[str]:
    """The word, and what is left of it without one letter, or two of a longer one.

    Two words within so many edits of each other share one of these (the idea of SymSpell, Garbe
    2012), so that the vocabulary is looked up and never walked. Nothing for a word that is too
    short to be guessed at, or longer than any name.
    """
    if not _LEAST_TO_GUESS <= len(word) <= _longest_word() + 2:
        return set()
    one = {word[:at] + word[at + 1 :] for at in range(len(word))}
    two = set[str]()
    if len(word) >= _LEAST_FOR_TWO:
        two = {short[:at] + short[at + 1 :] for short in one for at in range(len(short))}
    return {word} | one | two


@cache
def _vocabulary() -> dict[str, tuple[str, ...]]:
    """The words of all names by what is left of them; built once, at the first misspelling."""
    index: dict[str, list[str]] = {}
    for word in {word for name in _names() for word in name.split()}:
        if len(word) >= _LEAST_TO_GUESS:
            for variant in _without_letters(word):
                index.setdefault(variant, []).append(word)
    return {variant: tuple(sorted(words)) for variant, words in index.items()}


@cache
def _by_first_word() -> dict[tuple[int, str], tuple[str, ...]]:
    """The names by their number of words and the first of them."""
    index: dict[tuple[int, str], tuple[str, ...]] = {}
    for name in _names():
        words = name.split()
        if words:
            key = (len(words), words[0])
            index[key] = (*index.get(key, ()), name)
    return index


@cache
def _longest_word() -> int:
    return max(len(word) for name in _names() for word in name.split())


@cache
def _most_words() -> int:
    return max(len(name.split()) for name in _names())


def _distance(left: str, right: str) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    last = ""
    for i, one in enumerate(left, start=1):
        two_before, before, row = before, row, [i]
        for j, other in enumerate(right, start=1):
            best = min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (one != other))
            if i > 1 and j > 1 and one == right[j - 2] and last == other:
                best = min(best, two_before[j - 2] + 1)
            row.append(best)
        last = one
    return row[-1]
