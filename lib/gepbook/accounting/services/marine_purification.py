"""Marine waste treatment (海洋废弃物处理): nutrients that the sea takes up."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.params import Params, parameter

NUTRIENTS = ("nitrogen", "phosphorus")


class MarinePurificationParams(Params):
    """Parameters of marine waste treatment."""

    uptake_share: float = parameter("1", "入海营养盐被海域净化的份额", ge=0, le=1)


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: MarinePurificationParams
) -> dict[str, float]:
    """Return nitrogen and phosphorus taken up, t a-1: never more than is discharged."""
    county = tables["coast"].iloc[0]
    return {name: params.uptake_share * county[f"marine_{name}_t"] for name in NUTRIENTS}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: MarinePurificationParams
) -> dict[str, float]:
    """Return the treatment cost avoided, CNY a-1 (替代成本法)."""
    return {name: mass * prices[f"{name}_treatment"] for name, mass in quantities.items()}


SERVICE = ServiceSpec(
    id="marine_purification",
    name_zh="海洋废弃物处理",
    name_en="Marine waste treatment",
    category="regulating",
    source="Front. Mar. Sci. 2024: 1356149",
    formula=r"V = \sum_j u\,E_j P_j",
    params=MarinePurificationParams,
    components=(
        Component("nitrogen", "净化总氮", "Nitrogen", "t a-1"),
        Component("phosphorus", "净化总磷", "Phosphorus", "t a-1"),
    ),
    value=value,
    quantity=quantity,
    tables=(Table("coast", tuple(f"marine_{name}_t" for name in NUTRIENTS)),),
    prices={f"{name}_treatment": "CNY t-1" for name in NUTRIENTS},
    method="uptake_share",
    only_group="coastal_pilot",
)
