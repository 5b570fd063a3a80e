"""Landscape measures of a county's window: patches, fragmentation, accessibility (景观格局)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from scipy import ndimage

from gepbook import ecosystems, zonal
from gepbook.grid import check_same_grid
from gepbook.units import with_units

#: Cells that touch by an edge or a corner belong to one patch: the eight-neighbour rule.
NEIGHBOURS = np.ones((3, 3), dtype=bool)


def groups() -> list[str]:
    """Return the ecosystem groups in the order of their codes."""
    return list(dict.fromkeys(ecosystems.read()["group"]))


def group_codes(group: str) -> list[int]:
    """Return the codes of the ecosystem types of a group."""
    types = ecosystems.read()
    return types.loc[types["group"] == group, "code"].tolist()


def cells(land_cover: xr.DataArray, coverage: xr.DataArray, cell_area_ha: float) -> pd.DataFrame:
    """Return the county's cells as rows, in the order of the grid.

    Parameters
    ----------
    land_cover : DataArray, dims (y, x), ecosystem type codes, NaN = missing
    coverage : DataArray, dims (y, x), fraction of each cell inside the county
    cell_area_ha : float

    Returns
    -------
    DataFrame, columns `type` and `group` (categories), `area_ha` (inside the county)

    Raises
    ------
    CoverageError
        When cells of the county have no land cover.
    ParameterError
        For a code that is no ecosystem type.
    """
    zonal.area_by_type(land_cover, coverage, cell_area_ha)  # refuses gaps and unknown codes
    inside = coverage.to_numpy() > 0
    types = ecosystems.read()
    place = np.searchsorted(types["code"], land_cover.to_numpy()[inside])
    group = types["group"].map(groups().index).to_numpy()[place]
    return pd.DataFrame(
        {
            "type": pd.Categorical.from_codes(place, categories=types["id"].tolist()),
            "group": pd.Categorical.from_codes(group, categories=groups()),
            "area_ha": coverage.to_numpy()[inside] * cell_area_ha,
        }
    )


def values_of(raster: xr.DataArray, coverage: xr.DataArray) -> np.ndarray:
    """Return a raster's values in the county's cells, in the order of `cells`."""
    check_same_grid(raster, coverage)
    return raster.to_numpy()[coverage.to_numpy() > 0]


def on_map(values: pd.Series, coverage: xr.DataArray, name: str) -> xr.DataArray:
    """Return values of the county's cells, in the order of `cells`, as a map; NaN elsewhere."""
    filled = np.full(coverage.shape, np.nan)
    filled[coverage.to_numpy() > 0] = values
    return xr.DataArray(
        filled, coords=coverage.coords, dims=coverage.dims, name=name, attrs={"units": "1"}
    )


def group_masks(land_cover: xr.DataArray, coverage: xr.DataArray) -> dict[str, xr.DataArray]:
    """Return where in the county each ecosystem group lies; groups it does not have are left out.

    Returns
    -------
    dict of DataArray, dims (y, x), bool, keyed by group
    """
    check_same_grid(land_cover, coverage)
    inside = coverage > 0
    masks = {group: land_cover.isin(group_codes(group)) & inside for group in groups()}
    return {group: mask for group, mask in masks.items() if mask.any()}


def weighted_mean(values: pd.Series, weights: pd.Series) -> float:
    """Return the weighted mean of the values that are known; NaN where none is."""
    known = values.notna()
    weight = weights[known].sum()
    return float((values[known] * weights[known]).sum() / weight) if weight > 0 else float("nan")


def patches(mask: xr.DataArray) -> xr.DataArray:
    """Return the connected patches of a mask as whole numbers from 1, 0 = none (斑块).

    Cells are connected by edges and corners.
    """
    labels, _ = ndimage.label(mask.to_numpy(), structure=NEIGHBOURS)
    return mask.copy(data=labels)


def patch_areas_ha(labels: xr.DataArray, coverage: xr.DataArray, cell_area_ha: float) -> np.ndarray:
    """Return the area of each patch inside the county, ha, in the order of the labels from 1."""
    check_same_grid(labels, coverage)
    areas = np.bincount(labels.to_numpy().ravel(), weights=coverage.to_numpy().ravel())
    return areas[1:] * cell_area_ha


def effective_mesh_size(mask: xr.DataArray, coverage: xr.DataArray, cell_area_ha: float) -> float:
    r"""Return the effective mesh size of an ecosystem group, ha (有效网格大小).

    It is the area that is reached on average from a random point of the group without leaving the group.
    The area of the group, not that of the county, is the whole: condition does not depend on extent.

    Parameters
    ----------
    mask : DataArray, dims (y, x), bool
        Where the group lies.
    coverage : DataArray, dims (y, x), 0–1
        The county's border cuts patches, which underestimates the mesh of small counties.
    cell_area_ha : float

    Returns
    -------
    float, ha
        Between 0 and the area of the group, which it is when the group is one patch; NaN when the
        county does not have the group.

    Notes
    -----
    .. math:: m_{eff} = \frac{1}{A} \sum_i A_i^2, \quad A = \sum_i A_i

    Source: Jaeger 2000, Landscape Ecology 15: 115–130, with the cutting-out procedure; Moser et al.
    2007, Landscape Ecology 22: 447–459, describe the bias at the border.
    """
    check_same_grid(mask, coverage)
    areas = patch_areas_ha(patches(mask & (coverage > 0)), coverage, cell_area_ha)
    whole = areas.sum()
    return float((areas**2).sum() / whole) if whole else float("nan")


def distance_to(target: xr.DataArray) -> xr.DataArray:
    """Return the distance of each cell centre to the nearest cell of a target, m; inf where none is.

    Parameters
    ----------
    target : DataArray, dims (y, x), bool, with coordinates of cell centres in metres
        What lies outside the array is not seen: give an array that reaches beyond the county.
    """
    if not target.any():
        return with_units(xr.full_like(target, np.inf, dtype="float64"), "m")
    steps = [float(abs(target[dim][1] - target[dim][0])) for dim in ("y", "x")]
    distance = ndimage.distance_transform_edt(~target.to_numpy(), sampling=steps)
    return with_units(target.copy(data=distance), "m")


def accessibility(target: xr.DataArray, half_distance_m: float) -> xr.DataArray:
    r"""Return how well each cell is reached from a target, 1 on it, falling to 0 (可达性).

    Parameters
    ----------
    target : DataArray, dims (y, x), bool
        Built-up land; see `distance_to`.
    half_distance_m : float, m
        Distance over which accessibility halves.

    Notes
    -----
    .. math:: a = 2^{-d / d_{1/2}}

    Source: exponential distance decay, as in gravity models of access; straight-line distance, design.
    """
    return with_units(0.5 ** (distance_to(target) / half_distance_m), "1")
