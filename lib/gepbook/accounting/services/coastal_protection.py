"""Coastal protection (海岸带防护) by salt marsh, mangrove and shelterbelt."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.params import Params


class CoastalProtectionParams(Params):
    """No parameters: the yearly cost of a dike is in the price book."""


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: CoastalProtectionParams
) -> dict[str, float]:
    """Return the length of shore behind protecting ecosystems, km."""
    return {"shore": tables["coast"].iloc[0]["protected_shore_km"]}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: CoastalProtectionParams
) -> dict[str, float]:
    r"""Return the yearly cost of sea dikes as long, CNY a-1 (替代成本法).

    Notes
    -----
    .. math:: V = L \, C

    Source: form of the standard family and of Changdao, Front. Mar. Sci. 2024: 1356149 (recalled).
    """
    return {"shore": quantities["shore"] * prices["sea_dike"]}


SERVICE = ServiceSpec(
    id="coastal_protection",
    name_zh="海岸带防护",
    name_en="Coastal protection",
    category="regulating",
    source="Front. Mar. Sci. 2024: 1356149",
    formula=r"V = L\,C",
    params=CoastalProtectionParams,
    components=(Component("shore", "受防护岸线", "Protected shore", "km"),),
    value=value,
    quantity=quantity,
    tables=(Table("coast", ("protected_shore_km",)),),
    prices={"sea_dike": "CNY km-1 a-1"},
    method="dike_cost",
    only_group="coastal_pilot",
)
