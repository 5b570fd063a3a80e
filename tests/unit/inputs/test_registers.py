"""The open pack's illustrative registers: their shape, their laws, and the errors put in on purpose."""

import io
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import xarray as xr
import yaml

from gepbook import counties, params, zonal
from gepbook.grid import HECTARE_M2
from gepbook.inputs import ranges, registers
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.pack import Pack
from gepbook.inputs.registers import MOVES, Registers
from gepbook.inventory import asset_account
from gepbook.paths import OPEN_PACK

FEW = ["330102", "330921", "331181"]  # built up, islands, hills
#: From the cleanest to worse than the fifth.
CLASSES = registers.config()["water_classes"]
END = "2023-12-31"
TABLES = (
    "resource_units",
    "resource_rights",
    "resource_disputes",
    "water_sections",
    "resource_stocks",
    "product_catalogue",
    "agricultural_products",
    "eco_tourism",
)


def made_of(codes):
    pack = Pack.open(OPEN_PACK)
    cover = {}
    for year in pack.years:
        with rasterio.open(OPEN_PACK / f"rasters/land_cover-{year}.tif") as source:
            cover[year] = source.read(1, masked=True).astype("float64").filled(np.nan)
    areas = {}
    for code in codes:
        window = pack.window(code)
        coords = pack.grid.coordinates(window)
        covered = zonal.coverage(pack.geometry(code), coords["y"], coords["x"])
        cut = xr.DataArray(cover[pack.years[-1]][window.toslices()], coords, ("y", "x"))
        areas[code] = zonal.area_by_type(cut, covered, pack.grid.cell_area_ha)
    return Registers(
        counties.read().loc[codes],
        pd.DataFrame(areas).T,
        pack.boundaries.loc[codes],
        cover,
        pack.grid,
        pack.years,
    )


def tables_of(made):
    units = made.resource_units()
    return {
        "resource_units": units,
        "resource_rights": made.resource_rights(units),
        "resource_disputes": made.resource_disputes(units),
        "water_sections": made.water_sections(),
        "resource_stocks": made.resource_stocks(),
        "product_catalogue": made.product_catalogue(),
        "agricultural_products": made.agricultural_products(),
        "eco_tourism": made.eco_tourism(),
    }


@pytest.fixture(scope="module")
def made():
    return made_of(list(counties.read().index))


@pytest.fixture(scope="module")
def tables(made):
    return tables_of(made)


@pytest.fixture(scope="module")
def metric(made, tables):
    return tables["resource_units"].to_crs(made.boundaries.crs)


@pytest.fixture(scope="module")
def overlaps(metric):
    """Pairs of units of one county that overlap: positions, ha, share of the smaller."""
    rows = []
    for a, b in metric.sindex.query(metric.geometry, predicate="intersects").T:
        if a < b and metric["county_code"].iloc[a] == metric["county_code"].iloc[b]:
            one, other = metric.geometry.iloc[a], metric.geometry.iloc[b]
            area = one.intersection(other).area
            code = metric["county_code"].iloc[a]
            rows.append((code, area / HECTARE_M2, area / min(one.area, other.area)))
    return pd.DataFrame(rows, columns=["county_code", "ha", "share"])


# All tables


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_as_the_data_dictionary_says(tables, name):
    frame = pd.DataFrame(tables[name]).drop(columns="geometry", errors="ignore")
    entry = dictionary.tables()[name]
    assert list(frame.columns) == list(entry.fields)
    assert not frame.duplicated(entry.key).any()
    kinds = {"integer": "i", "number": "f", "boolean": "b"}
    for field, said in entry.fields.items():
        column = frame[field]
        assert said.optional or column.notna().all(), field
        if said.allowed:
            assert set(column) <= set(said.allowed), field
        if said.type in kinds:
            assert column.dtype.kind == kinds[said.type], field
        if said.type == "date":
            assert column.dropna().str.fullmatch(r"\d{4}-\d\d-\d\d").all()
            pd.to_datetime(column.dropna(), format="%Y-%m-%d")
    ranges.check_table(name, frame, entry.schema_of().fields)


def test_a_county_comes_out_the_same_beside_other_counties(tables):
    few = tables_of(made_of(FEW))
    for name in ("resource_units", "resource_rights", "water_sections", "product_catalogue"):
        ours = tables[name][tables[name]["county_code"].isin(FEW)].reset_index(drop=True)
        left, right = pd.DataFrame(ours).to_csv(), pd.DataFrame(few[name]).to_csv()
        assert left == right, name


