"""Cover and management C (覆盖与管理)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
import xarray as xr
from pydantic import AfterValidator, Field

from gepbook import ecosystems
from gepbook.accounting.lookup import all_types
from gepbook.accounting.spec import FactorSpec, Layer
from gepbook.params import Params, parameter
from gepbook.units import require_units

#: Upper bounds of the cover classes of the table, percent.
CLASSES = (10, 30, 50, 70, 90)
Row = Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=6, max_length=6)]


class CoverManagementParams(Params):
    """C by ecosystem type and class of vegetation cover."""

    by_cover: Annotated[dict[str, Row], AfterValidator(all_types)] = parameter(
        "1", "C 值, 按生态系统类型与覆盖度 <10, 10–30, 30–50, 50–70, 70–90, >90 %"
    )
    scale: float = parameter("1", "C 值总体调整系数", gt=0)


class CoverFormulaParams(Params):
    """C from vegetation cover by formula."""

    full_cover_percent: float = parameter("percent", "C 为 0 的覆盖度", gt=0, le=100)
    intercept: float = parameter("1", "截距", gt=0)
    slope: float = parameter("1", "对数斜率", gt=0)
    scale: float = parameter("1", "C 值总体调整系数", gt=0)


@require_units(land_cover="1", vegetation_cover="percent", returns="1")
def cover_management(
    *, land_cover: xr.DataArray, vegetation_cover: xr.DataArray, params: CoverManagementParams
) -> xr.DataArray:
    """Return the cover and management factor C (覆盖与管理因子) from its table.

    Parameters
    ----------
    land_cover : DataArray, dims (y, x), ecosystem type codes
    vegetation_cover : DataArray, dims (y, x), percent

    Returns
    -------
    DataArray, dims (y, x), 0–1

    Notes
    -----
    Source: 生态保护红线划定指南 2017 family of tables; recalled.
    """
    types = ecosystems.read()
    ecosystems.check_codes(land_cover.to_numpy())
    land_cover, vegetation_cover = xr.broadcast(land_cover, vegetation_cover)
    table = np.full((256, len(CLASSES) + 1), np.nan)
    for code, kind in zip(types["code"], types["id"], strict=True):
        table[code] = params.by_cover[kind]
    known = land_cover.notnull() & vegetation_cover.notnull()
    codes = land_cover.fillna(0).astype("int64").to_numpy()
    classes = np.digitize(vegetation_cover.fillna(0).to_numpy(), CLASSES)
    found = land_cover.copy(data=table[codes, classes]).where(known)
    return (params.scale * found).clip(max=1.0)


@require_units(vegetation_cover="percent", returns="1")
def from_cover(*, vegetation_cover: xr.DataArray, params: CoverFormulaParams) -> xr.DataArray:
    r"""Return C from vegetation cover alone (蔡崇法 2000).

    Parameters
    ----------
    vegetation_cover : DataArray, dims (y, x), percent

    Returns
    -------
    DataArray, dims (y, x), 0–1

    Notes
    -----
    .. math:: C = 0.6508 - 0.3436 \lg f \; (0 < f \le 78.3), \quad 1 \; (f = 0), \quad 0 \; (f > 78.3)

    Source: 蔡崇法等 2000, 水土保持学报 14(2): 19–24; recalled.
    """
    some = vegetation_cover.where(vegetation_cover > 0)
    logarithm = xr.DataArray(np.log10(some))
    found = (params.intercept - params.slope * logarithm).clip(min=0.0, max=1.0)
    found = found.where(vegetation_cover > 0, 1.0)
    found = found.where(vegetation_cover <= params.full_cover_percent, 0.0)
    return (params.scale * found).clip(max=1.0).where(vegetation_cover.notnull())


FACTOR = FactorSpec(
    id="cover_management",
    name_zh="覆盖与管理因子",
    name_en="Cover and management",
    units="1",
    source="生态保护红线划定指南 2017",
    formula=r"C = C(\text{type}, f)",
    params=CoverManagementParams,
    layers=(Layer("land_cover", "1"), Layer("vegetation_cover", "percent")),
    compute=cover_management,
    method="table",
)
ALTERNATIVES = (
    replace(
        FACTOR,
        method="cover_formula",
        compute=from_cover,
        params=CoverFormulaParams,
        section="cover_management_formula",
        layers=(Layer("vegetation_cover", "percent"),),
        formula=r"C = 0.6508 - 0.3436\lg f",
        source="蔡崇法等 2000",
    ),
)
