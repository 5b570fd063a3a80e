"""The synthetic province: its truth by hand, the same at every cell, in a pack and as delivered."""

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from openpyxl import load_workbook

from gepbook import accounting, counties, ecosystems, zonal
from gepbook.errors import CodeError, ParameterError
from gepbook.inputs import synthetic
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.own_data import conversion, declaration, dictionary
from gepbook.inputs.pack import Pack
from gepbook.inputs.synthetic import __main__ as command
from gepbook.run import Run, Task

FIRST = "330225"  # 15 km × 18 km: 5 × 6 blocks of 3 km, 900 ha each
CODES = [FIRST, "330127", "331181"]
YEARS = [2022, 2023]
CELLS = [1000.0, 500.0]


@pytest.fixture(scope="module")
def truth():
    return synthetic.make_truth(synthetic.make_province())


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    folders = {cell: tmp_path_factory.mktemp(f"包 {cell:g}") for cell in CELLS}
    for cell, folder in folders.items():
        synthetic.write_pack(folder, cell)
    return folders


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("原始 originals")
    synthetic.write_originals(folder, 500.0, pack_cell_m=1000.0)
    return folder


def run_of(folder, code, year=2023):
    task = Task(
        stage="accounting",
        county_code=code,
        year=year,
        release="t",
        standard="db33-2020",
        pack=str(folder),
        release_dir=str(folder / "out"),
    )
    return Run.prepare(task, folder / "run")


# ------------------------------------------------------------------ the truth by hand


def test_areas_are_those_of_the_blocks(truth):
    assert truth.area_ha[FIRST] == 5 * 6 * 900
    assert truth.area_ha["330127"] == 7 * 6 * 900
    assert truth.area_ha["331181"] == 5 * 4 * 900
    areas = truth.area_by_type_ha.loc[FIRST]
    # rows of blocks begin at types 0, 4, 8, 12, 1, 5 of the pattern: mixed forest (0, 4, 10) stands
    # 2 + 1 + 1 + 1 + 1 + 0 times; paddy (1) in rows 0, 3 and 4, of which rows 0 and 3 become urban
    # (5), which stands in rows 1, 4 and 5, in the second year
    assert areas.loc[2022, "mixed_forest"] == 6 * 900
    assert areas["paddy"].to_list() == [3 * 900, 1 * 900]
    assert areas["urban"].to_list() == [3 * 900, 5 * 900]
    assert areas.loc[2022, "deciduous_needleleaf_forest"] == 0
    assert list(areas.columns) == list(ecosystems.read()["id"])
    for year in YEARS:
        whole = truth.area_by_type_ha.xs(year, level="year").sum(axis=1)
        assert whole.to_list() == truth.area_ha.to_list()


def test_means_are_those_of_planes_and_constants(truth):
    first = truth.means.loc[FIRST]
    # the middle of the county lies 7.5 km from the west and 9 km from the north
    assert first["elevation"].to_list() == [150 + 2.5 * 9 - 0.5 * 7.5] * 2
    assert first.loc[2022, "precipitation_06"] == 240  # 2022 is a multiple of 3: the first weather
    assert first.loc[2023, "precipitation_06"] == pytest.approx(240 * 0.95)
    assert first.loc[2022, "air_temperature_01"] == pytest.approx(4.5 + 0.5)
    assert truth.means.loc[("330127", 2022), "precipitation_06"] == 240 * 1.25
    rows = [
        [760, 600, 850, 560, 760], [760, 180, 540, 620, 120], [120, 500, 760, 460, 560],
        [560, 450, 120, 760, 600], [600, 850, 560, 760, 180], [180, 540, 620, 120, 500],
    ]  # fmt: skip
    assert first.loc[2022, "net_primary_productivity"] == pytest.approx(np.mean(rows) + 0.125 * 7.5)
    rows[0][1] = rows[3][4] = 180  # paddy that became urban; all grew by 1 %
    grown = (np.mean(rows) + 0.125 * 7.5) * 1.01
    assert first.loc[2023, "net_primary_productivity"] == pytest.approx(grown)


def test_cover_varies_inside_a_block_but_not_its_class():
    config = synthetic.read_config()
    cover = np.array(list(config["vegetation_cover_percent"].values()), dtype=float)
    wave, classes = config["cover_wave_percent"], (10, 30, 50, 70, 90)
    low, high = np.digitize(cover - wave, classes), np.digitize(cover + wave, classes)
    assert (low == high).all()
    assert (cover - wave).min() > 0