def test_files_stay_small(tables):
    stored = io.BytesIO()
    tables["resource_units"].to_parquet(stored, index=False, compression="zstd")
    assert stored.tell() < 600_000
    for name, frame in tables.items():
        if name != "resource_units":
            assert len(frame.to_csv(index=False, float_format="%.10g").encode()) < 240_000, name


def test_every_number_has_a_reason():
    text = (registers.SOURCES / "registers.yaml").read_text(encoding="utf-8")
    for key, entry in yaml.safe_load(text).items():
        assert set(entry) == {"value", "reason"}, key
        assert len(entry["reason"]) > 10 or key == "water_classes", key


# Registration units


def test_units_are_valid_polygons_of_five_decimals(tables):
    units = tables["resource_units"]
    assert units.crs.to_epsg() == 4326
    assert units.geometry.is_valid.all()
    assert not units.geometry.is_empty.any()
    assert set(units.geometry.geom_type) <= {"Polygon", "MultiPolygon"}
    steps = shapely.get_coordinates(units.geometry) * 1e5
    assert np.abs(steps - np.round(steps)).max() < 1e-3
    assert shapely.get_num_coordinates(units.geometry.to_numpy()).max() < 300


def test_units_cover_most_of_each_county(made, metric):
    count = metric.groupby("county_code").size()
    assert set(count.index) == set(made.counties.index)
    assert count.between(8, 15).all()
    merged = metric.dissolve("county_code")
    covered = merged.intersection(made.boundaries.geometry, align=True).area
    covered /= made.boundaries.area
    assert covered.between(0.6, 0.97).all()
    assert 0.8 < covered.mean() < 0.95
    assert covered.between(0.7, 0.95).mean() > 0.9


def test_about_one_pair_of_units_a_county_overlaps(overlaps):
    meant = overlaps[overlaps["ha"] > 0.1]
    assert meant["share"].between(0.004, 0.031).all()
    pairs = meant.groupby("county_code").size()
    assert 70 <= len(pairs) < 90
    assert (pairs == 1).sum() > 50
    assert (pairs == 2).sum() >= 5
    # what else there is comes from the rounding of coordinates to about 1 m
    assert overlaps.loc[overlaps["ha"] <= 0.1, "share"].max() < 1e-4


def test_some_counties_have_a_unit_over_the_line(made, metric):
    homes = made.boundaries.geometry.loc[metric["county_code"]].to_numpy()
    outside = shapely.area(shapely.difference(metric.geometry.to_numpy(), homes)) / HECTARE_M2
    over = metric.loc[outside > 1, "county_code"]
    assert 9 <= len(over) <= 27  # one county in five of 90
    assert over.is_unique
    assert outside[outside <= 1].max() < 0.01


def test_some_areas_are_declared_wrongly(metric):
    off = metric["declared_area_ha"] / (metric.area / HECTARE_M2) - 1
    assert 0.08 < (off.abs() > 0.05).mean() < 0.2
    assert off.abs().median() < 0.005


def test_important_units_are_about_93_percent_registered(tables):
    units = tables["resource_units"]
    registered = units["status"] == "已登簿"
    dates = units["registered_on"]
    assert (dates.dropna() <= END).all()
    assert dates[~registered].isna().all()
    undated = units.loc[registered & dates.isna(), "county_code"]
    assert 2 <= undated.nunique() <= 15
    important = units["important"]
    assert registered[important].mean() == pytest.approx(0.93, abs=0.01)
    by_county = registered[important].groupby(units["county_code"]).mean()
    assert (by_county == 1).sum() > 30
    assert (by_county < 0.9).sum() > 15
    by_year = [(dates[important] <= f"{year}-12-31").mean() for year in range(2020, 2024)]
    assert by_year == sorted(by_year)
    assert by_year[0] < 0.6


def test_sea_lies_on_the_coast_and_water_everywhere(made, tables):
    units = tables["resource_units"]
    sea = units[units["resource"] == "sea"]
    assert set(sea["county_code"]) == set(made.coastal)
    assert set(units.loc[units["resource"] == "water", "county_code"]) == set(made.counties.index)
    state = units["resource"].isin(["sea", "water", "wetland"])
    assert (units.loc[state, "owner_type"] == "国有").all()


# Rights and disputes


def test_rights_belong_to_units_and_some_have_ended(tables):
    rights = tables["resource_rights"]
    units = tables["resource_units"].set_index("unit_id")
    own = units.loc[rights["unit_id"]]
    assert (own["county_code"].to_numpy() == rights["county_code"].to_numpy()).all()
    assert (rights["area_ha"].to_numpy() <= own["declared_area_ha"].to_numpy()).all()
    assert (rights["end_date"] > rights["start_date"]).all()
    assert 0.05 < (rights["end_date"] < END).mean() < 0.4
    assert (rights["amount_cny"].isna() == (rights["kind"] == "承包")).all()
    share = (own["status"] == "已登簿").mean()
    assert 0.85 < share < 1.0  # a few rights over what was never registered


