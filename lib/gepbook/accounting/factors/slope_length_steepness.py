"""Slope length and steepness LS (坡长坡度): of a cell's mean slope, or two-dimensional on fine relief."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from gepbook.accounting import terrain
from gepbook.accounting.spec import FactorSpec, Layer
from gepbook.params import Params, parameter
from gepbook.units import require_units

UNIT_PLOT_M = 22.13


class SlopeLengthSteepnessParams(Params):
    """Parameters of LS."""

    slope_length_m: float = parameter("m", "坡长 λ", gt=0, le=300)


@require_units(slope="degree", returns="1")
def slope_length_steepness(
    *, slope: xr.DataArray, params: SlopeLengthSteepnessParams
) -> xr.DataArray:
    r"""Return the slope length and steepness factor LS (坡长坡度因子).

    For slopes known only as a mean per cell: one slope length stands for all.

    Parameters
    ----------
    slope : DataArray, dims (y, x), degree

    Returns
    -------
    DataArray, dims (y, x), dimensionless, > 0

    Notes
    -----
    .. math:: L = (\lambda / 22.13)^m, \; m = 0.2 \,(\theta \le 1°),\, 0.3 \,(\le 3°),\,
        0.4 \,(\le 5°),\, 0.5
    .. math:: S = 10.8 \sin\theta + 0.03 \,(< 5°),\; 16.8 \sin\theta - 0.5 \,(< 10°),\;
        21.91 \sin\theta - 0.96

    Source: 刘宝元等 1994 (S), CSLE (m); recalled.
    """
    sine = np.sin(np.radians(slope))
    exponent = xr.where(slope <= 1, 0.2, xr.where(slope <= 3, 0.3, xr.where(slope <= 5, 0.4, 0.5)))
    length = (params.slope_length_m / UNIT_PLOT_M) ** exponent
    steepness = xr.where(
        slope < 5,
        10.8 * sine + 0.03,
        xr.where(slope < 10, 16.8 * sine - 0.5, 21.91 * sine - 0.96),
    )
    return (length * steepness).where(slope.notnull())


FACTOR = FactorSpec(
    id="slope_length_steepness",
    name_zh="坡长坡度因子",
    name_en="Slope length and steepness",
    units="1",
    source="刘宝元等 1994; CSLE",
    formula=r"LS = (\lambda/22.13)^m\,S(\theta)",
    params=SlopeLengthSteepnessParams,
    layers=(Layer("slope", "degree"),),
    compute=slope_length_steepness,
    method="liu_cell",
)
ALTERNATIVES = (
    replace(
        FACTOR,
        method="desmet_govers",
        compute=terrain.desmet_govers,
        params=terrain.DesmetGoversParams,
        section="slope_length_steepness_desmet_govers",
        layers=(Layer("elevation", "m"),),
        formula=r"LS = S\,\frac{(A+D^2)^{m+1}-A^{m+1}}{D^{m+2}\,x^m\,22.13^m}",
        source="Desmet & Govers 1996; InVEST 3.20 SDR",
        spatial=True,
    ),
)