def test_an_enlarged_county_has_its_area_times_the_square():
    small, large = (
        synthetic.make_truth(synthetic.make_province([FIRST], [2022], enlarged=n)) for n in (1, 3)
    )
    assert large.area_ha[FIRST] == 9 * small.area_ha[FIRST]


def test_all_counties_fit_beside_each_other():
    province = synthetic.make_province(90)
    shapes = synthetic.make_vectors(province)["counties"].geometry.to_numpy()
    assert set(province.codes) == set(counties.read().index)
    assert shapely.coverage_is_valid(shapes)
    left, bottom, right, top = province.bounds
    inside = shapely.box(left + 3000, bottom + 3000, right - 3000, top - 3000)
    # ten columns of 5, 7, 6 … blocks and nine rows of 6, 4, 5 …: nothing but counties
    assert shapely.union_all(shapes).area == inside.area == (59 * 45) * 9e6


# ------------------------------------------------------------------ the pack


@pytest.mark.parametrize("cell", CELLS)
def test_a_pack_stands_as_its_manifest_says_and_holds_everything(packs, cell):
    pack = Pack.open(packs[cell])
    pack.verify()
    layers = {r.layer for r in pack.package.resources}
    assert layers == set(dictionary.tables()) | set(dictionary.layers())
    assert pack.grid.cell_area_ha == cell**2 / 1e4
    assert {r.origin for r in pack.package.resources} == {"illustrative"}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("cell", CELLS)
def test_areas_and_means_of_a_pack_are_the_truth(packs, truth, cell, code):
    pack = Pack.open(packs[cell])
    for year in YEARS:
        inputs = CountyInputs(pack, code, year)
        found = zonal.area_by_type(inputs.land_cover, inputs.coverage, inputs.cell_area_ha)
        assert found.to_list() == truth.area_by_type_ha.loc[(code, year)].to_list()
        for layer in set(dictionary.layers()) - {"land_cover"}:
            raster = inputs.layer(layer)
            months = raster.transpose("month", ...) if "month" in raster.dims else [raster]
            means = [zonal.mean(month, inputs.coverage) for month in months]
            true = truth.means.loc[(code, year)].filter(regex=rf"^{layer}(_\d\d)?$")
            assert means == pytest.approx(true.to_list(), rel=1e-6), layer


def physical(account):
    return {
        f"{service.spec.id}.{component}": float(amount)
        for service in account.services
        for component, amount in service.quantities.items()
    }


@pytest.mark.parametrize("code", CODES)
def test_an_account_is_the_truth_at_every_cell(packs, truth, code):
    true = truth.quantities.loc[(code, 2023)]
    assert len(true) == 8
    for folder in packs.values():
        found = physical(accounting.compute_brief(run_of(folder, code)))
        assert {name: found[name] for name in true.index} == pytest.approx(dict(true), rel=1e-6)
        reservoirs = truth.tables["reservoirs"].set_index("county_code")
        stored = reservoirs.loc[code, "flood_control_capacity_m3"]
        assert found["flood_mitigation.reservoir"] == pytest.approx(stored)


def test_a_whole_account_with_its_bands_can_be_computed(packs, truth):
    account = accounting.compute(run_of(packs[1000.0], FIRST))
    rows = pd.DataFrame(account.entries)
    rows = rows[(rows["account"] == "components") & (rows["measure"] == "physical")]
    found = rows.set_index("item")["value"]
    true = truth.quantities.loc[(FIRST, 2023)]
    assert found[true.index].to_list() == pytest.approx(true.to_list(), rel=1e-6)


def test_tiles_meet_without_seams(tmp_path):
    # at 50 m the raster of one county is 420 × 480 cells; with tiles of 512 it is one, of 96 many
    synthetic.write_pack(tmp_path / "whole", 50.0, [FIRST], [2022])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(synthetic.read_config(), "tile_cells", 96)
        synthetic.write_pack(tmp_path / "tiled", 50.0, [FIRST], [2022])
    for name in ("elevation.tif", "land_cover-2022.tif", "precipitation.tif"):
        bands = []
        for folder in ("whole", "tiled"):
            with rasterio.open(tmp_path / folder / "rasters" / name) as source:
                bands.append(source.read())
        assert (bands[0] == bands[1]).all()


