"""Entries and projects of public-welfare funds for ecological protection (公益性生态保护基金)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from gepbook import counties
from gepbook.inputs.illustrative import draw
from gepbook.inputs.registers import between, choose, count, day_between
from gepbook.inputs.scheme_registers.basis import Basis, Tables, numbers

WAN = 10_000  # 万元
INCOME = ("government_seed", "donation", "enterprise", "interest")
#: Months in which what happens: income first, so that no fund spends what it does not have.
WHEN = {
    "carried_over": ("01-02", "01-02"),
    "income": ("01-05", "08-31"),
    "expense": ("09-01", "12-28"),
}


def make(basis: Basis) -> Tables:
    """Return the registers of funds."""
    entries: list[dict[str, Any]] = []
    projects: list[dict[str, Any]] = []
    for code in numbers("welfare_funds")["funds"]:
        _keep_books(code, basis.years, entries, projects)
    frame = pd.DataFrame(entries)
    frame.insert(0, "entry_id", [f"J{n:04d}" for n in range(1, len(frame) + 1)])
    return {"welfare_fund_entries": frame, "welfare_projects": pd.DataFrame(projects)}


def _name(code: str) -> str:
    """Return the name of a county's fund."""
    whole = counties.name_zh(code)
    suffix = next(end for end in counties.SUFFIXES if whole.endswith(end))
    return f"示例{whole.removesuffix(suffix)}生态保护基金"


def _keep_books(
    code: str, years: list[int], entries: list[dict[str, Any]], projects: list[dict[str, Any]]
) -> None:
    """Add the entries and projects of a county's fund, year by year."""
    rule, fund = numbers("welfare_funds"), _name(code)
    since = rule["funds"][code]
    due: list[tuple[str, float]] = []
    balance = 0.0
    for year in (y for y in years if y >= since):
        key = f"{code} {year}"
        first = year == since
        incoming = {kind: round(between(rule["income_wan"][kind], key, kind)) for kind in INCOME}
        if not first:
            incoming.pop("government_seed")
        amounts: list[tuple[str, float]] = [
            (kind, amount * WAN) for kind, amount in incoming.items() if kind != "interest"
        ]
        if first and code in rule["older"]:
            amounts.insert(0, ("carried_over", rule["older"][code] * WAN))
        amounts.append(("interest", round(rule["interest_rate"] * (balance + WAN), 2)))
        got = sum(amount for _, amount in amounts)
        share = rule["heavy" if [code, year] in rule["heavy_years"] else "administration"]
        budget = round((balance + got) * between(rule["budget_share"], key, "budget") / WAN) * WAN
        project = _project(code, year, fund, len(projects) + 1, budget, years[-1])
        projects.append(project)
        now = round(budget * rule["first_payment"], 2)
        paid = [*due, (project["project_id"], now)]
        due = []
        if year < years[-1]:
            late = between(rule["overrun"], project["project_id"], "overrun")
            due = [(project["project_id"], round(budget * late - now, 2))]
        spent = sum(amount for _, amount in paid)
        costs = round(spent * between(share, key, "administration"), 2)
        amounts += [("administration", costs)]
        base = {"county_code": code, "year": year, "fund": fund}
        entries += _entries(base, key, amounts, paid)
        balance += got - spent - costs


def _entries(
    base: dict[str, Any], key: str, amounts: list[tuple[str, float]], paid: list[tuple[str, float]]
) -> Iterator[dict[str, Any]]:
    """Give a year's entries by date."""
    rows = []
    for kind, project, amount in [
        *((kind, None, amount) for kind, amount in amounts),
        *(("project", name, amount) for name, amount in paid),
    ]:
        direction = "expense" if kind in ("project", "administration") else "income"
        span = [f"{base['year']}-{day}" for day in WHEN.get(kind, WHEN[direction])]
        rows.append(
            {
                **base,
                "booked_on": day_between(span, key, f"{kind} {project}"),
                "direction": direction,
                "kind": kind,
                "project_id": project,
                "amount_cny": amount,
            }
        )
    yield from sorted(rows, key=lambda row: row["booked_on"])


def _project(
    code: str, year: int, fund: str, number: int, budget: float, last: int
) -> dict[str, Any]:
    """Return a project approved in a year; those of earlier years are mostly accepted."""
    rule, name = numbers("welfare_funds"), f"XM{number:02d}"
    measure = choose(list(rule["measures"]), name, "measure")
    mine = rule["measures"][measure]
    planned = max(1.0, round(budget / between(mine["unit_cost_cny"], name, "unit cost")))
    stopped = draw(name, "stopped") < rule["stopped_chance"]
    done = year < last and not stopped
    before = round(between(mine["before"], name, "before"), 1)
    measured = draw(name, "measured") < rule["measured_chance"]
    after = round(before * between(mine["change"], name, "after"), 1)
    reached = between(rule["completion"], name, "completion")
    return {
        "project_id": name,
        "county_code": code,
        "fund": fund,
        "name": f"示例{mine['name']}项目{count({'least': 1, 'most': 9}, name, 'number')}号",
        "measure": measure,
        "approved_on": day_between([f"{year}-03-01", f"{year}-08-31"], name, "approved"),
        "budget_cny": budget,
        "planned_quantity": planned,
        "achieved_quantity": round(planned * reached, 1) if done else None,
        "accepted_on": day_between([f"{year + 1}-09-01", f"{year + 1}-12-20"], name, "accepted")
        if done
        else None,
        "status": "accepted" if done else "stopped" if stopped else "ongoing",
        "indicator": mine["indicator"],
        "better": mine["better"],
        "indicator_before": before if measured else None,
        "indicator_after": after if measured and done else None,
    }
