"""Specific units: values by hand, the county's own polygon as a unit, and what is refused."""

import json
import shutil

import geopandas as gpd
import nbformat
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gepbook import paths, specific_units
from gepbook.accounting import account as county_account
from gepbook.accounting import standards
from gepbook.errors import CodeError, CoverageError, GepbookError, ParameterError, StageError
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.pack import Pack
from gepbook.params import resolve
from gepbook.paths import OPEN_PACK
from gepbook.prices import PriceBook
from gepbook.publish import specific_unit as show
from gepbook.run import Run
from gepbook.specific_units import publishing, valuation
from gepbook.specific_units.definition import (
    Boundary,
    Comparable,
    Definition,
    Right,
    Statistic,
    Unit,
    names,
    read,
)
from gepbook.specific_units.inputs import UnitInputs, standard_for

COUNTY = "330824"
YEAR = 2023
PARAMS = resolve(COUNTY, YEAR, "db33-2020")
SECTION = PARAMS.section(valuation.SECTION, valuation.SpecificUnitParams)
KNOWN = {"origin": "observed", "source": "test", "confidence": "published"}


@pytest.fixture(scope="module")
def pack():
    return Pack.open(OPEN_PACK)


@pytest.fixture(scope="module")
def whole(pack):
    """The county's own polygon as a unit without figures."""
    definition = Definition(
        id="whole",
        name_zh="全县",
        name_en="Whole county",
        county_codes=[COUNTY],
        source="test",
        boundary=Boundary(**KNOWN),
    )
    return Unit(definition, pack.geometry(COUNTY))


@pytest.fixture
def folder(tmp_path):
    """The parameters' folder with one good unit; tests spoil it."""
    shutil.copytree(paths.PARAMS / "units", tmp_path / "参数" / "units")
    return tmp_path / "参数"


def with_figures(unit, **tables):
    """A unit with figures, given as table=((row, column, value, unit), …)."""
    figures = [
        Statistic(table=table, row=row, column=column, value=value, unit=units, **KNOWN)
        for table, rows in tables.items()
        for row, column, value, units in rows
    ]
    return Unit(unit.definition, unit.geometry, figures)


def comparables(*factors, price=100_000.0):
    return pd.DataFrame(
        [
            Comparable(
                name=f"{n}",
                year=2022,
                price_cny_ha=price,
                time_factor=t,
                location_factor=w,
                condition_factor=c,
                source="test",
                confidence="design",
            ).model_dump()
            for n, (t, w, c) in enumerate(factors)
        ]
    )


# --- values by hand


def test_capitalised_income_by_hand():
    # 0.5 · (110 / 1.1 + 121 / 1.21) = 0.5 · 200
    assert valuation.capitalised([110.0, 121.0], 0.5, 0.10) == pytest.approx(100.0)
    assert valuation.capitalised([], 0.5, 0.10) == 0


def test_net_incomes_by_hand():
    # 1000 · (1 − 0.4) = 600, then 10 % more a year
    got = valuation.net_incomes(1000.0, 0.4, 0.10, 3)
    assert got == pytest.approx([600.0, 660.0, 726.0])


@given(st.floats(1, 1e9), st.floats(0.01, 0.5), st.integers(1, 60))
def test_level_income_is_the_annuity_and_below_the_perpetuity(income, rate, years):
    value = valuation.capitalised([income] * years, 1.0, rate)
    assert value == pytest.approx(income / rate * (1 - (1 + rate) ** -years))
    assert value < income / rate


def test_comparison_by_hand():
    # 100 000 · 1.1 = 110 000; · 0.9 = 90 000; · 1.1 · 1.1 = 121 000; mean 107 000; over 10 ha
    found = valuation.compared(comparables((1.1, 1, 1), (1, 0.9, 1), (1.1, 1.1, 1)), 10.0, SECTION)
    assert found.mean_cny == pytest.approx(1_070_000.0)
    assert (found.lowest_cny, found.highest_cny) == pytest.approx((900_000.0, 1_210_000.0))
    assert not found.not_applicable


def test_comparables_adjusted_too_much_are_left_out_with_the_reason():
    # 1.2 is the limit of one factor; 1.21 beyond it; 1.2 · 1.2 = 1.44 beyond 1.3 in all
    rows = comparables((1.2, 1, 1), (0.8, 1, 1), (1, 1, 1), (1.21, 1, 1), (1.2, 1.2, 1))
    found = valuation.compared(rows, 1.0, SECTION)
    assert list(found.table["left_out"] == "") == [True, True, True, False, False]
    assert "单项修正超过 20%" in found.table["left_out"][3]
    assert "综合修正超过 30%" in found.table["left_out"][4]
    assert found.mean_cny == pytest.approx(100_000.0)  # (120 000 + 80 000 + 100 000) / 3