def test_tables_come_back_as_they_are_true(packs, truth):
    pack = Pack.open(packs[1000.0])
    for name, frame in truth.tables.items():
        pd.testing.assert_frame_equal(pack.table(name), frame)
        assert len(frame), name


def test_figures_grow_by_the_year_and_differ_by_county(truth):
    economy = truth.tables["economy"].set_index(["county_code", "year"])["gdp_cny"]
    assert economy[FIRST, 2022] == 3.2e10
    assert economy["331181", 2023] == pytest.approx(3.2e10 * 1.5 * 1.02)
    # counties 1, 1.25 and 1.5, years 1 and 1.02
    assert truth.table_sums["economy", "gdp_cny"] == pytest.approx(3.2e10 * 3.75 * 2.02)
    assert set(truth.tables["tourism"]["natural_share_percent"]) == {60.0}
    assert set(truth.tables["coast"]["county_code"]) == {FIRST}


def test_stocks_balance_and_go_on(truth):
    stocks = truth.tables["resource_stocks"]
    closing = (
        stocks["opening"]
        + stocks["natural_addition"]
        + stocks["managed_addition"]
        - stocks["natural_reduction"]
        - stocks["managed_reduction"]
    )
    assert stocks["closing"].to_list() == pytest.approx(closing.to_list())
    ends = stocks.loc[stocks["year"] == 2022, "closing"]
    starts = stocks.loc[stocks["year"] == 2023, "opening"]
    assert starts.to_list() == pytest.approx(ends.to_list())


def test_registration_units_lie_apart_inside_their_county(truth):
    units, outlines = truth.vectors["resource_units"], truth.vectors["counties"]
    outlines = outlines.set_index("county_code").geometry
    assert (units["declared_area_ha"] == units.area / 1e4).all()
    for code, group in units.groupby("county_code"):
        assert group.union_all().area == group.area.sum()
        assert outlines[code].covers(group.union_all())
    assert set(truth.tables["resource_rights"]["unit_id"]) <= set(units["unit_id"])


# ------------------------------------------------------------------ the originals


def test_the_declaration_is_accepted_and_names_every_file(originals):
    declared = declaration.read(originals)
    assert declared.counties == CODES
    assert declared.grid.cell_m == 1000.0
    assert {f.table for f in declared.files if f.table} == set(dictionary.tables())
    assert {f.layer for f in declared.files if f.layer} == set(dictionary.layers())
    named = {originals / f.path for f in declared.files} | {originals / declaration.FILE_NAME}
    beside = {".shx", ".dbf", ".prj", ".cpg"}
    found = {p for p in originals.rglob("*") if p.is_file() and p.suffix not in beside}
    assert found == named


def test_units_delivered_are_what_the_conversion_makes_of_them():
    config = synthetic.read_config()
    for entry in dictionary.tables().values():
        for field in entry.fields.values():
            if field.fill_in:
                scale, offset = conversion.factor(field.fill_in, field.unit)
                wanted = config["pack_units_in_fill_in"][field.fill_in]
                assert (scale, offset) == (pytest.approx(wanted), 0.0), field.title
    for layer, how in config["delivered_rasters"].items():
        scale, offset = conversion.factor(how["unit"], dictionary.layers()[layer].unit)
        assert (scale, offset) == (pytest.approx(1 / how["per_unit"]), 0.0), layer
    crosswalk = dictionary.crosswalks()["survey3"]["ecosystem_type"]
    back = {kind: crosswalk[f"{code:04d}"] for kind, code in config["survey3_code"].items()}
    assert back == {kind: kind for kind in back}
    assert set(config["pattern"]) == set(back)


def test_the_workbook_holds_chinese_headers_and_large_units(originals, truth):
    book = load_workbook(originals / synthetic.WORKBOOK)
    sheet = book["国民经济基本情况"]
    assert sheet["A1"].value == "国民经济基本情况"
    header = [cell.value for cell in sheet[synthetic.HEADER_ROW]]
    assert header == [
        "行政区划代码",
        "年份",
        "常住人口(万人)",
        "地区生产总值(亿元)",
        "一般公共预算收入(亿元)",
        "一般公共预算支出(亿元)",
    ]
    first = [cell.value for cell in sheet[synthetic.HEADER_ROW + 1]]
    assert first == [FIRST, 2022, 40.0, 320.0, 24.0, 56.0]  # 3.2e10 CNY are 320 亿元
    assert sheet.max_row == 2 + len(truth.tables["economy"])


