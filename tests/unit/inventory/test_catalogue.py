"""The catalogue: every gap is named, every product listed once."""

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import box

from gepbook import ledger, params
from gepbook.inventory import catalogue
from gepbook.inventory.monitoring import MonitoringParams

DEFAULTS = params.ParameterSet(
    county_code=None, year=None, standard="", entries=params.read_defaults()
)
PARAMS = DEFAULTS.section("monitoring", MonitoringParams)
RICE = {
    "county_code": "330102",
    "year": 2023,
    "product_id": "P1",
    "product": "稻米",
    "product_class": "物质供给",
    "subject": "农产品",
    "origin": "managed",
    "ecosystem_type": "paddy",
    "unit": "t",
    "quantity": 100.0,
    "quality_grade": "一级",
    "function": None,
    "owner_type": "集体",
    "rights_status": "已确权",
    "protection_status": "红线外",
    "development_status": "已开发",
    "data_source": "实地调查",
    "survey_date": "2023-06-30",
    "confidence": "高",
}
CENSUS = pd.DataFrame([RICE])
#: 1 000 ha: half paddy, water 9 ha (under 1 %), the rest town
EXTENT = pd.Series({"paddy": 500.0, "water": 9.0, "urban": 491.0, "marsh": 0.0})
GRAIN = pd.DataFrame(
    [
        {
            "county_code": "330102",
            "year": 2023,
            "product": "稻谷",
            "quantity_t": 90.0,
            "area_ha": 15.0,
            "output_value_cny": 3e5,
            "certified_percent": 40.0,
        }
    ]
)
TOURISM = pd.DataFrame(
    [
        {
            "county_code": "330102",
            "year": 2023,
            "sites": 3,
            "visitors_person": 2e6,
            "income_cny": 5e8,
            "value_added_cny": 2e8,
        }
    ]
)
RESORT = RICE | {
    "product_id": "P2",
    "product": "森林康养地",
    "product_class": "文化服务",
    "subject": "旅游康养",
}


def build(census=CENSUS, agricultural=GRAIN, tourism=None, units=None, extent=EXTENT, year=2023):
    return catalogue.build(census, agricultural, tourism, units, extent, year, PARAMS)


def kinds(got):
    return sorted(got.gaps["kind"])


def test_a_full_catalogue_has_no_gaps():
    got = build()
    assert kinds(got) == []
    # 稻米 of the census is 稻谷 of the statistics
    row = got.products.iloc[0]
    assert (row["statistics_quantity"], row["certified_percent"]) == (90, 40)
    assert (row["quantity"], row["data_source"]) == (100, "实地调查")
    assert got.missing == (catalogue.NO_TOURISM, catalogue.NO_UNITS)


def test_what_only_statistics_know_is_listed_with_its_fields_empty():
    got = build(agricultural=pd.concat([GRAIN, GRAIN.assign(product="茶叶")]), tourism=TOURISM)
    assert got.products["product"].tolist() == ["稻米", "茶叶", "生态旅游"]
    tea, tourism = got.products.iloc[1], got.products.iloc[2]
    assert (tea["product_id"], tea["data_source"], tea["product_class"]) == (
        "统计-茶叶",
        "统计",
        "物质供给",
    )
    assert (tea["quantity"], tea["unit"], tea["county_code"]) == (90, "t", "330102")
    assert tea[["owner_type", "quality_grade", "survey_date", "ecosystem_type"]].isna().all()
    assert (tourism["quantity"], tourism["unit"], tourism["product_class"]) == (
        2e6,
        "人次",
        "文化服务",
    )
    assert tourism["output_value_cny"] == 5e8
    assert kinds(got) == ["statistics_without_census"] * 2
    assert got.gaps["missing"].tolist() == ["统计数量 90 t", "统计数量 2,000,000 人次"]


def test_tourism_is_known_by_subject_and_its_total_belongs_to_no_single_place():
    one = build(pd.DataFrame([RICE, RESORT]), tourism=TOURISM)
    assert kinds(one) == []
    assert one.products.set_index("product_id").loc["P2", "statistics_quantity"] == 2e6
    two = build(pd.DataFrame([RICE, RESORT, RESORT | {"product_id": "P3"}]), tourism=TOURISM)
    assert kinds(two) == []
    assert two.products["statistics_quantity"].isna().tolist() == [False, True, True]


def test_what_statistics_should_know_but_do_not():
    bamboo = RICE | {"product_id": "P2", "product": "毛竹", "subject": "林产品"}
    got = build(pd.DataFrame([RICE, bamboo, bamboo | {"product_id": "P3", "origin": "wild"}]))
    assert got.gaps[["product_id", "kind", "missing"]].to_numpy().tolist() == [
        ["P2", "census_without_statistics", "林产品"]
    ]
    # without any statistics of the class nothing can be said, which is said
    none = build(pd.DataFrame([RICE, bamboo, RESORT | {"product_id": "P4"}]), agricultural=None)
    assert kinds(none) == []
    assert catalogue.NO_AGRICULTURAL in none.missing