def test_some_units_are_mortgaged_twice_over(tables):
    rights = tables["resource_rights"]
    area = tables["resource_units"].set_index("unit_id")["declared_area_ha"]
    twice = 0
    for unit, own in rights[rights["kind"] == "抵押"].groupby("unit_id"):
        if len(own) == 2:
            twice += 1
            first, second = own.to_dict("records")
            assert first["start_date"] < second["start_date"] < first["end_date"]
            assert own["area_ha"].sum() > area[unit]  # 0.6 + 0.6 of it at least
    assert 10 < twice < 70


def test_some_overlaps_are_disputed(tables, metric, overlaps):
    disputes = tables["resource_disputes"]
    shape = metric.set_index("unit_id").geometry
    drawn = disputes.dropna(subset=["other_unit_id"])
    for row in drawn.head(15).itertuples():
        common = shape[row.unit_id].intersection(shape[row.other_unit_id]).area / HECTARE_M2
        assert row.area_ha == pytest.approx(common, abs=0.06)
    within = drawn["unit_id"].str[:6] == drawn["other_unit_id"].str[:6]
    assert 0.4 < within.sum() / (overlaps["ha"] > 1).sum() < 0.8
    assert (disputes["county_code"] == disputes["unit_id"].str[:6]).all()
    assert 10 < disputes["other_unit_id"].isna().sum() < 60
    assert set(disputes["unit_id"]) <= set(shape.index)


# Water


@pytest.mark.parametrize(
    ("permanganate", "ammonia", "phosphorus", "wanted"),
    [
        (2.0, 0.15, 0.02, 0),  # at the limits
        (2.01, 0.1, 0.01, 1),
        (1.0, 0.1, 0.19, 2),  # the worst item decides
        (9.9, 0.1, 0.01, 3),
        (1.0, 1.6, 0.01, 4),
        (1.0, 0.1, 0.41, 5),
    ],
)
def test_classes_follow_from_concentrations(permanganate, ammonia, phosphorus, wanted):
    found = {
        "permanganate_mg_l": permanganate,
        "ammonia_nitrogen_mg_l": ammonia,
        "total_phosphorus_mg_l": phosphorus,
    }
    assert registers.water_class(found) == CLASSES[wanted]


def test_hills_have_better_water(made, tables):
    sections = tables["water_sections"]
    for row in sections.to_dict("records"):
        assert row["water_class"] == registers.water_class(row)
    one_year = sections[sections["year"] == 2023].groupby("county_code")
    assert one_year.size().between(2, 4).all()
    assert (one_year["outflow"].sum() == 1).all()
    assert (
        not sections[["section_id", "target_class"]]
        .drop_duplicates()["section_id"]
        .duplicated()
        .any()
    )
    forest = made.made.forest_share.loc[sections["county_code"]].to_numpy()
    good = sections["water_class"].isin(CLASSES[:2])
    assert good[forest > 0.7].mean() > 0.9 > 0.2 > good[forest < 0.2].mean()
    assert sections["water_class"].isin(CLASSES[:3]).mean() > 0.9


# Stocks


def test_stocks_add_up_in_the_digits_written(tables):
    text = tables["resource_stocks"].to_csv(index=False, float_format="%.10g")
    written = pd.read_csv(io.StringIO(text), dtype="str")
    closed = {}
    for row in written.to_dict("records"):
        opening, a, b, c, d, closing = (Decimal(row[n]) for n in ("opening", *MOVES, "closing"))
        assert opening + a + b - c - d == closing
        before = closed.get((row["county_code"], row["asset"], int(row["year"]) - 1), opening)
        assert opening == before
        closed[row["county_code"], row["asset"], int(row["year"])] = closing


def test_stocks_have_the_magnitude_of_the_province(made, tables):
    stocks = tables["resource_stocks"]
    sums = stocks.groupby(["asset", "year"])[["natural_addition", "closing"]].sum()
    assert sums.loc[("timber_m3", 2022), "closing"] == pytest.approx(4.2e8, rel=0.03)
    yearly = sums.loc["water_m3", "natural_addition"]
    assert yearly.mean() == pytest.approx(1.05e11, rel=0.05)
    assert yearly.idxmax() == 2021
    sea = stocks[stocks["asset"] == "sea_ha"]
    assert set(sea["county_code"]) == set(made.coastal)
    coast = made.made.coast()
    pilots = coast[coast["year"] == 2020].set_index("county_code")["sea_area_km2"] * 100
    opening = sea[sea["year"] == 2020].set_index("county_code")["opening"]
    assert opening[pilots.index].to_numpy() == pytest.approx(pilots.to_numpy(), abs=0.1)


