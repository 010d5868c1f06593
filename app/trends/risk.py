"""Risk items: shown whatever a total, a gate or the window says, until a person closes them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.clinical.measure import Measure
from app.clinical.measures import SIDE_EFFECTS
from app.followups.episode_records import SIGNAL_FROM
from app.trends.readings import Reading

Json = dict[str, Any]
Key = tuple[str, str]
"""The record and the measure that a fact is a number of."""

MOST_IDS = 50


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal as it stood at the asked moment; `day` is that on which it was raised.

    new_normal_on: the day on which a prescriber closed it as the new normal; new_normal_by: who.
    """

    id: str
    state: str
    day: date
    evidence: Mapping[str, Any]
    new_normal_on: date | None = None
    new_normal_by: str | None = None

    def facts(self) -> Iterator[tuple[Key, Mapping[str, Any]]]:
        """Give the facts it was opened by that are numbers: (record, measure) and the evidence.

        The signal that stands for an import's old facts lists the first of them.
        """
        for fact in self.evidence.get("findings", (self.evidence,)):
            record = fact.get("record_id")
            if record and "instrument" in fact and "item" in fact:
                yield (str(record), f"{fact['instrument']}.{fact['item']}"), fact
            elif record and "term" in fact:
                yield (str(record), f"{SIDE_EFFECTS}{fact['term']}"), fact


def levels(registry: Mapping[str, Measure]) -> dict[str, float]:
    """Give the value from which each registered risk item is shown, by its measure."""
    return {
        f"{measure.instrument or code.removesuffix('.total')}.{risk.index}": risk.at_least
        for code, measure in registry.items()
        for risk in measure.risk_items
    }


def risk_items(
    readings: Mapping[str, Sequence[Reading]],
    signals: Sequence[Signal],
    at_least: Mapping[str, float],
) -> list[Json]:
    """List every episode of risk whose signals nobody has closed, the newest day first.

    readings: by measure, all up to `as_of`, those out of range included: an impossible total or
    item takes nothing away. A later 0 stands beside an earlier answer and does not remove it.
    """
    raised: dict[Key, list[tuple[Signal, Mapping[str, Any]]]] = defaultdict(list)
    for one in signals:
        for key, fact in one.facts():
            raised[key].append((one, fact))
    signalled = {measure for _record, measure in raised}
    read = {
        (str(one.record_id), measure) for measure in signalled for one in readings.get(measure, ())
    }
    found = []
    for measure, group in readings.items():
        level = SIGNAL_FROM if measure.startswith(SIDE_EFFECTS) else at_least.get(measure)
        if level is None and measure not in signalled:
            continue
        keys = [(str(one.record_id), measure) for one in group]
        for places in _episodes(measure, group):
            risky = [
                place
                for place in places
                if keys[place] in raised or (level is not None and group[place].value >= level)
            ]
            told = [one for place in places for one, _ in raised.get(keys[place], ())]
            if risky and not _is_closed(told):
                found.append(_item(group, risky, level, _newest(told)))
    for key, of_key in raised.items():
        told = [one for one, _ in of_key]
        if key not in read and not _is_closed(told):
            found.append(_without_reading(*key, *of_key[-1]))
    found.sort(key=lambda item: (item["measure"], item["id"]))
    return sorted(found, key=lambda item: item["day"], reverse=True)


def _episodes(measure: str, group: Sequence[Reading]) -> list[list[int]]:
    """Bring readings together for which one signal stands, by their places.

    A side effect's, from one 0 to the next; of a scale's item, those of one record.
    """
    if measure.startswith(SIDE_EFFECTS):
        runs: list[list[int]] = [[]]
        for place, one in enumerate(group):
            if one.value > 0:
                runs[-1].append(place)
            elif runs[-1]:
                runs.append([])
        return runs
    of_record: dict[Any, list[int]] = defaultdict(list)
    for place, one in enumerate(group):
        of_record[one.record_id].append(place)
    return list(of_record.values())


def _is_closed(told: Sequence[Signal]) -> bool:
    return bool(told) and all(one.state == "closed" for one in told)


def _newest(told: Sequence[Signal]) -> Signal | None:
    """Choose the newest of an episode's signals that is not closed; None: it has none."""
    return max(
        (one for one in told if one.state != "closed"), key=lambda one: one.day, default=None
    )


def _item(
    group: Sequence[Reading], risky: Sequence[int], level: float | None, signal: Signal | None
) -> Json:
    """Write an episode by its newest reading that counts."""
    place = risky[-1]
    one, last = group[place], group[-1]
    floor = one.value if level is None else level
    return {
        "id": f"{one.record_id}:{one.measure}",
        "code": "RISK_ITEM",
        "day": one.day,
        "measure": one.measure,
        "value": one.value,
        "previous": group[place - 1].value if place else None,
        "first_time": all(before.value < floor for before in group[: risky[0]]),
        "latest": None if last is one else {"day": last.day, "value": last.value},
        "since": group[risky[0]].day,
        "readings_n": len(risky),
        "records": [str(group[place].record_id) for place in risky][-MOST_IDS:],
        "signal": _told(signal),
    }


def _without_reading(record: str, measure: str, signal: Signal, fact: Mapping[str, Any]) -> Json:
    """Show a signal whose number has been taken back since: only a person closes it."""
    return {
        "id": f"{record}:{measure}",
        "code": "RISK_ITEM",
        "day": signal.day,
        "measure": measure,
        "value": fact.get("value", fact.get("severity")),
        "previous": None,
        "first_time": None,
        "latest": None,
        "since": signal.day,
        "readings_n": 0,
        "records": [record],
        "signal": _told(signal),
    }


def _told(signal: Signal | None) -> Json | None:
    return {"id": signal.id, "state": signal.state} if signal else None
