"""The reference as served: look-up, every kind with version and source, the clinic's own."""

from typing import Any

import pytest

from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
MEDICATIONS = "/v1/reference/medications"
OWN: dict[str, Any] = {
    "code": "example-herb",
    "name": "Example herb",
    "kind": "supplement",
    "brands": ["Herbal Example"],
    "classes": ["anxiolytic"],
    "usual_range": {"low": "100", "high": "200", "unit": "mg/d"},
    "max_daily": {"value": "400", "unit": "mg/d"},
    "sources": ["the clinic's own formulary, 2026"],
}


def test_a_misspelling_offers_candidates_and_picks_none(prescriber: Caller) -> None:
    found = prescriber("GET", f"{MEDICATIONS}?text=sertralin").json()
    by_code = prescriber("GET", MEDICATIONS, params={"system": RXNORM, "code": "36437"}).json()

    assert "sertraline" in [one["reference_id"] for one in found["items"]]
    assert {one["by"] for one in found["items"]} <= {"name", "brand", "misspelling"}
    assert [one["reference_id"] for one in by_code["items"]] == ["sertraline"]
    assert by_code["reference"]["version"]


@pytest.mark.parametrize(
    ("text", "reference_id", "display", "by"),
    [
        ("Zoloft", "sertraline", "sertraline", "brand"),
        ("bupropion", "bupropion", "buPROPion", "name"),
        ("buspiron", "buspirone", "busPIRone", "misspelling"),
    ],
)
def test_a_name_brand_or_misspelling_is_shown_with_tall_man_letters(
    prescriber: Caller, text: str, reference_id: str, display: str, by: str
) -> None:
    first = prescriber("GET", MEDICATIONS, params={"text": text}).json()["items"][0]

    assert (first["reference_id"], first["display"], first["by"]) == (reference_id, display, by)


def test_an_atc_code_is_looked_up_as_well(prescriber: Caller) -> None:
    query = {"system": "http://www.whocc.no/atc", "code": "N06AB06"}

    found = prescriber("GET", MEDICATIONS, params=query).json()["items"]

    assert [one["reference_id"] for one in found] == ["sertraline"]


def test_an_entry_says_what_was_verified(prescriber: Caller) -> None:
    entry = prescriber("GET", f"{MEDICATIONS}/sertraline").json()

    assert entry["max_daily"]["value"] == "200"
    assert entry["verified"]
    assert entry["origin"] == "house"
    assert prescriber("GET", f"{MEDICATIONS}/nothing").status_code == 404


def test_without_a_question_every_entry_is_listed_with_its_sources(prescriber: Caller) -> None:
    items = prescriber("GET", MEDICATIONS).json()["items"]

    assert len(items) > 200
    assert all(one["sources"] and one["verified"] for one in items)


