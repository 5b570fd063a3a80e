"""Actual evapotranspiration from the Budyko curve (实际蒸散发)."""

from __future__ import annotations

import xarray as xr

from gepbook.accounting.lookup import ByEcosystemType, by_type
from gepbook.accounting.spec import FactorSpec, Layer
from gepbook.params import Params, parameter
from gepbook.units import require_units


class ActualEvapotranspirationParams(Params):
    """Parameters of the Fu–Budyko curve."""

    omega: ByEcosystemType = parameter("1", "Fu 方程下垫面参数 ω, > 1")


@require_units(
    annual_precipitation="mm a-1",
    potential_evapotranspiration="mm a-1",
    land_cover="1",
    returns="mm a-1",
)
def actual_evapotranspiration(
    *,
    annual_precipitation: xr.DataArray,
    potential_evapotranspiration: xr.DataArray,
    land_cover: xr.DataArray,
    params: ActualEvapotranspirationParams,
) -> xr.DataArray:
    r"""Return annual actual evapotranspiration (实际蒸散发) by Fu's form of the Budyko curve.

    Used where the pack brings no actual evapotranspiration. Where no rain falls, none evaporates.

    Parameters
    ----------
    annual_precipitation, potential_evapotranspiration : DataArray, dims (y, x), mm a-1
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    DataArray, dims (y, x), mm a-1
        Between 0 and the lesser of precipitation and potential evapotranspiration.

    Notes
    -----
    .. math:: ET / P = 1 + \varphi - (1 + \varphi^{\omega})^{1/\omega}, \quad \varphi = PET / P

    Source: 傅抱璞 1981, 大气科学 5(1): 23–31; Zhang et al. 2004, Water Resour. Res. 40: W02502.
    """
    omega = by_type(land_cover, params.omega, "1")
    return fu(annual_precipitation, potential_evapotranspiration, omega)


def fu(rain: xr.DataArray, demand: xr.DataArray, omega: xr.DataArray) -> xr.DataArray:
    """Return evapotranspiration by Fu's curve, mm a-1, from rain and demand in mm a-1 and ω by cell."""
    wet = rain.where(rain > 0)
    aridity = demand / wet
    share = (1 + aridity - (1 + aridity**omega) ** (1 / omega)).clip(min=0.0)
    return (wet * share).where(rain != 0, 0.0).where(demand.notnull() & omega.notnull())


FACTOR = FactorSpec(
    id="actual_evapotranspiration",
    name_zh="实际蒸散发",
    name_en="Actual evapotranspiration",
    units="mm a-1",
    source="傅抱璞 1981; Zhang et al. 2004",
    formula=r"ET/P = 1+\varphi-(1+\varphi^{\omega})^{1/\omega}",
    params=ActualEvapotranspirationParams,
    layers=(
        Layer("annual_precipitation", "mm a-1"),
        Layer("potential_evapotranspiration", "mm a-1"),
        Layer("land_cover", "1"),
    ),
    compute=actual_evapotranspiration,
)
