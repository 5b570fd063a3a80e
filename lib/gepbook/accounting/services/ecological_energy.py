"""Ecological energy (生态能源): power from water and from biomass."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gepbook.accounting.spec import Component, NotApplicable, Quantities, ServiceSpec, Table
from gepbook.params import Params

KINDS = {"hydropower": "hydropower_kwh", "biomass": "biomass_energy_kwh"}


class EcologicalEnergyParams(Params):
    """No parameters: the prices are in the price book."""


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: EcologicalEnergyParams
) -> dict[str, float] | NotApplicable:
    """Return power generated, kWh a-1; a county without any does not have the service."""
    county = tables["energy"].iloc[0]
    generated = {kind: county[column] for kind, column in KINDS.items()}
    if not any(np.any(energy) for energy in generated.values()):
        return NotApplicable(
            "本县无水力与生物质发电 / no power from water or biomass in the county"
        )
    return generated


def value(
    quantities: Quantities, prices: Mapping[str, float], params: EcologicalEnergyParams
) -> dict[str, float]:
    """Return its market value, CNY a-1 (市场价值法)."""
    return {kind: energy * prices[f"{kind}_power"] for kind, energy in quantities.items()}


SERVICE = ServiceSpec(
    id="ecological_energy",
    name_zh="生态能源",
    name_en="Ecological energy",
    category="provisioning",
    source="白玛卓嘎等 2017; MEE 2020",
    formula=r"V = \sum_k E_k P_k",
    params=EcologicalEnergyParams,
    components=(
        Component("hydropower", "水力发电", "Hydropower", "kWh a-1"),
        Component("biomass", "生物质发电", "Power from biomass", "kWh a-1"),
    ),
    value=value,
    quantity=quantity,
    tables=(Table("energy", tuple(KINDS.values())),),
    prices={f"{kind}_power": "CNY kWh-1" for kind in KINDS},
    method="market_price",
)