def test_types_without_product():
    extent = pd.Series({"paddy": 500.0, "marsh": 100.0, "mixed_forest": 300.0, "urban": 100.0})
    got = build(extent=extent)
    # largest first; towns are not expected to offer products
    assert got.gaps["missing"].tolist() == [
        "针阔混交林（占全域 30.0%）",
        "沼泽湿地（占全域 10.0%）",
    ]
    assert set(got.gaps["kind"]) == {"type_without_product"}
    # 1 % is material, less is not
    edge = build(extent=pd.Series({"paddy": 980.1, "marsh": 9.9, "water": 10.0}))
    assert edge.gaps["missing"].tolist() == ["水域（占全域 1.0%）"]


@pytest.mark.parametrize(
    ("column", "title"),
    [
        ("owner_type", "所有权"),
        ("quality_grade", "质量等级"),
        ("survey_date", "调查日期"),
        ("quantity", "数量"),
    ],
)
def test_a_missing_field_is_named(column, title):
    got = build(pd.DataFrame([RICE | {column: None}]))
    assert got.gaps[["product_id", "kind", "missing"]].to_numpy().tolist() == [
        ["P1", "field_missing", title]
    ]


def test_surveys_grow_old():
    aged = [build(pd.DataFrame([RICE | {"survey_date": f"{y}-12-31"}])) for y in (2020, 2019)]
    assert [kinds(got) for got in aged] == [[], ["survey_outdated"]]
    assert aged[1].gaps["missing"].tolist() == ["最近调查 2019 年"]


def test_the_latest_survey_of_each_product_up_to_the_year():
    older = RICE | {"year": 2021, "quantity": 1.0, "survey_date": "2021-06-30"}
    census = pd.DataFrame(
        [
            RICE | {"year": 2025, "quantity": 999.0},
            RICE,
            older,
            older | {"product_id": "P0", "product": "稻谷"},
        ]
    )
    got = build(census)
    assert got.products[["product_id", "quantity"]].to_numpy().tolist() == [["P0", 1], ["P1", 100]]
    assert got.gaps[["product_id", "kind"]].to_numpy().tolist() == [["P0", "not_in_latest_survey"]]


def test_a_product_on_a_type_that_is_gone_and_one_little_trusted():
    lost = build(pd.DataFrame([RICE, RICE | {"product_id": "P2", "ecosystem_type": "marsh"}]))
    assert lost.gaps[["product_id", "kind", "missing"]].to_numpy().tolist() == [
        ["P2", "type_lost", "沼泽湿地"]
    ]
    low = build(pd.DataFrame([RICE | {"confidence": "低"}]))
    assert low.gaps[["kind", "missing"]].to_numpy().tolist() == [
        ["low_confidence", "资料来源 实地调查"]
    ]
    assert build(pd.DataFrame([RICE | {"confidence": "中"}])).gaps.empty


def test_registered_resources_without_product():
    units = gpd.GeoDataFrame(
        {"unit_id": ["A", "B", "C"], "resource": ["cropland", "forest", "sea"]},
        geometry=[box(0, 0, 1, 1)] * 3,
    )
    got = build(units=units)
    assert got.gaps[["kind", "missing"]].to_numpy().tolist() == [
        ["register_without_product", "森林"]
    ]
    assert catalogue.NO_UNITS not in got.missing


@pytest.mark.parametrize("empty", [None, CENSUS.iloc[:0]])
def test_with_nothing_at_all_it_is_said(empty):
    units = gpd.GeoDataFrame({"resource": []}, geometry=[])
    got = catalogue.build(empty, GRAIN.iloc[:0], TOURISM.iloc[:0], units, EXTENT, 2023, PARAMS)
    assert got.products.empty
    assert kinds(got) == ["type_without_product"]
    assert len(got.missing) == 4


def test_a_catalogue_without_the_new_columns_lacks_them_and_no_more():
    got = build(CENSUS.drop(columns=["function", "data_source", "confidence"]))
    assert kinds(got) == []
    assert got.products["data_source"].isna().all()


def test_every_gap_has_a_name_and_a_remedy_and_is_counted():
    got = build(tourism=TOURISM, extent=pd.Series({"marsh": 1.0}))
    assert set(zip(got.gaps["gap"], got.gaps["remedy"], strict=True)) == {
        catalogue.GAPS[kind] for kind in kinds(got)
    }
    frame = ledger.build(
        catalogue.entries(got, origin="observed"), release="t", year=2023, county_code="330102"
    )
    values = frame.set_index(["item", "measure"])["value"]
    assert values["products", "number"] == 2
    assert values["products", "statistics_only"] == 1
    assert values["products.cultural", "number"] == 1
    assert values["products.regulating", "number"] == 0
    # tourism not in the census, no product on marsh, rice on paddy that is gone
    assert values["gaps", "number"] == 3
    assert values["gaps.type_lost", "number"] == 1
    assert sum(v for (item, _), v in values.items() if item.startswith("gaps.")) == 3
