"""What is wrong with rasters, tables, parameters, prices and profiles is refused, never counted.

Every message names the file or layer, what was found, and what to do.
"""

import json
import shutil

import numpy as np
import pytest
import rasterio
import xarray as xr
import yaml

from gepbook import params, paths, zonal
from gepbook.accounting import account, registry, standards
from gepbook.accounting.layers import Layers
from gepbook.errors import (
    CoverageError,
    GepbookError,
    GridMismatchError,
    PackError,
    ParameterError,
    UnitError,
)
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.pack import Pack, content_hash
from gepbook.prices import PriceBook
from gepbook.sections import models

COUNTY = "330102"
YEAR = 2023
STANDARD = "db33-2020"


@pytest.fixture
def pack_folder(tmp_path):
    return shutil.copytree(paths.OPEN_PACK, tmp_path / "pack")


@pytest.fixture
def params_folder(tmp_path):
    return shutil.copytree(paths.PARAMS, tmp_path / "params")


def declare(folder, layer, **changes):
    """Change what the manifest says of a layer, and have the hashes follow the files."""
    path = folder / "datapackage.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for resource in manifest["resources"]:
        if resource["layer"] == layer:
            resource |= changes
            resource["hash"] = content_hash(folder / resource["path"])
    path.write_text(json.dumps(manifest), encoding="utf-8")


def rewrite(folder, name, change, **profile):
    """Write a raster anew with its values changed."""
    path = folder / "rasters" / f"{name}.tif"
    with rasterio.open(path) as source:
        meta, data = source.profile, source.read()
        nodata = source.nodata
    meta.update(driver="GTiff", **profile)
    with rasterio.open(path, "w", **meta) as target:
        target.write(change(data, nodata))


def edit_rows(folder, table, change):
    """Change the lines of the county and year in a table."""
    path = folder / "tables" / f"{table}.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    new = [line for old in lines for line in (change(old) if is_ours(old) else [old])]
    path.write_text("\n".join(new) + "\n", encoding="utf-8")


def is_ours(line):
    return line.startswith(f"{COUNTY},{YEAR},")


def inputs_of(folder):
    return CountyInputs(Pack.open(folder), COUNTY, YEAR)


def compute(folder, params_set=None, prices=None):
    return account.account(
        inputs_of(folder),
        params_set or params.resolve(COUNTY, YEAR, STANDARD),
        standards.read(STANDARD),
        prices or PriceBook.read(),
        2020,
    )


def refused(folder, **given):
    """Return the problems for which the account is refused."""
    with pytest.raises(GepbookError) as caught:
        compute(folder, **given)
    return caught.value.problems


def test_the_untouched_pack_is_accepted(pack_folder):
    """Otherwise the tests below would show nothing."""
    Pack.open(pack_folder).verify()
    assert len(compute(pack_folder)) > 10


# Rasters ------------------------------------------------------------------------------------------


def test_a_raster_of_another_unit_is_refused_with_both_units(pack_folder):
    declare(pack_folder, "slope", unit="percent")
    assert refused(pack_folder) == [
        "soil_retention: slope: must be in 'degree', the pack's raster is in 'percent'. "
        "Convert it when the pack is built, and correct the unit in datapackage.json."
    ]


def test_every_service_of_a_raster_of_another_unit_is_named(pack_folder):
    declare(pack_folder, "net_primary_productivity", unit="kg m-2 a-1")
    problems = refused(pack_folder)
    assert [problem.partition(":")[0] for problem in problems] == [
        "carbon_sequestration",
        "oxygen_release",
    ]
    assert all("'g m-2 a-1'" in p and "'kg m-2 a-1'" in p for p in problems)


def test_a_raster_without_a_unit_is_refused(pack_folder):
    declare(pack_folder, "slope", unit="")
    assert "must be in 'degree', the pack's raster is in ''" in refused(pack_folder)[0]


def test_a_raster_on_another_grid_is_refused_before_any_run(pack_folder):
    moved = rasterio.Affine(1000, 0, 500, 0, -1000, 0)
    rewrite(pack_folder, "soil_clay", lambda data, _: data, transform=moved)
    declare(pack_folder, "soil_clay")
    with pytest.raises(PackError) as caught:
        Pack.open(pack_folder).verify()
    (problem,) = caught.value.problems
    assert "soil_clay.tif: grid is" in problem
    assert "500.0" in problem
    assert "Bring it onto the pack's grid" in problem


