"""Values that cannot be: named with file, place and value where a pack is read."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from rasterio.windows import Window

from gepbook import paths
from gepbook.errors import PackError
from gepbook.inputs import ranges
from gepbook.inputs.manifest import TableField
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.pack import Pack, content_hash

NAN = float("nan")


def raster(*values):
    return xr.DataArray(
        [list(values)], coords={"y": [500.0], "x": 1000.0 * np.arange(len(values))}, dims=("y", "x")
    )


def raster_problem(layer, unit, *values):
    with pytest.raises(PackError) as caught:
        ranges.check_raster("rasters/a.tif", layer, unit, raster(*values))
    (problem,) = caught.value.problems
    return problem


# Rasters ------------------------------------------------------------------------------------------


def test_a_raster_message_names_file_layer_cell_value_and_remedy():
    assert raster_problem("vegetation_cover", "percent", 50, 101.5, 120, NAN) == (
        "rasters/a.tif: layer 'vegetation_cover' has values outside 0 to 100 percent in 2 of 4 "
        "cells, the first 101.5 at y 500.0, x 1000.0. Correct the raster; mark cells without a "
        "value as nodata."
    )


@pytest.mark.parametrize(
    ("layer", "unit", "wrong"),
    [
        ("soil_clay", "percent", -1.0),
        ("soil_clay", "percent", 255.0),
        ("slope", "degree", 91.0),
        ("slope", "degree", -9999.0),
        ("precipitation", "mm", -0.1),
        ("precipitation", "mm", 65535.0),
        ("annual_precipitation", "mm a-1", -1.0),
        ("air_temperature", "degC", 291.15),  # kelvin
        ("cooling_days", "d a-1", 367.0),
        ("net_primary_productivity", "g m-2 a-1", 32767.0),
        ("elevation", "m", -9999.0),
        ("wind_erosion_prevented", "t ha-1 a-1", -1.0),
        ("temperature_difference", "K", float("inf")),
        ("land_cover", "1", 15.5),  # resampled as if codes were amounts
    ],
)
def test_a_raster_value_that_cannot_be_is_refused(layer, unit, wrong):
    assert f"layer {layer!r}" in raster_problem(layer, unit, 1, wrong)
    assert "in 1 of 2 cells" in raster_problem(layer, unit, 1, wrong)


@pytest.mark.parametrize(
    ("layer", "unit", "values"),
    [
        ("vegetation_cover", "percent", (0, 100, 100 + 1e-9, -1e-9, NAN)),
        ("air_temperature", "degC", (-40, 45)),
        ("net_primary_productivity", "g m-2 a-1", (-20, 2500)),
        ("temperature_difference", "K", (-3, 5)),
        ("elevation", "m", (-3, 1929)),
        ("land_cover", "1", (11, 71, NAN)),
        ("soil_clay", "percent", (NAN, NAN)),
    ],
)
def test_values_that_can_be_and_gaps_are_left_alone(layer, unit, values):
    ranges.check_raster("rasters/a.tif", layer, unit, raster(*values))


def test_the_month_of_a_wrong_value_is_named():
    rain = xr.DataArray(
        np.full((12, 1, 2), 100.0),
        coords={"month": np.arange(1, 13), "y": [500.0], "x": [0.0, 1000.0]},
        dims=("month", "y", "x"),
    )
    rain[6, 0, 1] = -5.0
    with pytest.raises(PackError, match=r"the first -5 at month 7, y 500\.0, x 1000\.0"):
        ranges.check_raster("rain.tif", "precipitation", "mm", rain)


def test_a_raster_without_coordinates_is_named_by_row_and_column():
    bare = xr.DataArray([[50.0, 200.0]], dims=("y", "x"))
    with pytest.raises(PackError, match="the first 200 at y 0, x 1"):
        ranges.check_raster("a.tif", "soil_clay", "percent", bare)


# Tables -------------------------------------------------------------------------------------------


def table_problems(**columns):
    with pytest.raises(PackError) as caught:
        check(**columns)
    return caught.value.problems


def check(units=None, **columns):
    """Check a table of two counties in 2023 with some further columns."""
    frame = pd.DataFrame({"county_code": ["330102", "330105"], "year": [2023, 2023], **columns})
    types = {"O": "string", "T": "string", "i": "integer", "f": "number", "b": "boolean"}
    fields = [
        TableField(
            name=name,
            type=types.get(frame[name].dtype.kind, "string"),
            unit=(units or {}).get(name, ""),
        )
        for name in frame.columns
    ]
    ranges.check_table("tables/t.csv", frame, fields)


def test_a_table_message_names_file_line_key_column_value_and_remedy():
    assert table_problems(output_value_cny=[1.0, -5.0]) == [
        "tables/t.csv, line 3 (330105 2023): output_value_cny is -5, must be 0 or more. "
        "Correct the figure; leave it empty where it is not known."
    ]


def test_a_table_of_persons_names_lines_alone():
    """Neither a figure nor a row that stands twice repeats who it is of."""
    frame = pd.DataFrame({"subject_id": ["张三", "张三", "李四"], "points": [1.0, 1.0, -5.0]})
    fields = [
        TableField(name=n, type=t) for n, t in (("subject_id", "string"), ("points", "number"))
    ]
    with pytest.raises(PackError) as caught:
        ranges.check_table("tables/t.csv", frame, fields, private=True)
    assert [problem.split(": ")[0] for problem in caught.value.problems] == [
        "tables/t.csv, line 4", "tables/t.csv, line 3",
    ]  # fmt: skip
    assert "三" not in str(caught.value)
    private = {name for name, table in dictionary.tables().items() if table.private}
    assert private == {"credit_events", "credit_uses", "carbon_accounts"}


@pytest.mark.parametrize("wrong", [-0.1, 100.1, float("inf")])
def test_a_percentage_beyond_its_range_is_refused(wrong):
    (problem,) = table_problems(natural_share_percent=[wrong, 40.0])
    assert f"line 2 (330102 2023): natural_share_percent is {wrong:g}, must be 0 to 100." in problem


def test_a_percentage_is_known_by_its_unit_too():
    (problem,) = table_problems(share=[40.0, 400.0], units={"share": "percent"})
    assert "share is 400, must be 0 to 100" in problem


def test_a_negative_whole_number_is_refused():
    (problem,) = table_problems(visitors_person=[-1, 5])
    assert "visitors_person is -1" in problem


def test_rows_of_one_mistake_are_counted_and_columns_come_together():
    problems = table_problems(so2_t=[-1.0, -2.0], nox_t=[1.0, -3.0], dust_t=[1.0, 2.0])
    assert len(problems) == 2
    assert "so2_t is -1, must be 0 or more (and 1 more rows)" in problems[0]
    assert "nox_t is -3, must be 0 or more." in problems[1]


@pytest.mark.parametrize(
    "name",
    ["stock_change_t", "water_balance_m3", "net_inflow_m3", "growth_percent", "difference_k"],
)
def test_a_change_or_balance_may_be_negative(name):
    check(**{name: [-5.0, 120.0]})


@pytest.mark.parametrize("name", ["exchange_m3", "nets_piece", "outgrowth_t"])
def test_a_name_that_only_sounds_like_a_change_may_not(name):
    assert f"{name} is -5" in table_problems(**{name: [-5.0, 1.0]})[0]


def test_gaps_zeros_and_flags_are_left_alone():
    check(so2_t=[NAN, 0.0], good_air_days_percent=[0.0, 100.0], met=[True, False])


def test_two_rows_of_one_key_are_refused():
    (problem,) = table_problems(county_code=["330102", "330102"], so2_t=[1.0, 2.0])
    assert problem == ("tables/t.csv, line 3 (330102 2023): stands twice. Keep one of the rows.")
    check(county_code=["330102", "330102"], product=["fishery", "forestry"], output_cny=[1.0, 2.0])


# Packs --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pack():
    return Pack.open(paths.OPEN_PACK)


def test_the_open_pack_holds_only_what_can_be(pack):
    everything = Window(0, 0, pack.grid.width, pack.grid.height)
    for resource in pack.package.resources:
        if resource.kind == "raster":
            array = pack.raster(resource.layer, resource.year, everything)
            ranges.check_raster(resource.path, resource.layer, resource.unit, array)
        elif resource.kind == "table":
            frame = pack.table(resource.layer)
            ranges.check_table(resource.path, frame, resource.table_schema.fields)


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(paths.OPEN_PACK, tmp_path / "pack")


def rehash(folder):
    path = folder / "datapackage.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for resource in manifest["resources"]:
        resource["hash"] = content_hash(folder / resource["path"])
    path.write_text(json.dumps(manifest), encoding="utf-8")


def test_a_pack_refuses_a_raster_with_values_that_cannot_be(copy):
    path = copy / "rasters" / "soil_clay.tif"
    with rasterio.open(path) as source:
        profile, data, scale = source.profile, source.read(), source.scales[0]
        inside = data != source.nodata
    data[inside] = np.round(101 / scale)
    profile.update(driver="GTiff")
    with rasterio.open(path, "w", **profile) as target:
        target.write(data)
        target.scales = (scale,)
    found = Pack.open(copy)
    with pytest.raises(PackError, match=r"soil_clay\.tif: layer 'soil_clay' has values outside"):
        found.raster("soil_clay", None, found.window("330102"))


def spoil(folder, table, before, after):
    path = folder / "tables" / f"{table}.csv"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    rehash(folder)


def test_a_pack_refuses_negative_production(copy):
    spoil(copy, "material_products", "330102,2020,agriculture,", "330102,2020,agriculture,-")
    message = r"material_products\.csv, line 2 \(330102 2020 agriculture\): output_value_cny is -"
    with pytest.raises(PackError, match=message):
        Pack.open(copy).table("material_products", "330102", 2020)


def test_a_pack_does_not_repeat_whom_a_row_is_of(copy):
    path = copy / "tables" / "credit_uses.csv"
    first = path.read_text(encoding="utf-8").splitlines()[1]
    spoil(copy, "credit_uses", first, f"{first.rpartition(',')[0]},-5")
    with pytest.raises(PackError, match=r"credit_uses\.csv, line 2: points is -5"):
        Pack.open(copy).table("credit_uses")


@pytest.mark.skipif(
    not hasattr(Pack, "_table_problems"), reason="Pack.verify does not read the tables yet"
)
def test_a_pack_says_before_any_run_what_its_tables_cannot_hold(copy):
    spoil(copy, "material_products", "330102,2020,agriculture,", "330102,2020,agriculture,-")
    spoil(copy, "pests", "330102,2020,", "330102,2020,-")
    with pytest.raises(PackError) as caught:
        Pack.open(copy).verify()
    assert len(caught.value.problems) == 2
    assert "must be 0 or more" in caught.value.problems[0]
