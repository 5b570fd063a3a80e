"""Terrain by hand and by its invariants; the comparison with InVEST on a folder made up here."""

import importlib.util
import re

import numpy as np
import pandas as pd
import pytest
import rasterio
import typer
import xarray as xr
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gepbook import paths
from gepbook.accounting import terrain
from gepbook.errors import GridMismatchError, UnitError

D = 30.0
PARAMS = terrain.DesmetGoversParams(length_factor_limit=122.0)
EXACT = terrain.DesmetGoversParams(length_factor_limit=122.0, flow_share_steps=0)


def dem(values, units="m", size=D):
    z = np.asarray(values, dtype="float64")
    y, x = (np.arange(n) * size for n in z.shape)
    return xr.DataArray(z, coords={"y": y[::-1], "x": x}, dims=("y", "x"), attrs={"units": units})


def hills(seed, shape=(12, 12), steps=None):
    """Rough ground with pits; with steps also level ground."""
    z = np.random.default_rng(seed).uniform(100, 200, shape)
    return z if steps is None else np.round(z / 100 * steps)


def plane(percent, facing, shape=(7, 9)):
    """A plane that falls towards a compass direction."""
    rows, cols = np.mgrid[: shape[0], : shape[1]] * D
    angle = np.radians(facing)
    return dem(500 - percent / 100 * (np.sin(angle) * cols - np.cos(angle) * rows))


@pytest.mark.parametrize("facing", [0, 45, 90, 137, 180, 300])
def test_a_plane_has_its_slope_and_aspect(facing):
    ground = plane(12.5, facing)
    inside = {"y": slice(1, -1), "x": slice(1, -1)}
    slope = terrain.slope_percent(elevation=ground)
    assert slope.attrs["units"] == "percent"
    assert slope.isel(inside).to_numpy() == pytest.approx(12.5)
    turned = (terrain.aspect(elevation=ground).isel(inside).to_numpy() - facing + 180) % 360
    assert turned == pytest.approx(180)  # 0 and 360 are the same


def test_level_ground_has_no_slope_and_faces_nowhere():
    level = dem(np.full((4, 5), 77.0))
    assert (terrain.slope_percent(elevation=level) == 0).all()
    assert np.isnan(terrain.aspect(elevation=level)).all()


def test_beside_a_gap_the_cells_there_are_count():
    # only the middle row is known: west 12, east 6 over two cells of 30 m = 10 %; at the ends one cell
    strip = dem([[np.nan] * 4, [12, 9, 6, 3], [np.nan] * 4])
    slope = terrain.slope_percent(elevation=strip).to_numpy()
    assert slope[1] == pytest.approx(10)
    assert np.isnan(slope[[0, 2]]).all()


def test_a_pit_fills_to_its_lowest_way_out():
    z = np.full((7, 7), 20.0)
    z[2:5, 2:5] = 5.0
    z[3, 3] = 1.0
    z[3, 5], z[3, 6] = 9.0, 8.0  # the way out, over a sill of 9
    filled = terrain.fill_pits(elevation=dem(z)).to_numpy()
    assert (filled[2:5, 2:5] == 9).all()
    assert np.array_equal(filled[z > 5], z[z > 5])


def flood(z):
    """Fill pits slowly: lower a full bath until nothing moves."""
    bath = np.full(z.shape, np.inf)
    bath[0], bath[-1], bath[:, 0], bath[:, -1] = z[0], z[-1], z[:, 0], z[:, -1]
    while True:
        around = np.pad(bath, 1, constant_values=np.inf)
        rows, cols = z.shape
        lowest = np.min(
            [around[r : r + rows, c : c + cols] for r in range(3) for c in range(3)], axis=0
        )
        new = np.minimum(bath, np.maximum(z, lowest))
        if np.array_equal(new, bath):
            return bath
        bath = new


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([None, 4, 12]))
def test_filling_is_the_same_as_letting_a_bath_run_out(seed, steps):
    z = hills(seed, (14, 11), steps)
    assert np.array_equal(terrain.fill_pits(elevation=dem(z)).to_numpy(), flood(z))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([None, 4]), st.sampled_from([0, 15]))
