"""Terms of office of the counties' leaders, and findings of their audits (离任审计)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pandas as pd

from gepbook.inputs.illustrative import draw
from gepbook.inputs.registers import count, day_between
from gepbook.inputs.scheme_registers.basis import Basis, Tables, numbers

POSTS = {"S": "party_secretary", "H": "county_head"}


def make(basis: Basis) -> Tables:
    """Return the registers of the departure audit."""
    held = terms(basis)
    return {"official_terms": held, "audit_findings": findings(basis, held)}


def terms(basis: Basis) -> pd.DataFrame:
    """Return who held which post from when to when; the last holder of a post is in office."""
    return pd.DataFrame(
        [row for code in basis.codes for letter in POSTS for row in _of_post(code, letter)]
    )


def _of_post(code: str, letter: str) -> Iterator[dict[str, Any]]:
    """Give the terms of one post of a county, one after the other."""
    rule, key = numbers("audit"), f"{code}{letter}"
    starts = [day_between(rule["first_start"], key, "start")]
    changes = code not in rule["one_holder"]
    if changes and draw(key, "handover") < rule["handover_chance"]:
        starts.append(day_between(rule["handover"], key, "second"))
    if changes and draw(key, "late") < rule["late_chance"]:
        starts.append(day_between(rule["late_handover"], key, "third"))
    labels = rule["officials"]
    first = int(draw(code, "official") * len(labels)) + list(POSTS).index(letter) * len(labels) // 2
    for place, start in enumerate(starts):
        following = starts[place + 1] if place + 1 < len(starts) else ""
        end = str(date.fromisoformat(following) - timedelta(days=1)) if following else ""
        yield {
            "term_id": f"{key}{place + 1}",
            "county_code": code,
            "post": POSTS[letter],
            "official": labels[(first + place) % len(labels)],
            "start_date": start,
            "end_date": end,
            "audited_on": _audited_on(f"{key}{place + 1}", start, end),
        }


def _audited_on(key: str, start: str, end: str) -> str:
    """Return the day of a term's audit: of most a while after their end, of some in office before."""
    rule = numbers("audit")
    if draw(key, "audited") >= rule["audited_chance"]["ended" if end else "in_office"]:
        return ""
    if end:
        wait = count(rule["audited_after_days"], key, "audit")
        return str(date.fromisoformat(end) + timedelta(days=wait))
    day = day_between(rule["audited_in_office"], key, "audit")
    return day if day > start else ""


def findings(basis: Basis, held: pd.DataFrame) -> pd.DataFrame:
    """Return what audits found of each term that was audited, in the years of the pack."""
    first, last = f"{basis.years[0]}-01-01", f"{basis.years[-1]}-12-31"
    rows = [
        row
        for term in held.itertuples()
        if term.audited_on
        for row in _of_term(
            term,
            max(term.start_date, first),
            min(term.end_date or last, term.audited_on, last),
        )
    ]
    return pd.DataFrame(rows)


def _of_term(term: Any, first: str, last: str) -> Iterator[dict[str, Any]]:
    """Give the findings of one term, of an item each, that occurred between two days."""
    rule, key = numbers("audit"), str(term.term_id)
    kind, chance = 0, draw(key, "record")
    while chance >= rule["records"][kind]["chance"]:
        chance -= rule["records"][kind]["chance"]
        kind += 1
    record = rule["records"][kind]
    items = sorted(rule["evidence"], key=lambda item: draw(key, item))
    for place, item in enumerate(items[: count(record["findings"], key, "findings")]):
        yield {
            "finding_id": f"{key}-{place + 1}",
            "term_id": key,
            "county_code": term.county_code,
            "item": item,
            "count": count(record["count"], f"{key} {item}", "count"),
            "occurred_on": day_between((first, last), f"{key} {item}", "day"),
            "evidence": rule["evidence"][item],
        }
