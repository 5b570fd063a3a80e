"""Other material products (其他物质产品): ornamentals, seedlings, germplasm."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.params import Params

KINDS = ("ornamental", "germplasm")


class OtherProductsParams(Params):
    """No parameters: statistics give output in money."""


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: OtherProductsParams
) -> dict[str, float]:
    """Return output by kind at the prices of the accounting year, CNY a-1."""
    county = tables["other_products"].iloc[0]
    return {kind: county[f"{kind}_cny"] for kind in KINDS}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: OtherProductsParams
) -> dict[str, float]:
    """Return output value, CNY a-1 (市场价值法)."""
    return {kind: output * prices["farm_output"] for kind, output in quantities.items()}


SERVICE = ServiceSpec(
    id="other_products",
    name_zh="其他物质产品",
    name_en="Other material products",
    category="provisioning",
    source="MEE 2020",
    formula=r"V = \sum_i E_i P_i",
    params=OtherProductsParams,
    components=(
        Component("ornamental", "花卉苗木", "Ornamentals and seedlings", "CNY a-1"),
        Component("germplasm", "种质资源", "Germplasm", "CNY a-1"),
    ),
    value=value,
    quantity=quantity,
    tables=(Table("other_products", tuple(f"{kind}_cny" for kind in KINDS)),),
    prices={"farm_output": "CNY CNY-1"},
    method="gross_output",
)
