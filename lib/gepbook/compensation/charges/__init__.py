r"""Charges and taxes on what a county discharges, throws away and digs up (收费与税).

Sewage and waste fees, the environmental protection tax and the resource tax: quantity times the rate in
force, day by day, so that a year in which a rate changes is shared by days. Left out: the tax law's
reductions for emissions 30 % and 50 % below the limit, as the register holds no concentrations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from pydantic import field_validator

from gepbook import counties, ledger, paths
from gepbook.compensation import flows, parties
from gepbook.compensation.charges.tariffs import (
    ITEMS,
    POLLUTANTS,
    PROVINCE,
    read_tariffs,
    year_rate,
)
from gepbook.compensation.rounding import CENTS_PER_YUAN, to_cents
from gepbook.compensation.scheme import Scheme, SchemeResult
from gepbook.errors import GepbookError, near
from gepbook.params import ParameterSet, Params, parameter, worst
from gepbook.province import Province, Registers

SECTION = "charges"
QUANTITIES = "charge_quantities"
TARIFFS = paths.PARAMS / "policy" / "tariffs.csv"
KG_PER_T = 1000.0


class ChargesParams(Params):
    """Parameters of 收费与税: pollutant equivalents and what treatment costs."""

    provincial = True

    pollutant_equivalents_kg: dict[str, float] = parameter("kg", "污染当量值，按污染物")
    sewage_cost_cny_m3: float = parameter("CNY m-3", "污水处理单位运行成本", gt=0)
    waste_cost_cny_t: float = parameter("CNY t-1", "生活垃圾处理单位运行成本", gt=0)
    household_waste_t: float = parameter("t household-1 a-1", "每户每年生活垃圾量", gt=0)

    @field_validator("pollutant_equivalents_kg")
    @classmethod
    def _all_pollutants(cls, value: dict[str, float]) -> dict[str, float]:
        if set(value) != set(POLLUTANTS):
            raise ValueError(f"must name exactly {', '.join(POLLUTANTS)}")
        if min(value.values()) <= 0:
            raise ValueError("must be above 0")
        return value


def per_quantity(rate: float, item: str, equivalents_kg: Mapping[str, float]) -> float:
    r"""Return what a unit of the register costs: CNY per t of a pollutant, else the rate itself.

    Notes
    -----
    .. math:: t = r / e \cdot 1000

    with r in CNY per equivalent and e in kg per equivalent (环境保护税法): SO2 1.2 / 0.95 · 1000 =
    1263.16 CNY t-1.
    """
    return rate / equivalents_kg[item] * KG_PER_T if item in equivalents_kg else rate


def charge(
    quantities: pd.DataFrame,
    tariffs: pd.DataFrame,
    equivalents_kg: Mapping[str, float],
    year: int,
) -> pd.DataFrame:
    """Return what is due for each quantity of a year, to the cent (应收费税).

    Parameters
    ----------
    quantities : DataFrame with `county_code`, `item`, `quantity`
    tariffs : DataFrame
        From `read_tariffs`, covering every day.
    equivalents_kg : mapping
        Pollutant equivalents by item.

    Returns
    -------
    DataFrame, same rows
        `charge`, `first_rate` and `last_rate` of the year in the tariff's unit, `unit_rate_cny` per
        unit of the quantity (mean by days), `amount_cny`, `confidence` of the tariffs.
    """
    own = set(zip(tariffs["item"], tariffs["scope"], strict=True))
    keys = [
        (item, code if (item, code) in own else PROVINCE)
        for item, code in zip(quantities["item"], quantities["county_code"], strict=True)
    ]
    rates = {key: year_rate(tariffs, *key, year) for key in sorted(set(keys))}
    unit_rates = pd.Series(
        [per_quantity(rates[key].rate, key[0], equivalents_kg) for key in keys],
        index=quantities.index,
        dtype="float64",
    )
    amount = quantities["quantity"] * unit_rates
    return quantities[["county_code", "item", "quantity"]].assign(
        charge=[ITEMS[item].charge for item, _ in keys],
        first_rate=[rates[key].first for key in keys],
        last_rate=[rates[key].last for key in keys],
        unit_rate_cny=unit_rates,
        amount_cny=amount.map(to_cents) / CENTS_PER_YUAN,
        confidence=[rates[key].confidence for key in keys],
    )


def recovery(due: pd.DataFrame, params: ChargesParams) -> pd.DataFrame:
    """Return what sewage and waste fees recover of the cost of treatment (收费成本回收率).

    Parameters
    ----------
    due : DataFrame
        From `charge`.

    Returns
    -------
    DataFrame, a row a county and fee
        `county_code`, `charge`, `amount_cny`, `cost_cny` = quantity · unit cost, `ratio` of the two.
    """
    unit_costs = {
        "sewage_households_m3": params.sewage_cost_cny_m3,
        "sewage_others_m3": params.sewage_cost_cny_m3,
        "waste_households_household": params.household_waste_t * params.waste_cost_cny_t,
        "waste_others_t": params.waste_cost_cny_t,
    }
    fees = due[due["item"].isin(unit_costs)]
    fees = fees.assign(cost_cny=fees["quantity"] * fees["item"].map(unit_costs))
    sums = fees.groupby(["county_code", "charge"], as_index=False)[["amount_cny", "cost_cny"]].sum()
    sums = sums[sums["cost_cny"] > 0]
    return sums.assign(ratio=sums["amount_cny"] / sums["cost_cny"]).reset_index(drop=True)


# The scheme


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in the tariffs and the quantities of the year."""
    try:
        tariffs = read_tariffs(TARIFFS)
    except GepbookError as error:
        return error.problems
    if not registers.pack.has(QUANTITIES):
        return []
    quantities = registers.table(QUANTITIES)
    known = quantities["item"].isin(ITEMS) & quantities["county_code"].isin(counties.read().index)
    return [
        *_quantity_problems(registers, quantities),
        *_uncovered(registers, quantities[known], tariffs),
    ]


