"""Cover and management C (覆盖与管理)."""

from __future__ import annotations

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
    table = np.full((256, len(CLASSES) + 1), np.nan)
    for code, kind in zip(types["code"], types["id"], strict=True):
        table[code] = params.by_cover[kind]
    known = land_cover.notnull() & vegetation_cover.notnull()
    codes = land_cover.fillna(0).astype("int64").to_numpy()
    classes = np.digitize(vegetation_cover.fillna(0).to_numpy(), CLASSES)
    return land_cover.copy(data=table[codes, classes]).where(known)


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
)
