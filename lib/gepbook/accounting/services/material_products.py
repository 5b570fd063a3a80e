"""Material products (物质产品) of farming, forestry, animal husbandry and fishery.

By gross output, by value added, or by output less what rests on inputs from outside the area: the three
differ by a factor of two, so a profile names which it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.errors import CoverageError
from gepbook.params import Params, parameter

PRODUCTS = ("agriculture", "forestry", "animal_husbandry", "fishery")
PERCENT = 100.0


class MaterialProductsParams(Params):
    """Parameters of material products."""

    nature_share: float = parameter("1", "计入 GEP 的产值份额 γ", ge=0, le=1)
    value_added_share: dict[str, float] = parameter("1", "增加值占产值比重, 按产品门类")


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
    lacking = [
        name for name in PRODUCTS if name not in output.index or np.any(pd.isna(output[name]))
    ]
    if lacking:
        raise CoverageError(
            f"material_products: no output value of {', '.join(lacking)}. "
            "Add the rows, with 0 where there is none."
        )
    return {name: output[name] for name in PRODUCTS}


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


def net_output(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: MaterialProductsParams
) -> dict[str, float]:
    r"""Return output by branch less the part due to feed, seed and fry from outside, CNY a-1.

    Notes
    -----
    .. math:: E'_i = E_i \, (1 - m_i)

    Source: GB/T 46869-2025 takes products from outside the area off (second-hand); the form is a
    proposal of this workbook.
    """
    imported = tables["imported_inputs"].iloc[0]
    return {
        name: output * (1 - imported[f"{name}_percent"] / PERCENT)
        for name, output in quantity(totals, tables, params).items()
    }


def value_added(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: MaterialProductsParams
) -> dict[str, float]:
    """Return value added by branch, CNY a-1: output times the branch's share (净产值).

    Source: 白玛卓嘎等 2017 takes net output; shares by branch in the parameters.
    """
    return {
        name: output * params.value_added_share[name]
        for name, output in quantity(totals, tables, params).items()
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
ALTERNATIVES = (
    replace(
        SERVICE,
        method="gross_output_less_imports",
        quantity=net_output,
        formula=r"V_m = \gamma\sum_i E_i (1 - m_i) P_i",
        source="GB/T 46869-2025 (second-hand); MEE 2020",
        tables=(
            *SERVICE.tables,
            Table("imported_inputs", tuple(f"{name}_percent" for name in PRODUCTS)),
        ),
    ),
    replace(
        SERVICE,
        method="value_added",
        quantity=value_added,
        formula=r"V_m = \gamma\sum_i E_i a_i P_i",
        source="白玛卓嘎等 2017 (net output)",
    ),
)