def test_a_raster_on_another_grid_never_reaches_a_total():
    """Arithmetic on shifted rasters keeps only the cells they share, which the total refuses."""
    spec = registry.services()["windbreak"]
    y, x = np.array([1500.0, 500.0]), np.array([500.0, 1500.0])
    here = xr.DataArray(np.ones((2, 2)), coords={"y": y, "x": x}, dims=("y", "x"))
    covered = here.rename("coverage").assign_attrs(units="1")
    there = here.assign_coords(x=x + 500).assign_attrs(units="t ha-1 a-1")
    section = params.resolve(None, None, STANDARD).section(spec.parameters, spec.params)
    found = spec.density(wind_erosion_prevented=there, params=section)["sand"]
    with pytest.raises(GridMismatchError, match=r"coverage: grid differs .* along x\. Bring all"):
        zonal.total(found, covered, 1.0, "windbreak.sand")
    shared = (here.assign_coords(x=x + 1000) * here).assign_attrs(units="t ha-1 a-1")
    with pytest.raises(GridMismatchError, match="along x"):
        zonal.total(shared, covered, 1.0)


@pytest.mark.parametrize(
    ("raster", "service"),
    [
        ("soil_sand", "soil_retention.sediment"),
        (f"precipitation-{YEAR}", "water_conservation.water"),
        (f"net_primary_productivity-{YEAR}", "carbon_sequestration.co2"),
    ],
)
def test_a_raster_without_any_value_in_the_county_is_refused(pack_folder, raster, service):
    rewrite(pack_folder, raster, lambda data, nodata: np.full_like(data, nodata))
    problems = refused(pack_folder)
    (problem,) = [p for p in problems if service in p]
    cells = int((inputs_of(pack_folder).coverage > 0).sum())
    assert f"{service}: {cells} of {cells} cells of the county have no value" in problem
    assert "Fill the gaps in the pack's raster" in problem


def test_a_county_without_land_cover_is_refused(pack_folder):
    rewrite(pack_folder, f"land_cover-{YEAR}", lambda data, nodata: np.full_like(data, nodata))
    inputs = inputs_of(pack_folder)
    with pytest.raises(CoverageError, match=r"land_cover: .* have no ecosystem type. Fill them"):
        zonal.area_by_type(inputs.land_cover, inputs.coverage, inputs.cell_area_ha)


def test_a_class_that_is_no_ecosystem_type_is_refused_with_its_code(pack_folder):
    rewrite(pack_folder, f"land_cover-{YEAR}", lambda data, nodata: np.full_like(data, 99))
    problems = refused(pack_folder)
    assert all("land_cover: code 99 is no ecosystem type" in problem for problem in problems)
    assert all("params/crosswalks/" in problem for problem in problems)


def test_a_layer_that_nobody_has_is_refused(pack_folder):
    inputs = inputs_of(pack_folder)
    layers = Layers(inputs, params.resolve(COUNTY, YEAR, STANDARD))
    with pytest.raises(PackError, match=r"no layer 'wind_erosion_prevented' .* Add the raster"):
        layers.get("wind_erosion_prevented", "t ha-1 a-1")


@pytest.mark.parametrize(
    "methods", registry.service_methods().values(), ids=lambda m: next(iter(m))
)
def test_every_formula_refuses_every_layer_in_another_unit(methods):
    for spec in methods.values():
        for wrong in spec.layers if spec.density else ():
            arrays = {
                layer.name: xr.DataArray(
                    [[1.0]],
                    dims=("y", "x"),
                    attrs={"units": "furlong" if layer is wrong else layer.units},
                )
                for layer in spec.layers
            }
            wanted = f"'{wrong.name}' must be in '{wrong.units}', got 'furlong'. Convert it"
            with pytest.raises(UnitError, match=wanted):
                spec.density(**arrays, params=None)


# Tables -------------------------------------------------------------------------------------------


def test_a_figure_left_empty_is_refused(pack_folder):
    edit_rows(pack_folder, "water_use", lambda line: [line[: line.rindex(",") + 1]])
    (problem,) = refused(pack_folder)
    assert problem.startswith(f"fresh_water: table water_use: {COUNTY}")
    assert f"{YEAR} has no agricultural_m3. Fill it in, with 0 where there is none." in problem


def test_a_row_that_is_not_there_is_refused(pack_folder):
    edit_rows(pack_folder, "water_use", lambda line: [])
    (problem,) = refused(pack_folder)
    assert problem.startswith("fresh_water: table water_use: has no row of ")
    assert f"for {YEAR}. Add the row." in problem


