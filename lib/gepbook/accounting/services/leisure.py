"""Leisure (休闲游憩): time that residents spend in free green places."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.params import Params, parameter


class LeisureParams(Params):
    """Parameters of leisure."""

    time_cost_share: float = parameter("1", "时间机会成本占工资的份额 k", ge=0, le=1)
    working_hours_per_day: float = parameter("h d-1", "每日工时", gt=0, le=24)


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: LeisureParams
) -> dict[str, float]:
    """Return the hours that residents spend in free green places, h a-1."""
    county = tables["leisure"].iloc[0]
    return {"hours": county["users_person"] * county["hours_per_user_hour"]}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: LeisureParams
) -> dict[str, float]:
    r"""Return the time at a share of the wage, CNY a-1 (机会成本法).

    Notes
    -----
    .. math:: V = N \, t \, w \, k

    Source: standard family (recalled); k 0.3–0.4.
    """
    hourly = prices["wage_day"] / params.working_hours_per_day * params.time_cost_share
    return {"hours": quantities["hours"] * hourly}


SERVICE = ServiceSpec(
    id="leisure",
    name_zh="休闲游憩",
    name_en="Leisure",
    category="cultural",
    source="NDRC/NBS 2022",
    formula=r"V = N\,t\,w\,k",
    params=LeisureParams,
    components=(Component("hours", "居民游憩时间", "Hours of residents", "h a-1"),),
    value=value,
    quantity=quantity,
    tables=(Table("leisure", ("users_person", "hours_per_user_hour")),),
    prices={"wage_day": "CNY d-1"},
    method="time_value",
)
