r"""Purchases of ecological products by a county from its towns and villages (生态产品政府采购).

.. math:: pay = r \, V A_{seller} / A_{county}, \quad y_1 = a \, pay, \quad y_2 = (1 - a) \, s \, pay

V is the value of the bought services in the county in the year of the contract, at comparable prices, so
that both instalments rest on one price; a is the first year's part, s the score of environmental quality
in the second. No seller has an account of its own: its area's part of the county's value stands for it.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import field_validator

from gepbook import counties, ledger
from gepbook.compensation import flows, parties
from gepbook.compensation.horizontal.cross_province import SCHEME
from gepbook.compensation.horizontal.data import service_value
from gepbook.compensation.scheme import SchemeResult
from gepbook.params import Params, parameter
from gepbook.province import Province, Registers

SECTION = "horizontal_purchase"
TABLE = "gep_purchases"
METHOD = "yunhe/purchase"
HA_PER_KM2 = 100.0
Service = Literal[
    "water_conservation", "climate_regulation", "soil_retention", "flood_mitigation",
    "water_purification", "air_purification", "carbon_sequestration", "oxygen_release",
]  # fmt: skip


class PurchaseParams(Params):
    """Rules of purchases of ecological products (生态产品政府采购)."""

    provincial = True

    pay_rate: float = parameter("1", "采购价占服务价值的比例", ge=0, le=1)
    services: list[Service] = parameter("1", "采购的调节服务", min_length=1)
    first_share: float = parameter("1", "签约当年支付的比例", ge=0, le=1)
    reported_cny: float = parameter("CNY", "云和县公开报道的采购金额，仅供对照", ge=0)

    @field_validator("services")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("must name each service once")
        return names


def price(
    value_cny: pd.Series, area_ha: pd.Series, county_area_ha: pd.Series, pay_rate: float
) -> pd.Series:
    """Return the price of contracts, CNY: a rate of the value that falls to the seller's area."""
    return pay_rate * value_cny * area_ha / county_area_ha


def instalment(price_cny: float, first_share: float, score: float | None) -> float:
    """Return an instalment, CNY: the first without a score, the second by the score (0–1)."""
    if score is None:
        return first_share * price_cny
    return (1 - first_share) * score * price_cny


def due(registers: Registers) -> pd.DataFrame:
    """Return the contracts that pay in the year; `instalment` is 1 or 2."""
    frame = registers.history(TABLE)
    age = registers.year - frame["year"]
    return frame[age <= 1].assign(instalment=age[age <= 1] + 1)


def check(registers: Registers) -> list[str]:
    """Return areas and scores that cannot be, and second instalments without a score."""
    if not registers.pack.has(TABLE):
        return []
    problems = []
    published_ha = counties.read()["area_km2"] * HA_PER_KM2
    contracts = due(registers)
    for line, row in contracts.iterrows():
        where = f"{registers.place(TABLE, line)}: {row['purchase_id']}"
        county_ha = published_ha.get(row["county_code"])
        if county_ha is None:
            problems.append(f"{where}: {row['county_code']!r} is no county. Correct its code.")
        elif not 0 < row["area_ha"] <= county_ha:
            problems.append(
                f"{where}: area_ha must be above 0 and at most the county's {county_ha:,.0f}, got "
                f"{row['area_ha']:,.0f}. Correct the seller's area."
            )
        score = row["quality_score"]
        if np.isnan(score) and row["instalment"] == 2:
            problems.append(
                f"{where}: the second instalment of {row['seller']} is due in {registers.year}, but "
                "quality_score is empty. Enter the score of environmental quality, 0–1."
            )
        elif not np.isnan(score) and not 0 <= score <= 1:
            problems.append(f"{where}: quality_score must be within 0–1, got {score}.")
    return problems


def compute(province: Province, rules: PurchaseParams) -> SchemeResult:
    """Return the instalments that are due in the year."""
    registers = province.registers
    if not registers.pack.has(TABLE):
        return SchemeResult(lacking=(TABLE,))
    contracts = due(registers)
    if contracts.empty:
        return SchemeResult(tables={"purchases": contracts})
    measures = {1: "value", 2: "value_previous_year"}
    values = {
        number: service_value(province, rules.services, measure, "comparable")
        for number, measure in measures.items()
    }
    land_ha = province.values("statistics", "land_area", "value") * HA_PER_KM2
    codes = contracts["county_code"]
    value = pd.Series(
        [values[n].get(c, np.nan) for n, c in zip(contracts["instalment"], codes, strict=True)],
        index=contracts.index,
    )
    table = contracts.assign(
        value_cny=value,
        county_area_ha=codes.map(land_ha),
        price_cny=price(value, contracts["area_ha"], codes.map(land_ha), rules.pay_rate),
    )
    table["amount_cny"] = [
        instalment(
            row.price_cny, rules.first_share, row.quality_score if row.instalment == 2 else None
        )
        for row in table.itertuples()
    ]
    known = table[table["amount_cny"].notna()]
    return SchemeResult(
        flows=_payments(province, known),
        tables={"purchases": table},
        figures=_figures(province, known),
    )


def _payments(province: Province, known: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what counties pay their towns and villages."""
    origin, quality = province.origin(TABLE, accounts=True), province.quality(SECTION)
    return [
        flows.flow(
            scheme=SCHEME, rule=f"{SECTION}/instalment_{row.instalment}", payer=row.county_code,
            payee=parties.private(row.county_code, "collectives"),
            basis=f"{row.seller}（{row.purchase_id}）第{row.instalment}期", amount_cny=row.amount_cny,
            origin=origin, quality=quality,
        )
        for row in known.itertuples()
    ]  # fmt: skip


def _figures(province: Province, known: pd.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    """Return the price of the contracts that pay in the year, by county, as ledger rows."""
    origin, quality = province.origin(TABLE, accounts=True), province.quality(SECTION)
    return [
        (
            str(code),
            ledger.entry(
                "compensation", "horizontal.purchase", "price", total, "CNY", origin=origin,
                method_id=METHOD, quality=quality, price_basis="comparable",
            ),
        )
        for code, total in known.groupby("county_code")["price_cny"].sum().items()
    ]  # fmt: skip
