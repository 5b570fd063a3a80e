"""Registration: areas by hand on squares of 1 km (100 ha), the balance for any boxes."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon, box

from gepbook import ledger, params, zonal
from gepbook.errors import GridMismatchError
from gepbook.inventory import registration
from gepbook.inventory.registration import RegistrationParams

CRS = "ESRI:102025"  # Asia North Albers equal area, m
DEFAULTS = params.ParameterSet(
    county_code=None, year=None, standard="", entries=params.read_defaults()
)
PARAMS = DEFAULTS.section("registration", RegistrationParams)
COUNTY = box(0, 0, 4000, 4000)  # 1600 ha
UNIT = {
    "county_code": "330102",
    "name": "单元",
    "resource": "forest",
    "owner_type": "国有",
    "owner": "省政府",
    "status": "已登簿",
    "registered_on": "2022-05-01",
    "important": True,
    "declared_area_ha": 100.0,
}


def km(left, bottom, right, top):
    return box(left * 1000, bottom * 1000, right * 1000, top * 1000)


def register(*rows):
    """Units from (geometry, changed fields), called A, B, C …"""
    records = [UNIT | {"unit_id": chr(65 + i)} | changed for i, (_, changed) in enumerate(rows)]
    return gpd.GeoDataFrame(records, geometry=[g for g, _ in rows], crs=CRS)


THREE = register(
    (km(0, 0, 2, 2), {"declared_area_ha": 400.0}),  # 400 ha
    (km(1, 1, 3, 2), {"owner_type": "集体", "owner": "甲村", "status": "公告中"}),  # 200 ha
    (km(3, 3, 5, 4), {"resource": "water", "registered_on": "2024-02-01"}),  # 200 ha, half outside
)


def analyse(units, year=2023, county=COUNTY):
    return registration.analyse(units, county, year, PARAMS)


def test_areas_by_hand():
    got = analyse(THREE)
    balance = got.balance
    # A ∩ B = 1 km² = 100 ha; one unit: A 300, B 100, C inside 100; gap 1600 − 500 − 100 = 1000
    assert balance.county_ha == pytest.approx(1600)
    assert balance.one_unit_ha == pytest.approx(500)
    assert balance.several_units_ha == pytest.approx(100)
    assert balance.gap_ha == pytest.approx(1000)
    assert balance.outside_ha == pytest.approx(100)
    # only A is registered at the end of 2023: 400 of 1600 ha
    assert balance.registered_ha == pytest.approx(400)
    assert balance.registered_share == pytest.approx(0.25)
    table = got.coverage.set_index(["resource", "status"])["area_ha"]
    assert table.to_dict() == pytest.approx(
        {
            ("forest", "公告中"): 100,
            ("forest", "已登簿"): 300,
            ("water", "登簿日期不明或晚于年末"): 100,
            ("重叠", "重叠"): 100,
            ("未登记", "未登记"): 1000,
        }
    )
    assert got.coverage["share"].sum() == pytest.approx(1)


def test_overlaps_gaps_and_what_lies_outside():
    got = analyse(THREE)
    overlap = got.overlaps.iloc[0]
    assert (len(got.overlaps), overlap["unit_id"], overlap["other_unit_id"]) == (1, "A", "B")
    assert overlap["area_ha"] == pytest.approx(100)
    assert not overlap["same_owner"]
    assert overlap.geometry.equals(km(1, 1, 2, 2))
    assert got.overlaps.crs == THREE.crs
    # C touches both sides of the county's corner: the gap is one polygon of 1000 ha
    assert got.gaps["area_ha"].tolist() == pytest.approx([1000])
    assert got.outside[["unit_id", "share"]].to_numpy().tolist() == [["C", pytest.approx(0.5)]]
    assert got.outside.geometry.iloc[0].equals(km(4, 3, 5, 4))


def test_three_units_on_one_place_are_three_pairs_counted_once():
    got = analyse(register(*[(km(0, 0, 1, 1), {}) for _ in range(3)]))
    assert got.balance.several_units_ha == pytest.approx(100)
    pairs = got.overlaps[["unit_id", "other_unit_id"]].apply("".join, axis=1)
    assert sorted(pairs) == ["AB", "AC", "BC"]
    assert got.overlaps["area_ha"].tolist() == pytest.approx([100] * 3)
    assert got.overlaps["same_owner"].all()


def test_slivers_are_summed_apart():
    # a strip of 5 m² between the units, an overlap of 50 m² (0.005 ha)
    got = analyse(
        register(
            (km(0, 0, 2, 4), {}),
            (km(2.00000125, 0, 4, 4), {}),
            (box(3990, -10, 4000, 5), {}),
        )
    )
    assert got.gaps.empty
    assert got.balance.gap_slivers_ha == pytest.approx(0.0005, rel=1e-6)
    assert got.overlaps.empty
    assert got.balance.overlap_slivers_ha == pytest.approx(0.005)


boxes = st.builds(
    lambda x, y, w, h: box(x, y, x + w, y + h),
    *[st.integers(-20, 45).map(lambda v: v * 100.0)] * 2,
    *[st.integers(1, 40).map(lambda v: v * 100.0)] * 2,
)
discs = st.builds(
    lambda x, y, r: Point(x, y).buffer(r),
    st.floats(-1000, 5000),
    st.floats(-1000, 5000),
    st.floats(1, 3000),
)


@settings(deadline=None, max_examples=40)
@example([Point(1, 1e-307).buffer(1)])  # all but meets a corner of the county
@given(st.lists(boxes | discs, min_size=1, max_size=8))
def test_one_several_and_none_add_up_to_the_county(shapes):
    county = Polygon(
        [(0, 0), (4000, 300), (4100, 4000), (1500, 3100), (0, 4000)],
        holes=[[(500, 500), (900, 700), (500, 900)]],
    )
    got = analyse(register(*[(shape, {}) for shape in shapes]), county=county)
    balance = got.balance
    total = balance.one_unit_ha + balance.several_units_ha + balance.gap_ha
    assert total == pytest.approx(county.area / 1e4, rel=1e-9)
    # against set operations of shapely: union, and what inclusion–exclusion leaves for two units
    union = shapely.union_all(shapes)
    assert balance.one_unit_ha + balance.several_units_ha == pytest.approx(
        union.intersection(county).area / 1e4, rel=1e-9, abs=1e-6
    )
    assert balance.outside_ha == pytest.approx(
        union.difference(county).area / 1e4, rel=1e-9, abs=1e-6
    )
    if len(shapes) == 2:
        one, other = shapes
        both = one.area + other.area - union.area
        assert got.overlaps["area_ha"].sum() + balance.overlap_slivers_ha == pytest.approx(
            both / 1e4, abs=1e-6
        )
    assert got.coverage["area_ha"].sum() == pytest.approx(county.area / 1e4, rel=1e-9)
    parts = got.parts.geometry.area.sum() / 1e4
    assert parts == pytest.approx(balance.one_unit_ha + balance.several_units_ha, abs=1e-6)
    assert shapely.union_all(got.parts.geometry).area / 1e4 == pytest.approx(parts, abs=1e-6)


def test_important_units_against_the_target():
    units = register(
        (km(0, 0, 3, 1), {"registered_on": "2023-12-31"}),  # 300 ha, in time
        (km(0, 1, 1, 2), {"registered_on": "2024-01-01"}),  # 100 ha, a day late
        (km(0, 3, 4, 4), {"important": False, "status": "未启动", "registered_on": None}),
    )
    table = analyse(units, 2023).important.set_index("basis")
    assert table["total"].to_dict() == pytest.approx({"个数": 2, "面积": 400})
    assert table["share"].to_dict() == pytest.approx({"个数": 0.5, "面积": 0.75})
    assert table["state"].tolist() == ["open", "open"]
    assert (table["target"] == PARAMS.target_share).all()
    late = analyse(units, 2024).important
    assert late["share"].tolist() == [1, 1]
    assert late["share_at_target_date"].tolist() == pytest.approx([0.5, 0.75])
    assert late["state"].tolist() == ["late", "late"]
    early = analyse(units, 2022).important
    assert early["state"].tolist() == ["not_due", "not_due"]
    assert early["share_at_target_date"].isna().all()
    none = analyse(units.assign(important=False))
    assert none.important["state"].tolist() == ["unmeasured", "unmeasured"]


@pytest.mark.parametrize(
    ("share", "then", "due", "state"),
    [
        (0.95, 0.95, True, "met"),
        (0.95, 0.94, True, "late"),
        (0.94, 0.94, True, "open"),
        (0.95, np.nan, False, "met"),
        (0.94, np.nan, False, "not_due"),
        (np.nan, np.nan, True, "unmeasured"),
    ],
)
def test_states_of_the_target(share, then, due, state):
    assert registration.target_state(share, then, 0.95, due=due) == state
    assert state in registration.STATE_ZH


def test_a_unit_without_valid_date_is_not_registered():
    for day in (None, "三月", np.nan):
        got = analyse(register((km(0, 0, 1, 1), {"registered_on": day})))
        assert got.balance.registered_ha == 0
        assert got.defects["kind"].tolist() == ["registered_without_date"]


def test_defects_are_named_with_their_unit():
    bow_tie = Polygon([(0, 0), (1000, 1000), (1000, 0), (0, 1000)])
    got = analyse(
        register(
            (km(0, 0, 1, 1), {"registered_on": "2024-01-01"}),
            (km(1, 0, 2, 1), {"status": "登记中"}),
            (km(2, 0, 3, 1), {"status": "公告中"}),
            (km(3, 0, 4, 1), {"owner_type": "私有"}),
            (None, {}),
            (bow_tie, {}),
        )
    )
    assert set(zip(got.defects["unit_id"], got.defects["kind"], strict=True)) == {
        ("A", "registered_after_year_end"),
        ("B", "unknown_status"),
        ("C", "date_without_registration"),
        ("D", "unknown_owner"),
        ("E", "no_geometry"),
        ("F", "invalid_geometry"),
    }
    by_unit = got.defects.set_index("unit_id")
    assert by_unit["value"][["A", "B"]].tolist() == ["2024-01-01", "登记中"]
    assert (got.defects["remedy"] != "").all()
    assert got.units == 6


def test_declared_beside_drawn_area():
    got = analyse(
        register(
            (km(0, 0, 1, 1), {"declared_area_ha": 105.0}),  # 5 %, the tolerance
            (km(1, 0, 2, 1), {"declared_area_ha": 94.0}),
            (km(2, 0, 3, 1), {"declared_area_ha": None}),
        )
    )
    assert got.areas["drawn_area_ha"].tolist() == pytest.approx([100] * 3)
    assert got.areas["difference"].tolist() == pytest.approx([0.05, -0.06, np.nan], nan_ok=True)
    assert got.areas["within"].tolist() == [True, False, False]


def test_optional_columns_may_be_absent_and_heights_do_no_harm():
    units = THREE.drop(columns="registered_on")
    units["geometry"] = shapely.force_3d(units.geometry, 5.0)
    assert analyse(units).balance.one_unit_ha == pytest.approx(500)


def test_degrees_are_refused():
    with pytest.raises(GridMismatchError, match="projected equal-area system, got EPSG:4490"):
        analyse(THREE.set_crs("EPSG:4490", allow_override=True))
    with pytest.raises(GridMismatchError, match="got None"):
        analyse(THREE.set_crs(None, allow_override=True))


@pytest.mark.parametrize("units", [None, THREE.iloc[:0]])
def test_without_units_it_is_said(units):
    got = analyse(units)
    assert got.balance is None
    assert got.missing == (registration.NO_UNITS,)
    for table in (got.coverage, got.important, got.overlaps, got.gaps, got.outside, got.defects):
        assert table.empty
    rows = {row["item"]: row for row in registration.entries(got, origin="observed")}
    assert set(rows) == {"units", "defects"}
    assert rows["units"]["value"] == 0
    assert rows["units"]["note"] == registration.NO_UNITS
    rights = registration.rights_summary(None, units, 2023, PARAMS)
    assert rights.missing == (registration.NO_RIGHTS,)
    assert rights.by_kind["number"].sum() == 0
    disputed = registration.disputes(None, got.overlaps, 2023)
    assert disputed.missing == (registration.NO_DISPUTES,)
    assert disputed.unfiled.empty


def test_units_without_any_geometry_still_have_their_defects():
    got = analyse(register((None, {})))
    assert got.balance is None
    assert got.units == 1
    assert got.defects["kind"].tolist() == ["no_geometry"]


def right(number, **changed):
    base = {
        "right_id": f"R{number}",
        "unit_id": "A",
        "kind": "抵押",
        "holder_type": "企业",
        "area_ha": 60.0,
        "start_date": "2020-01-01",
        "end_date": "2030-12-31",
        "amount_cny": 100.0,
    }
    return base | changed


def rights_of(*rows, units=THREE, year=2023):
    return registration.rights_summary(pd.DataFrame(list(rows)), units, year, PARAMS)


def test_rights_by_kind():
    got = rights_of(
        right(1, kind="出租"),
        right(2, kind="出租", end_date="2023-12-30", area_ha=10.0, amount_cny=None),
        right(3, kind="出租", end_date="2023-12-31", area_ha=5.0),
        right(4, kind="承包", start_date="2024-01-01"),
    )
    table = got.by_kind.set_index("kind")
    assert table.index.tolist() == list(registration.KINDS)
    lease = table.loc["出租"]
    assert (lease["number"], lease["area_ha"], lease["amount_cny"]) == (3, 75, 200)
    assert lease["without_amount"] == 1
    # R1 and R3 (its last day is the year's last) are in force, R2 is not
    assert (lease["in_force"], lease["in_force_area_ha"]) == (2, 65)
    assert lease["in_force_amount_cny"] == 200
    assert table.loc["承包", ["number", "in_force"]].tolist() == [1, 0]
    assert got.defects[["right_id", "kind", "value"]].to_numpy().tolist() == [
        ["R2", "expired", "2023-12-30"]
    ]


def test_an_unknown_kind_of_right_is_not_lost():
    assert rights_of(right(1, kind="作价出资")).by_kind["number"].sum() == 1


def kinds_of(rights):
    return sorted(rights.defects["kind"])


def test_the_same_area_mortgaged_twice():
    # the unit declares 400 ha
    assert kinds_of(rights_of(right(1, area_ha=200.0), right(2, area_ha=200.0))) == []
    twice = rights_of(right(1, area_ha=200.0), right(2, area_ha=200.02))
    assert twice.defects[["unit_id", "kind", "right_id"]].to_numpy().tolist() == [
        ["A", "mortgaged_twice", ""]
    ]
    # not when one of them has ended, is no mortgage, or lies on another unit
    assert kinds_of(rights_of(right(1, area_ha=400.0), right(2, kind="出租"))) == []
    assert kinds_of(rights_of(right(1, area_ha=400.0), right(2, unit_id="B"))) == []
    ended = rights_of(right(1, area_ha=400.0), right(2, end_date="2022-01-01"))
    assert kinds_of(ended) == ["expired"]


def test_rights_beyond_or_without_their_unit():
    assert kinds_of(rights_of(right(1, area_ha=400.02))) == ["beyond_unit"]
    assert kinds_of(rights_of(right(1, unit_id="Z"))) == ["unit_unknown"]
    undrawn = THREE.assign(declared_area_ha=np.nan)  # then the drawn 400 ha count
    assert kinds_of(rights_of(right(1, area_ha=400.02), units=undrawn)) == ["beyond_unit"]
    alone = rights_of(right(1, unit_id="Z", area_ha=1e6), units=None)
    assert kinds_of(alone) == []
    assert alone.missing == (registration.NO_UNITS_FOR_RIGHTS,)


def test_a_right_without_dates_is_not_in_force():
    got = rights_of(right(1, end_date=None))
    assert got.by_kind["in_force"].sum() == 0
    assert got.defects[["kind", "value"]].to_numpy().tolist() == [["undated", "2020-01-01"]]


def dispute(number, **changed):
    base = {
        "dispute_id": f"D{number}",
        "unit_id": "B",
        "other_unit_id": "A",
        "subject": "界线",
        "area_ha": 90.0,
        "filed_on": "2023-12-01",
        "status": "受理",
    }
    return base | changed


def test_disputes_and_overlaps_that_nobody_filed():
    overlaps = analyse(THREE).overlaps
    got = registration.disputes(
        pd.DataFrame(
            [
                dispute(1),
                dispute(2, status="已裁决"),
                dispute(3, filed_on="2024-01-01", other_unit_id="C"),
            ]
        ),
        overlaps,
        2023,
    )
    # 1 to 31 December are 30 days
    assert got.listed["days_open"].tolist() == [30, pd.NA, pd.NA]
    assert got.listed["open"].tolist() == [True, False, False]
    assert got.listed["overlap_ha"].tolist() == pytest.approx([100, 100, 0])
    assert got.unfiled.empty
    other = registration.disputes(pd.DataFrame([dispute(1, unit_id="C")]), overlaps, 2023)
    assert other.unfiled["unit_id"].tolist() == ["A"]
    assert other.unfiled["maybe_filed"].tolist() == [False]
    one_sided = registration.disputes(
        pd.DataFrame([dispute(1, other_unit_id=None)]), overlaps, 2023
    )
    assert one_sided.unfiled["maybe_filed"].tolist() == [True]
    assert one_sided.listed["overlap_ha"].isna().all()
    assert registration.disputes(None, overlaps, 2023).unfiled["area_ha"].sum() == pytest.approx(
        100
    )


# cells of 1 km: a county of 4 × 4 with a halo of one cell, the west paddy, the east water
AXIS = np.arange(6) * 1000.0 - 500
COORDS = {"y": AXIS[::-1], "x": AXIS}
LAND = xr.DataArray(
    np.where(np.arange(6) < 3, 41.0, 52.0) * np.ones((6, 1)), coords=COORDS, dims=("y", "x")
)


def owners(county=COUNTY, units=THREE):
    covered = zonal.coverage(county, COORDS["y"], COORDS["x"])
    parts = analyse(units, county=county).parts
    return covered, registration.attach_owners(LAND, covered, parts, 100.0)


def test_owners_by_ecosystem_type():
    _, table = owners()
    # paddy: x < 2 km. A alone 300, A ∩ B 100, rest 800 − 400. Water: B alone 100, C inside 100, rest 600
    assert table.set_index(["ecosystem_type", "owner_type", "status"])["area_ha"].to_dict() == (
        pytest.approx(
            {
                ("paddy", "国有", "已登簿"): 300,
                ("paddy", "重叠", "重叠"): 100,
                ("paddy", "未登记", "未登记"): 400,
                ("water", "国有", "登簿日期不明或晚于年末"): 100,
                ("water", "集体", "公告中"): 100,
                ("water", "未登记", "未登记"): 600,
            },
            rel=1e-6,
        )
    )


@settings(deadline=None, max_examples=15)
@given(st.lists(boxes | discs, min_size=1, max_size=5))
def test_owners_add_up_to_the_extent(shapes):
    county = Polygon([(100, 250), (3900, 0), (3333, 3999), (10, 3500)])
    covered, table = owners(county, register(*[(shape, {}) for shape in shapes]))
    extent = zonal.area_by_type(LAND, covered, 100.0)
    got = table.groupby("ecosystem_type")["area_ha"].sum()
    assert got.to_dict() == pytest.approx(extent[extent > 0].to_dict(), rel=1e-5)


@pytest.mark.parametrize("cut", [2.1, 2.3, 2.6])  # where the coverages leave a rest above 0
def test_rounding_of_the_coverage_is_not_unregistered_land(cut):
    county = Polygon([(100, 250), (3900, 0), (3333, 3999), (10, 3500)])
    west, east = (part.intersection(county) for part in (km(0, 0, cut, 4), km(cut, 0, 4, 4)))
    _, table = owners(county, register((west, {}), (east, {"owner_type": "集体"})))
    assert set(table["owner_type"]) == {"国有", "集体"}


def test_without_units_all_is_unregistered():
    covered, _ = owners()
    table = registration.attach_owners(LAND, covered, None, 100.0)
    assert table["owner_type"].unique().tolist() == ["未登记"]
    assert table["area_ha"].tolist() == pytest.approx([800, 800])


def owned(**areas):
    return pd.DataFrame(
        [
            {"ecosystem_type": "paddy", "owner_type": o, "status": "已登簿", "area_ha": a}
            for o, a in areas.items()
        ]
    )


def products(*stated, kind="paddy"):
    return pd.DataFrame({"product_id": "P1", "ecosystem_type": kind, "owner_type": list(stated)})


def test_owners_beside_what_the_catalogue_states():
    table = owned(国有=60.0, 集体=20.0, 重叠=10.0, 未登记=10.0)
    got = registration.attach_to_products(products("国有", "集体", None), table, PARAMS)
    assert got["state_share"].tolist() == pytest.approx([0.6] * 3)
    assert got["collective_share"].tolist() == pytest.approx([0.2] * 3)
    assert got["overlap_share"].tolist() == pytest.approx([0.1] * 3)
    assert got["unregistered_share"].tolist() == pytest.approx([0.1] * 3)
    assert (got["overlay_owner"] == "国有").all()
    # of 80 in units of one owner 国有 holds 75 %, 集体 25 % < 50 %
    assert got["owner_check"].tolist() == ["一致", "不一致", "无法判断"]


def test_owners_are_not_judged_on_too_little():
    table = owned(国有=49.0, 未登记=51.0)
    got = registration.attach_to_products(products("集体"), table, PARAMS)
    assert (got["overlay_owner"].item(), got["owner_check"].item()) == ("", "无法判断")
    elsewhere = registration.attach_to_products(products("集体", kind="water"), table, PARAMS)
    assert elsewhere["state_share"].isna().all()
    assert elsewhere["owner_check"].item() == "无法判断"
    none = registration.attach_to_products(products(), table, PARAMS)
    assert len(none) == 0
    unknown = registration.attach_to_products(products("国有"), table.iloc[:0], PARAMS)
    assert unknown["owner_check"].item() == "无法判断"


def test_entries_fit_the_ledger():
    got = analyse(THREE)
    rights = rights_of(right(1, area_ha=500.0))
    disputed = registration.disputes(pd.DataFrame([dispute(1)]), got.overlaps, 2023)
    rows = registration.entries(got, rights, disputed, origin="observed", quality="design")
    frame = ledger.build(rows, release="test", year=2023, county_code="330102")
    values = frame.set_index(["item", "measure"])["value"]
    assert (frame["account"] == "registration").all()
    assert values["gap", "area"] == pytest.approx(1000)
    assert values["overlap", "number"] == 1
    assert values["coverage", "registered_share"] == pytest.approx(0.25)
    # A of A, B, C; 400 of 400 + 200 − 100 + 100 ha
    assert values["important_registered", "share_of_number"] == pytest.approx(1 / 3)
    assert values["important_registered", "share_of_area"] == pytest.approx(400 / 600)
    assert values["rights", "defects"] == 1
    assert values["disputes", "open"] == 1
    assert values["area_check", "number"] == 2


def test_islands_and_multipart_units():
    county = MultiPolygon([km(0, 0, 1, 1), km(2, 0, 3, 1)])
    unit = MultiPolygon([km(0, 0, 0.5, 1), km(2, 0, 2.5, 1)])
    balance = analyse(register((unit, {})), county=county).balance
    assert (balance.one_unit_ha, balance.gap_ha) == pytest.approx((100, 100))
