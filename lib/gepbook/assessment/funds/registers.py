"""What must hold of the entries and projects of welfare funds (基金台账)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from gepbook.assessment.funds.books import balances
from gepbook.assessment.funds.rules import (
    ACCEPTED,
    CARRIED_OVER,
    DIRECTION,
    ENTRIES,
    ONGOING,
    PROJECT,
    PROJECTS,
    SECTION,
    WelfareFundsParams,
)
from gepbook.compensation.rounding import CENTS_PER_YUAN, to_cents
from gepbook.params import ParameterSet
from gepbook.province import Registers


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in the registers of entries and projects."""
    params.section(SECTION, WelfareFundsParams)
    problems: list[str] = []
    if registers.pack.has(PROJECTS):
        problems += _project_problems(registers)
    if registers.pack.has(ENTRIES):
        problems += _entry_problems(registers)
    return problems


def _day_problems(
    registers: Registers, name: str, frame: pd.DataFrame, column: str, optional: bool = False
) -> Iterator[str]:
    """Give dates of a register that cannot be read."""
    days = pd.to_datetime(frame[column], format="%Y-%m-%d", errors="coerce")
    for line in frame.index[days.isna() & ~(frame[column].isna() & optional)]:
        yield (
            f"{registers.place(name, line)}: {column} must be a date YYYY-MM-DD, got "
            f"{frame.loc[line, column]!r}. Correct it."
        )


def _entry_problems(registers: Registers) -> Iterator[str]:
    """Give what is wrong with all entries: a year that is a slip must not hide its row."""
    entries = registers.whole(ENTRIES)
    problems = [
        *registers.row_problems(ENTRIES, entries),
        *_day_problems(registers, ENTRIES, entries, "booked_on"),
    ]
    days = pd.to_datetime(entries["booked_on"], format="%Y-%m-%d", errors="coerce")
    for row in entries.itertuples():
        place = registers.place(ENTRIES, row.Index)
        if not (row.amount_cny > 0 and _whole_cents(row.amount_cny)):
            problems.append(
                f"{place}: amount_cny must be above 0 and in whole cents, got {row.amount_cny!r}. "
                "Correct it; a payment back is an entry of the other direction."
            )
        if DIRECTION.get(row.kind, row.direction) != row.direction:
            problems.append(
                f"{place}: {row.kind} is {DIRECTION[row.kind]}, got {row.direction!r}. Correct one of "
                "the two."
            )
        day = days[row.Index]
        if pd.notna(day) and day.year != row.year:
            problems.append(
                f"{place}: is booked on {row.booked_on}, got year {row.year}. Correct it."
            )
        if (row.kind == PROJECT) == pd.isna(row.project_id):
            problems.append(
                f"{place}: project_id belongs to project expense and to nothing else, got kind "
                f"{row.kind!r}. Correct one of the two."
            )
    county = entries.groupby("fund")["county_code"].transform("first")
    problems += [
        f"{registers.place(ENTRIES, line)}: fund {entries.loc[line, 'fund']!r} belongs to "
        f"{county[line]}, got {entries.loc[line, 'county_code']!r}. Correct one of the two."
        for line in entries.index[entries["county_code"] != county]
    ]
    if registers.pack.has(PROJECTS):
        problems += _spending_problems(registers, entries)
    yield from problems
    if not problems:
        yield from _balance_problems(registers, entries.assign(booked_on=days))


def _whole_cents(amount: float) -> bool:
    """Tell whether an amount has no more than two decimals."""
    return bool(np.isfinite(amount)) and to_cents(amount) / CENTS_PER_YUAN == amount


def _spending_problems(registers: Registers, entries: pd.DataFrame) -> Iterator[str]:
    """Give project expenses whose project is unknown, or another fund's."""
    funds = registers.table(PROJECTS).drop_duplicates("project_id").set_index("project_id")["fund"]
    for row in entries[entries["project_id"].notna()].itertuples():
        place = registers.place(ENTRIES, row.Index)
        if row.project_id not in funds.index:
            yield f"{place}: project {row.project_id!r} is not in {PROJECTS}. Correct the number."
        elif funds[row.project_id] != row.fund:
            yield (
                f"{place}: project {row.project_id!r} belongs to fund {funds[row.project_id]!r}, got "
                f"{row.fund!r}. Correct one of the two."
            )


def _balance_problems(registers: Registers, entries: pd.DataFrame) -> Iterator[str]:
    """Give carried-over sums that are not a fund's first entry, and balances below 0."""
    first = entries.groupby("fund")["booked_on"].transform("min")
    carried = entries["kind"] == CARRIED_OVER
    late = carried & ((entries["booked_on"] > first) | entries[carried].duplicated("fund"))
    for line in entries.index[late.fillna(False)]:
        yield (
            f"{registers.place(ENTRIES, line)}: a sum is carried over once, when a fund's books begin "
            f"on {first[line]:%Y-%m-%d}. Take the row out; years follow from the entries."
        )
    balance = balances(entries)
    short = balance[balance < 0].groupby(entries["fund"]).head(1)
    for line, amount in short.items():
        yield (
            f"{registers.place(ENTRIES, line)}: leaves fund {entries.loc[line, 'fund']!r} with "
            f"{amount / CENTS_PER_YUAN:.2f} CNY. A fund cannot spend what it does not have: correct "
            "the amount, or enter the missing income."
        )


def _project_problems(registers: Registers) -> Iterator[str]:
    """Give what is wrong with the projects."""
    projects = registers.table(PROJECTS)
    yield from registers.row_problems(PROJECTS, projects)
    if registers.pack.has(ENTRIES):
        county = registers.whole(ENTRIES).drop_duplicates("fund").set_index("fund")["county_code"]
        of_fund = projects["fund"].map(county)
        for line in projects.index[of_fund.notna() & (of_fund != projects["county_code"])]:
            yield (
                f"{registers.place(PROJECTS, line)}: fund {projects.loc[line, 'fund']!r} belongs to "
                f"{of_fund[line]}, got {projects.loc[line, 'county_code']!r}. Correct one of the two."
            )
    yield from _day_problems(registers, PROJECTS, projects, "approved_on")
    yield from _day_problems(registers, PROJECTS, projects, "accepted_on", optional=True)
    for row in projects.itertuples():
        place = registers.place(PROJECTS, row.Index)
        for column in ("budget_cny", "planned_quantity"):
            value = getattr(row, column)
            if value <= 0:
                yield f"{place}: {column} must be above 0, got {value:g}. Correct it."
        given = pd.notna(row.accepted_on) and pd.notna(row.achieved_quantity)
        if row.status == ACCEPTED and not given:
            yield (
                f"{place}: an accepted project needs accepted_on and achieved_quantity. Give both, or "
                f"the status {ONGOING!r}."
            )
        if row.status == ONGOING and pd.notna(row.accepted_on):
            yield f"{place}: has accepted_on, got status {ONGOING!r}. Correct one of the two."
        if pd.notna(row.accepted_on) and str(row.accepted_on) < str(row.approved_on):
            yield f"{place}: is accepted before it is approved. Correct the dates."
        if row.achieved_quantity < 0:
            yield (
                f"{place}: achieved_quantity must not be below 0, got {row.achieved_quantity:g}. "
                "Correct it."
            )
        measured = pd.notna(row.indicator_before) or pd.notna(row.indicator_after)
        if measured and (pd.isna(row.better) or pd.isna(row.indicator)):
            yield (
                f"{place}: a measured indicator needs its name and whether higher or lower is better. "
                "Fill in indicator and better."
            )
