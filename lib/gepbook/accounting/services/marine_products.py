"""Marine products (海洋物质产品): seafood of catch and mariculture."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.params import Params, parameter


class MarineProductsParams(Params):
    """Parameters of marine products."""

    nature_share: float = parameter("1", "计入 GEP 的海水产品产值份额", ge=0, le=1)


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: MarineProductsParams
) -> dict[str, float]:
    """Return the output of seafood at the prices of the accounting year, CNY a-1."""
    return {"seafood": tables["coast"].iloc[0]["seafood_output_cny"]}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: MarineProductsParams
) -> dict[str, float]:
    """Return the share of output due to nature, CNY a-1 (市场价值法).

    The output is part of what statistics give as fishery: a profile says which of the two counts.
    """
    return {"seafood": params.nature_share * quantities["seafood"] * prices["farm_output"]}


SERVICE = ServiceSpec(
    id="marine_products",
    name_zh="海洋物质产品",
    name_en="Marine products",
    category="provisioning",
    source="Front. Mar. Sci. 2024: 1356149",
    formula=r"V = \gamma\,E\,P",
    params=MarineProductsParams,
    components=(Component("seafood", "海水产品", "Seafood", "CNY a-1"),),
    value=value,
    quantity=quantity,
    tables=(Table("coast", ("seafood_output_cny",)),),
    prices={"farm_output": "CNY CNY-1"},
    method="gross_output",
    only_group="coastal_pilot",
)
