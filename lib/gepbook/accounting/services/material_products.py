"""Material products (物质产品) of farming, forestry, animal husbandry and fishery."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.errors import CoverageError
from gepbook.params import Params, parameter

PRODUCTS = ("agriculture", "forestry", "animal_husbandry", "fishery")


class MaterialProductsParams(Params):
    """Parameters of material products."""

    nature_share: float = parameter("1", "计入 GEP 的产值份额 γ", ge=0, le=1)


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: MaterialProductsParams
) -> dict[str, float]:
    """Return output value by branch at the prices of the accounting year, CNY a-1.

    Raises
    ------
    CoverageError
        Naming the branches that the county's statistics lack.
    """
    output = tables["material_products"].set_index("product")["output_value_cny"]
    lacking = [name for name in PRODUCTS if name not in output.index or pd.isna(output[name])]
    if lacking:
        raise CoverageError(
            f"material_products: no output value of {', '.join(lacking)}. "
            "Add the rows, with 0 where there is none."
        )
    return {name: float(output[name]) for name in PRODUCTS}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: MaterialProductsParams
) -> dict[str, float]:
    r"""Return the share of output due to nature, CNY a-1 (市场价值法).

    Notes
    -----
    .. math:: V_m = \gamma \sum_i E_i P_i

    Source: MEE 2020 (market price of output); γ after Ouyang et al. 2020, PNAS 117: 14593.
    """
    return {
        name: params.nature_share * output * prices["farm_output"]
        for name, output in quantities.items()
    }


SERVICE = ServiceSpec(
    id="material_products",
    name_zh="农林牧渔产品",
    name_en="Products of farming, forestry, husbandry, fishery",
    category="provisioning",
    source="MEE 2020; Ouyang et al. 2020",
    formula=r"V_m = \gamma\sum_i E_i P_i",
    params=MaterialProductsParams,
    components=(
        Component("agriculture", "农业产品", "Farming", "CNY a-1"),
        Component("forestry", "林业产品", "Forestry", "CNY a-1"),
        Component("animal_husbandry", "畜牧业产品", "Animal husbandry", "CNY a-1"),
        Component("fishery", "渔业产品", "Fishery", "CNY a-1"),
    ),
    value=value,
    quantity=quantity,
    tables=(Table("material_products", ("product", "output_value_cny")),),
    prices={"farm_output": "CNY CNY-1"},
    method="gross_output",
)
