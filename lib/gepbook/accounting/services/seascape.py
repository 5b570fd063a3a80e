"""Seascape (海景增值): what a view of the sea adds to dwellings."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.params import Params


class SeascapeParams(Params):
    """No parameters: the premium is in the price book."""


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: SeascapeParams
) -> dict[str, float]:
    """Return the floor area with a view of the sea, m2."""
    return {"dwellings": tables["coast"].iloc[0]["seaview_floor_area_m2"]}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: SeascapeParams
) -> dict[str, float]:
    """Return the yearly premium, CNY a-1 (享乐价格法)."""
    return {"dwellings": quantities["dwellings"] * prices["seaview_premium"]}


SERVICE = ServiceSpec(
    id="seascape",
    name_zh="海景增值",
    name_en="Seascape",
    category="cultural",
    source="Front. Mar. Sci. 2024: 1356149",
    formula=r"V = A\,\Delta P",
    params=SeascapeParams,
    components=(Component("dwellings", "海景住宅", "Dwellings with a sea view", "m2"),),
    value=value,
    quantity=quantity,
    tables=(Table("coast", ("seaview_floor_area_m2",)),),
    prices={"seaview_premium": "CNY m-2 a-1"},
    method="premium",
    only_group="coastal_pilot",
)
