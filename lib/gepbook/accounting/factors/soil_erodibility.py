"""Soil erodibility K (土壤可蚀性)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from gepbook.accounting.spec import FactorSpec, Layer
from gepbook.params import Params, parameter
from gepbook.units import require_units

US_TO_SI = 0.1317  # short ton acre hour per hundreds of acre foot-ton inch → t ha h ha-1 MJ-1 mm-1


class SoilErodibilityParams(Params):
    """Calibration only: all other numbers belong to the published formulas."""

    calibration: float = parameter("1", "K 的本地率定系数", gt=0)


def epic(
    sand: xr.DataArray, silt: xr.DataArray, clay: xr.DataArray, organic_carbon: xr.DataArray
) -> xr.DataArray:
    """Return K of EPIC in US units, dims (y, x), from percentages (Williams 1990).

    See `soil_erodibility` for the formula.
    """
    fine = 1 - sand / 100
    return xr.DataArray(
        (0.2 + 0.3 * np.exp(-0.0256 * sand * (1 - silt / 100)))
        * (silt / (clay + silt).where(clay + silt != 0, 1.0)) ** 0.3
        * (1 - 0.25 * organic_carbon / (organic_carbon + np.exp(3.72 - 2.95 * organic_carbon)))
        * (1 - 0.7 * fine / (fine + np.exp(-5.51 + 22.9 * fine)))
    )


@require_units(
    soil_sand="percent",
    soil_silt="percent",
    soil_clay="percent",
    soil_organic_carbon="percent",
    returns="t ha h ha-1 MJ-1 mm-1",
)
def soil_erodibility(
    *,
    soil_sand: xr.DataArray,
    soil_silt: xr.DataArray,
    soil_clay: xr.DataArray,
    soil_organic_carbon: xr.DataArray,
    params: SoilErodibilityParams,
) -> xr.DataArray:
    r"""Return soil erodibility K (土壤可蚀性) by EPIC, corrected for Chinese soils.

    Parameters
    ----------
    soil_sand, soil_silt, soil_clay, soil_organic_carbon : DataArray, dims (y, x), percent

    Returns
    -------
    DataArray, dims (y, x), t ha h ha-1 MJ-1 mm-1
        ≥ 0.

    Notes
    -----
    .. math:: K = (-0.01383 + 0.51575 K_{EPIC}) \times 0.1317
    .. math:: K_{EPIC} = \{0.2 + 0.3 e^{-0.0256 S (1 - I/100)}\} \left(\frac{I}{L + I}\right)^{0.3}
        \left(1 - \frac{0.25 C}{C + e^{3.72 - 2.95 C}}\right)
        \left(1 - \frac{0.7 N}{N + e^{-5.51 + 22.9 N}}\right), \; N = 1 - S/100

    S sand, I silt, L clay, C organic carbon. Source: Williams 1990 (EPIC); 张科利等 2007,
    correction; recalled.
    """
    found = epic(soil_sand, soil_silt, soil_clay, soil_organic_carbon)
    corrected = (-0.01383 + 0.51575 * found) * US_TO_SI
    return params.calibration * xr.DataArray(corrected).clip(min=0.0)


@require_units(
    soil_sand="percent",
    soil_silt="percent",
    soil_clay="percent",
    soil_organic_carbon="percent",
    returns="t ha h ha-1 MJ-1 mm-1",
)
def uncorrected(
    *,
    soil_sand: xr.DataArray,
    soil_silt: xr.DataArray,
    soil_clay: xr.DataArray,
    soil_organic_carbon: xr.DataArray,
    params: SoilErodibilityParams,
) -> xr.DataArray:
    """Return K of EPIC without the correction for Chinese soils, which makes it larger.

    Parameters
    ----------
    soil_sand, soil_silt, soil_clay, soil_organic_carbon : DataArray, dims (y, x), percent

    Returns
    -------
    DataArray, dims (y, x), t ha h ha-1 MJ-1 mm-1
    """
    found = epic(soil_sand, soil_silt, soil_clay, soil_organic_carbon)
    return params.calibration * US_TO_SI * found


FACTOR = FactorSpec(
    id="soil_erodibility",
    name_zh="土壤可蚀性因子",
    name_en="Soil erodibility",
    units="t ha h ha-1 MJ-1 mm-1",
    source="Williams 1990; 张科利等 2007",
    formula=r"K = (-0.01383+0.51575\,K_{EPIC})\times 0.1317",
    params=SoilErodibilityParams,
    layers=(
        Layer("soil_sand", "percent"),
        Layer("soil_silt", "percent"),
        Layer("soil_clay", "percent"),
        Layer("soil_organic_carbon", "percent"),
    ),
    compute=soil_erodibility,
    method="epic_corrected",
)
ALTERNATIVES = (
    replace(
        FACTOR,
        method="epic",
        compute=uncorrected,
        formula=r"K = 0.1317\,K_{EPIC}",
        source="Williams 1990",
    ),
)