def _quantity_problems(registers: Registers, quantities: pd.DataFrame) -> Iterator[str]:
    """Give unknown counties and items, and missing quantities."""
    for row in quantities[~quantities["county_code"].isin(counties.read().index)].itertuples():
        yield (
            f"{registers.place(QUANTITIES, row.Index)}: county {row.county_code!r} is not in "
            "params/counties.csv. Correct the code."
        )
    for row in quantities[~quantities["item"].isin(ITEMS)].itertuples():
        yield (
            f"{registers.place(QUANTITIES, row.Index)}: item {row.item!r} is not known."
            f"{near(row.item, ITEMS)} Correct it."
        )
    for row in quantities[quantities["quantity"].isna()].itertuples():
        yield (
            f"{registers.place(QUANTITIES, row.Index)}: quantity of {row.item} is missing. Give it, or "
            "take the row out."
        )


def _uncovered(
    registers: Registers, quantities: pd.DataFrame, tariffs: pd.DataFrame
) -> Iterator[str]:
    """Give the items that have no tariff on some day of the year, one sentence an item and scope."""
    own = set(zip(tariffs["item"], tariffs["scope"], strict=True))
    scope = [
        code if (item, code) in own else PROVINCE
        for item, code in zip(quantities["item"], quantities["county_code"], strict=True)
    ]
    for (item, code), rows in quantities.groupby(["item", pd.Series(scope, quantities.index)]):
        days = year_rate(tariffs, item, code, registers.year).uncovered
        if len(days):
            more = f" (and {len(rows) - 1} more rows)" if len(rows) > 1 else ""
            yield (
                f"{registers.place(QUANTITIES, rows.index[0])}{more}: {item} has no tariff on "
                f"{len(days)} days of {registers.year}, the first {days[0]:%Y-%m-%d}. Add one to "
                f"{TARIFFS} with scope {PROVINCE!r} or the county's code."
            )


def compute(province: Province) -> SchemeResult:
    """Return the year's fees and taxes of every county, and what fees recover of their cost."""
    lacking = tuple(province.registers.lacking(QUANTITIES))
    if lacking:
        return SchemeResult(lacking=lacking)
    params = province.rules(SECTION, ChargesParams)
    due = charge(
        province.registers.table(QUANTITIES),
        read_tariffs(TARIFFS),
        params.pollutant_equivalents_kg,
        province.year,
    ).sort_values(["county_code", "item"], ignore_index=True)
    equivalents = province.params.entries[f"{SECTION}.pollutant_equivalents_kg"].confidence
    due["confidence"] = [
        worst([equivalents, own]) if item in POLLUTANTS else own
        for item, own in zip(due["item"], due["confidence"], strict=True)
    ]
    recovered = recovery(due, params)
    origin = province.origin(QUANTITIES)
    return SchemeResult(
        flows=[_flow(row, origin) for row in due.itertuples()],
        tables={"charges": due, "recovery": recovered},
        figures=list(_figures(due, recovered, province, origin)),
    )


def _flow(row: Any, origin: str) -> dict[str, Any]:
    """Return one payment to a county's treasury."""
    item = ITEMS[row.item]
    return flows.flow(
        scheme=SECTION,
        rule=f"{SECTION}/{item.charge}",
        payer=parties.private(row.county_code, item.payer),
        payee=row.county_code,
        basis=item.name_zh,
        amount_cny=row.amount_cny,
        origin=origin,
        quality=row.confidence,
    )


def _figures(
    due: pd.DataFrame, recovered: pd.DataFrame, province: Province, origin: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each county's sum of every charge, and the part of the cost that fees recover."""
    method = f"tariffs/{SECTION}"
    sums = due.groupby(["county_code", "charge"], as_index=False).agg(
        amount_cny=("amount_cny", "sum"), confidence=("confidence", worst)
    )
    for row in sums.itertuples():
        yield (
            row.county_code,
            ledger.entry(
                "compensation", f"{SECTION}.{row.charge}", "value", round(row.amount_cny, 2), "CNY",
                origin=origin, method_id=method, quality=row.confidence, price_basis="current",
                price_year=province.year,
            ),
        )  # fmt: skip
    for row in recovered.itertuples():
        yield (
            row.county_code,
            ledger.entry(
                "compensation", f"{SECTION}.{row.charge}", "cost_recovery", row.ratio, "1",
                origin=origin, method_id=f"design/{SECTION}", quality=province.quality(SECTION),
            ),
        )  # fmt: skip


SCHEME = Scheme(
    id=SECTION,
    name_zh="收费与税",
    name_en="Charges and taxes",
    source="浙委办发〔2021〕82号 五(三) 完善污水、垃圾处理收费机制；六(二) 严格执行环境保护税法",
    sections={SECTION: ChargesParams},
    tables=(QUANTITIES,),
    compute=compute,
    check=check,
)
