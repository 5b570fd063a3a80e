"""Support practice P (水土保持措施)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from gepbook.accounting.lookup import ByEcosystemType, by_type
from gepbook.accounting.spec import FactorSpec, Layer
from gepbook.params import Params, parameter
from gepbook.units import require_units


class SupportPracticeParams(Params):
    """P by ecosystem type."""

    by_ecosystem: ByEcosystemType = parameter("1", "水土保持措施因子 P, 0–1")


@require_units(land_cover="1", returns="1")
def support_practice(*, land_cover: xr.DataArray, params: SupportPracticeParams) -> xr.DataArray:
    """Return the support practice factor P (水土保持措施因子) by ecosystem type.

    Parameters
    ----------
    land_cover : DataArray, dims (y, x), ecosystem type codes

    Returns
    -------
    DataArray, dims (y, x), 0–1

    Notes
    -----
    Source: table of the red-line guide family; recalled.
    """
    return by_type(land_cover, params.by_ecosystem, "1")


class SlopePracticeParams(Params):
    """P of fields from their slope, of all else by ecosystem type."""

    by_ecosystem: ByEcosystemType = parameter("1", "水土保持措施因子 P, 0–1")
    from_slope: ByEcosystemType = parameter("1", "按坡度计算 P 的类型, 1 或 0")
    intercept: float = parameter("1", "截距", ge=0)
    per_percent: float = parameter("1", "每 1 % 坡度增加", ge=0)


@require_units(land_cover="1", slope="degree", returns="1")
def from_slope(
    *, land_cover: xr.DataArray, slope: xr.DataArray, params: SlopePracticeParams
) -> xr.DataArray:
    r"""Return P of fields from their slope (Wener), of all else by ecosystem type.

    Parameters
    ----------
    land_cover : DataArray, dims (y, x), ecosystem type codes
    slope : DataArray, dims (y, x), degree

    Returns
    -------
    DataArray, dims (y, x), 0–1

    Notes
    -----
    .. math:: P = 0.2 + 0.03 \, s

    s slope in percent. Source: Wener's method (recalled).
    """
    percent = 100 * np.tan(np.radians(slope))
    fields = by_type(land_cover, params.from_slope, "1") > 0
    table = by_type(land_cover, params.by_ecosystem, "1").where(land_cover.notnull())
    sloped = (params.intercept + params.per_percent * percent).clip(max=1.0)
    return xr.where(fields, sloped, table).where(land_cover.notnull())


FACTOR = FactorSpec(
    id="support_practice",
    name_zh="水土保持措施因子",
    name_en="Support practice",
    units="1",
    source="生态保护红线划定指南 2017",
    formula=r"P = P(\text{type})",
    params=SupportPracticeParams,
    layers=(Layer("land_cover", "1"),),
    compute=support_practice,
    method="table",
)
ALTERNATIVES = (
    replace(
        FACTOR,
        method="slope",
        compute=from_slope,
        params=SlopePracticeParams,
        section="support_practice_slope",
        layers=(Layer("land_cover", "1"), Layer("slope", "degree")),
        formula=r"P = 0.2 + 0.03\,s",
        source="Wener (recalled)",
    ),
)
