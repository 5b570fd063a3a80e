"""What is refused in the targets and in the registers that measure them (目标检查)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from gepbook.assessment.targets.forecast import ROUNDING
from gepbook.assessment.targets.measures import by_year
from gepbook.assessment.targets.mechanism import COMPONENTS, component_names
from gepbook.assessment.targets.reading import read_parts
from gepbook.assessment.targets.rules import SECTION, Dated, Growth, Sum, Target, TargetParams
from gepbook.errors import near
from gepbook.inputs.own_data import dictionary
from gepbook.params import ParameterSet
from gepbook.prices import PriceBook
from gepbook.province import Registers


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in the targets, what measures them, and the register of the mechanism."""
    rules = params.section(SECTION, TargetParams)
    problems = [p for p in _entry_problems(params, rules)]
    if registers.pack.has(COMPONENTS):
        problems += _component_problems(registers, rules)
    for name, target in rules.targets.items():
        if registers.pack.has(target.measure.table):
            problems += _target_problems(registers, name, target, rules)
    return problems


def _entry_problems(params: ParameterSet, rules: TargetParams) -> Iterator[str]:
    """Give the targets whose unit is not that of their measure, or whose years are slips of the pen."""
    first, last = rules.years["first"], rules.years["last"]
    for name, target in rules.targets.items():
        entry, wanted = params.entries[f"{SECTION}.{name}"], target.unit_wanted()
        place = f"params/{entry.layer}.yaml: {SECTION}.{name}"
        if entry.unit != wanted:
            yield (
                f"{place} has the unit {entry.unit!r}, what measures it gives {wanted!r}. Give the "
                "target in that unit."
            )
        for key in ("baseline_year", "due_year"):
            if not first <= (year := getattr(target, key)) <= last:
                yield f"{place} has the {key} {year}. Give a year from {first} to {last}."


def _component_problems(registers: Registers, rules: TargetParams) -> list[str]:
    """Return what is wrong in the register of the mechanism's components."""
    rows = registers.history(COMPONENTS)
    problems = list(registers.row_problems(COMPONENTS, rows))
    since = rows["since_year"].dropna()
    first, last = rules.years["first"], rules.years["last"]
    wrong = since[~since.between(first, last) | (since % 1 != 0)]
    problems += [
        f"{registers.place(COMPONENTS, line)}: since_year is {value:.10g}. Give a year from {first} to "
        f"{last}; leave it empty where the component is not in place."
        for line, value in wrong.items()
    ]
    expected = set(component_names())
    for code, own in rows.groupby("county_code"):
        if absent := sorted(expected - set(own["component"])):
            problems.append(
                f"{registers.place(COMPONENTS, own.index[0])}: county {code} has no row of "
                f"{', '.join(absent)}. Add them; leave since_year empty where they are not in place."
            )
    return problems


def _target_problems(
    registers: Registers, name: str, target: Target, rules: TargetParams
) -> list[str]:
    """Return why a target cannot be measured from a register that the pack has."""
    key, measure = f"{SECTION}.{name}", target.measure
    problems = [*_word_problems(key, measure), *_price_problems(registers, key, target)]
    if problems or registers.year < target.baseline_year or registers.lacking(measure.table):
        return problems
    file = registers.pack.folder / registers.pack.resource(measure.table).path
    if not isinstance(measure, Dated):
        known = sorted({int(year) for year in registers.pack.table(measure.table)["year"]})
        tracked = len(known) >= rules.least_years
        if target.baseline is None and target.baseline_year not in known:
            return (
                [
                    f"{file}: has no rows of {target.baseline_year}, the baseline year of {key}; it has "
                    f"{known[0]}–{known[-1]}. Add them, or change baseline_year in "
                    "params/policy/targets.yaml."
                ]
                if tracked
                else []
            )
    parts = read_parts(registers, target)
    if isinstance(measure, Sum):
        return []
    sums = parts.groupby("year")["whole"].sum()
    empty = [str(year) for year in sums.index[sums == 0]]
    if empty or parts.empty:
        column = measure.column if isinstance(measure, Growth) else getattr(measure, "of", "")
        what = column or getattr(measure, "weight", "") or "the rows that count"
        return [
            f"{file}: {what} comes to 0 in {', '.join(empty) or registers.year}, and {key} is divided by "
            "it. Give the figures, or measure the target by another column."
        ]
    return list(_proportion_problems(file, key, target, parts))


def _proportion_problems(
    file: Path, key: str, target: Target, parts: pd.DataFrame
) -> Iterator[str]:
    """Give the years in which what is called a proportion lies beyond 0 or 100."""
    values = by_year(parts, target.measure).dropna()
    if target.proportion and len(off := values[~values.between(-ROUNDING, 100 + ROUNDING)]):
        yield (
            f"{file}: {key} comes to {off.iloc[-1]:.4g} in {off.index[-1]}, a proportion lies between 0 "
            "and 100. Swap part and whole in params/policy/targets.yaml, or write proportion: false."
        )


def _word_problems(key: str, measure: Any) -> Iterator[str]:
    """Give the words of a measure that its column cannot hold."""
    if not isinstance(measure, Dated):
        return
    fields = dictionary.tables()[measure.table].fields
    for column, word in [*measure.where.items(), *measure.having.items()]:
        allowed = fields[column].allowed
        if allowed and word not in allowed:
            yield (
                f"params/policy/targets.yaml: {key} looks for {word!r} in {measure.table}.{column}, "
                f"which holds {', '.join(allowed)}.{near(str(word), allowed)} Correct it."
            )


def _price_problems(registers: Registers, key: str, target: Target) -> list[str]:
    """Return what lacks in the price index that a measure follows, of years that have come."""
    measure = target.measure
    if not isinstance(measure, Sum | Growth) or measure.price_index is None:
        return []
    years = {target.baseline_year, *registers.history(measure.table)["year"]}
    due = [year for year in years if year <= registers.year]
    return PriceBook.read().index_problems(key, measure.price_index, due)