def test_other_tables_are_csv_in_gb18030(originals):
    path = originals / synthetic.TABLE_FOLDER / "主要农产品产量与认证.csv"
    with pytest.raises(UnicodeDecodeError):
        path.read_text(encoding="utf-8")
    lines = path.read_text(encoding="gb18030").splitlines()
    assert lines[0].split(",")[3:5] == ["产量(吨)", "种植面积(万亩)"]
    # 12 000 ha are 180 000 亩
    assert float(lines[1].split(",")[4]) == pytest.approx(18.0)


def test_polygons_are_delivered_in_a_zone_and_in_gbk(originals, truth):
    import geopandas as gpd

    path = originals / synthetic.VECTOR_FOLDER / "县级行政区界线.shp"
    assert "象山县".encode("gbk") in path.with_suffix(".dbf").read_bytes()
    frame = gpd.read_file(path, encoding="GBK")
    assert frame.crs.to_epsg() == 4549
    assert frame["XZQMC"].to_list() == ["象山县", "淳安县", "龙泉市"]
    assert shapely.coverage_is_valid(frame.geometry.to_numpy())
    back = frame.to_crs(truth.vectors["counties"].crs)
    areas = pd.Series((back.area / 1e4).to_numpy(), index=frame["XZQDM"])
    assert areas[truth.area_ha.index].to_list() == pytest.approx(truth.area_ha.to_list(), rel=1e-9)


def test_rasters_are_delivered_in_tenths_and_in_codes_of_the_survey(originals, truth):
    outline = truth.vectors["counties"].set_index("county_code").to_crs("EPSG:4549")
    centre = outline.geometry[FIRST].centroid
    with rasterio.open(originals / synthetic.RASTER_FOLDER / "月降水量_2022.tif") as source:
        assert source.crs.to_epsg() == 4549
        assert source.dtypes[0] == "int16"
        found = next(source.sample([(centre.x, centre.y)]))
    assert found.tolist()[:6] == [720, 880, 1360, 1280, 1520, 2400]
    with rasterio.open(originals / synthetic.RASTER_FOLDER / "土地利用_2022.tif") as source:
        codes = source.read(1)
        # the middle of the county is the seam of rows 2 and 3; 1500 m to the north of it stands the
        # third block of row 2, type 8 + 2: mixed forest
        found = next(source.sample([(centre.x, centre.y + 1500)]))
    assert found.tolist() == [301]
    assert set(np.unique(codes)) <= set(synthetic.read_config()["survey3_code"].values())


# ------------------------------------------------------------------ refusals and the command


@pytest.mark.parametrize("cell", [700.0, 0.0, -30.0, 6000.0])
def test_a_cell_that_does_not_divide_the_block_is_refused(tmp_path, cell):
    with pytest.raises(ParameterError, match=r"must divide the block of 3000 m"):
        synthetic.write_pack(tmp_path, cell)
    assert not list(tmp_path.iterdir())


def test_counties_and_years_that_cannot_be_are_refused():
    for count in (0, 91):
        with pytest.raises(CodeError, match=rf"got {count}, must be 1 to 90"):
            synthetic.make_province(count)
    with pytest.raises(CodeError, match="330999"):
        synthetic.make_province(["330999"])
    with pytest.raises(CodeError, match="twice"):
        synthetic.make_province([FIRST, FIRST])
    for years in ([2021, 2023], []):
        with pytest.raises(ParameterError, match="follow each other"):
            synthetic.make_province(3, years)
    with pytest.raises(ParameterError, match="enlarged"):
        synthetic.make_province(3, enlarged=0)


@pytest.mark.parametrize("kind", [[], ["--originals"]])
def test_the_command_writes_a_pack_or_its_originals(tmp_path, kind):
    command.main([str(tmp_path), "--cell-m", "1000", "--counties", "1", "--years", "2022", *kind])
    if kind:
        assert declaration.read(tmp_path).counties == [FIRST]
    else:
        assert list(Pack.open(tmp_path).boundaries.index) == [FIRST]