def test_all_cells_drain_through_a_single_outlet(seed, steps, share_steps):
    z = hills(seed, steps=steps)
    z[0] = z[-1] = z[:, 0] = z[:, -1] = 1000  # a rim
    z[5, 0] = 0  # with one gate
    drained = terrain.flow_accumulation(elevation=dem(z), share_steps=share_steps)
    assert drained.to_numpy()[5, 0] == pytest.approx(z.size)
    assert (drained >= 1).all()


def test_flow_divides_by_slope():
    # from the top 10: east falls 3, south-east 3 / √2 on the longer way; the rest is a wall
    z = np.full((4, 4), 50.0)
    z[1, 1], z[1, 2], z[2, 2] = 10.0, 7.0, 7.0
    z[1, 3], z[2, 3] = 1.0, 1.0
    drained = terrain.flow_accumulation(elevation=dem([[np.nan] * 4, *z[1:3], [np.nan] * 4]))
    # walls at (1,0), (2,0), (2,1) drain to the top too: compare with what comes down by hand
    top = drained.to_numpy()[1, 1]
    east = 3 / (3 + 3 / np.sqrt(2))
    # (2,1), height 50: north 40, north-east 43/√2, east 43; west and north-west are as high
    total = 40 + 43 / np.sqrt(2) + 43
    assert drained.to_numpy()[1, 2] == pytest.approx(1 + east * top + 43 / np.sqrt(2) / total)
    assert drained.to_numpy()[2, 2] == pytest.approx(1 + (1 - east) * top + 43 / total)


def test_level_ground_drains_the_shortest_way():
    # a level strip with its drain in the east: 1, 2, 3, 4 cells
    strip = dem([[np.nan] * 5, [5, 5, 5, 5, 1], [np.nan] * 5])
    # every cell is beside a gap, yet a drain goes before the edge
    drained = terrain.flow_accumulation(elevation=strip).to_numpy()[1]
    assert list(drained) == [1, 2, 3, 4, 5]


def test_ls_by_hand():
    # A strip falling 3 m per cell of 30 m to the east; third cell: n = 2 upstream, slope 10 %.
    # sin θ = 0.0995037, cos θ = 0.9950372, x = 1.0945409; A = √(2 · 900) = 42.42641
    # β = (0.0995037 / 0.0896) / (3 · 0.1578598 + 0.56) = 1.0744532; m = β / (1 + β) = 0.5179453
    # L = (942.42641^1.5179453 − 42.42641^1.5179453) / (30^2.5179453 · 1.0945409^m · 22.13^m)
    #   = (32714.841 − 295.572) / (5239.7487 · 1.0479005 · 4.9730949) = 1.1872604
    # S = 16.8 · 0.0995037 − 0.5 = 1.1716625; LS = 1.3910684
    strip = dem([[np.nan] * 4, [12, 9, 6, 3], [np.nan] * 4])
    ls = terrain.desmet_govers(elevation=strip, params=PARAMS)
    assert ls.attrs["units"] == "1"
    assert ls.to_numpy()[1, 2] == pytest.approx(1.3910684, rel=1e-6)


def test_the_limit_is_on_the_length_factor():
    strip = dem([[np.nan] * 4, [12, 9, 6, 3], [np.nan] * 4])
    low = terrain.DesmetGoversParams(length_factor_limit=1.0)
    ls = terrain.desmet_govers(elevation=strip, params=low)
    assert ls.to_numpy()[1, 2] == pytest.approx(1.1716625)  # L = 1, S alone


