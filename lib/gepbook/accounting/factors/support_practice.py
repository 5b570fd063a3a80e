"""Support practice P (水土保持措施)."""

from __future__ import annotations

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
)
