"""Tourism and wellness (旅游康养) by travel cost."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.params import Params, parameter

PERCENT = 100.0
COLUMNS = ("visitors_person", "mean_stay_day", "spending_cny", "natural_share_percent")


class TourismParams(Params):
    """Parameters of the travel cost method."""

    time_cost_share: float = parameter("1", "时间机会成本占工资的份额 k", ge=0, le=1)


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: TourismParams
) -> dict[str, float]:
    """Return the part of visitor days and of spending that nature draws (自然景观份额)."""
    county = tables["tourism"].iloc[0]
    share = county["natural_share_percent"] / PERCENT
    days = county["visitors_person"] * county["mean_stay_day"]
    return {"visitor_days": share * days, "spending": share * county["spending_cny"]}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: TourismParams
) -> dict[str, float]:
    r"""Return travel cost, CNY a-1: time at a share of the wage, and money spent (旅行费用法).

    Notes
    -----
    .. math:: V_r = \beta \, (N \, T \, k W + C)

    β share of visitors drawn by nature, N visitors, T days, W wage, C spending. Source: travel cost
    method of the standard family (recalled); k 0.3–0.4.
    """
    wage = prices["wage_day"] * params.time_cost_share
    return {
        "visitor_days": quantities["visitor_days"] * wage,
        "spending": quantities["spending"] * prices["visitor_spending"],
    }


SERVICE = ServiceSpec(
    id="tourism",
    name_zh="旅游康养",
    name_en="Tourism and wellness",
    category="cultural",
    source="MEE 2020, travel cost method",
    formula=r"V_r = \beta\,(N\,T\,kW + C)",
    params=TourismParams,
    components=(
        Component("visitor_days", "游客时间", "Visitor days", "d a-1"),
        Component("spending", "游客花费", "Visitor spending", "CNY a-1"),
    ),
    value=value,
    quantity=quantity,
    tables=(Table("tourism", COLUMNS),),
    prices={"wage_day": "CNY d-1", "visitor_spending": "CNY CNY-1"},
    method="travel_cost",
)