def test_contour_by_aspect_is_the_paper_s():
    # facing east sin 90° + cos 90° = 1 instead of 1.0945409: LS is larger by 1.0945409^0.5179453
    strip = dem([[np.nan] * 4, [12, 9, 6, 3], [np.nan] * 4])
    paper = terrain.DesmetGoversParams(length_factor_limit=122.0, contour="aspect")
    ls = terrain.desmet_govers(elevation=strip, params=paper)
    assert ls.to_numpy()[1, 2] == pytest.approx(1.3910684 * 1.0479005, rel=1e-6)


def test_length_exponent_at_its_bounds():
    slope = xr.DataArray([0.0, 1.0, 1.1, 3.5, 5.0, 9.0], dims="x", attrs={"units": "percent"})
    assert list(terrain.length_exponent(slope=slope)) == [0.2, 0.2, 0.3, 0.3, 0.4, 0.5]


def test_slope_classes_do_not_hang_on_the_last_digits():
    for percent in (1.0, 3.5, 5.0, 9.0):
        near = xr.DataArray([percent, percent * (1 + 1e-9)], dims="x", attrs={"units": "percent"})
        below, above = terrain.length_exponent(slope=near).to_numpy()
        assert below == above


TURNS = {
    "left to right": np.fliplr,
    "upside down": np.flipud,
    "quarter turn": np.rot90,
    "transposed": np.transpose,
}


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
@pytest.mark.parametrize("steps", [None, 5], ids=["rough", "stepped"])
def test_results_turn_with_the_ground(turn, steps):
    z = hills(3, (13, 9), steps)
    z[4, 4] = np.nan
    for compute in (
        terrain.fill_pits,
        terrain.slope_percent,
        terrain.flow_accumulation,
        lambda elevation: terrain.desmet_govers(elevation=elevation, params=EXACT),
    ):
        turned = compute(elevation=dem(turn(z))).to_numpy()
        assert turned == pytest.approx(turn(compute(elevation=dem(z)).to_numpy()), nan_ok=True)


def test_gaps_stay_gaps():
    z = hills(5)
    z[2:4, 3:6] = z[7, 7] = z[0, 0] = np.nan
    ground = dem(z)
    for result in (
        terrain.fill_pits(elevation=ground),
        terrain.slope_percent(elevation=ground),
        terrain.aspect(elevation=ground),
        terrain.flow_accumulation(elevation=ground),
        terrain.desmet_govers(elevation=ground, params=PARAMS),
    ):
        assert np.array_equal(np.isnan(result.to_numpy()), np.isnan(z))
    assert np.array_equal(ground.to_numpy(), z, equal_nan=True)


def test_nothing_known_gives_nothing():
    empty = dem(np.full((3, 3), np.nan))
    assert np.isnan(terrain.desmet_govers(elevation=empty, params=PARAMS)).all()
    assert np.isnan(terrain.flow_accumulation(elevation=empty)).all()


def test_wrong_unit_and_wrong_grid_are_refused():
    with pytest.raises(UnitError, match="'elevation' must be in 'm'"):
        terrain.slope_percent(elevation=dem(hills(1), units="km"))
    with pytest.raises(GridMismatchError, match="y must fall"):
        terrain.slope_percent(elevation=dem(hills(1)).isel(y=slice(None, None, -1)))
    oblong = dem(hills(1)).assign_coords(x=np.arange(12) * 20.0)
    with pytest.raises(GridMismatchError, match="square, got 20 m by 30 m"):
        terrain.desmet_govers(elevation=oblong, params=PARAMS)


# ---- benchmarks/compare_invest.py on made-up workspaces; formulas written out again, cell by cell

Z = 8.0
EIGHT = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]


