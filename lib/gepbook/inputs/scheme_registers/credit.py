"""Events of ecological credit, appeals against them and uses of points (生态信用积分)."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from gepbook import paths
from gepbook.inputs.illustrative import draw
from gepbook.inputs.registers import between, choose, count
from gepbook.inputs.scheme_registers.basis import Basis, Tables, numbers

#: First letters of the pseudonyms of the kinds of subjects.
LETTERS = {"individual": "P", "firm": "F", "village": "V"}


def make(basis: Basis) -> Tables:
    """Return the registers of credit."""
    events = _events(basis)
    return {
        "credit_events": events.drop(columns="profile"),
        "credit_appeals": _appeals(basis, events),
        "credit_uses": _uses(basis, events),
    }


@functools.cache
def _rules() -> pd.DataFrame:
    """Return points and caps of the scoring rules by rule."""
    path = paths.PARAMS / "policy" / "ecological_credit_rules.csv"
    return pd.read_csv(path, index_col="rule", encoding="utf-8")[["points", "cap_points"]]


def _weighted(chances: dict[str, float], key: str, what: str) -> str:
    """Return one of some words by its chance."""
    place = np.searchsorted(np.cumsum(list(chances.values())), draw(key, what), side="right")
    return list(chances)[min(int(place), len(chances) - 1)]


def _after(day: pd.Timestamp, bounds: list[int], key: str, what: str) -> pd.Timestamp:
    """Return a day some days after another."""
    return day + pd.Timedelta(days=round(between(bounds, key, what)))


def _day(day: pd.Timestamp) -> str:
    """Return a day as registers write it."""
    return f"{day:%Y-%m-%d}"


def _events(basis: Basis) -> pd.DataFrame:
    """Return the events of all subjects, with the profile that they follow."""
    rule = numbers("credit")
    number = 0
    rows: list[dict[str, Any]] = []
    for code in rule["counties"]:
        for kind, letter in LETTERS.items():
            for _ in range(count(rule["subjects"][kind], code, f"number of {kind}")):
                number += 1
                rows += _of_subject(f"{letter}{number:04d}", kind, code, basis)
    frame = pd.DataFrame(rows)
    frame.insert(0, "event_id", [f"E{n:05d}" for n in range(1, len(frame) + 1)])
    return frame


def _of_subject(subject: str, kind: str, code: str, basis: Basis) -> Iterator[dict[str, Any]]:
    """Give the events of one subject: different rules, within some time after its first."""
    rule = numbers("credit")
    profile = _weighted(rule["profiles"][kind], subject, "profile")
    first = _after(pd.Timestamp(basis.years[0], 1, 1), rule["start_days"], subject, "start")
    points = _rules()
    taken: set[str] = set()
    for place, words in enumerate(rule["deeds"][kind][profile]):
        name = choose([word for word in words if word not in taken], subject, f"deed {place}")
        taken.add(name)
        times = int(points.loc[name, "cap_points"] // abs(points.loc[name, "points"]))
        times = min(times, count(rule["times"], subject, f"times {place}"))
        yield {
            "county_code": code,
            "subject_id": subject,
            "subject_kind": kind,
            "date": _day(_after(first, rule["spread_days"], subject, f"day {place}")),
            "rule": name,
            "count": times if points.loc[name, "points"] > 0 else 1,
            "profile": profile,
        }


def _appeals(basis: Basis, events: pd.DataFrame) -> pd.DataFrame:
    """Return appeals against events that take points: in time and late, decided and open."""
    rule, last = numbers("credit"), pd.Timestamp(basis.years[-1], 12, 31)
    taking = events["rule"].map(_rules()["points"]) < 0
    rows: list[dict[str, Any]] = []
    for event in events[taking].itertuples():
        name = event.event_id
        if draw(name, "appealed") >= rule["appeal_chance"]:
            continue
        late = draw(name, "late") < rule["late_chance"]
        days = rule["late_days" if late else "appeal_days"]
        filed = _after(pd.Timestamp(event.date), days, name, "filed")
        if filed > last:
            continue
        decided = _after(filed, rule["decision_days"], name, "decided")
        is_open = decided > last or draw(name, "undecided") < rule["undecided_chance"]
        rows.append(
            {
                "appeal_id": f"S{len(rows) + 1:03d}",
                "event_id": name,
                "county_code": event.county_code,
                "filed_on": _day(filed),
                "decided_on": None if is_open else _day(decided),
                "outcome": "pending" if is_open else _weighted(rule["outcomes"], name, "outcome"),
            }
        )
    return pd.DataFrame(rows)


def _uses(basis: Basis, events: pd.DataFrame) -> pd.DataFrame:
    """Return uses by subjects of good standing, of a part of what their last event gave."""
    rule, last = numbers("credit"), pd.Timestamp(basis.years[-1], 12, 31)
    points = _rules()["points"]
    rows: list[dict[str, Any]] = []
    for subject, own in events.groupby("subject_id", sort=False):
        key, event = str(subject), own.sort_values("date").iloc[-1]
        uses = rule["uses"].get(event["subject_kind"], {}).get(event["profile"])
        day = _after(pd.Timestamp(event["date"]), rule["use_days"], key, "use")
        if uses is None or day > last or draw(key, "uses") >= rule["use_chance"]:
            continue
        given = event["count"] * points[event["rule"]]
        rows.append(
            {
                "use_id": f"U{len(rows) + 1:04d}",
                "county_code": event["county_code"],
                "subject_id": key,
                "date": _day(day),
                "use": _weighted(uses, key, "which use"),
                "points": max(1, round(given * between(rule["use_share"], key, "spent"))),
            }
        )
    return pd.DataFrame(rows)
