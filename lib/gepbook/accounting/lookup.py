"""Values of a coefficient table on a map of ecosystem types."""

from __future__ import annotations

from typing import Annotated, TypeVar

import numpy as np
import xarray as xr
from pydantic import AfterValidator

from gepbook import ecosystems
from gepbook.units import with_units

T = TypeVar("T")


def all_types(table: dict[str, T]) -> dict[str, T]:
    """Refuse a coefficient table that lacks an ecosystem type or has one that does not exist."""
    known = set(ecosystems.read()["id"])
    if set(table) != known:
        lacking, unknown = sorted(known - set(table)), sorted(set(table) - known)
        raise ValueError(f"must list every ecosystem type; lacks {lacking}, unknown {unknown}")
    return table


#: A coefficient for every ecosystem type, keyed by type id.
ByEcosystemType = Annotated[dict[str, float], AfterValidator(all_types)]


def by_type(land_cover: xr.DataArray, table: dict[str, float], units: str) -> xr.DataArray:
    """Return a table's values on a map of ecosystem type codes; NaN stays NaN.

    Values may be arrays of draws, dims (draw,); the result then has that dimension last.

    Raises
    ------
    ParameterError
        When the map holds a code that is no ecosystem type.
    """
    types = ecosystems.read()
    ecosystems.check_codes(land_cover.to_numpy())
    codes = land_cover.fillna(0).astype("int64").to_numpy()
    draws = max((np.size(table[kind]) for kind in types["id"]), default=1)
    kind_of_number = land_cover.dtype if land_cover.dtype.kind == "f" else "float64"
    lookup = np.full((256, draws), np.nan, dtype=kind_of_number)
    for code, kind in zip(types["code"], types["id"], strict=True):
        lookup[code] = table[kind]
    if draws == 1:
        return with_units(land_cover.copy(data=lookup[codes, 0]), units)
    values = xr.DataArray(lookup[codes], dims=(*land_cover.dims, "draw"), coords=land_cover.coords)
    return with_units(values, units)
