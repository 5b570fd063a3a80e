"""Ecological energy (生态能源): hydropower."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, NotApplicable, Quantities, ServiceSpec, Table
from gepbook.params import Params


class EcologicalEnergyParams(Params):
    """No parameters: the price is in the price book."""


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: EcologicalEnergyParams
) -> dict[str, float] | NotApplicable:
    """Return hydropower generated, kWh a-1; a county without any does not have the service."""
    generated = float(tables["energy"].iloc[0]["hydropower_kwh"])
    if generated == 0:
        return NotApplicable("本县无水力发电 / no hydropower is generated in the county")
    return {"hydropower": generated}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: EcologicalEnergyParams
) -> dict[str, float]:
    """Return its market value, CNY a-1 (市场价值法)."""
    return {"hydropower": quantities["hydropower"] * prices["hydropower"]}


SERVICE = ServiceSpec(
    id="ecological_energy",
    name_zh="生态能源",
    name_en="Ecological energy",
    category="provisioning",
    source="白玛卓嘎等 2017; MEE 2020",
    formula=r"V = E_h P_h",
    params=EcologicalEnergyParams,
    components=(Component("hydropower", "水力发电", "Hydropower", "kWh a-1"),),
    value=value,
    quantity=quantity,
    tables=(Table("energy", ("hydropower_kwh",)),),
    prices={"hydropower": "CNY kWh-1"},
    method="market_price",
)