def test_a_column_that_is_not_there_is_refused(pack_folder):
    inputs = inputs_of(pack_folder)
    with pytest.raises(CoverageError, match=r"water_use: has no column ecological_m3\. Add"):
        inputs.figures("water_use", "domestic_m3", "ecological_m3")


def test_a_product_that_is_not_there_is_refused(pack_folder):
    edit_rows(pack_folder, "material_products", lambda line: [] if ",fishery," in line else [line])
    (problem,) = refused(pack_folder)
    assert problem == (
        "material_products: material_products: no output value of fishery. "
        "Add the rows, with 0 where there is none."
    )


def test_text_in_place_of_a_figure_is_refused(pack_folder):
    edit_rows(pack_folder, "water_use", lambda line: [line[: line.rindex(",")] + ",unknown"])
    (problem,) = refused(pack_folder)
    assert "water_use.csv: does not fit its schema" in problem
    assert "'unknown'" in problem
    assert "Correct the table or its fields" in problem


def test_problems_of_several_services_come_together(pack_folder):
    declare(pack_folder, "slope", unit="percent")
    edit_rows(pack_folder, "water_use", lambda line: [])
    problems = refused(pack_folder)
    assert {p.partition(":")[0] for p in problems} == {"soil_retention", "fresh_water"}


# Parameters ---------------------------------------------------------------------------------------


def change_default(folder, name, key, change):
    path = folder / "defaults" / f"{name}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content[key])
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def section_problems(folder, name):
    resolved = params.resolve(COUNTY, YEAR, STANDARD, folder)
    with pytest.raises(ParameterError) as caught:
        resolved.section(name, models()[name])
    return caught.value.problems


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("surface_runoff", "runoff_coefficient_percent"),
        ("cover_management", "by_cover"),
        ("climate_regulation", "transpiration_heat_kj_m2_d"),
    ],
)
def test_a_type_missing_from_a_coefficient_table_is_refused(params_folder, name, key):
    change_default(params_folder, name, key, lambda entry: entry["value"].pop("marsh"))
    (problem,) = section_problems(params_folder, name)
    assert problem.startswith(f"{name}.{key}: ")
    assert "must list every ecosystem type; lacks ['marsh']" in problem
    assert f"Correct it in params/defaults/{name}.yaml." in problem


def test_a_type_that_does_not_exist_is_refused(params_folder):
    change_default(
        params_folder, "surface_runoff", "runoff_coefficient_percent",
        lambda entry: entry["value"].update(tundra=3.0),
    )  # fmt: skip
    (problem,) = section_problems(params_folder, "surface_runoff")
    assert "unknown ['tundra']" in problem


def test_a_parameter_out_of_its_range_is_refused(params_folder):
    change_default(
        params_folder, "soil_retention", "nitrogen_content_percent",
        lambda entry: entry.update(value=150.0),
    )  # fmt: skip
    (problem,) = section_problems(params_folder, "soil_retention")
    assert problem.startswith("soil_retention.nitrogen_content_percent: ")
    assert "less than or equal to 100, got 150.0" in problem


def test_a_parameter_in_another_unit_is_refused(params_folder):
    change_default(
        params_folder, "soil_retention", "soil_bulk_density",
        lambda entry: entry.update(unit="kg m-3"),
    )  # fmt: skip
    assert section_problems(params_folder, "soil_retention") == [
        "soil_retention.soil_bulk_density: unit must be 't m-3', got 'kg m-3' "
        "(params/defaults/soil_retention). Convert the value and correct its unit there."
    ]


# Prices -------------------------------------------------------------------------------------------


def test_a_year_without_prices_is_refused(pack_folder):
    with pytest.raises(ParameterError) as caught:
        PriceBook.read().at(2031, YEAR)
    problems = caught.value.problems
    assert "price 'dredging': index 'cpi' has no year 2031. Add it to" in problems[0] + problems[1]
    assert all("params/prices/price_indices.csv" in problem for problem in problems)
    # what is fixed by law needs no index
    assert not any("'electricity'" in problem for problem in problems)


def test_a_price_that_is_not_in_the_book_is_refused(pack_folder):
    book = PriceBook.read()
    del book.prices["dredging"]
    assert refused(pack_folder, prices=book) == [
        "soil_retention: price 'dredging': must be in 'CNY m-3', got None. "
        "Correct it in params/prices/prices.yaml."
    ]


def test_a_price_in_another_unit_is_refused(pack_folder):
    book = PriceBook.read()
    book.prices["dredging"] = book.prices["dredging"].model_copy(update={"unit": "CNY t-1"})
    (problem,) = refused(pack_folder, prices=book)
    assert "price 'dredging': must be in 'CNY m-3', got 'CNY t-1'" in problem


