"""Risk items: shown whatever a total, a gate or the window says, until a person closes them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.clinical.measure import Measure
from app.clinical.measures import SIDE_EFFECTS
from app.followups.episode_records import SIGNAL_FROM
from app.trends.readings import Reading

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal as it stood at the asked moment; `day` is that on which it was raised.

    new_normal_on: the day on which a prescriber closed it as the new normal.
    """

    id: str
    state: str
    day: date
    evidence: Mapping[str, Any]
    new_normal_on: date | None = None

    def facts(self) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
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
    """List every risk reading whose signal nobody has closed, the newest day first.

    readings: by measure, all up to `as_of`, those out of range included: an impossible total or
    item takes nothing away. A later 0 stands beside an earlier answer and does not remove it.
    """
    raised = {key: (one, fact) for one in signals for key, fact in one.facts()}
    signalled = {measure for _record, measure in raised}
    found = []
    shown = set()
    for measure, group in readings.items():
        level = SIGNAL_FROM if measure.startswith(SIDE_EFFECTS) else at_least.get(measure)
        if level is None and measure not in signalled:
            continue
        of_episode = None
        for place, one in enumerate(group):
            key = (str(one.record_id), measure)
            signal = raised[key][0] if key in raised else of_episode
            if measure.startswith(SIDE_EFFECTS):
                # One signal stands for an episode: what is read of it later has none of its own.
                of_episode = signal
            if (level is None or one.value < level) and key not in raised:
                continue
            if key in shown:
                continue
            shown.add(key)
            if signal is None or signal.state != "closed":
                found.append(_item(one, group, place, level, signal))
    for key, (signal, fact) in raised.items():
        if key not in shown and signal.state != "closed":
            found.append(_without_reading(*key, signal, fact))
    found.sort(key=lambda item: (item["measure"], item["id"]))
    return sorted(found, key=lambda item: item["day"], reverse=True)


def _item(
    one: Reading,
    group: Sequence[Reading],
    place: int,
    level: float | None,
    signal: Signal | None,
) -> Json:
    earlier, last = group[:place], group[-1]
    floor = one.value if level is None else level
    return {
        "id": f"{one.record_id}:{one.measure}",
        "day": one.day,
        "measure": one.measure,
        "value": one.value,
        "previous": earlier[-1].value if earlier else None,
        "first_time": all(before.value < floor for before in earlier),
        "latest": None if last is one else {"day": last.day, "value": last.value},
        "records": [str(one.record_id)],
        "signal": _told(signal),
    }


def _without_reading(record: str, measure: str, signal: Signal, fact: Mapping[str, Any]) -> Json:
    """Show a signal whose number has been taken back since: only a person closes it."""
    return {
        "id": f"{record}:{measure}",
        "day": signal.day,
        "measure": measure,
        "value": fact.get("value", fact.get("severity")),
        "previous": None,
        "first_time": None,
        "latest": None,
        "records": [record],
        "signal": _told(signal),
    }


def _told(signal: Signal | None) -> Json | None:
    return {"id": signal.id, "state": signal.state} if signal else None
