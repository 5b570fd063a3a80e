"""Marine recreation (海洋游憩): what visitors spend at the sea."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.params import Params, parameter


class MarineRecreationParams(Params):
    """Parameters of marine recreation."""

    nature_share: float = parameter("1", "归因于海洋自然景观的份额", ge=0, le=1)


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: MarineRecreationParams
) -> dict[str, float]:
    """Return what visitors to the sea spend because of its nature, CNY a-1."""
    return {"spending": params.nature_share * tables["coast"].iloc[0]["seaside_spending_cny"]}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: MarineRecreationParams
) -> dict[str, float]:
    """Return the spending, CNY a-1.

    Statistics of tourism hold it already: a profile says which of the two counts.
    """
    return {"spending": quantities["spending"] * prices["visitor_spending"]}


SERVICE = ServiceSpec(
    id="marine_recreation",
    name_zh="海洋游憩",
    name_en="Marine recreation",
    category="cultural",
    source="Front. Mar. Sci. 2024: 1356149",
    formula=r"V = \beta\,C",
    params=MarineRecreationParams,
    components=(Component("spending", "滨海游客花费", "Spending at the sea", "CNY a-1"),),
    value=value,
    quantity=quantity,
    tables=(Table("coast", ("seaside_spending_cny",)),),
    prices={"visitor_spending": "CNY CNY-1"},
    method="spending",
    only_group="coastal_pilot",
)