def plain_ls(z):
    """LS of ground without pits or level cells, as InVEST: one cell after the other."""
    rows, cols = z.shape
    drained = np.ones(z.shape)
    for cell in np.argsort(-z, axis=None):
        r, c = divmod(int(cell), cols)
        falls = {}
        for dr, dc in EIGHT:
            if 0 <= r + dr < rows and 0 <= c + dc < cols and z[r + dr, c + dc] < z[r, c]:
                falls[r + dr, c + dc] = (z[r, c] - z[r + dr, c + dc]) / np.hypot(dr, dc)
        shares = {to: int(0.5 + 15 * fall / sum(falls.values())) for to, fall in falls.items()}
        for to, share in shares.items():
            drained[to] += drained[r, c] * share / sum(shares.values())
    ls = np.full(z.shape, np.nan)
    for r in range(1, rows - 1):
        for c in range(1, cols - 1):
            (a, b, g), (d, _, f), (h, i, j) = z[r - 1 : r + 2, c - 1 : c + 2]
            east = (a + 2 * d + h - g - 2 * f - j) / (8 * D)
            south = (a + 2 * b + g - h - 2 * i - j) / (8 * D)
            tan = np.hypot(east, south)
            sin, cos = tan / np.hypot(1, tan), 1 / np.hypot(1, tan)
            beta = sin / 0.0896 / (3 * sin**0.8 + 0.56)
            percent = 100 * tan
            bounds = ((1, 0.2), (3.5, 0.3), (5, 0.4), (9, 0.5), (np.inf, beta / (1 + beta)))
            m = next(value for bound, value in bounds if percent <= bound)
            s = 10.8 * sin + 0.03 if percent < 9 else 16.8 * sin - 0.5
            inflow = np.sqrt((drained[r, c] - 1) * D**2)
            length = (inflow + D**2) ** (m + 1) - inflow ** (m + 1)
            ls[r, c] = s * length / (D ** (m + 2) * (sin + cos) ** m * 22.13**m)
    return ls


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.where(np.isnan(values), -9999, values).astype("float32")
    with rasterio.open(
        path, "w", driver="GTiff", height=data.shape[0], width=data.shape[1], count=1,
        dtype="float32", nodata=-9999, crs="EPSG:32651", transform=Affine(D, 0, 3e5, 0, -D, 3.2e6),
    ) as raster:  # fmt: skip
        raster.write(data, 1)


@pytest.fixture
def workspaces(tmp_path):
    """A folder as two InVEST runs leave it."""
    rng = np.random.default_rng(11)
    shape = (14, 15)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    z = (900 - 3.1 * rows - 2.3 * cols + rng.uniform(0, 0.9, shape)).astype("float32")
    codes = rng.integers(1, 4, shape)
    table = pd.DataFrame(
        {
            "lucode": [1, 2, 3], "LULC_veg": [1, 1, 0], "root_depth": [2500, 700, 1],
            "Kc": [1.0, 0.8, 0.3], "usle_c": [0.01, 0.3, 0.1], "usle_p": [1, 0.5, 1],
        }
    )  # fmt: skip
    table.to_csv(tmp_path / "biophysical.csv", index=False)
    row = table.set_index("lucode").loc[codes.ravel()]
    of = {name: row[name].to_numpy().reshape(shape) for name in row}
    given = {
        "precip": (600, 2000), "eto": (700, 1400), "pawc": (0.05, 0.2),
        "depth_to_root_rest_layer": (300, 1500), "erosivity": (2000, 6000),
        "erodibility": (0.01, 0.05),
    }  # fmt: skip
    field = {
        name: rng.uniform(*span, shape).astype("float32").astype("float64")
        for name, span in given.items()
    }
    rain = field["precip"]
    demand = of["Kc"] * field["eto"]
    water = np.minimum(of["root_depth"], field["depth_to_root_rest_layer"]) * field["pawc"]
    w = np.minimum(Z * water / rain + 1.25, 5)
    dryness = demand / rain
    fraction = 1 + dryness - (1 + dryness**w) ** (1 / w)
    aet = rain * np.where(of["LULC_veg"] == 1, fraction, np.minimum(dryness, 1))
    ls = plain_ls(z.astype("float64"))
    rkls = ls * field["erosivity"] * field["erodibility"]
    rkls[6, 7] = np.nan  # a stream
    usle = rkls * of["usle_c"] * of["usle_p"]
    water_in, sdr_in = "annual_water_yield/intermediate", "sdr/intermediate_outputs"
    for name in ("precip", "eto", "pawc", "depth_to_root_rest_layer"):
        save(tmp_path / water_in / f"{name}.tif", field[name])
    save(tmp_path / water_in / "clipped_lulc.tif", codes)
    save(tmp_path / "annual_water_yield/output/per_pixel/aet.tif", aet)
    save(tmp_path / "annual_water_yield/output/per_pixel/wyield.tif", rain - aet)
    save(tmp_path / sdr_in / "masked_dem.tif", z)
    save(tmp_path / sdr_in / "masked_lulc.tif", codes)
    for name in ("erosivity", "erodibility"):
        save(tmp_path / sdr_in / f"aligned_{name}.tif", field[name])
    save(tmp_path / sdr_in / "ls.tif", ls)
    for name, values in (("rkls", rkls), ("usle", usle), ("avoided_erosion", rkls - usle)):
        save(tmp_path / "sdr" / f"{name}.tif", values)
    return tmp_path


