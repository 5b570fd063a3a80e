"""Patches, fragmentation and distance: numbers by hand, laws of the measures."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gepbook.errors import CoverageError, GridMismatchError, ParameterError
from gepbook.inventory import landscape

FOREST, WATER, URBAN = 11, 52, 61
CELL_HA = 100.0
masks = arrays(bool, st.tuples(st.integers(2, 7), st.integers(2, 7)))


def grid(values, step=1000.0):
    values = np.asarray(values)
    height, width = values.shape
    coords = {"y": -step * np.arange(height), "x": step * np.arange(width)}
    return xr.DataArray(values, coords=coords, dims=("y", "x"), attrs={"units": "1"})


def whole(mask):
    return xr.ones_like(mask, dtype="float64")


def test_mesh_by_hand():
    mask = grid([[1, 1, 0, 1], [1, 0, 0, 0]]).astype(bool)
    # patches of 3 and 1 cells of 100 ha: (300² + 100²) / 400 = 250 ha
    assert landscape.effective_mesh_size(mask, whole(mask), CELL_HA) == pytest.approx(250.0)


def test_cells_that_touch_at_a_corner_are_one_patch():
    mask = grid([[1, 0], [0, 1]]).astype(bool)
    assert landscape.effective_mesh_size(mask, whole(mask), CELL_HA) == pytest.approx(200.0)


def test_mesh_weights_cells_by_coverage_and_stops_at_the_border():
    mask = grid([[1, 1, 1, 1]]).astype(bool)
    coverage = grid([[0.5, 1.0, 0.0, 1.0]])
    # the third cell is outside the county: patches of 150 and 100 ha, (150² + 100²) / 250 = 130 ha
    assert landscape.effective_mesh_size(mask, coverage, CELL_HA) == pytest.approx(130.0)


def test_no_group_no_mesh():
    mask = grid(np.zeros((3, 3), dtype=bool))
    assert np.isnan(landscape.effective_mesh_size(mask, whole(mask), CELL_HA))


@given(masks)
def test_mesh_lies_between_a_cell_and_the_whole_and_does_not_turn_with_the_map(values):
    mask = grid(values)
    mesh = landscape.effective_mesh_size(mask, whole(mask), CELL_HA)
    if not values.any():
        assert np.isnan(mesh)
        return
    assert CELL_HA - 1e-6 <= mesh <= values.sum() * CELL_HA + 1e-6
    for turned in (values[::-1], values[:, ::-1], values.T):
        other = grid(np.ascontiguousarray(turned))
        assert landscape.effective_mesh_size(other, whole(other), CELL_HA) == pytest.approx(mesh)
    assert landscape.effective_mesh_size(mask, whole(mask), 9.0) == pytest.approx(
        mesh * 9.0 / CELL_HA
    )


def test_distance_and_accessibility_by_hand():
    target = grid([[1, 0, 0], [0, 0, 0]], step=3000.0).astype(bool)
    target = target.assign_coords(y=[0.0, -4000.0])
    distance = landscape.distance_to(target)
    # cells of 3 by 4 km: 3, 6 km along, 4 km down, 5 km across the corner
    np.testing.assert_allclose(distance, [[0, 3000, 6000], [4000, 5000, np.hypot(6000, 4000)]])
    access = landscape.accessibility(target, 3000.0)
    # halves every 3 km
    np.testing.assert_allclose(access[0], [1.0, 0.5, 0.25])
    assert access.attrs["units"] == "1"
    assert distance.attrs["units"] == "m"


def test_where_there_is_no_town_nothing_is_accessible():
    target = grid(np.zeros((2, 2), dtype=bool))
    assert np.isinf(landscape.distance_to(target)).all()
    assert (landscape.accessibility(target, 1000.0) == 0).all()


@given(masks, st.floats(100.0, 1e5))
def test_accessibility_lies_between_0_and_1_and_is_1_on_the_target(values, half):
    access = landscape.accessibility(grid(values), half).to_numpy()
    assert ((access >= 0) & (access <= 1)).all()
    assert (access[values] == 1).all()


def test_cells_are_those_of_the_county():
    land_cover = grid([[FOREST, WATER], [np.nan, URBAN]])
    coverage = grid([[1.0, 0.25], [0.0, 0.5]])
    cells = landscape.cells(land_cover, coverage, CELL_HA)
    assert cells["group"].tolist() == ["forest", "wetland", "urban"]
    assert cells["type"].tolist() == ["evergreen_broadleaf_forest", "water", "urban"]
    assert cells["area_ha"].tolist() == [100.0, 25.0, 50.0]
    back = landscape.on_map(cells["area_ha"], coverage, "area")
    np.testing.assert_array_equal(back, [[100.0, 25.0], [np.nan, 50.0]])
    assert landscape.values_of(back, coverage).tolist() == [100.0, 25.0, 50.0]
    assert list(landscape.group_masks(land_cover, coverage)) == ["forest", "wetland", "urban"]


def test_bad_land_cover_is_refused():
    coverage = grid([[1.0, 1.0], [1.0, 1.0]])
    with pytest.raises(CoverageError, match="1 of 4 cells"):
        landscape.cells(grid([[FOREST, np.nan], [WATER, WATER]]), coverage, CELL_HA)
    with pytest.raises(ParameterError, match="code 99 is no ecosystem type"):
        landscape.cells(grid([[FOREST, 99.0], [WATER, WATER]]), coverage, CELL_HA)
    with pytest.raises(GridMismatchError):
        landscape.values_of(grid([[1.0, 1.0], [1.0, 1.0]], step=500.0), coverage)


def test_mean_over_what_is_known():
    values, weights = pd.Series([1.0, np.nan, 4.0]), pd.Series([1.0, 5.0, 2.0])
    assert landscape.weighted_mean(values, weights) == pytest.approx(3.0)  # (1 + 8) / 3
    assert np.isnan(landscape.weighted_mean(values[1:2], weights[1:2]))
