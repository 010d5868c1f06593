"""The readers alone: what a resource says, and why it is not taken."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.imports import bundles, fhir, questionnaires
from app.imports.facts import Entry, Order, Value
from app.imports.results import Skipped, Unreadable
from tests.imports.files import LOINC, PATIENT, bundle, observation, once_a_day, request
from tests.shared import SHARED, needs_shared


def observed(resource: dict[str, Any]) -> list[Value]:
    return fhir.observation("key", resource, lambda reference: None)


def ordered(resource: dict[str, Any]) -> Order:
    return fhir.medication_request("key", resource, lambda reference: None)


def quantity(value: float, unit: str = "kg", **members: Any) -> dict[str, Any]:
    return {"valueQuantity": {"value": value, "unit": unit, "code": unit, **members}}


def coded(code: str, answer: str, **members: Any) -> dict[str, Any]:
    value = {"coding": [{"system": LOINC, "code": answer, **members}]}
    return {"code": {"coding": [{"system": LOINC, "code": code}]}, "valueCodeableConcept": value}


@pytest.mark.parametrize(
    ("members", "measure"),
    [
        ({"category": [{"coding": [{"code": "laboratory"}]}]}, "labs.1234-5"),
        ({"category": [{"coding": [{"code": "vital-signs"}]}]}, "labs.1234-5"),
        ({"category": [{"coding": [{"code": "survey"}]}]}, "loinc.1234-5"),
        ({"code": {"coding": [{"system": "http://snomed.info/sct", "code": "7"}]}}, "sct.7"),
    ],
)
def test_a_number_is_followed_under_its_own_code(members: dict[str, Any], measure: str) -> None:
    (value,) = observed(observation("o", "1234-5") | quantity(83.5) | members)

    assert (value.body["measure"], value.body["value"]) == (measure, 83.5)
    assert value.body["unit"] == "kg"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        (quantity(5) | {"status": "entered-in-error"}, "entered_in_error"),
        (quantity(5) | {"status": "preliminary"}, "not_final"),
        (quantity(5, comparator="<"), "comparator"),
        ({"valueString": "5"}, "not_a_number"),
        ({"valueCodeableConcept": {"text": "never"}}, "not_a_number"),
        ({}, "no_value"),
        (quantity(5) | {"effectiveDateTime": None}, "date_missing"),
        (quantity(5) | {"effectiveDateTime": "2026-04"}, "date_incomplete"),
        (quantity(5) | {"effectiveDateTime": "2026-04-13T10:30:00"}, "offset_missing"),
        (quantity(5) | {"effectiveDateTime": "2026-02-30"}, "date_unreadable"),
        (quantity(5) | {"code": {"text": "weight"}}, "code_missing"),
        (quantity(5) | {"code": ["weight"], "category": "vital"}, "code_missing"),
        (quantity(True), "not_a_number"),
    ],
)
def test_what_is_not_taken_says_why(members: dict[str, Any], code: str) -> None:
    with pytest.raises(Skipped) as reason:
        observed(observation("o", "1234-5") | members)

    assert reason.value.code == code


def test_each_component_is_a_number_of_its_own() -> None:
    systolic = {"code": {"coding": [{"system": LOINC, "code": "8480-6"}]}, **quantity(126)}
    diastolic = {"code": {"coding": [{"system": LOINC, "code": "8462-4"}]}, **quantity(83)}
    found = observed(observation("o", "85354-9", component=[systolic, diastolic]))

    assert [(one.body["measure"], one.body["value"]) for one in found] == [
        ("loinc.8480-6", 126),
        ("loinc.8462-4", 83),
    ]
    assert len({one.key for one in found}) == 2


def test_a_total_of_an_instrument_is_an_assessment_also_where_it_is_written_as_text() -> None:
    (number,) = observed(observation("o", "70274-6", **quantity(13, "{score}")))
    (text,) = observed(observation("o", "44261-6", valueString="12"))

    assert number.body == {"instrument": "gad-7", "total": 13}
    assert text.body == {"instrument": "phq-9", "total": 12}


def test_a_panel_brings_its_items_and_a_score_beside_a_code_wins() -> None:
    ordinal = {"url": "http://hl7.org/fhir/StructureDefinition/ordinalValue", "valueDecimal": 3}
    items = [coded("44250-9", "LA6570-1"), coded("44260-8", "LA6568-5", extension=[ordinal])]
    (value,) = observed(observation("o", "44249-1", component=items))

    assert value.body == {"instrument": "phq-9", "answers": {"1": 2, "9": 3}}


@pytest.mark.parametrize(
    ("dose", "unconfirmed"),
    [
        ({"value": 1.0}, ("unit-missing",)),
        ({"value": 1, "unit": "TAB"}, ("unit-not-accepted",)),
        ({"value": 1, "unit": "MG"}, ("unit-not-accepted",)),
        ({"value": 0.00001, "unit": "mg"}, ("amount-not-accepted",)),
        ({"value": "1", "unit": "mg"}, ("amount-not-accepted",)),
    ],
)
def test_a_dose_is_unknown_and_never_a_guess(
    dose: dict[str, Any], unconfirmed: tuple[str, ...]
) -> None:
    order = ordered(request("r", "2026-03-03", dosageInstruction=[once_a_day(dose)]))

    assert (order.dose, order.unconfirmed, order.times_per_day) == (None, unconfirmed, None)


def test_two_instructions_are_no_one_dose() -> None:
    halves = [once_a_day({"value": 25, "unit": "mg"})] * 2
    order = ordered(request("r", "2026-03-03", dosageInstruction=halves))

    assert (order.dose, order.unconfirmed) == (None, ("dosage-in-parts",))


@pytest.mark.parametrize(
    ("timing", "times"),
    [
        ({"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}, "2"),
        ({"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}}, "3"),
        ({"repeat": {"frequency": 1, "period": 2.0, "periodUnit": "d"}}, "0.5"),
        ({"repeat": {"frequency": 1, "period": 1, "periodUnit": "wk"}}, None),
        ({"repeat": {"frequency": 1, "frequencyMax": 2, "period": 1, "periodUnit": "d"}}, None),
        ({"code": {"coding": [{"code": "BID"}]}}, "2"),
        ({}, None),
    ],
)
def test_times_a_day_are_exact_or_not_said(timing: dict[str, Any], times: str | None) -> None:
    instruction = once_a_day({"value": 50, "unit": "mg"}) | {"timing": timing}
    order = ordered(request("r", "2026-03-03", dosageInstruction=[instruction]))

    assert (order.dose, order.times_per_day) == ({"amount": "50", "unit": "mg"}, times)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"status": "entered-in-error"}, "entered_in_error"),
        ({"status": "cancelled"}, "not_carried_out"),
        ({"status": None}, "status_unknown"),
        ({"intent": "proposal"}, "not_an_order"),
        ({"doNotPerform": True}, "not_an_order"),
        ({"medicationCodeableConcept": {}}, "medication_missing"),
        ({"authoredOn": None}, "date_missing"),
    ],
)
def test_a_request_that_was_no_order_is_skipped(members: dict[str, Any], code: str) -> None:
    with pytest.raises(Skipped) as reason:
        ordered(request("r", "2026-03-03") | members)

    assert reason.value.code == code


def test_a_contained_medication_names_the_medicine() -> None:
    known = {"coding": [{"system": "http://snomed.info/sct", "code": "324252006"}]}
    resource = request("r", "2026-03-03", medicationReference={"reference": "#m"})
    del resource["medicationCodeableConcept"]
    resource["contained"] = [{"resourceType": "Medication", "id": "m", "code": known}]

    assert ordered(resource).code == {"system": "http://snomed.info/sct", "code": "324252006"}


@needs_shared
def test_the_answers_of_us_core_are_read_once_although_they_come_three_times(
    tmp_path: Path,
) -> None:
    folder = SHARED / "cases" / "us-core-phq9"
    phq9 = [json.loads(one.read_text()) for one in sorted(folder.glob("Observation-PHQ9*.json"))]
    response = json.loads((folder / "QuestionnaireResponse-phq-9-example.json").read_text())
    entries = bundles.read([bundle(tmp_path, PATIENT | {"id": "example"}, response, *phq9)])[0]

    (value,) = (fact for one in entries for fact in one.facts)
    assert isinstance(value, Value)
    assert list(value.body["answers"].values()) == [2, 2, 2, 2, 1, 1, 2, 0, 0]
    assert value.body["total"] == 12
    joined = [one for one in entries if one.joins is not None]
    assert len(joined) == 11
    assert {one.joins for one in joined} == {1}
    (difficulty,) = (one for one in entries if one.skipped)
    assert difficulty.skipped is not None
    assert difficulty.skipped.code == "not_a_number"


@needs_shared
@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("pathling-phq9-response", [1, 2, 3, 1, 2, 3, 0, 1, 2]),
        ("pathling-phq9-response-with-embedded-scores", [2, 2, 3, 1, 3, 3, 0, 1, 2]),
        ("pathling-phq9-response-with-unlinked-answers", [2, 1, 2, 3, 0, 1, 2]),
    ],
)
def test_answers_of_a_response_are_scored_and_what_is_unlinked_stays_out(
    name: str, answers: list[int]
) -> None:
    resource = json.loads((SHARED / "cases" / "hl7-fhir-r4-examples" / f"{name}.json").read_text())
    value = questionnaires.response("key", resource)

    assert value.body["instrument"] == "phq-9"
    assert list(value.body["answers"].values()) == answers


@needs_shared
@pytest.mark.parametrize(("name", "n"), [("TEST-10", 2), ("TEST-17", 4)])
def test_answers_whose_codes_are_all_alike_are_read_from_the_score_beside_them(
    name: str, n: int
) -> None:
    folder = SHARED / "cases" / "ahrq-phq9-fhir-2-patients"
    expected = json.loads((folder / "expected.json").read_text())["expected"][name]["visits"]
    entries = bundles.read([folder / f"{name}.stu3.json"])[0]
    found = {
        fact.at: list(fact.body["answers"].values())
        for one in entries
        if one.type == "QuestionnaireResponse"
        for fact in one.facts
        if isinstance(fact, Value)
    }

    assert len(found) == n
    for visit in expected:
        assert visit["items"] in found.values()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"resourceType": "Bundle", ', "line 1 column"),
        (b"\xff\xfe", "line 1 column"),
        (b"{}", "is no FHIR resource"),
        (b"[]", "is no FHIR resource"),
    ],
)
def test_a_broken_file_says_which_and_where(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "broken.json"
    file.write_bytes(content)

    with pytest.raises(Unreadable, match=rf"broken\.json.*{says}"):
        bundles.read([file])


# ---- what resources and files say of each other


KIM = PATIENT | {"identifier": [{"system": "urn:example:mrn", "value": "K-1"}]}
PHQ9_ITEM = coded("44260-8", "LA6569-3")


def whose(entries: list[Entry]) -> list[str | None]:
    return [one.subject.identifiers[0][1] if one.subject else None for one in entries]


def test_a_reference_means_the_patient_of_its_own_file_first(tmp_path: Path) -> None:
    weight = observation("w", "29463-7", **quantity(83.5))
    files = [
        bundle(tmp_path, PATIENT, weight, name="sam.json"),
        bundle(tmp_path, KIM, weight, name="kim.json"),
        bundle(tmp_path, weight, name="nobody.json"),
    ]

    sam, kim, nobody = bundles.read(files)

    assert (whose(sam), whose(kim)) == (["S-1"] * 2, ["K-1"] * 2)
    assert nobody[0].skipped is not None
    assert nobody[0].skipped.code == "patient_unknown"


def test_a_reference_is_followed_into_another_file(tmp_path: Path) -> None:
    order = request("r", "2026-03-03", medicationReference={"reference": "Medication/m"})
    del order["medicationCodeableConcept"]
    medicine = {"resourceType": "Medication", "id": "m", "code": {"text": "sertraline"}}
    files = [tmp_path / name for name in ("order.json", "medicine.json", "patient.json")]
    for file, resource in zip(files, (order, medicine, PATIENT), strict=True):
        file.write_text(json.dumps(resource))

    (ordered_,), (part,), (person,) = bundles.read(files)

    (fact,) = ordered_.facts
    assert isinstance(fact, Order)
    assert fact.text == "sertraline"
    assert part.skipped is not None
    assert part.skipped.code == "part_of_another"
    assert whose([ordered_, person]) == ["S-1", "S-1"]


def test_a_panel_takes_no_answer_of_another_patient(tmp_path: Path) -> None:
    kim = KIM | {"id": "p2"}
    member = observation("i", "") | PHQ9_ITEM | {"subject": {"reference": "Patient/p2"}}
    own = observation("j", "") | coded("44250-9", "LA6570-1")
    references = [{"reference": "Observation/i"}, {"reference": "Observation/j"}]
    panel = observation("p", "44249-1", hasMember=references)

    (entries,) = bundles.read([bundle(tmp_path, PATIENT, kim, panel, member, own)])

    (sams,) = entries[2].facts
    (kims,) = entries[3].facts
    assert isinstance(sams, Value)
    assert isinstance(kims, Value)
    assert sams.body["answers"] == {"1": 2}
    assert (kims.body["answers"], whose(entries)[3]) == ({"9": 1}, "K-1")
    assert entries[4].joins == 2


@pytest.mark.parametrize("members", [["p"], ["q"]])
def test_panels_that_carry_each_other_or_themselves_are_read_by_themselves(
    tmp_path: Path, members: list[str]
) -> None:
    def panel(id_: str, *of: str) -> dict[str, Any]:
        references = [{"reference": f"Observation/{one}"} for one in of]
        return observation(id_, "44249-1", hasMember=references, component=[PHQ9_ITEM])

    (entries,) = bundles.read([bundle(tmp_path, PATIENT, panel("p", *members), panel("q", "p"))])

    assert entries[1].joins in {None, 2}
    assert entries[2].joins is None


def test_what_is_nested_too_deep_is_refused_with_its_entry(tmp_path: Path) -> None:
    item: dict[str, Any] = {}
    for _ in range(150):
        item = {"item": [item]}
    form = {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [item]}

    with pytest.raises(Unreadable, match=r"bundle\.json, entry 2: is deeper than 100 levels"):
        bundles.read([bundle(tmp_path, PATIENT, form)])


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@st.composite
def mangled(draw: st.DrawFn) -> dict[str, Any]:
    """A resource that is right but for one member, at any depth, which is anything."""
    ordinal = {"url": "http://hl7.org/fhir/StructureDefinition/ordinalValue", "valueDecimal": 1}
    item = {"linkId": "/44250-9", "answer": [{"valueCoding": {"extension": [ordinal]}}]}
    whole: dict[str, Any] = json.loads(
        json.dumps(
            draw(
                st.sampled_from(
                    [
                        PATIENT,
                        request("r", "2026-03-03"),
                        observation("o", "1-8", component=[{**coded("1-8", "x"), **quantity(1)}]),
                        observation("o", "44249-1", hasMember=[{"reference": "Observation/o"}]),
                        {
                            "resourceType": "QuestionnaireResponse",
                            "status": "completed",
                            "authored": "2026-03-03",
                            "subject": {"reference": "Patient/p1"},
                            "item": [item],
                        },
                    ]
                )
            )
        )
    )
    place: Any = whole
    while True:
        key = draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
        if not place[key] or not isinstance(place[key], dict | list) or draw(st.booleans()):
            place[key] = draw(JUNK)
            return whole
        place = place[key]


@settings(deadline=None)
@given(resource=mangled())
def test_no_shape_of_a_resource_is_a_crash(
    tmp_path_factory: pytest.TempPathFactory, resource: dict[str, Any]
) -> None:
    entries = bundles.read([bundle(tmp_path_factory.mktemp("bundle"), PATIENT, resource)])[0]

    assert [one.number for one in entries] == [1, 2]
    assert all(one.skipped or one.subject or one.joins for one in entries)