@pytest.mark.parametrize("count", [0, 2])
def test_too_few_comparables_do_not_apply(whole, count):
    table = whole.comparables_table() if count == 0 else comparables(*[(1, 1, 1)] * count)
    found = valuation.compared(table, 1.0, SECTION)
    assert f"{count} usable comparables, fewer than 3" in found.not_applicable
    assert pd.isna(found.mean_cny)


def test_cost_by_hand():
    params = SECTION.model_copy(update={"interest_rate": 0.10, "profit_rate": 0.08})
    found = valuation.by_cost({"protection": 1000.0, "development": 500.0}, 2, params)
    # interest 1000 · (1.1² − 1) + 500 · (1.1¹ − 1) = 210 + 50; profit 0.08 · 1500 = 120
    assert found.interest_cny == pytest.approx(260.0)
    assert found.profit_cny == pytest.approx(120.0)
    assert found.total_cny == pytest.approx(1880.0)


def test_rights_by_hand():
    common = {"holder": "甲", "status": "active", **KNOWN}
    rights = [
        Right(right="water", kind="use", term_year=1, income_cny_a=300.0, **common),
        Right(right="forest", kind="own", term_year=70, income_cny_a=100.0, **common),
        Right(right="water", kind="mortgage", term_year=5, income_cny_a=0.0, **common),
    ]
    water, forest, mortgage = specific_units.right_values(rights, SECTION)
    assert (water.share, forest.share, mortgage.share) == (0.75, 0.25, 0)
    # 300 · (1 − 0.55) · 0.60 / 1.06
    assert water.value_cny == pytest.approx(81.0 / 1.06)
    assert (forest.years, mortgage.value_cny) == (50, 0)


# --- the account of a unit


def account(pack, inputs):
    standard = standards.read("db33-2020")
    if isinstance(inputs, UnitInputs):
        standard = standard_for(standard, inputs)
    prices = PriceBook.read().choosing(standard.prices)
    found = county_account.account(inputs, PARAMS, standard, prices, 2020)
    return {result.spec.id: result for result in found}


def test_the_countys_polygon_gives_its_raster_services_exactly(pack, whole):
    county = account(pack, CountyInputs(pack, COUNTY, YEAR))
    unit = account(pack, UnitInputs(pack, whole, YEAR))
    rasters = [name for name, r in county.items() if not r.spec.tables and not r.not_applicable]
    assert {"water_conservation", "soil_retention", "climate_regulation"} <= set(rasters)
    for name in rasters:
        assert unit[name].quantities == county[name].quantities
        assert unit[name].current_cny == county[name].current_cny
        assert unit[name].origin == county[name].origin


def test_a_missing_table_is_not_applicable_and_never_the_countys(pack, whole):
    unit = account(pack, UnitInputs(pack, whole, YEAR))
    for name, result in unit.items():
        if result.spec.tables:
            assert result.quantities == {}, name
            table = result.spec.tables[0].name
            assert f"the unit brings no figures of table {table}" in result.not_applicable
    assert "大型水库" in unit["flood_mitigation"].not_applicable


def test_the_units_own_figures_are_used(pack, whole):
    uses = [(f"{use}_m3", amount) for use, amount in (("domestic", 3.0), ("industrial", 2.0))]
    rows = [("", column, amount, "m3") for column, amount in [*uses, ("agricultural_m3", 0.0)]]
    reservoir = [
        ("甲", "total_capacity_m3", 100.0, "m3"),
        ("乙", "total_capacity_m3", 50.0, "m3"),
        ("乙", "flood_control_capacity_m3", 7.0, "m3"),
    ]
    found = with_figures(whole, water_use=rows, reservoirs=reservoir)
    unit = account(pack, UnitInputs(pack, found, YEAR))
    assert unit["fresh_water"].quantities == {"domestic": 3.0, "industrial": 2.0, "agricultural": 0}
    share = PARAMS.entries["flood_mitigation.reservoir_flood_share"].value
    # 甲 gives no flood-control storage: its share of 100; 乙 gives 7
    assert unit["flood_mitigation"].quantities["reservoir"] == pytest.approx(100 * share + 7)


def test_a_figure_that_is_lacking_beside_others_is_an_error(pack, whole):
    found = with_figures(whole, water_use=[("", "domestic_m3", 3.0, "m3")])
    with pytest.raises(GepbookError, match=r"water_use\.industrial_m3, water_use\.agricultural_m3"):
        account(pack, UnitInputs(pack, found, YEAR))
    with pytest.raises(CoverageError, match="Add the line, with 0"):
        UnitInputs(pack, found, YEAR).figures("tourism", "visitors_person")


