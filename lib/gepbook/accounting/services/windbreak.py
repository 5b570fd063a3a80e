"""Windbreak and sand fixation (防风固沙)."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from gepbook.accounting.spec import Component, Layer, Quantities, ServiceSpec
from gepbook.params import Params, parameter
from gepbook.units import require_units


class WindbreakParams(Params):
    """Parameters of windbreak."""

    sand_density_t_m3: float = parameter("t m-3", "沙土容重 ρ", gt=0)
    cover_depth_m: float = parameter("m", "土壤沙化标准覆沙厚度 h", gt=0)


@require_units(wind_erosion_prevented="t ha-1 a-1", returns="t ha-1 a-1")
def density(
    *, wind_erosion_prevented: xr.DataArray, params: WindbreakParams
) -> dict[str, xr.DataArray]:
    """Return sand held per hectare: potential less actual wind erosion (固沙量).

    Parameters
    ----------
    wind_erosion_prevented : DataArray, dims (y, x), t ha-1 a-1
        From RWEQ, brought by the pack.

    Returns
    -------
    dict with `sand`: DataArray, dims (y, x), t ha-1 a-1
    """
    return {"sand": wind_erosion_prevented}


def value(
    quantities: Quantities, prices: Mapping[str, float], params: WindbreakParams
) -> dict[str, float]:
    r"""Return the cost of restoring the land that sand would cover, CNY a-1 (恢复成本法).

    Notes
    -----
    .. math:: V = \frac{Q_f}{\rho h} P_f

    Source: 白玛卓嘎等 2017, 生态学报 37(19): 6302.
    """
    area_m2 = quantities["sand"] / (params.sand_density_t_m3 * params.cover_depth_m)
    return {"sand": area_m2 * prices["sand_restoration"]}


SERVICE = ServiceSpec(
    id="windbreak",
    name_zh="防风固沙",
    name_en="Windbreak and sand fixation",
    category="regulating",
    source="白玛卓嘎等 2017; RWEQ",
    formula=r"V = \frac{Q_f}{\rho h}P_f",
    params=WindbreakParams,
    components=(Component("sand", "固沙量", "Sand held", "t a-1"),),
    value=value,
    density=density,
    layers=(Layer("wind_erosion_prevented", "t ha-1 a-1"),),
    prices={"sand_restoration": "CNY m-2"},
    method="rweq",
)
