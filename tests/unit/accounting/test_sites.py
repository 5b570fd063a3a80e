"""The account of project sites: before and after, weighted by what they cover."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from gepbook import bulletin, ledger, params, paths, zonal
from gepbook.accounting import sites, standards
from gepbook.accounting.account import measure
from gepbook.accounting.layers import Layers
from gepbook.errors import CodeError, CoverageError
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.pack import Pack
from gepbook.prices import PriceBook
from gepbook.run import Run, Task

COUNTY, YEAR = "330523", 2023
STANDARD = standards.read("db33-2020")
PRICES = PriceBook.read().choosing(STANDARD.prices)
PARAMS = params.resolve(None, YEAR, "db33-2020")
RULES = PARAMS.section(sites.SECTION, sites.SitesParams)
SPECS = {spec.id: spec for spec in STANDARD.specs()}
FOREST, URBAN = 15.0, 61.0


@pytest.fixture
def pack():
    return Pack.open(paths.OPEN_PACK)


def square(pack, row, col, side_m, shift_m=0.0):
    """Return a square around the centre of a cell of the pack."""
    t = pack.grid.transform
    x, y = t.c + (col + 0.5) * t.a + shift_m, t.f + (row + 0.5) * t.e
    return shapely.box(x - side_m / 2, y - side_m / 2, x + side_m / 2, y + side_m / 2)


def cell_of(county, code, which=0):
    """Return row and column on the grid of a whole cell of a type inside the county."""
    inside = (county.land_cover == code) & (county.coverage > 0.999)
    row, col = np.argwhere(inside.to_numpy())[which]
    return int(row + county.window.row_off), int(col + county.window.col_off)


def layer(pack, *rows):
    """Return a layer of sites; rows of (id, year, kind, after type, polygon)."""
    frame = gpd.GeoDataFrame(
        [
            {"site_id": i, "county_code": COUNTY, "year": y, "name": i, "kind": k, "after_type": a}
            for i, y, k, a, _ in rows
        ],
        geometry=[row[-1] for row in rows],
        crs=pack.grid.crs.to_wkt(),
    )
    return frame


def with_sites(pack, frame):
    """Make a pack hold a layer of sites."""
    read = pack.vector
    pack.vector = lambda name: frame if name == sites.LAYER else read(name)
    return pack


def run_on(pack, year=YEAR, code=COUNTY):
    task = Task(
        stage="accounting", county_code=code, year=year, release="test", standard="db33-2020",
        pack=str(pack.folder), release_dir="unused",
    )  # fmt: skip
    return Run(task, paths.OUTPUTS, pack, params.resolve(code, year, "db33-2020"), by_hand=True)


def test_a_small_site_has_its_hectares_of_the_cell_before(pack):
    county = CountyInputs(pack, COUNTY, YEAR)
    row, col = cell_of(county.at({"land_cover": 2022}), FOREST)
    frame = layer(pack, ("Z1", YEAR, "occupation", "urban", square(pack, row, col, 173.205081)))
    inputs = sites.SiteInputs(county, frame, RULES)
    found = {s.spec.id: s for s in sites.account(inputs, PARAMS, STANDARD, PRICES)}
    # 173.205081 m squared are 3 ha; land cover and what follows it are those of 2022, the rest of 2023
    former = ("land_cover", "vegetation_cover", "net_primary_productivity")
    view = county.at(dict.fromkeys(former, 2022))
    place = (row - int(county.window.row_off), col - int(county.window.col_off))
    for service in ("carbon_sequestration", "water_conservation", "climate_regulation"):
        density = measure(SPECS[service], Layers(view, PARAMS, STANDARD.factors)).density
        for component, quantity in found[service].quantities.items():
            expected = 3 * float(density[component].to_numpy()[place])
            assert quantity[0, 0] == pytest.approx(expected, rel=1e-5)
    assert found["climate_regulation"].worth["vegetation"][0, 0] > 0
    assert found["climate_regulation"].worth["vegetation"][1, 0] == 0  # sealed land cools nothing


def test_the_county_as_a_site_has_the_countys_quantities(pack):
    county = CountyInputs(pack, COUNTY, YEAR)
    frame = layer(pack, ("Z1", YEAR, "occupation", "urban", county.geometry))
    inputs = sites.SiteInputs(county, frame, RULES)
    found = {s.spec.id: s for s in sites.account(inputs, PARAMS, STANDARD, PRICES)}
    former = ("land_cover", "vegetation_cover", "net_primary_productivity")
    view = county.at(dict.fromkeys(former, 2022))
    for service in ("soil_retention", "oxygen_release", "water_conservation"):
        whole = measure(SPECS[service], Layers(view, PARAMS, STANDARD.factors)).quantities
        for component, quantity in found[service].quantities.items():
            assert quantity[0, 0] == pytest.approx(whole[component], rel=1e-5)


def test_quantities_capped_by_a_table_have_the_countys_realised_share(pack):
    county = CountyInputs(pack, COUNTY, YEAR)
    row, col = cell_of(county, FOREST)
    frame = layer(pack, ("Z1", YEAR, "offset", "mixed_forest", square(pack, row, col, 1000)))
    inputs = sites.SiteInputs(county, frame, RULES)
    found = {s.spec.id: s for s in sites.account(inputs, PARAMS, STANDARD, PRICES)}
    whole = measure(SPECS["air_purification"], Layers(county, PARAMS, STANDARD.factors))
    code = {"mixed_forest": FOREST}["mixed_forest"]
    for component, quantity in found["air_purification"].quantities.items():
        density = whole.density[component]
        capacity = county.total(density, component)
        per_ha = float(density.where(county.land_cover == code).mean())
        expected = 100 * per_ha * whole.quantities[component] / capacity  # a cell has 100 ha
        assert quantity[1, 0] == pytest.approx(expected, rel=1e-5)


def test_after_the_change_the_type_has_its_mean_in_the_county(pack):
    county = CountyInputs(pack, COUNTY, YEAR)
    row, col = cell_of(county, URBAN)
    frame = layer(pack, ("B1", YEAR, "offset", "mixed_forest", square(pack, row, col, 500)))
    inputs = sites.SiteInputs(county, frame, RULES)
    share = SPECS["carbon_sequestration"].params
    ratio = PARAMS.section("carbon_sequestration", share).net_ecosystem_share["mixed_forest"]
    npp = county.layer("net_primary_productivity")
    mean = zonal.mean(npp.where(county.land_cover == FOREST), county.coverage)
    found = {s.spec.id: s for s in sites.account(inputs, PARAMS, STANDARD, PRICES)}
    co2 = found["carbon_sequestration"].quantities["co2"]
    assert co2[1, 0] == pytest.approx(25 * 44 / 12 * 0.01 * ratio * mean, rel=1e-5)  # 500 m: 25 ha


def test_a_type_that_the_county_lacks_is_taken_from_around_it(pack):
    # 330102 上城区 has no paddy; its neighbours within 25 km have
    code = "330102"
    county = CountyInputs(pack, code, YEAR)
    row, col = cell_of(county, URBAN)
    frame = layer(pack, ("B1", YEAR, "offset", "paddy", square(pack, row, col, 400)))
    inputs = sites.SiteInputs(county, frame, RULES)
    wide = pack.window(code, pack.reach_cells(RULES.reach_m))
    cover = pack.raster("land_cover", YEAR, wide)
    npp = pack.raster("net_primary_productivity", YEAR, wide)
    assert not bool(((county.land_cover == 41) & (county.coverage > 0)).any())
    after = inputs.layer("net_primary_productivity").to_numpy()[-1]
    assert after == pytest.approx(float(npp.where(cover == 41).mean()))


def test_a_type_that_is_nowhere_near_is_refused(pack):
    county = CountyInputs(pack, COUNTY, YEAR)
    row, col = cell_of(county, FOREST)
    frame = layer(pack, ("S1", YEAR, "damage", "bare", square(pack, row, col, 400)))
    inputs = sites.SiteInputs(county, frame, RULES)
    with pytest.raises(CoverageError, match=r"S1 became 'bare'.*25 km.*Correct after_type"):
        sites.account(inputs, PARAMS, STANDARD, PRICES)


def test_gaps_in_a_site_are_refused(pack):
    county = CountyInputs(pack, COUNTY, YEAR)
    row, col = cell_of(county, FOREST)
    rows = [
        (name, YEAR, "damage", "urban", square(pack, row, col, 400, shift_m=shift))
        for name, shift in (("S1", 0.0), ("S2", 20_000.0))
    ]
    inputs = sites.SiteInputs(county, layer(pack, *rows), RULES)
    density = xr.ones_like(inputs.coverage)
    density[-1] = np.nan
    with pytest.raises(CoverageError, match=r"x\.y: cells of S2 have no value"):
        inputs.total(density, "x.y")


def test_totals_are_by_site_and_state(pack):
    county = CountyInputs(pack, COUNTY, YEAR)
    row, col = cell_of(county, FOREST)
    rows = [
        (name, YEAR, "damage", "urban", square(pack, row, col, side))
        for name, side in (("S1", 100.0), ("S2", 1400.0))  # 1 ha; 196 ha over nine cells
    ]
    inputs = sites.SiteInputs(county, layer(pack, *rows), RULES)
    assert inputs.total(xr.ones_like(inputs.coverage), "x") == pytest.approx(
        np.array([[1.0, 196.0], [1.0, 196.0]]), rel=1e-5
    )


def test_a_raster_made_of_the_whole_county_is_cut_to_the_sites(pack):
    county = CountyInputs(pack, COUNTY, YEAR)
    row, col = cell_of(county, FOREST, which=3)
    frame = layer(pack, ("S1", YEAR, "damage", "urban", square(pack, row, col, 400)))
    inputs = sites.SiteInputs(county, frame, RULES)
    seen = []

    def make(view):
        seen.append(view)
        return view.layer("elevation")

    expected = county.layer("elevation").to_numpy()[
        row - int(county.window.row_off), col - int(county.window.col_off)
    ]
    assert inputs.whole(make).to_numpy().tolist() == [expected, expected]
    assert seen == [county]


@pytest.mark.parametrize(
    ("layer_name", "year", "expected"),
    [
        ("land_cover", 2022, 2021),
        ("land_cover", 2020, 2019),
        ("net_primary_productivity", 2020, 2020),  # none before: the earliest
        ("elevation", 2022, None),
    ],
)
def test_before_is_the_last_year_before_the_change(pack, layer_name, year, expected):
    assert sites.year_before(pack, layer_name, year) == expected


def test_rows_of_the_year_and_of_earlier_balances(pack):
    county = CountyInputs(pack, COUNTY, YEAR)
    first, second = cell_of(county, FOREST), cell_of(county, FOREST, which=40)
    frame = layer(
        pack,
        ("Z1", 2022, "occupation", "urban", square(pack, *first, 300)),
        ("B1", 2021, "offset", "mixed_forest", square(pack, *second, 300)),
        ("S1", 2024, "damage", "urban", square(pack, *second, 300)),
    )
    run = run_on(with_sites(pack, frame))
    table = run.build_ledger(sites.entries(run, STANDARD, PRICES))
    assert set(table["account"]) == {"sites"}
    measures = table.groupby(table["item"].str.partition(".")[0])["measure"].agg(set)
    assert set(measures.index) == {"Z1", "B1"}  # a change yet to come has no account
    now = {"area", "physical_before", "physical_after", "value_before", "value_after"}
    earlier = {f"{m}_2022" for m in now if m != "area"}
    assert measures["Z1"] == now | earlier  # balanced in 2022
    assert measures["B1"] == now | earlier | {m.replace("2022", "2021") for m in earlier}
    area = table[(table["item"] == "Z1") & (table["measure"] == "area")].iloc[0]
    assert (area["value"], area["unit"], area["note"]) == (pytest.approx(9.0), "ha", "占用 2022")
    own = table[table["measure"] == "value_before"]
    parts = own[own["item"].str.count(r"\.") == 2]
    whole = own[own["item"] == "Z1.soil_retention"]["value"].iloc[0]
    mine = parts[parts["item"].str.startswith("Z1.soil_retention.")]["value"].sum()
    assert mine == pytest.approx(whole)


def test_an_earlier_balance_is_the_same_in_later_ledgers(pack):
    county = CountyInputs(pack, COUNTY, YEAR)
    site = ("Z1", 2022, "occupation", "urban", square(pack, *cell_of(county, FOREST), 300))
    pack = with_sites(pack, layer(pack, site))
    run, later = run_on(pack, 2022), run_on(pack, 2023)
    own = sites.read(run.build_ledger(sites.entries(run, STANDARD, PRICES)))
    kept = sites.read(later.build_ledger(sites.entries(later, STANDARD, PRICES)), 2022)
    pd.testing.assert_frame_equal(own, kept)
    assert (own["value_before"] > 0).any()


def test_occupations_older_than_the_pack_are_balanced_in_its_first_year():
    frame = pd.DataFrame(
        {"kind": ["occupation", "occupation", "offset"], "year": [2018, 2021, 2018]}
    )
    found = {year: sites._balanced_in(frame, year, 2020).tolist() for year in (2020, 2021)}
    assert found == {2020: [True, False, True], 2021: [False, True, True]}


def test_read_gives_components_with_unit_and_origin():
    rows = [
        ledger.entry("sites", item, face, value, unit, origin="modelled", method_id="x")
        for item, face, value, unit in (
            ("Z1", "area", 3, "ha"),
            ("Z1.soil_retention", "value_before", 8, "CNY"),
            ("Z1.soil_retention.sediment", "physical_before", 5, "t a-1"),
            ("Z1.soil_retention.sediment", "physical_after", 1, "t a-1"),
            ("Z1.soil_retention.sediment", "value_before", 8, "CNY"),
            ("Z1.soil_retention.sediment", "value_after", 2, "CNY"),
        )
    ]
    found = sites.read(pd.DataFrame(rows))
    assert found.index.tolist() == [("Z1", "soil_retention", "sediment")]
    row = found.iloc[0]
    assert row[["physical_before", "physical_after", "value_before", "value_after"]].tolist() == [
        5, 1, 8, 2,
    ]  # fmt: skip
    assert (row["unit"], row["origin"]) == ("t a-1", "modelled")
    assert sites.read(pd.DataFrame(rows).iloc[:0]).empty


def test_counties_without_sites_and_packs_without_the_layer_have_no_rows(pack):
    assert sites.entries(run_on(pack, code="330105"), STANDARD, PRICES) == []
    pack._resources = {k: v for k, v in pack._resources.items() if k[0] != sites.LAYER}
    assert sites.entries(run_on(pack), STANDARD, PRICES) == []
    assert sites.problems(pack, PARAMS) == []


def test_sites_are_beside_gep_and_not_summed():
    assert sites.ACCOUNT not in bulletin.SUMMED


def test_the_open_pack_has_no_wrong_site(pack):
    assert sites.problems(pack, PARAMS) == []


def test_wrong_sites_are_refused_all_at_once(pack):
    county = CountyInputs(pack, COUNTY, YEAR)
    here = square(pack, *cell_of(county, FOREST), 300)
    frame = layer(
        pack,
        ("Z.1", 2022, "occupation", "urban", here),
        ("Z2", 2022, "occupied", "urban", here),
        ("Z3", 2022, "occupation", "forrest", here),
        ("Z4", 2022, "occupation", "urban", shapely.affinity.translate(here, 150_000)),
        ("Z5", 2022, "occupation", "urban", shapely.Polygon()),
        ("Z6", 2022, "offset", "marsh", here),
        ("Z6", 2022, "offset", "marsh", here),
    )
    run = run_on(with_sites(pack, frame))
    with pytest.raises(CodeError) as error:
        sites.entries(run, STANDARD, PRICES)
    found = "\n".join(error.value.problems)
    for said in (
        r"feature Z.1: site_id must not hold '.'",
        "feature Z2: kind is 'occupied'. Write one of occupation, offset, damage",
        "feature Z3: after_type 'forrest' is no ecosystem type",
        "feature Z4: 9.0 ha lie outside 330523 安吉县",
        "feature Z5: has no valid polygon",
        "site_id 'Z6' stands twice",
    ):
        assert said in found
    assert len(error.value.problems) == 6
