"""Landscape premium (景观价值) of dwellings and hotels; an optional item in Zhejiang."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.params import Params


class LandscapeValueParams(Params):
    """No parameters: the premiums are in the price book."""


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: LandscapeValueParams
) -> dict[str, float]:
    """Return floor area, m2, and hotel nights, a-1, in view of green and water."""
    county = tables["amenities"].iloc[0]
    return {
        "dwellings": county["landscape_floor_area_m2"],
        "hotels": county["landscape_nights_night"],
    }


def value(
    quantities: Quantities, prices: Mapping[str, float], params: LandscapeValueParams
) -> dict[str, float]:
    r"""Return what the view adds to rents and to hotel nights, CNY a-1 (享乐价格法).

    Notes
    -----
    .. math:: V = A \, \Delta P_h + N \, \Delta P_n

    Source: standard family (recalled).
    """
    return {
        "dwellings": quantities["dwellings"] * prices["home_premium"],
        "hotels": quantities["hotels"] * prices["hotel_premium"],
    }


SERVICE = ServiceSpec(
    id="landscape_value",
    name_zh="景观价值",
    name_en="Landscape premium",
    category="cultural",
    source="DB33/T 2274-2020 (optional item)",
    formula=r"V = A\,\Delta P_h + N\,\Delta P_n",
    params=LandscapeValueParams,
    components=(
        Component("dwellings", "景观住宅", "Dwellings", "m2"),
        Component("hotels", "景观客房", "Hotel nights", "a-1"),
    ),
    value=value,
    quantity=quantity,
    tables=(Table("amenities", ("landscape_floor_area_m2", "landscape_nights_night")),),
    prices={"home_premium": "CNY m-2 a-1", "hotel_premium": "CNY"},
    method="premium",
)