def write_price(folder, key, **changes):
    path = folder / "prices" / "prices.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content[key] |= changes
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": -1.0}, "greater than or equal to 0"),
        ({"index": "cpy"}, "follows an unknown index 'cpy'. Did you mean 'cpi'"),
        ({"source": ""}, "at least 1 character"),
        ({"basis": "guess"}, "'cost' or 'market'"),
        ({"value": float("nan")}, "finite"),
    ],
)
def test_a_wrong_price_entry_is_refused(params_folder, changes, message):
    write_price(params_folder, "dredging", **changes)
    with pytest.raises(ParameterError) as caught:
        PriceBook.read(params_folder)
    (problem,) = caught.value.problems
    assert "prices.yaml: price 'dredging'" in problem
    assert message in problem


def test_a_price_option_that_does_not_exist_is_refused():
    book = PriceBook.read()
    with pytest.raises(ParameterError) as caught:
        book.choosing({"dredging": "market", "carbon_dioxide": "market"})
    assert caught.value.problems == [
        "price 'dredging': has no option 'market'. It has one price only "
        "(params/prices/prices.yaml)."
    ]


def test_a_price_basis_that_does_not_exist_is_refused(params_folder):
    problems = profile_problems(params_folder, prices={"carbon_dioxide": "guess"})
    assert len(problems) == 1
    assert f"{STANDARD}.yaml: prices.carbon_dioxide: Input should be 'cost' or" in problems[0]


# Profiles -----------------------------------------------------------------------------------------


def profile_problems(folder, services=None, **changes):
    """Return the problems of a profile with some entries changed; None takes a service out."""
    path = folder / "standards" / f"{STANDARD}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) | changes
    for name, rule in (services or {}).items():
        if rule is None:
            del content["services"][name]
        else:
            content["services"][name] = rule
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    with pytest.raises(ParameterError) as caught:
        standards.read(STANDARD, folder)
    assert all(f"{STANDARD}.yaml: " in problem for problem in caught.value.problems)
    return caught.value.problems


def test_an_unknown_method_is_refused_with_those_there_are(params_folder):
    rule = {"include": True, "method": "water_balanse"}
    (problem,) = profile_problems(params_folder, {"water_conservation": rule})
    assert "water_conservation has no method 'water_balanse'" in problem
    assert "Did you mean 'water_balance'" in problem
    assert "water_supply, forest_storage" in problem


def test_an_unknown_service_is_refused(params_folder):
    rule = {"include": True, "method": "rusle"}
    (problem,) = profile_problems(params_folder, {"soil_retension": rule})
    assert "no service 'soil_retension' in accounting/services/" in problem
    assert "Did you mean 'soil_retention'" in problem


def test_a_profile_that_says_nothing_of_a_service_is_refused(params_folder):
    (problem,) = profile_problems(params_folder, {"pest_control": None})
    assert "says nothing of service 'pest_control'. Add it, with include: false" in problem


def test_an_unknown_factor_or_method_of_one_is_refused(params_folder):
    wanted = {"rainfall_erosivity": "hourly", "rainfal_erosivity": "daily"}
    problems = profile_problems(params_folder, factors=wanted)
    assert any("rainfall_erosivity has no method 'hourly'" in p for p in problems)
    assert any("no factor 'rainfal_erosivity'" in p for p in problems)


def test_an_overlap_of_what_does_not_exist_is_refused(params_folder):
    rule = {
        "rule": "a × b",
        "overlap": ["soil_retention.gold", "tourism"],
        "exclude": ["tourisme"],
        "reason": "none",
    }
    problems = profile_problems(params_folder, double_counting=[rule])
    assert [problem.rpartition("double_counting: ")[2] for problem in problems] == [
        "'soil_retention.gold' is no service or component.",
        "'tourisme' is no service or component.",
    ]


def test_an_unknown_key_of_a_profile_is_refused(params_folder):
    (problem,) = profile_problems(params_folder, count_all=True)
    assert "count_all: Extra inputs are not permitted" in problem


def test_all_problems_of_a_profile_come_together(params_folder):
    problems = profile_problems(
        params_folder,
        {"pest_control": None, "tourism": {"include": True, "method": "guess"}},
    )
    assert len(problems) == 2


def test_an_unknown_profile_is_refused_with_those_there_are():
    with pytest.raises(ParameterError, match=r"'db33-202' is not in .* Did you mean .*'db33-2020'"):
        standards.read("db33-202")
