"""Whatever phone and clinician send, in whatever order: the record is what a dict says."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4, uuid5

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.conftest import Caller, Clinic

PLACES = st.integers(0, 2)
MOODS = st.integers(0, 2)
BASES = st.sampled_from([None, 1, 2, 3, 4])
OPS = st.one_of(
    st.tuples(st.just("put"), PLACES, BASES, MOODS),
    st.tuples(st.just("delete"), PLACES, BASES, st.none()),
    st.tuples(st.just("bad"), PLACES, BASES, MOODS),
)


@dataclass
class Known:
    """One record of the model: who made it, and each version's author and mood."""

    owner: str
    versions: list[tuple[str, int]]
    deleted: bool = False
    refused: set[tuple[str, int]] = field(default_factory=set)


class Model(dict[UUID, Known]):
    """What `/v1/sync` promises, without a database."""

    def put(
        self, actor: str, record_id: UUID, base: int | None, mood: int
    ) -> tuple[str, int | None]:
        known = self.get(record_id)
        if known is None:
            if base is not None:
                return "conflict", None
            self[record_id] = Known(actor, [(actor, mood)])
            return "created", 1
        current = len(known.versions)
        goes_back = base == current and known.versions[-1][1] != mood
        if not goes_back and (actor, mood) in known.versions:
            return "duplicate", current
        if base != current or known.deleted:
            known.refused.add((actor, mood))
            return "conflict", current
        if known.owner != actor:
            return "rejected", None
        known.versions.append((actor, mood))
        return "updated", current + 1

    def delete(self, actor: str, record_id: UUID, base: int | None) -> tuple[str, int | None]:
        known = self.get(record_id)
        if known is None:
            return "conflict", None
        current = len(known.versions)
        if known.deleted:
            return "duplicate", current
        if base is None or (base == current and known.owner != actor):
            return "rejected", None
        if base != current:
            return "conflict", current
        known.versions.append((actor, known.versions[-1][1]))
        known.deleted = True
        return "updated", current + 1


class Syncing(RuleBasedStateMachine):
    """A phone and a clinician's device send batches about three entries of one patient."""

    def __init__(self, clinic: Clinic) -> None:
        super().__init__()
        self.patient = uuid4()
        self.path = f"/v1/patients/{self.patient}"
        self.clinician = clinic.as_("prescriber")
        body = {"id": str(self.patient), "name": {"given": "Synthetic", "family": "Person"}}
        self.clinician("POST", "/v1/patients", body)
        self.callers: dict[str, Caller] = {
            "phone": clinic.as_("patient", patient_id=self.patient),
            "clinician": self.clinician,
        }
        self.model = Model()

    def _id(self, place: int) -> UUID:
        return uuid5(self.patient, str(place))

    def _item(self, op: str, place: int, base: int | None, mood: int | None) -> dict[str, Any]:
        item: dict[str, Any] = {
            "op": "delete" if op == "delete" else "put",
            "type": "check_in",
            "patient_id": str(self.patient),
            "id": str(self._id(place)),
        }
        if base is not None:
            item["base_version"] = base
        if op != "delete":
            item["body"] = {
                "occurred_at": f"2026-05-0{place + 1}T08:00:00-04:00",
                "mood_cognition": {"mood": mood if op == "put" else 11},
                "side_effects": {"episodes": [{"term": "nausea", "severity": (mood or 0)}]},
            }
        return item

    @rule(who=st.sampled_from(["phone", "clinician"]), ops=st.lists(OPS, max_size=6))
    def send(self, who: str, ops: list[tuple[str, int, int | None, int | None]]) -> None:
        items = [self._item(*op) for op in ops]

        answer = self.callers[who]("POST", "/v1/sync", {"items": items})

        assert answer.status_code == 200, answer.text
        got = [(one["status"], one.get("version")) for one in answer.json()["results"]]
        expected: list[tuple[str, int | None]] = []
        for op, place, base, mood in ops:
            record_id = self._id(place)
            if op == "bad":
                expected.append(("rejected", None))
            elif op == "delete":
                expected.append(self.model.delete(who, record_id, base))
            else:
                assert mood is not None
                expected.append(self.model.put(who, record_id, base, mood))
        assert got == expected

    @invariant()
    def the_record_is_what_the_model_says(self) -> None:
        listed = self.clinician("GET", f"{self.path}/check-ins").json()["items"]
        alive = {one: known for one, known in self.model.items() if not known.deleted}
        assert {
            UUID(one["id"]): (one["version"], one["mood_cognition"]["mood"]) for one in listed
        } == {one: (len(known.versions), known.versions[-1][1]) for one, known in alive.items()}
        for record_id, known in self.model.items():
            path = f"{self.path}/check-ins/{record_id}/history"
            told = self.clinician("GET", path).json()["items"]
            moods = [one["mood_cognition"]["mood"] for one in told]
            kept = len(known.versions)
            assert moods[:kept] == [mood for _who, mood in reversed(known.versions)]
            assert sorted(moods[kept:]) == sorted(mood for _who, mood in known.refused)

    @invariant()
    def its_numbers_are_those_of_the_entries_that_stand(self) -> None:
        told = self.clinician("GET", f"{self.path}/trends?include=measures").json()["measures"]
        n = {one["measure"]: one["n"] for one in told}
        standing = [known for known in self.model.values() if not known.deleted]
        assert n.get("mood_cognition.mood", 0) == len(standing)
        assert n.get("side_effects.nausea", 0) == len(standing)

    def teardown(self) -> None:
        """What was followed from the beginning is each version once, in order."""
        changes = self.clinician("GET", f"{self.path}/changes?limit=500").json()["items"]
        for record_id, known in self.model.items():
            versions = [one["version"] for one in changes if one["id"] == str(record_id)]
            assert versions == list(range(1, len(known.versions) + 1))


def test_phone_and_clinician_against_a_dict(clinic: Clinic) -> None:
    class Here(Syncing):
        def __init__(self) -> None:
            super().__init__(clinic)

    run_state_machine_as_test(
        Here, settings=settings(max_examples=12, stateful_step_count=8, deadline=None)
    )
