"""A bureau's way: lay out a pack, fill it in, check it, build it, run it; and a folder gone wrong."""

import shutil

import geopandas as gpd
import pandas as pd
import pytest
import yaml
from running import run_all

from gepbook import ledger
from gepbook.inputs.own_data import dictionary, templates
from gepbook.inputs.pack import Pack
from gepbook.paths import OPEN_PACK

pytestmark = pytest.mark.slow
COUNTY, NAME = "330225", "象山县"
YEARS = (2022, 2023)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    return tmp_path_factory.mktemp("结果 results")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, outputs):
    """A folder laid out by init-pack and filled with what the open pack holds of one county."""
    folder = tmp_path_factory.mktemp("自有 data") / "象山"
    laid = run_all(
        outputs, "init-pack", folder, "--counties", NAME, "--years", "2022-2023", "--name", "own"
    )
    assert laid.returncode == 0, laid.stderr
    pack = Pack.open(OPEN_PACK)
    without = fill_tables(folder, pack)
    declared = yaml.safe_load((folder / "declaration.yaml").read_text(encoding="utf-8"))
    declared["files"] += [*vectors(folder, pack), *rasters(folder, pack)]
    for file in declared["files"]:
        file.setdefault("origin", "illustrative")
        file["accept"] = ["jumps"]  # of made-up figures
        if file.get("table") in without:
            file["none"] = True
    text = yaml.safe_dump(declared, allow_unicode=True)
    (folder / "declaration.yaml").write_text(text, encoding="utf-8")
    return folder


def fill_tables(folder, pack):
    """Fill in every template, and return the tables that the county has nothing for."""
    without = []
    for name, entry in templates.wanted([COUNTY]).items():
        if not entry.geometry:
            frame = pack.table(name)
            frame = frame[frame["county_code"] == COUNTY]
            if "year" in frame:
                frame = frame[frame["year"].isin(YEARS)]
            if len(frame):
                templates.fill(folder, name, frame)
            elif "year" not in frame:
                without.append(name)
    return without


def vectors(folder, pack):
    """Write the polygons of the county as files, and return how they are declared."""
    made = []
    for name in ("counties", "resource_units"):
        frame = gpd.read_parquet(pack.folder / pack.resource(name).path)
        path = folder / "vectors" / f"{name}.gpkg"
        frame[frame["county_code"] == COUNTY].to_file(path, engine="pyogrio")
        columns = {field: {"header": field} for field in dictionary.tables()[name].fields}
        if name == "resource_units":
            columns["declared_area_ha"]["unit"] = "ha"
        origin = pack.resource(name).origin
        made.append(
            {"path": f"vectors/{name}.gpkg", "table": name, "columns": columns, "origin": origin}
        )
    return made


def rasters(folder, pack):
    """Copy the rasters of both years, and return how they are declared."""
    made = []
    for resource in pack.package.resources:
        if resource.kind == "raster" and resource.year in (None, *YEARS):
            name = f"{resource.name}.tif"
            shutil.copy(pack.folder / resource.path, folder / "rasters" / name)
            file = {"path": f"rasters/{name}", "layer": resource.layer, "unit": resource.unit}
            file |= {"origin": resource.origin}
            if resource.change_origin:
                file["change_origin"] = resource.change_origin
            if resource.year:
                file["year"] = resource.year
            made.append(file)
    return made


@pytest.fixture(scope="module")
def built(folder, outputs):
    checked = run_all(outputs, "check-pack", folder, "--xlsx", outputs / "问题.xlsx")
    assert checked.returncode == 0, checked.stderr
    made = run_all(outputs, "build-pack", folder)
    assert made.returncode == 0, made.stderr
    return folder / "pack"


def ledger_of(outputs, release):
    frame = ledger.query(outputs / release)
    key = ["stage", *ledger.KEY[1:]]
    return frame[frame["county_code"] == COUNTY].drop(columns="release").set_index(key).sort_index()


def older(rows):
    """Return the rows of a ledger that rest on years before those of the county's own pack."""
    account, measure = (rows.index.get_level_values(name) for name in ("account", "measure"))
    year = measure.str.extract(r"_(\d{4})$", expand=False).astype("float64").to_numpy()
    before = account.isin(["history", "condition_history"]) & (year < YEARS[0])
    before |= (account == "change_history") & (year <= YEARS[0])
    assert before.any()
    return rows.index[before]


def test_init_fill_check_build_run_gives_the_same_ledger_as_the_open_pack(built, outputs):
    own = run_all(outputs, "--pack", built, "--release", "own")
    assert own.returncode == 0, own.stderr
    given = run_all(
        outputs, "--counties", NAME, "--stages", "inventory,accounting", "--release", "o"
    )
    assert given.returncode == 0, given.stderr
    one, other = ledger_of(outputs, "own"), ledger_of(outputs, "o")
    other = other.drop(index=older(other))
    assert len(one) > 700
    assert sorted(set(one.index) ^ set(other.index)) == []
    pd.testing.assert_frame_equal(
        one[["value", "unit", "origin", "quality", "method_id"]],
        other[["value", "unit", "origin", "quality", "method_id"]],
        atol=1e-5,
        rtol=1e-5,  # built rasters are in single precision; differences of years show it most
    )


def test_a_pack_of_one_county_has_a_report_without_the_province(built, outputs):
    page = next((outputs / "own" / "site").rglob(f"{COUNTY}*.html")).read_text(encoding="utf-8")
    assert "GEP" in page
    refused = run_all(outputs, "--pack", built, "--stages", "compensation", "--release", "own")
    assert refused.returncode == 2
    assert "holds 1 of 90 counties" in refused.stderr


def test_the_originals_are_untouched_and_a_second_build_changes_nothing(folder, built, outputs):
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    again = run_all(outputs, "build-pack", folder)
    assert again.returncode == 0, again.stderr
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