def test_figures_of_the_year_go_before_figures_of_all_years(pack, whole):
    row = {"table": "economy", "column": "gdp_cny", "unit": "CNY a-1", **KNOWN}
    figures = [Statistic(year=YEAR, value=2, **row), Statistic(value=1, **row)]
    unit = Unit(whole.definition, whole.geometry, figures)
    assert UnitInputs(pack, unit, YEAR).table("economy")["gdp_cny"].tolist() == [2]
    inputs = UnitInputs(pack, unit, 2022)
    assert inputs.table("economy")["gdp_cny"].tolist() == [1]
    later = inputs.at({}, tables_year=YEAR)
    assert isinstance(later, UnitInputs)
    assert later.table("economy")["gdp_cny"].tolist() == [2]


def test_an_illustrative_boundary_makes_every_figure_illustrative(pack):
    run = specific_units.open_run("kaihua_reservoir", YEAR)
    result = specific_units.compute(run, "kaihua_reservoir")
    ledger = specific_units.build_ledger(run, result)
    assert set(ledger["origin"]) == {"illustrative"}
    assert set(ledger["county_code"]) == {"kaihua_reservoir"}
    gep = ledger[(ledger["account"] == "gep") & (ledger["measure"] == "value")]
    assert "cultural" not in set(gep["item"])  # no service of it: absent, not 0
    values = ledger[ledger["account"] == "valuation"].set_index(["item", "measure"])["value"]
    parts = [values[f"cost.{p}", "value"] for p in ("protection", "development")]
    parts += [values[f"cost.{p}", "value"] for p in ("interest", "profit")]
    assert values["cost", "value"] == pytest.approx(sum(parts))
    assert values["market", "value_lowest"] <= values["market", "value"]
    assert values["market", "value"] <= values["market", "value_highest"]
    incomes = ledger[(ledger["account"] == "rights") & (ledger["measure"] == "value")]["value"]
    assert values["income", "value"] == pytest.approx(incomes.sum())


def test_a_unit_without_rights_costs_and_deals_says_so(pack, whole):
    run = specific_units.open_run("kaihua_reservoir", YEAR)
    result = specific_units.account_of(UnitInputs(pack, whole, YEAR), run)
    reasons = {m.id: m.not_applicable for m in result.methods}
    assert reasons["gep"] == ""
    assert "the unit lists no rights" in reasons["income"]
    assert "0 usable comparables" in reasons["market"]
    assert "the unit lists no costs" in reasons["cost"]
    specific_units.build_ledger(run, result)
    assert "不适用，原因见表" in show.headline(result, run).text
    for table in (show.rights_table, show.comparables_table, show.costs_table, show.sources_table):
        assert "—" in table(result).markdown()


# --- the files of a unit


@pytest.mark.parametrize("unit_id", names())
def test_the_worked_examples_are_good_and_say_that_they_illustrate(pack, unit_id):
    unit = read(unit_id, pack, SECTION)
    assert unit.definition.boundary.origin == "illustrative"
    assert "示例" in unit.definition.note
    assert {r.origin for r in unit.definition.rights} == {"illustrative"}
    assert len(unit.comparables) >= SECTION.fewest_comparables


def spoil(folder, **changes):
    path = folder / "units" / "kaihua_reservoir" / "unit.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) | changes
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def draw(folder, *geometries, **extra):
    features = [{"type": "Feature", "properties": {}, "geometry": g} for g in geometries]
    content = {"type": "FeatureCollection", "features": features, **extra}
    path = folder / "units" / "kaihua_reservoir" / "boundary.geojson"
    path.write_text(json.dumps(content), encoding="utf-8")


def box(left, bottom, right, top):
    ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
    return {"type": "Polygon", "coordinates": [ring]}


def problems(folder, pack):
    with pytest.raises(ParameterError) as caught:
        read("kaihua_reservoir", pack, SECTION, folder)
    return "\n".join(caught.value.problems)


def test_unknown_unit_names_the_nearest(folder, pack):
    with pytest.raises(ParameterError, match="Did you mean 'kaihua_reservoir'"):
        read("kaihua_reservior", pack, SECTION, folder)


