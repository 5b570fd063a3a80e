"""Negative oxygen ions (负氧离子) of forests; an optional item in Zhejiang."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from gepbook.accounting.lookup import ByEcosystemType, by_type
from gepbook.accounting.spec import Component, Layer, Quantities, ServiceSpec
from gepbook.params import Params, parameter
from gepbook.units import require_units

CM3_MIN_PER_HA_M_A = 5.256e15  # 1e4 m2 · 1 m · 1e6 cm3 m-3 · 525 600 min a-1


class NegativeIonsParams(Params):
    """Parameters of negative oxygen ions."""

    ion_concentration_cm3: ByEcosystemType = parameter("cm-3", "负氧离子浓度 Q")
    stand_height_m: ByEcosystemType = parameter("m", "林分高度 H")
    useful_concentration_cm3: float = parameter("cm-3", "对健康有益的起点浓度", ge=0)
    ion_lifetime_min: float = parameter("min", "负氧离子寿命 L", gt=0)


@require_units(land_cover="1", returns="ha-1 a-1")
def density(*, land_cover: xr.DataArray, params: NegativeIonsParams) -> dict[str, xr.DataArray]:
    r"""Return negative oxygen ions given off per hectare above the useful concentration.

    Parameters
    ----------
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    dict with `ions`: DataArray, dims (y, x), number ha-1 a-1, ≥ 0

    Notes
    -----
    .. math:: G = 5.256 \times 10^{15} \, H \, \max(Q - Q_0, 0) / L

    Source: LY/T 1721-2008 (recalled); Q0 is 600 there.
    """
    concentration = by_type(land_cover, params.ion_concentration_cm3, "cm-3")
    useful = (concentration - params.useful_concentration_cm3).clip(min=0.0)
    height = by_type(land_cover, params.stand_height_m, "m")
    return {"ions": CM3_MIN_PER_HA_M_A * height * useful / params.ion_lifetime_min}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: NegativeIonsParams
) -> dict[str, float]:
    """Return the cost of making as many, CNY a-1 (替代成本法)."""
    return {"ions": quantities["ions"] * prices["negative_ion"]}


SERVICE = ServiceSpec(
    id="negative_ions",
    name_zh="负氧离子",
    name_en="Negative oxygen ions",
    category="regulating",
    source="LY/T 1721-2008; DB33/T 2274-2020 (optional item)",
    formula=r"G = 5.256\times10^{15}\sum A\,H\,(Q-Q_0)/L,\quad V = G\,K",
    params=NegativeIonsParams,
    components=(Component("ions", "负氧离子", "Negative ions", "a-1"),),
    value=value,
    density=density,
    layers=(Layer("land_cover", "1"),),
    prices={"negative_ion": "CNY"},
    method="generator_cost",
)
