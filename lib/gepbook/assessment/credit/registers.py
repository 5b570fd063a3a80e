"""Registers of events, appeals and uses of points, and what must hold of them (信用台账).

Messages name lines of files, never a subject.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from gepbook.assessment.credit.scoring import (
    LEVELS,
    PENDING,
    SECTION,
    CreditParams,
    balances,
    level,
    read_rules,
    scores,
    standing,
)
from gepbook.assessment.privacy import NO_PSEUDONYM, PSEUDONYM
from gepbook.errors import GepbookError, near
from gepbook.params import ParameterSet
from gepbook.province import Registers

EVENTS, APPEALS, USES = "credit_events", "credit_appeals", "credit_uses"
DATES = {EVENTS: ("date",), APPEALS: ("filed_on", "decided_on"), USES: ("date",)}
UNAPPEALED = {"filed_on": pd.NaT, "decided_on": pd.NaT, "outcome": None}


def read(registers: Registers, name: str) -> pd.DataFrame:
    """Return a register, its dates as days; NaT where there is none or it cannot be read."""
    frame = registers.table(name)
    return frame.assign(
        **{
            column: pd.to_datetime(frame[column], format="%Y-%m-%d", errors="coerce")
            for column in DATES[name]
        }
    )


def with_appeals(registers: Registers) -> pd.DataFrame:
    """Return all events with the columns of their appeals; events alone where there is no register."""
    events = read(registers, EVENTS)
    if not registers.pack.has(APPEALS):
        return events.assign(**UNAPPEALED).astype(
            {"filed_on": "datetime64[ns]", "decided_on": "datetime64[ns]"}
        )
    appeals = read(registers, APPEALS).drop_duplicates("event_id")
    return events.merge(
        appeals.drop(columns=["appeal_id", "county_code"]), on="event_id", how="left"
    )


def of_uses(uses: pd.DataFrame, events: pd.DataFrame, params: CreditParams) -> pd.DataFrame:
    """Return uses with the level of the subject and the balance of points on their days.

    Parameters
    ----------
    uses : DataFrame
        Of the register, by line.
    events : DataFrame
        From `with_appeals`.

    Returns
    -------
    DataFrame, same index
        With `level` and `balance`.
    """
    rules = read_rules()
    days = uses.reset_index(names="case")[["case", "subject_id", "date"]]
    cases = events.merge(days.rename(columns={"date": "at"}), on="subject_id")
    found = standing(cases, rules, params)
    earned = found["granted"].where(found["granted"] > 0, 0.0)
    by_use = earned.groupby(cases["case"])
    known = uses.assign(
        earned=by_use.sum().reindex(uses.index),
        expired=earned.where(~found["alive"], 0.0).groupby(cases["case"]).sum().reindex(uses.index),
        level=level(scores(cases, rules, params), params).reindex(uses.index),
    )
    return known.assign(balance=balances(known)).drop(columns=["earned", "expired"])


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in the scoring rules and in the registers of credit."""
    try:
        rules = read_rules()
    except GepbookError as error:
        return error.problems
    if not registers.pack.has(EVENTS):
        return []
    own = params.section(SECTION, CreditParams)
    problems = [*_event_problems(registers, rules, own)]
    for name, problems_of in ((APPEALS, _appeal_problems), (USES, _use_problems)):
        if registers.pack.has(name):
            problems += problems_of(registers, own)
    if not problems and registers.pack.has(USES):
        problems += _spending_problems(registers, own)
    return problems


def _date_problems(registers: Registers, name: str, optional: str = "") -> Iterator[str]:
    """Give the dates of a register that cannot be read."""
    raw, read_in = registers.table(name), read(registers, name)
    for column in DATES[name]:
        wrong = read_in[column].isna() & ~(raw[column].isna() & (column == optional))
        for line in raw.index[wrong]:
            yield (
                f"{registers.place(name, line)}: {column} must be a date YYYY-MM-DD, got "
                f"{raw.loc[line, column]!r}. Correct it."
            )


