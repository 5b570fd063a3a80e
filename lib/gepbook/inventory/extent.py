"""Ecosystem extent and its change (生态系统范围账户)."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from gepbook import ecosystems
from gepbook.grid import check_same_grid


def extent_account(opening: pd.Series | None, closing: pd.Series) -> pd.DataFrame:
    """Return opening extent, net change and closing extent by ecosystem type.

    Parameters
    ----------
    opening, closing : Series, ha, indexed by ecosystem type id
        `opening` is None for the first year of a pack: the account then has the closing column only.

    Returns
    -------
    DataFrame, columns `opening_ha`, `change_ha`, `closing_ha`
        Types that occur in neither year are left out.

    Notes
    -----
    Source: SEEA Ecosystem Accounting (UN 2021), extent account; opening + change = closing.
    """
    if opening is None:
        return closing[closing > 0].to_frame("closing_ha")
    table = pd.DataFrame({"opening_ha": opening, "closing_ha": closing}).fillna(0.0)
    table = table[table.sum(axis=1) > 0]
    table.insert(1, "change_ha", table["closing_ha"] - table["opening_ha"])
    return table


def change_matrix(
    opening: xr.DataArray, closing: xr.DataArray, coverage: xr.DataArray, cell_area_ha: float
) -> pd.DataFrame:
    """Return the area that went from each type (rows) to each type (columns), ha (转移矩阵).

    Parameters
    ----------
    opening, closing : DataArray, dims (y, x), ecosystem type codes, NaN = missing
    coverage : DataArray, dims (y, x), fraction of each cell inside the county
    cell_area_ha : float

    Returns
    -------
    DataFrame, ha
        Row sums are the opening, column sums the closing extent.
    """
    check_same_grid(opening, closing, coverage)
    cells = pd.DataFrame(
        {
            "opening": opening.to_numpy().ravel(),
            "closing": closing.to_numpy().ravel(),
            "area_ha": coverage.to_numpy().ravel() * cell_area_ha,
        }
    )
    cells = cells[cells["area_ha"] > 0].dropna()
    ids = ecosystems.read().set_index("code")["id"]
    table = cells.pivot_table(
        index="opening", columns="closing", values="area_ha", aggfunc="sum", fill_value=0.0
    )
    return table.rename(index=ids, columns=ids)