def test_water_taken_is_the_water_use_of_the_tables(made, tables):
    stocks = tables["resource_stocks"]
    taken = stocks[stocks["asset"] == "water_m3"].set_index(["county_code", "year"])
    used = made.made.water_use().set_index(["county_code", "year"]).sum(axis=1)
    assert taken["managed_reduction"].to_numpy() == pytest.approx(
        used[taken.index].to_numpy(), abs=500.5
    )


def test_the_asset_account_takes_every_stock(tables):
    rules = params.resolve(None, None, "db33-2025").section(
        asset_account.SECTION, asset_account.AssetAccountParams
    )
    for _, rows in tables["resource_stocks"].groupby(["county_code", "year"]):
        account = asset_account.compute(None, pd.Series(dtype="float64"), rows, rules)
        assert len(account.table) == len(rows)


# Products


def test_the_catalogue_changes_between_surveys(made, tables):
    catalogue = tables["product_catalogue"]
    assert set(catalogue["year"]) == set(made.years)
    assert (catalogue["survey_date"].str[:4] == catalogue["year"].astype("str")).all()
    key = ["county_code", "product_id"]
    years = catalogue.groupby(key)["year"].agg(["min", "max", "size"])
    assert 5 <= (years["min"] > 2020).sum() <= 40  # appeared
    assert 4 <= (years["max"] < 2023).sum() <= 40  # vanished
    assert (years["size"] == years["max"] - years["min"] + 1).all()
    wide = catalogue.pivot_table(
        index=key, columns="year", aggfunc="first", values=["quantity", "quality_grade", "rights_status"]
    ).dropna()  # fmt: skip
    ratio = wide["quantity", 2021] / wide["quantity", 2020]
    assert ratio.between(0.949, 1.071).all()
    assert ratio.std() > 0.01
    order = {"一级": 0, "二级": 1, "三级": 2}
    fell = wide["quality_grade", 2023].map(order) - wide["quality_grade", 2020].map(order)
    assert 0.03 < (fell > 0).mean() < 0.2
    assert (fell < 0).any()
    changed = wide["rights_status", 2023] != wide["rights_status", 2020]
    assert 0.2 < changed.mean() < 0.7
    fixed = ["product", "ecosystem_type", "unit", "owner_type", "data_source"]
    assert not catalogue[[*key, *fixed]].drop_duplicates().duplicated(key).any()
    assert 0.1 < catalogue["function"].isna().mean() < 0.2


def test_farm_products_are_nine_tenths_of_farming(made, tables):
    products = tables["agricultural_products"]
    sums = products.groupby(["county_code", "year"])["output_value_cny"].agg(["sum", "size"])
    assert sums["size"].between(6, 8).all()
    outputs = made.made.material_products()
    farming = outputs[outputs["product"] == "agriculture"].set_index(["county_code", "year"])
    wanted = 0.9 * farming["output_value_cny"].loc[sums.index]
    assert sums["sum"].to_numpy() == pytest.approx(wanted.to_numpy(), abs=8 * 5000)
    assert (products["area_ha"].isna() == (products["product"] == "食用菌")).all()
    by_year = products.groupby("year")["certified_percent"].mean()
    assert by_year.is_monotonic_increasing
    assert 0 < products["certified_percent"].isna().mean() < 0.1


def test_eco_tourism_is_the_natural_part_of_tourism(made, tables):
    eco = tables["eco_tourism"].set_index(["county_code", "year"])
    tourism = made.made.tourism().set_index(["county_code", "year"]).loc[eco.index]
    nature = tourism["natural_share_percent"] / 100
    assert eco["visitors_person"].to_numpy() == pytest.approx(
        (tourism["visitors_person"] * nature).to_numpy(), abs=0.5
    )
    assert (eco["income_cny"] < tourism["spending_cny"] * nature).all()
    ratio = eco["value_added_cny"] / eco["income_cny"]
    assert ratio.xs(2020, level="year").to_numpy() == pytest.approx(0.42, abs=1e-3)
    # 0.42 × (1 + 3 × 0.012) = 0.43512
    assert ratio.xs(2023, level="year").to_numpy() == pytest.approx(0.43512, abs=1e-3)
    assert (eco["sites"] >= 1).all()