def _event_problems(
    registers: Registers, rules: pd.DataFrame, params: CreditParams
) -> Iterator[str]:
    """Give what is wrong with the events."""
    events = read(registers, EVENTS)
    yield from _date_problems(registers, EVENTS)
    yield from registers.row_problems(EVENTS, events)
    kinds = rules["kinds"].to_dict()
    first, last = params.first_year, max(registers.pack.years)
    for row in events.itertuples():
        place = registers.place(EVENTS, row.Index)
        if not PSEUDONYM.fullmatch(str(row.subject_id)):
            yield f"{place}: subject_id {NO_PSEUDONYM}"
        if row.rule not in kinds:
            yield (
                f"{place}: rule {row.rule!r} is not in ecological_credit_rules.csv."
                f"{near(str(row.rule), kinds)} Correct it."
            )
        elif row.subject_kind not in kinds[row.rule]:
            yield (
                f"{place}: rule {row.rule!r} is for {', '.join(kinds[row.rule])}, got "
                f"{row.subject_kind!r}. Correct one of the two."
            )
        if not (row.count >= 1 and row.count == int(row.count)):
            yield f"{place}: count must be a whole number from 1 on, got {row.count:g}. Correct it."
        if pd.notna(row.date) and not first <= row.date.year <= last:
            yield (
                f"{place}: date must lie in {first} to {last}, got {row.date:%Y-%m-%d}. Correct it."
            )
    for column, what in (("subject_kind", "kinds"), ("county_code", "counties")):
        named = events.dropna(subset=["subject_id", column])
        first_of = named.groupby("subject_id")[column].transform("first")
        for line in named.index[named[column] != first_of]:
            yield (
                f"{registers.place(EVENTS, line)}: the subject has other {what} in earlier lines. "
                "Give each subject one, or another pseudonym."
            )


def _appeal_problems(registers: Registers, params: CreditParams) -> Iterator[str]:
    """Give what is wrong with the appeals."""
    appeals, events = read(registers, APPEALS), read(registers, EVENTS)
    yield from _date_problems(registers, APPEALS, optional="decided_on")
    yield from registers.row_problems(APPEALS, appeals)
    happened = events.drop_duplicates("event_id").set_index("event_id")["date"]
    twice = appeals["event_id"].duplicated()
    for row in appeals.itertuples():
        place = registers.place(APPEALS, row.Index)
        if row.event_id not in happened.index:
            yield f"{place}: event {row.event_id!r} is not in {EVENTS}. Correct the number."
        elif row.filed_on < happened[row.event_id]:
            yield f"{place}: is filed before the event. Correct filed_on."
        if twice[row.Index]:
            yield f"{place}: event {row.event_id!r} has an appeal already. Keep one of them."
        if row.decided_on < row.filed_on:
            yield f"{place}: is decided before it is filed. Correct the dates."
        if (row.outcome == PENDING) != pd.isna(row.decided_on):
            yield (
                f"{place}: an appeal that is {PENDING!r} has no decided_on, any other has one, got "
                f"{row.outcome!r}. Correct one of the two."
            )


def _use_problems(registers: Registers, params: CreditParams) -> Iterator[str]:
    """Give what is wrong with single uses of points."""
    uses, events = read(registers, USES), read(registers, EVENTS)
    yield from _date_problems(registers, USES)
    yield from registers.row_problems(USES, uses)
    subjects = events.sort_values("date").drop_duplicates("subject_id").set_index("subject_id")
    for row in uses.itertuples():
        place = registers.place(USES, row.Index)
        if row.subject_id not in subjects.index:
            yield f"{place}: the subject has no event in {EVENTS}. Correct the pseudonym."
        else:
            subject = subjects.loc[row.subject_id]
            if subject["county_code"] != row.county_code:
                yield (
                    f"{place}: the subject belongs to {subject['county_code']}, got "
                    f"{row.county_code!r}. Correct one of the two."
                )
            if row.date < subject["date"]:
                yield f"{place}: lies before the subject's first event. Correct the date."
        if row.use not in params.level_for_use:
            yield (
                f"{place}: use {row.use!r} has no level in {SECTION}.level_for_use."
                f"{near(str(row.use), params.level_for_use)} Correct it or add it there."
            )
        if not row.points > 0:
            yield f"{place}: points must be above 0, got {row.points:g}. Correct them."


def _spending_problems(registers: Registers, params: CreditParams) -> Iterator[str]:
    """Give uses above the balance or below the level that they need."""
    uses = of_uses(read(registers, USES), with_appeals(registers), params)
    for row in uses.itertuples():
        place, needed = registers.place(USES, row.Index), params.level_for_use[row.use]
        if LEVELS.index(row.level) > LEVELS.index(needed):
            yield (
                f"{place}: {row.use} needs level {needed}, the subject had {row.level} on "
                f"{row.date:%Y-%m-%d}. Take the use back."
            )
        if row.points > row.balance:
            yield (
                f"{place}: spends {row.points:g} points, {row.balance:g} were earned, unspent and "
                "unexpired. Take the use back, or enter the missing events."
            )