@pytest.mark.parametrize(
    "kind", ["interactions", "monitoring", "side_effects", "titrations", "follow_up"]
)
def test_every_kind_is_served_with_version_date_licence_and_sources(
    prescriber: Caller, kind: str
) -> None:
    told = prescriber("GET", f"/v1/reference/{kind}").json()
    first = told["items"][0]
    shown = prescriber("GET", f"/v1/reference/{kind}/{first['id']}").json()

    assert all(told["reference"][name] for name in ("version", "date", "licence", "note"))
    assert all(one.get("source") or one.get("sources") for one in told["items"])
    assert all(one["verified"] for one in told["items"])
    assert shown.items() >= first.items()
    assert shown["reference"]["version"] == told["reference"]["version"]
    assert prescriber("GET", f"/v1/reference/{kind}/nothing").status_code == 404
    assert prescriber("GET", f"/v1/reference/{kind}?since=1").status_code == 400


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        ("interactions", "management"),
        ("monitoring", "action"),
        ("side_effects", "action"),
        ("titrations", "bands"),
        ("medications/sertraline", "taper"),
        ("medications/sertraline", "max_daily"),
    ],
)
def test_texts_for_prescribers_are_not_shown_to_a_patient(
    prescriber: Caller, clinic: Clinic, path: str, hidden: str
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    patient = clinic.as_("patient", patient_id=PERSON["id"])

    theirs = patient("GET", f"/v1/reference/{path}").json()
    ours = prescriber("GET", f"/v1/reference/{path}").json()

    for told, shown in ((theirs, False), (ours, True)):
        entry = told["items"][0] if "items" in told else told
        assert (hidden in entry) is shown


# ---- the clinic's own


def test_an_entry_of_the_clinic_shows_as_the_clinic_s_and_names_a_course(
    prescriber: Caller,
) -> None:
    first = prescriber("POST", MEDICATIONS, OWN)
    again = prescriber("POST", MEDICATIONS, OWN)

    assert first.status_code == 201, first.text
    assert first.headers["Location"] == f"{MEDICATIONS}/example-herb"
    assert again.status_code == 200
    assert first.json().items() >= {**OWN, "origin": "clinic", "version": 1}.items()
    assert first.json()["not_checked"] == ["interactions", "monitoring"]
    assert prescriber("GET", f"{MEDICATIONS}/example-herb").json() == first.json()
    found = prescriber("GET", f"{MEDICATIONS}?text=HERBAL example").json()["items"]
    assert [(one["reference_id"], one["origin"], one["by"]) for one in found] == [
        ("example-herb", "clinic", "brand")
    ]
    assert prescriber("GET", MEDICATIONS).json()["items"][-1]["origin"] == "clinic"


def test_a_dose_above_the_clinic_s_own_maximum_asks_for_a_confirmation(
    prescriber: Caller,
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    prescriber("POST", MEDICATIONS, OWN)
    event = {
        "id": "019a5b10-0000-7000-8000-000000000901",
        "kind": "start",
        "effective_on": "2026-05-01",
        "dose": {"amount": "500", "unit": "mg"},
        "times_per_day": 1,
    }
    course = {
        "id": "019a5b10-0000-7000-8000-000000000902",
        "kind": "supplement",
        "reference_id": "example-herb",
        "first_dose_event": event,
    }

    asked = prescriber("POST", f"{PATH}/medications", course)
    event["dose"] = {"amount": "200", "unit": "mg"}
    kept = prescriber("POST", f"{PATH}/medications", course)
    (told,) = prescriber("GET", f"{PATH}/regimen").json()["medications"]

    assert asked.json()["errors"][0]["code"] == "above-maximum"
    assert asked.json()["errors"][0]["detail"].endswith(f"{MEDICATIONS}/example-herb")
    assert kept.status_code == 201, kept.text
    assert (kept.json()["name"], told["reference_id"]) == ("Example herb", "example-herb")
    assert told["minimum_effective"]["value"] == "100"


def test_an_entry_of_the_clinic_is_changed_by_its_version(prescriber: Caller) -> None:
    prescriber("POST", MEDICATIONS, OWN)
    path = f"{MEDICATIONS}/example-herb"
    patch = {"max_daily": {"value": "300", "unit": "mg/d"}}

    changed = prescriber("PATCH", path, patch, headers={"If-Match": '"1"'})

    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert prescriber("PATCH", path, patch, headers={"If-Match": '"1"'}).status_code == 412
    assert prescriber("PATCH", path, patch).status_code == 428
    other = {"code": "other-herb"}
    assert prescriber("PATCH", path, other, headers={"If-Match": '"2"'}).status_code == 422
    house = f"{MEDICATIONS}/sertraline"
    assert prescriber("PATCH", house, patch, headers={"If-Match": '"1"'}).status_code == 404


def test_a_code_of_the_house_or_with_other_content_is_taken(prescriber: Caller) -> None:
    prescriber("POST", MEDICATIONS, OWN)

    assert prescriber("POST", MEDICATIONS, OWN | {"code": "sertraline"}).status_code == 409
    assert prescriber("POST", MEDICATIONS, OWN | {"name": "Another"}).status_code == 409


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"sources": []}, "/sources"),
        ({"sources": None}, "/sources"),
        ({"classes": ["wonder"]}, "/classes/0"),
        ({"rxnorm": "36437"}, "/rxnorm"),
        ({"atc": ["N06AB06"]}, "/atc/0"),
        ({"atc": ["sertraline"]}, "/atc/0"),
        ({"code": "Example Herb"}, "/code"),
        ({"usual_range": {"low": "200", "high": "100", "unit": "mg/d"}}, "/usual_range/high"),
        ({"max_daily": {"value": "150", "unit": "mg/d"}}, "/max_daily/value"),
        ({"max_daily": {"value": "150", "unit": "mg per day"}}, "/max_daily/unit"),
        ({"verified": "seen"}, "/verified"),
        ({"id": "019a5b10-0000-7000-8000-000000000903"}, "/id"),
    ],
)
def test_an_entry_without_source_or_sense_is_refused(
    prescriber: Caller, wrong: dict[str, Any], pointer: str
) -> None:
    refused = prescriber("POST", MEDICATIONS, OWN | wrong)

    assert refused.status_code == 422, refused.text
    assert pointer in [one["pointer"] for one in refused.json()["errors"]]


def test_another_clinic_and_a_patient_have_nothing_of_it(
    prescriber: Caller, clinic: Clinic
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    prescriber("POST", MEDICATIONS, OWN)
    other = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)
    patient = clinic.as_("patient", patient_id=PERSON["id"])

    assert other("GET", f"{MEDICATIONS}/example-herb").status_code == 404
    assert other("GET", f"{MEDICATIONS}?text=Example herb").json()["items"] == []
    assert patient("POST", MEDICATIONS, OWN).status_code == 403
    assert "max_daily" not in patient("GET", f"{MEDICATIONS}/example-herb").json()
