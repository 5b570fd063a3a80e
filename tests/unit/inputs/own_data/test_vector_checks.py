"""Checks of polygons: each defect drawn by hand, with the area it has."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import Polygon, box

from gepbook.inputs.own_data.declaration import Column, FileEntry
from gepbook.inputs.own_data.limits import limits
from gepbook.inputs.own_data.vector_checks import check_vector
from gepbook.inputs.own_data.vectors import VectorRead
from gepbook.inputs.pack import Pack
from gepbook.paths import OPEN_PACK

CODES = ["330102", "330105", "330106", "330108", "330109", "330110"]


@pytest.fixture(scope="module")
def crs():
    return Pack.open(OPEN_PACK).grid.crs


@pytest.fixture(scope="module")
def corner():
    """Return a point in the middle of Zhejiang, m."""
    west, south, east, north = Pack.open(OPEN_PACK).boundaries.total_bounds
    return (west + east) // 2, (south + north) // 2


def unit_fields(count):
    """Return the other fields of registration units, without fault."""
    same = {
        "name": "甲",
        "resource": "forest",
        "owner_type": "国有",
        "owner": "省",
        "status": "已登簿",
        "registered_on": "2023-06-30",
        "important": True,
        "declared_area_ha": np.nan,
    }
    return {
        "unit_id": [f"U{n}" for n in range(count)],
        **{name: [value] * count for name, value in same.items()},
    }


@pytest.fixture
def check(crs, corner):
    """Return a function that checks polygons drawn in metres from a corner."""

    def run(
        shapes,
        table="counties",
        known=None,
        accept=(),
        boundaries=None,
        limit=None,
        unit="ha",
        **columns,
    ):
        moved = shapely.transform(np.array(shapes, dtype=object), lambda xy: xy + corner)
        codes = columns.pop("county_code", CODES[: len(shapes)])
        data = {"county_code": codes, "name_zh": codes, **columns}
        if table == "resource_units":
            data = {"county_code": codes, **unit_fields(len(shapes)), **columns}
        frame = gpd.GeoDataFrame(data, geometry=moved, crs=crs)
        places = pd.Series([f"feature {n}" for n in range(1, len(shapes) + 1)], dtype="str")
        area = {"declared_area_ha": Column(header="面积", unit=unit)}
        file = FileEntry(
            path="a.shp",
            table=table,
            accept=list(accept),
            columns=area if table == "resource_units" else {},
        )
        wanted = set(codes) if known is None else known
        if boundaries is not None:
            drawn = shapely.transform(np.array(boundaries, dtype=object), lambda xy: xy + corner)
            boundaries = gpd.GeoDataFrame(
                {"county_code": CODES[: len(drawn)]}, geometry=drawn, crs=crs
            ).to_crs(4490)
        read = VectorRead(frame, places, [])
        return check_vector(file, read, wanted, limit or limits(), boundaries)

    return run


def named(problems):
    return {(p.rule, p.severity, p.place) for p in problems}


def km(x, y, width=1, height=1):
    return box(x * 1_000, y * 1_000, (x + width) * 1_000, (y + height) * 1_000)


def test_a_sound_coverage_has_no_problems(check):
    assert check([km(0, 0), km(1, 0), km(0, 1), km(1, 1)]) == []


def test_a_file_that_was_not_read_is_left_alone():
    file = FileEntry(path="a.shp", table="counties")
    assert check_vector(file, VectorRead(None, pd.Series(dtype="str"), []), [], limits()) == []


def test_a_polygon_that_crosses_itself_is_named_with_the_place(check, corner):
    bow_tie = Polygon([(0, 0), (1_000, 1_000), (1_000, 0), (0, 1_000)])
    (problem,) = check([bow_tie, km(1, 0)])
    assert named([problem]) == {("invalid_geometry", "error", "feature 1")}
    assert problem.value.startswith("Self-intersection[")  # in the middle, (500, 500)
    x, y = map(float, problem.value.partition("[")[2].rstrip("]").split())
    assert (x, y) == pytest.approx((corner[0] + 500, corner[1] + 500))


def test_overlaps_are_named_by_pair_with_their_area(check):
    # the second square begins 100 m inside the first: 100 m × 1 000 m = 10 ha
    shapes = [km(0, 0), km(0.9, 0), km(5, 5)]
    (problem,) = check(shapes)
    assert named([problem]) == {("overlaps", "error", "feature 1")}
    assert problem.message == "overlaps feature 2"
    assert problem.value.startswith("10.0000 ha at ")
    assert named(check(shapes, accept=["overlaps"])) == {("overlaps", "note", "feature 1")}
    units = check(shapes, table="resource_units", name=["a", "b", "c"])
    assert named(units) == {("overlaps", "warning", "feature 1")}


def test_a_polygon_inside_another_overlaps_it(check):
    (problem,) = check([km(0, 0), km(0.4, 0.4, 0.2, 0.2)])  # 200 m × 200 m = 4 ha
    assert problem.rule == "overlaps"
    assert problem.value.startswith("4.0000 ha")


def test_overlaps_within_the_tolerance_are_left_unsaid(check):
    # tolerance 0.01 ha: a strip of 0.09 m × 1 000 m is 0.009 ha, one of 0.11 m is 0.011 ha
    assert check([km(0, 0), km(0.99991, 0)]) == []
    assert [p.rule for p in check([km(0, 0), km(0.99989, 0)])] == ["overlaps"]


def test_many_overlaps_are_counted(check):
    shapes = [km(n * 0.9, 0) for n in range(31)]  # 30 pairs of neighbours
    found = [
        p
        for p in check(shapes, table="resource_units", county_code=["330102"] * 31)
        if p.rule == "overlaps"
    ]
    assert len(found) == 20
    assert found[-1].message.endswith("and 10 more like it")


def test_polygons_drawn_twice_are_named_once(check):
    turned = Polygon([(1_000, 0), (1_000, 1_000), (0, 1_000), (0, 0)])  # begins elsewhere
    (problem,) = check([km(0, 0), turned])
    assert named([problem]) == {("duplicate_geometry", "error", "feature 2")}
    assert problem.message == "is drawn exactly as feature 1"


def test_attributes_are_checked_as_those_of_tables(check):
    found = check(
        [km(n, 0) for n in range(5)],
        county_code=["330102", "330102", "339999", "330185", "330108"],
        known=["330102", "330106", "330109"],
    )
    assert named(found) == {
        ("duplicate_key", "error", "feature 2"),
        ("unknown_code", "error", "feature 3"),
        ("renamed_code", "error", "feature 4"),
        ("county_outside", "warning", "feature 5"),
        ("missing_counties", "warning", ""),
    }
    (missing,) = [p for p in found if p.rule == "missing_counties"]
    assert missing.value == "330106, 330109"
    assert "2 of the 3" in missing.message


def test_land_that_no_polygon_covers_is_a_gap(check):
    # eight squares around an empty one of 1 km²: 100 ha
    ring = [km(x, y) for x in range(3) for y in range(3) if (x, y) != (1, 1)]
    codes = [str(330000 + n) for n in range(8)]
    (problem,) = [p for p in check(ring, county_code=codes, known=codes) if p.rule == "gaps"]
    assert (problem.severity, problem.value) == ("error", "100.0000 ha")
    accepted = check(ring, county_code=codes, known=codes, accept=["gaps"])
    assert {p.severity for p in accepted if p.rule == "gaps"} == {"note"}
    units = check(ring, table="resource_units", county_code=codes, known=codes)
    assert "gaps" not in {p.rule for p in units}


def test_neighbours_that_nearly_meet_are_asked_about(check):
    # 5 m apart along 1 000 m, open at both ends; 20 m apart they are no neighbours
    found = check([km(0, 0), km(1.005, 0)])
    assert named(found) == {("gaps", "warning", "feature 1"), ("gaps", "warning", "feature 2")}
    assert all(p.value.startswith("1000 m at ") for p in found)
    assert check([km(0, 0), km(1.02, 0)]) == []


def test_a_gap_within_the_tolerance_is_left_unsaid(check):
    # a hole of 9 m × 9 m is 81 m2, one of 11 m × 11 m is 121 m2; the tolerance is 100 m2
    for side, said in ((9, []), (11, ["gaps"])):
        hole = box(500, 500, 500 + side, 500 + side)
        assert [p.rule for p in check([km(0, 0).difference(hole), km(1, 0)])] == said


def test_polygons_too_small_to_be_meant_are_named(check):
    (problem,) = check([km(0, 0), box(1_000, 0, 1_009, 9)])  # 81 m2
    assert (problem.rule, problem.severity, problem.value) == ("sliver", "warning", "81.0 m2")


def test_declared_areas_are_held_against_the_drawn_ones(check):
    # 100 ha drawn; 5 % off is let pass, 6 % is not
    shapes = [km(0, 0), km(1, 0), km(2, 0)]
    (problem,) = check(shapes, table="resource_units", declared_area_ha=[105.0, 106.0, np.nan])
    assert named([problem]) == {("declared_area", "warning", "feature 2")}
    assert problem.value == "106.0000 ha declared, 100.0000 ha drawn"


def test_areas_in_another_unit_are_recognised(check):
    # 100 ha = 1 500 亩 = 1 km2
    for figure, unit in ((1_500.0, "亩"), (1.0, "km2"), (1e6, "m2")):
        (problem,) = check([km(0, 0)], table="resource_units", declared_area_ha=[figure])
        assert f"look like {unit}, not ha" in problem.remedy
    (problem,) = check([km(0, 0)], table="resource_units", declared_area_ha=[300.0])
    assert "look like" not in problem.remedy
    (problem,) = check([km(0, 0)], "resource_units", declared_area_ha=[1_500.0], unit="斛")
    assert "look like" not in problem.remedy  # of a unit that is not known nothing is said


def test_features_outside_their_county_are_named_with_the_share(check):
    # county 1 covers 0–10 km, county 2 10–20 km; features straddle the border by 4 % and by 40 %
    areas = [km(0, 0, 10, 10), km(10, 0, 10, 10)]
    shapes = [km(9.04, 0), km(9.4, 5), km(3, 3), km(12, 3)]
    codes = [CODES[0], CODES[0], CODES[1], CODES[1]]
    found = check(shapes, table="resource_units", county_code=codes, boundaries=areas)
    assert [(p.rule, p.place, p.value) for p in found] == [
        ("outside_county", "feature 3", "100.0% of its area"),
        ("outside_county", "feature 2", "40.0% of its area"),
    ]


@pytest.mark.parametrize(("east", "north", "said"), [(450, -200, True), (100, 0, False)])
def test_the_offset_of_web_maps_is_recognised(check, east, north, said):
    # √(450² + 200²) = 492 m, in the range of GCJ-02; 100 m is not
    areas = [km(0, 0, 20, 20), km(20, 0, 20, 20)]
    shapes = [shapely.transform(a, lambda xy: np.add(xy, (east, north))) for a in areas]
    found = {p.rule: p for p in check(shapes, boundaries=areas)}
    assert ("gcj02" in found) == said
    if said:
        assert found["gcj02"].value == "492 m"
        assert "450 m east, -200 m north" in found["gcj02"].message


@pytest.mark.parametrize(
    ("changed", "said"),
    # the centroids lie 450 and 455 m east, 200 m south: √(452.5² + 200²) = 494.7 m
    [
        ({}, True),
        ({"web_map_shift_least_m": 495}, False),
        ({"web_map_shift_most_m": 494}, False),
        ({"web_map_remainder": 0.0}, False),
    ],
)
def test_what_an_offset_is_depends_on_the_limits(check, changed, said):
    areas = [km(0, 0, 20, 20), km(20, 0, 20, 20)]
    # the second is 10 m longer, so that something of the difference stays when the shift is undone
    drawn = [km(0, 0, 20, 20), km(20, 0, 20.01, 20)]
    shapes = [shapely.transform(a, lambda xy: np.add(xy, (450, -200))) for a in drawn]
    found = check(shapes, boundaries=areas, limit=limits().model_copy(update=changed))
    assert ("gcj02" in {p.rule for p in found}) == said


def test_other_shapes_are_not_taken_for_an_offset(check):
    # the county reaches 1 km further east than the boundary: its centroid is 500 m off, its shape too
    areas = [km(0, 0, 20, 20)]
    assert "gcj02" not in {p.rule for p in check([km(0, 0, 21, 20)], boundaries=areas)}


def test_what_cannot_be_measured_does_not_stop_the_other_checks(check):
    bow_tie = Polygon([(0, 0), (1_000, 1_000), (1_000, 0), (0, 1_000)])
    shapes = [bow_tie, None, Polygon(), shapely.Point(5, 5), km(3, 0), km(3.9, 0)]
    found = check(shapes, boundaries=[km(0, 0, 9, 9)] * 6)
    assert ("overlaps", "error", "feature 5") in named(found)
    assert "invalid_geometry" in {p.rule for p in found}
    assert check([None]) == []
