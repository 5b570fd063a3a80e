"""Money in the wrong unit, found beside the year before and beside other counties (金额单位检查)."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd

from gepbook.inputs.own_data import dictionary
from gepbook.inputs.own_data.limits import SECTION, Limits
from gepbook.params import ParameterSet
from gepbook.province import Registers

ECONOMY, PEOPLE = "economy", "resident_population_person"
COUNTY, YEAR, PRODUCT = "county_code", "year", "product"
#: Units of totals, which are compared per person; other money is a price.
TOTALS = ("CNY", "CNY a-1")


def slips(
    registers: Registers,
    table: str,
    params: ParameterSet,
    columns: Iterable[str] = (),
    jump: float | None = None,
    peer: float | None = None,
) -> list[str]:
    """Return figures of a table that jump between years, or lie far from all other counties'.

    Parameters
    ----------
    registers : Registers
    table : str
        With counties and years; its rows of the year and before are looked at.
    params : ParameterSet
    columns : iterable of str, optional
        All columns of money when not given.
    jump, peer : float, optional
        Largest factor between two years, and from the counties' median of the year (and product):
        totals per person, prices as they are. `pack_checks.slip_factor` when not given.
    """
    limits = params.section(SECTION, Limits)
    entry, rows = dictionary.tables()[table], registers.history(table)
    rows = rows.sort_values(entry.key, kind="stable")
    own = [rows[name] for name in entry.key if name != YEAR]
    alike = [rows[name] for name in (YEAR, PRODUCT) if name in entry.key]
    people, problems = _people(registers, rows), []
    for column in columns or [n for n, f in entry.fields.items() if f.unit.startswith("CNY")]:
        unit = entry.fields[column].unit
        values = rows[column].where(rows[column] > 0)
        level, per = (values / people, " per person") if unit in TOTALS else (values, "")
        for ratio, most, told, remedy in (
            (
                values / values.groupby(own).shift(),
                jump or limits.slip_factor,
                " is {:.4g} times that of the year before",
                ", or correct the other year",
            ),
            (
                level / level.groupby(alike).transform("median"),
                peer or limits.slip_factor,
                f"{per} is {{:.4g}} times the counties' median",
                "",
            ),
        ):
            problems += [
                f"{registers.place(table, line)}: {column}{told.format(factor)}"
                f"{unit_of(factor, limits)}. Give it in {unit}{remedy}."
                for line, factor in ratio[(ratio > most) | (ratio < 1 / most)].items()
            ]
    return problems


def _people(registers: Registers, rows: pd.DataFrame) -> pd.Series:
    """Return the residents of each row's county and year; NaN where they are not known."""
    key = [COUNTY, YEAR]
    if not registers.pack.has(ECONOMY):
        return pd.Series(float("nan"), index=rows.index)
    people = registers.history(ECONOMY).drop_duplicates(key).set_index(key)[PEOPLE]
    found = people.where(people > 0).reindex(pd.MultiIndex.from_frame(rows[key]))
    return pd.Series(found.to_numpy(dtype="float64"), index=rows.index)


def unit_of(factor: float, limits: Limits) -> str:
    """Say which unit a factor betrays, where it is near a power of ten."""
    power = round(math.log10(factor))
    if power == 0 or abs(factor / 10.0**power - 1) > limits.unit_slip_tolerance:
        return ""
    known = {4: "CNY for 万元", -4: "万元 for CNY", 8: "CNY for 亿元", -8: "亿元 for CNY"}
    return f": looks like {known.get(power, f'a unit 10^{power} off')}"
