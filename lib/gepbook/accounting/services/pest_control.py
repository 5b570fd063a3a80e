"""Pest control (病虫害控制): forest and grass that free themselves of pests."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.params import Params

KINDS = ("forest", "grass")


class PestControlParams(Params):
    """No parameters: the costs are in the price book."""


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: PestControlParams
) -> dict[str, float]:
    """Return the area freed of pests without treatment, ha a-1."""
    county = tables["pests"].iloc[0]
    return {kind: county[f"recovered_{kind}_ha"] for kind in KINDS}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: PestControlParams
) -> dict[str, float]:
    r"""Return the cost of treating that area, CNY a-1 (替代成本法).

    Notes
    -----
    .. math:: V = \sum_k A_k P_k

    Source: 白玛卓嘎等 2017, 生态学报 37(19): 6302.
    """
    return {kind: area * prices[f"pest_control_{kind}"] for kind, area in quantities.items()}


SERVICE = ServiceSpec(
    id="pest_control",
    name_zh="病虫害控制",
    name_en="Pest control",
    category="regulating",
    source="白玛卓嘎等 2017",
    formula=r"V = \sum_k A_k P_k",
    params=PestControlParams,
    components=(
        Component("forest", "森林自愈面积", "Forest recovered", "ha a-1"),
        Component("grass", "草地自愈面积", "Grassland recovered", "ha a-1"),
    ),
    value=value,
    quantity=quantity,
    tables=(Table("pests", tuple(f"recovered_{kind}_ha" for kind in KINDS)),),
    prices={f"pest_control_{kind}": "CNY ha-1" for kind in KINDS},
    method="recovered_area",
)