def test_all_problems_of_all_files_are_told_at_once(folder, pack):
    spoil(folder, id="other", county_codes=["330824", "339999"])
    draw(folder)
    home = folder / "units" / "kaihua_reservoir"
    (home / "statistics.csv").write_text(
        "table,row,column,value,unit,source,confidence\n"
        "water_uses,,domestic_m3,1,m3,test,design\n"
        "water_use,,domestic,1,m3,test,design\n"
        "water_use,,domestic_m3,1,1e4 m3,test,design\n"
        "water_use,,domestic_m3,many,m3,test,sure\n"
        "reservoirs,,total_capacity_m3,1,m3,test,design\n"
        "water_use,甲,industrial_m3,1,m3,,design\n"
        "tourism,,visitors_person,1,person,test,design\n"
        "tourism,,visitors_person,2,person,test,design\n",
        encoding="utf-8",
    )
    (home / "comparables.csv").write_text(
        "name,year,price_cny_ha,time_factor,location_factor,condition_factr,source,confidence\n",
        encoding="utf-8",
    )
    told = problems(folder, pack)
    for expected in (
        "unit.yaml: id: must be the name of its folder, 'kaihua_reservoir', got 'other'",
        "unit.yaml: county_codes: '339999' is no county",
        "boundary.geojson: features: holds no polygon",
        "statistics.csv: line 2: table 'water_uses' is not in pack zhejiang-open. "
        "Did you mean 'water_use'",
        "statistics.csv: line 3: table water_use has no figure 'domestic'. Did you mean",
        "statistics.csv: line 4: water_use.domestic_m3 must be in 'm3', got '1e4 m3'",
        "statistics.csv: line 5: value: Input should be a valid number",
        "line 5: confidence: Input should be 'published'",
        "got 'sure'. Choose one of published",
        "line 6: row is '': table reservoirs needs you to name the reservoir in column row",
        "line 7: source: String should have at least 1 character",
        "line 9: tourism.visitors_person stands in line 8 already",
        "comparables.csv: line 1: unknown column 'condition_factr'. Did you mean 'condition_factor'",
        "comparables.csv: line 1: has no column 'condition_factor'. Add it.",
    ):
        assert expected in told


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"rigths": []},
            "rigths: Extra inputs are not permitted, got []. Correct or remove the key. Did",
        ),
        ({"source": ""}, "source: String should have at least 1 character, got ''"),
        ({"county_codes": []}, "county_codes: List should have at least 1 item"),
        ({"county_codes": [330824]}, "county_codes.0: Input should be a valid string, got 330824"),
        ({"boundary": {"source": "x"}}, "boundary.confidence: Field required. Add it."),
        ({"rights": [{"right": "air"}]}, "rights.0.right: Input should be 'forest', 'water'"),
        ({"rights": [{"right": "air"}]}, "rights.0.holder: Field required. Add it."),
        ({"costs": {"period_year": 0, "items": []}}, "costs.period_year: Input should be greater"),
    ],
)
def test_wrong_keys_are_named(folder, pack, changes, expected):
    spoil(folder, **changes)
    assert expected in problems(folder, pack)


def test_a_mortgage_brings_no_income(folder, pack):
    right = {
        "right": "water", "holder": "银行", "kind": "mortgage", "status": "pledged",
        "term_year": 5, "income_cny_a": 1, "source": "test", "confidence": "design",
    }  # fmt: skip
    spoil(folder, rights=[right])
    assert "the income stands with the right that is pledged" in problems(folder, pack)


BOW_TIE = {
    "type": "Polygon",
    "coordinates": [[[118.3, 29.2], [118.4, 29.3], [118.4, 29.2], [118.3, 29.3], [118.3, 29.2]]],
}


@pytest.mark.parametrize(
    ("geometries", "expected"),
    [
        ([BOW_TIE], "polygon is invalid: Self-intersection"),
        ([{"type": "Point", "coordinates": [118.3, 29.2]}], "must be Polygon or MultiPolygon"),
        ([{"type": "Polygon", "coordinates": []}], "is an empty polygon"),
        ([{"type": "Polygon"}], "is no GeoJSON geometry"),
        ([None], "is no GeoJSON geometry"),
        ([box(600000, 3200000, 601000, 3201000)], "coordinates must be longitude and latitude"),
        ([box(29.2, 118.3, 29.3, 118.4)], "coordinates must be longitude and latitude"),
        ([box(100, 29.2, 100.1, 29.3)], "reaches beyond the rasters of pack zhejiang-open"),
        ([box(120.1, 30.2, 120.2, 30.3)], "polygon does not touch 330824 开化县"),
        ([box(120.1, 30.2, 120.2, 30.3)], "100.0% of the polygon lies outside 330824"),
        ([box(118.3, 29.2, 118.7, 29.3)], "of the polygon lies outside 330824"),
    ],
)
def test_bad_polygons_are_refused_with_what_to_do(folder, pack, geometries, expected):
    draw(folder, *geometries)
    told = problems(folder, pack)
    assert expected in told
    assert "boundary.geojson" in told