@pytest.fixture(scope="module")
def compare():
    path = paths.ROOT / "benchmarks" / "compare_invest.py"
    spec = importlib.util.spec_from_file_location("compare_invest", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app = typer.Typer()
    app.command()(module.main)

    def run(folder, *options):
        options = ("--seasonality-constant", str(Z), "--invest-seconds", "60", *options)
        return CliRunner().invoke(app, [str(folder), *options], catch_exceptions=False)

    return run


def greatest(output):
    """The greatest relative difference by layer."""
    rows = re.findall(r"^(\w+)(?: +\d+){3}  ([\d.e+-]+)", output, re.MULTILINE)
    return {name: float(number) for name, number in rows}


def test_comparison_finds_agreement(workspaces, compare):
    done = compare(workspaces)
    assert done.exit_code == 0, done.output
    worst = greatest(done.output)
    assert set(worst) == {"aet", "wyield", "ls", "rkls", "avoided_erosion", "usle"}
    assert max(worst.values()) < 2e-5  # InVEST's rasters are in single precision
    assert "InVEST 60.00 s, ratio" in done.output


def test_comparison_finds_one_wrong_cell(workspaces, compare):
    path = workspaces / "sdr" / "usle.tif"
    with rasterio.open(path, "r+") as raster:
        values = raster.read(1)
        values[5, 5] *= 1.01
        raster.write(values, 1)
    done = compare(workspaces)
    assert done.exit_code == 1
    assert [line.split()[0] for line in done.output.splitlines() if "DISAGREES" in line] == ["usle"]


def test_comparison_with_other_parameters_disagrees(workspaces, compare):
    assert compare(workspaces, "--length-limit", "1").exit_code == 1


def test_a_cell_that_only_invest_has_is_a_disagreement(workspaces, compare):
    path = workspaces / "sdr/intermediate_outputs/aligned_erosivity.tif"
    with rasterio.open(path, "r+") as raster:
        values = raster.read(1)
        values[1, 1] = -9999  # inside the margin
        raster.write(values, 1)
    done = compare(workspaces)
    assert done.exit_code == 1
    assert re.search(r"^rkls +\d+ +1 ", done.output, re.MULTILINE)


def test_all_missing_files_are_named_at_once(workspaces, compare):
    (workspaces / "sdr" / "rkls.tif").unlink()
    (workspaces / "sdr/intermediate_outputs/masked_dem.tif").unlink()
    table = pd.read_csv(workspaces / "biophysical.csv").drop(columns="Kc")
    table.to_csv(workspaces / "biophysical.csv", index=False)
    done = compare(workspaces)
    assert done.exit_code == 2
    for missing in ("sdr/rkls.tif", "masked_dem.tif or", "biophysical.csv: column kc"):
        assert missing in done.stderr


def test_a_margin_that_leaves_nothing_is_an_error(workspaces, compare):
    done = compare(workspaces, "--margin", "9")
    assert done.exit_code == 2
    assert "no cell is left inside a margin of 9 cells" in done.stderr
