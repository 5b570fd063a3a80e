"""Noise reduction (噪声削减) by green belts along roads."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gepbook.accounting.spec import Component, Quantities, ServiceSpec, Table
from gepbook.params import Params, parameter


class NoiseReductionParams(Params):
    """Parameters of noise reduction."""

    annual_cost_share: float = parameter("1", "声屏障年折旧与维护占造价比重", gt=0, le=1)


def quantity(
    totals: Quantities, tables: Mapping[str, pd.DataFrame], params: NoiseReductionParams
) -> dict[str, float]:
    """Return the length of roads in built-up land that a green belt shields, km."""
    return {"green_belt": tables["amenities"].iloc[0]["green_belt_km"]}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: NoiseReductionParams
) -> dict[str, float]:
    r"""Return the yearly cost of sound barriers as long, CNY a-1 (替代成本法).

    Notes
    -----
    .. math:: V = L \, P_b \, s

    Source: standard family (recalled); s is the yearly share of the building cost.
    """
    yearly = prices["sound_barrier"] * params.annual_cost_share
    return {"green_belt": quantities["green_belt"] * yearly}


SERVICE = ServiceSpec(
    id="noise_reduction",
    name_zh="噪声削减",
    name_en="Noise reduction",
    category="regulating",
    source="NDRC/NBS 2022 (optional item)",
    formula=r"V = L\,P_b\,s",
    params=NoiseReductionParams,
    components=(Component("green_belt", "道路绿带", "Green belts along roads", "km"),),
    value=value,
    quantity=quantity,
    tables=(Table("amenities", ("green_belt_km",)),),
    prices={"sound_barrier": "CNY km-1"},
    method="barrier_cost",
)