def test_another_coordinate_system_a_missing_and_a_broken_file_are_refused(folder, pack):
    draw(folder, box(118.3, 29.2, 118.4, 29.3), crs={"properties": {"name": "EPSG:4490"}})
    assert "crs: must be EPSG:4326" in problems(folder, pack)
    path = folder / "units" / "kaihua_reservoir" / "boundary.geojson"
    path.write_text("{", encoding="utf-8")
    assert "is not valid GeoJSON" in problems(folder, pack)
    path.write_text("[]", encoding="utf-8")
    assert "must be a GeoJSON object" in problems(folder, pack)
    path.unlink()
    assert "is missing. Add the unit's polygon" in problems(folder, pack)


def test_a_unit_may_be_several_polygons_that_overlap(folder, pack):
    draw(folder, box(118.30, 29.20, 118.36, 29.26), box(118.33, 29.20, 118.40, 29.26))
    unit = read("kaihua_reservoir", pack, SECTION, folder)
    one = gpd.GeoSeries.from_wkt(
        ["POLYGON ((118.3 29.2, 118.4 29.2, 118.4 29.26, 118.3 29.26, 118.3 29.2))"], crs=4326
    )
    expected = one.to_crs(pack.grid.crs.to_wkt()).area[0] / 1e4
    assert unit.area_ha == pytest.approx(expected, rel=1e-4)


# --- publishing


def test_bad_requests_are_told_before_anything_runs(tmp_path):
    with pytest.raises(GepbookError) as caught:
        publishing.publish_units(["nowhere"], YEAR, str(OPEN_PACK), tmp_path, "builtin", ["odt"])
    assert "format 'odt' is unknown" in str(caught.value)
    assert "unit 'nowhere': is not in" in str(caught.value)
    with pytest.raises(CodeError, match="has no year 1999"):
        publishing.publish_units(["kaihua_reservoir"], 1999, str(OPEN_PACK), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_prepared_for_another_unit_is_refused(tmp_path):
    task = specific_units.task("kaihua_reservoir", YEAR, str(OPEN_PACK), tmp_path, "test")
    (tmp_path / "task.json").write_text(task.model_dump_json(), encoding="utf-8")
    with pytest.raises(StageError, match="specific_unit:kaihua_reservoir"):
        specific_units.open_run("xinanjiang_reservoir", YEAR, str(tmp_path))


def test_the_notebook_is_thin_and_clean():
    notebook = nbformat.read(paths.NOTEBOOKS / publishing.NOTEBOOK, as_version=4)
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert notebook.cells[0].cell_type == "raw"
    assert all(c.outputs == [] and c.execution_count is None for c in code)
    assert all(len(c.source.splitlines()) <= 8 for c in code)
    assert "run.write(ledger)" in code[-1].source


@pytest.mark.slow
def test_the_notebook_runs_and_is_published(tmp_path, monkeypatch):
    release = tmp_path / "发布 one"
    ids = ["kaihua_reservoir", "kaihua_reservoir"]
    made = publishing.publish_units(ids, YEAR, str(OPEN_PACK), release, "builtin", ["html"])
    folder = release / "units" / "kaihua_reservoir" / str(YEAR)
    assert made == [folder / f"kaihua_reservoir-{YEAR}.html"]
    page = made[0].read_text(encoding="utf-8")
    for text in ("开化水库", "收益还原法", "示例范围", "权属与收益", "可比案例", "不适用"):
        assert text in page
    kept = sorted(path.name for path in folder.iterdir())
    assert {"ledger.parquet", "manifest.json", "notebook.ipynb", "params.json"} <= set(kept)

    def fails(*_):
        raise RuntimeError("no kernel")

    monkeypatch.setattr(publishing.kernels, "execute", fails)
    with pytest.raises(StageError, match="unit kaihua_reservoir 2023: failed with RuntimeError"):
        publishing.publish_units(ids, YEAR, str(OPEN_PACK), release, "builtin", ["html"])
    assert sorted(path.name for path in folder.iterdir()) == kept
    assert not list(folder.parent.glob("*.part-*"))


def test_by_hand_the_result_goes_to_the_draft(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "OUTPUTS", tmp_path)
    run = specific_units.open_run("kaihua_reservoir", YEAR)
    assert isinstance(run, Run)
    result = specific_units.compute(run, "kaihua_reservoir")
    written = run.write(specific_units.build_ledger(run, result))
    assert written == tmp_path / "draft" / "units" / "kaihua_reservoir" / str(YEAR)
    assert (written / "manifest.json").exists()
