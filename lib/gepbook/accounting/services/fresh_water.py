"""Fresh water (淡水资源) used by households, industry and farming."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.params import Params

USES = ("domestic", "industrial", "agricultural")


class FreshWaterParams(Params):
    """No parameters: prices are in the price book."""


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: FreshWaterParams
) -> dict[str, float]:
    """Return water used by each use, m3 a-1."""
    used = tables["water_use"].iloc[0]
    return {use: used[f"{use}_m3"] for use in USES}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: FreshWaterParams
) -> dict[str, float]:
    r"""Return its value at the price of each use, CNY a-1 (市场价值法).

    Notes
    -----
    .. math:: V_p = \sum_i Q_i P_i

    Source: 白玛卓嘎等 2017, 生态学报 37(19): 6302, eq. 1.
    """
    return {use: volume * prices[f"{use}_water"] for use, volume in quantities.items()}


SERVICE = ServiceSpec(
    id="fresh_water",
    name_zh="淡水资源",
    name_en="Fresh water",
    category="provisioning",
    source="白玛卓嘎等 2017, eq. 1",
    formula=r"V_p = \sum_i Q_i P_i",
    params=FreshWaterParams,
    components=(
        Component("domestic", "生活用水", "Domestic", "m3 a-1"),
        Component("industrial", "工业用水", "Industrial", "m3 a-1"),
        Component("agricultural", "农业用水", "Agricultural", "m3 a-1"),
    ),
    value=value,
    quantity=quantity,
    tables=(Table("water_use", tuple(f"{use}_m3" for use in USES)),),
    prices={f"{use}_water": "CNY m-3" for use in USES},
    method="use_price",
)
