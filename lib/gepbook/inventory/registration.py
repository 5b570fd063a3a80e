"""Registration of natural resources: coverage, overlaps, gaps, rights, disputes (自然资源确权登记).

Units (登记单元) are laid over each other and over the county once: the plane falls into faces, each in
none, one or several units, and every area here is a sum of faces. So the parts add up to the county.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from shapely.geometry.base import BaseGeometry

from gepbook import ecosystems, ledger, zonal
from gepbook.errors import GridMismatchError
from gepbook.grid import HECTARE_M2
from gepbook.params import Params, parameter

SECTION = "registration"
METHOD = "inventory/registration"

REGISTERED = "已登簿"
STATUSES = ("未启动", "调查中", "公告中", REGISTERED)
UNDATED = "登簿日期不明或晚于年末"
UNKNOWN = "状态不明"
UNKNOWN_OWNER = "所有权不明"
OVERLAP = "重叠"
NONE = "未登记"
OWNERS = ("国有", "集体")
KINDS = ("出让", "转让", "出租", "抵押", "入股", "承包")
MORTGAGE = "抵押"
DECIDED = "已裁决"

UNIT_COLUMNS = (
    "unit_id", "name", "resource", "owner_type", "owner", "status", "registered_on", "important",
    "declared_area_ha",
)  # fmt: skip
RIGHT_COLUMNS = (
    "right_id", "unit_id", "kind", "holder_type", "area_ha", "start_date", "end_date", "amount_cny",
)  # fmt: skip
DISPUTE_COLUMNS = (
    "dispute_id", "unit_id", "other_unit_id", "subject", "area_ha", "filed_on", "status",
)  # fmt: skip
FINDING_COLUMNS = ["right_id", "unit_id", "kind", "finding", "value", "remedy"]

#: Kind of defect → what is wrong, what to do.
FINDINGS = {
    "registered_without_date": ("已登簿但无有效登簿日期", "补登簿日期；补齐前不计入已登簿"),
    "registered_after_year_end": ("登簿日期晚于核算年末", "核对日期；本年不计入已登簿"),
    "date_without_registration": ("有登簿日期但状态不是已登簿", "核对登记状态"),
    "unknown_status": ("登记状态不在规定值内", f"改为 {'、'.join(STATUSES)} 之一"),
    "unknown_owner": ("所有权不在规定值内", f"改为 {'、'.join(OWNERS)} 之一"),
    "no_geometry": ("没有图形", "补登记单元界线；补齐前不参与叠加"),
    "invalid_geometry": ("图形无效（如自相交），面积不可靠", "修正登记单元界线"),
    "unit_unknown": ("登记单元号不在登记单元图层中", "核对登记单元号或补登记单元"),
    "beyond_unit": ("权利面积大于登记单元面积", "核对权利面积与登记单元"),
    "expired": ("已到期仍在册", "注销或办理续期"),
    "undated": ("起止日期缺失或无法识别", "补日期；补齐前不计入年末有效"),
    "mortgaged_twice": ("年末有效抵押面积之和大于登记单元面积", "核查是否重复抵押"),
}
#: State of the target → what the report says.
STATE_ZH = {
    "met": "按期达标",
    "late": "逾期达标",
    "open": "未达标",
    "not_due": "未到期",
    "unmeasured": "无法判断",
}
NO_UNITS = "未提供自然资源登记单元图层（resource_units），无法评估登记覆盖、重叠与空白。"
NO_RIGHTS = "未提供使用权登记表（resource_rights）。"
NO_UNITS_FOR_RIGHTS = "未提供登记单元，权利面积与登记单元无法核对。"
NO_DISPUTES = "未提供权属争议表（resource_disputes）。"


class RegistrationParams(Params):
    """Target and tolerances of the registration chapter."""

    target_date: datetime.date = parameter("date", "重要自然资源统一确权登记基本完成的期限")
    target_share: float = parameter("1", "“基本完成”所代表的比例", gt=0, le=1)
    overlap_tolerance_ha: float = parameter("ha", "Largest overlap or excess left unsaid", ge=0)
    coordinate_grid_m: float = parameter("m", "Grid on which lines meet in the overlay", gt=0)
    gap_sliver_ha: float = parameter("ha", "Gaps below it are summed, not listed", ge=0)
    area_tolerance: float = parameter("1", "Largest share that declared and drawn differ by", ge=0)
    owner_agreement_share: float = parameter(
        "1", "Least share of the stated owner in what is owned", ge=0, le=1
    )
    owner_basis_share: float = parameter(
        "1", "Least share of a type in units of one owner for the overlay to speak", ge=0, le=1
    )


@dataclass(frozen=True)
class Balance:
    """The county's area by how many units hold it, ha (面积平衡).

    `one_unit_ha` + `several_units_ha` + `gap_ha` = `county_ha`. `registered_ha` lies in at least one
    unit registered at the year's end, counted once; `outside_ha` is what units hold beyond the county.
    """

    county_ha: float
    one_unit_ha: float
    several_units_ha: float
    gap_ha: float
    gap_slivers_ha: float
    overlap_slivers_ha: float
    outside_ha: float
    registered_ha: float

    @property
    def registered_share(self) -> float:
        """Share of the county in registered units."""
        return self.registered_ha / self.county_ha


@dataclass(frozen=True)
class Registration:
    """State of registration of one county at a year's end (确权登记情况).

    Attributes
    ----------
    units : int
        Units in the register.
    balance : Balance or None
        None where there are no units.
    coverage : DataFrame, columns `resource`, `status`, `units`, `area_ha`, `share`
        Area in just one unit by its resource and status, then `重叠` and `未登记`; adds up to the county.
    important : DataFrame, columns `basis`, `total`, `registered`, `share`, `share_at_target_date`,
        `target`, `state`
        Important units by number (个数) and by area (面积, ha); `state` is a key of `STATE_ZH`.
    overlaps : GeoDataFrame, columns `unit_id`, `other_unit_id`, `area_ha`, `same_owner`, `geometry`
    gaps : GeoDataFrame, columns `area_ha`, `geometry`
        Parts of the county in no unit, largest first.
    outside : GeoDataFrame, columns `unit_id`, `area_ha`, `share`, `geometry`
        Parts of units beyond the county line, and their share of the unit.
    areas : DataFrame, columns `unit_id`, `declared_area_ha`, `drawn_area_ha`, `difference`, `within`
        `difference` is (declared − drawn) / drawn, NaN where either is missing.
    defects : DataFrame, columns `FINDING_COLUMNS`
    parts : GeoDataFrame, columns `owner_type`, `status`, `geometry`
        The county's area in units as parts without overlap, for `attach_owners`.
    missing : tuple of str
        What was not to be had, as sentences.
    """

    year: int
    units: int
    balance: Balance | None
    coverage: pd.DataFrame
    important: pd.DataFrame
    overlaps: gpd.GeoDataFrame
    gaps: gpd.GeoDataFrame
    outside: gpd.GeoDataFrame
    areas: pd.DataFrame
    defects: pd.DataFrame
    parts: gpd.GeoDataFrame
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rights:
    """Use rights of one county (使用权情况).

    `by_kind` has for each kind `number`, `area_ha`, `amount_cny`, `without_amount` and, of the rights in
    force at the year's end, `in_force`, `in_force_area_ha`, `in_force_amount_cny`; amounts are sums of
    those that are given.
    """

    by_kind: pd.DataFrame
    defects: pd.DataFrame
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Disputes:
    """Disputes of one county (权属争议).

    `listed` has the register's columns, `open`, `days_open` at the year's end (missing for what was
    decided or filed later) and `overlap_ha`, the overlap drawn between the two units (0 = none, missing
    where no other unit is named). `unfiled` are the overlaps in no dispute; `maybe_filed` tells that a
    dispute of one of the units names no other.
    """

    listed: pd.DataFrame
    unfiled: gpd.GeoDataFrame
    missing: tuple[str, ...] = ()


def analyse(
    units: gpd.GeoDataFrame | None, county: BaseGeometry, year: int, params: RegistrationParams
) -> Registration:
    """Return the state of registration of a county at the end of a year.

    Parameters
    ----------
    units : GeoDataFrame or None, columns of `resource_units`
        The county's units in an equal-area system, m. None or empty is said in `missing`.
    county : Polygon or MultiPolygon
        In the same system.
    year : int
        What was registered after its end counts as not yet registered.
    params : RegistrationParams

    Raises
    ------
    GridMismatchError
        When the units are in degrees or without coordinate system.
    """
    if units is None or units.empty:
        return _without_units(year)
    known = _known_units(units, year)
    drawn = known[known.geometry.notna() & ~known.geometry.is_empty].reset_index(drop=True)
    if drawn.empty:
        return _without_units(year, _unit_defects(known, year), len(known))
    faces, members = _faces(drawn, county, params.coordinate_grid_m)
    pairs = _pairs(drawn, faces, members)
    small = pairs["area_ha"] < params.overlap_tolerance_ha
    gaps = faces.loc[faces["inside"] & (faces["units"] == 0), ["area_ha", "geometry"]]
    gaps = gaps.sort_values("area_ha", ascending=False, ignore_index=True)
    slivers = gaps["area_ha"] < params.gap_sliver_ha
    outside = _outside(drawn, faces, members)
    single = _single(drawn, faces, members)
    balance = Balance(
        county_ha=county.area / HECTARE_M2,
        one_unit_ha=single["area_ha"].sum(),
        several_units_ha=_area(faces, faces["inside"] & (faces["units"] > 1)),
        gap_ha=gaps["area_ha"].sum(),
        gap_slivers_ha=gaps.loc[slivers, "area_ha"].sum(),
        overlap_slivers_ha=pairs.loc[small, "area_ha"].sum(),
        outside_ha=_area(faces, ~faces["inside"]),
        registered_ha=_held(faces, members, drawn["standing"] == REGISTERED),
    )
    return Registration(
        year=year,
        units=len(known),
        balance=balance,
        coverage=_coverage(known, single, balance),
        important=_important(known, drawn, faces, members, year, params),
        overlaps=pairs[~small].sort_values("area_ha", ascending=False, ignore_index=True),
        gaps=gaps[~slivers],
        outside=outside[outside["area_ha"] >= params.overlap_tolerance_ha].reset_index(drop=True),
        areas=_areas(drawn, params.area_tolerance),
        defects=_unit_defects(known, year),
        parts=_parts(single, faces),
    )


def _without_units(year: int, defects: pd.DataFrame | None = None, number: int = 0) -> Registration:
    """Return the state of a county of which no unit is drawn."""
    shapes = {
        "overlaps": ("unit_id", "other_unit_id", "area_ha", "same_owner"),
        "gaps": ("area_ha",),
        "outside": ("unit_id", "area_ha", "share"),
        "parts": ("owner_type", "status"),
    }
    important = ("basis", "total", "registered", "share", "share_at_target_date", "target", "state")
    areas = ("unit_id", "declared_area_ha", "drawn_area_ha", "difference", "within")
    return Registration(
        year=year,
        units=number,
        balance=None,
        coverage=pd.DataFrame(columns=["resource", "status", "units", "area_ha", "share"]),
        important=pd.DataFrame(columns=list(important)),
        areas=pd.DataFrame(columns=list(areas)),
        defects=pd.DataFrame(columns=FINDING_COLUMNS) if defects is None else defects,
        missing=(NO_UNITS,),
        **{name: _no_shapes(columns) for name, columns in shapes.items()},
    )


def _no_shapes(columns: Iterable[str]) -> gpd.GeoDataFrame:
    """Return an empty layer with some columns."""
    return gpd.GeoDataFrame({**{c: [] for c in columns}, "geometry": []}, geometry="geometry")


def _dates(values: pd.Series) -> pd.Series:
    """Return dates without time; NaT where there is none or it is not of the form 2023-12-31."""
    return pd.to_datetime(values, errors="coerce", format="ISO8601").dt.normalize()


def _year_end(year: int) -> pd.Timestamp:
    """Return the last day of a year."""
    return pd.Timestamp(year, 12, 31)


def _known_units(units: gpd.GeoDataFrame, year: int) -> gpd.GeoDataFrame:
    """Return the units with all columns, dates, and `standing`: their status at the year's end."""
    if units.crs is None or units.crs.is_geographic:
        raise GridMismatchError(
            f"resource_units: areas need a projected equal-area system, got {units.crs}. "
            "Bring the layer onto the pack's system where it is read."
        )
    columns = pd.DataFrame(units).reset_index(drop=True).reindex(columns=list(UNIT_COLUMNS))
    shapes = units.geometry.force_2d().reset_index(drop=True)
    known = gpd.GeoDataFrame(columns, geometry=shapes.to_numpy(), crs=units.crs)
    known["registered_on"] = _dates(known["registered_on"])
    known["important"] = known["important"].eq(True)
    known["owner_type"] = known["owner_type"].where(known["owner_type"].isin(OWNERS), UNKNOWN_OWNER)
    late = (known["status"] == REGISTERED) & ~(known["registered_on"] <= _year_end(year))
    standing = known["status"].where(known["status"].isin(STATUSES), UNKNOWN)
    known["standing"] = standing.mask(late, UNDATED)
    return known


def _faces(
    units: gpd.GeoDataFrame, county: BaseGeometry, grid_m: float
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Return the faces into which units and county part the plane, and which unit holds which face.

    Faces have `area_ha`, `inside` (the county) and `units`, how many hold them; members have `face` and
    `unit`, positions in the two frames. Lines meet on a grid, without which lines that all but touch may
    fail to meet and lose a face.
    """
    boundaries = [*shapely.boundary(units.geometry.to_numpy()), county.boundary]
    lines = shapely.union_all(boundaries, grid_size=grid_m)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
    points = shapely.point_on_surface(faces)
    face, unit = shapely.STRtree(units.geometry.to_numpy()).query(points, predicate="within")
    shapely.prepare(county)
    frame = gpd.GeoDataFrame(
        {
            "area_ha": shapely.area(faces) / HECTARE_M2,
            "inside": shapely.contains(county, points),
            "units": np.bincount(face, minlength=len(faces)),
        },
        geometry=faces,
        crs=units.crs,
    )
    return frame, pd.DataFrame({"face": face, "unit": unit})


def _area(faces: gpd.GeoDataFrame, chosen: pd.Series) -> float:
    """Return the area of some faces that are in a unit or in the county, ha."""
    return float(faces.loc[chosen & (faces["inside"] | (faces["units"] > 0)), "area_ha"].sum())


def _held(faces: gpd.GeoDataFrame, members: pd.DataFrame, units: pd.Series) -> float:
    """Return the county's area in at least one of some units, counted once, ha."""
    held = members.loc[units.to_numpy()[members["unit"]], "face"].unique()
    return _area(faces, faces["inside"] & faces.index.isin(held))


def _union(members: pd.DataFrame, faces: gpd.GeoDataFrame, keys: Sequence[str]) -> gpd.GeoDataFrame:
    """Return area and union of the members' faces by some keys."""
    if members.empty:
        return _no_shapes([*keys, "area_ha"]).set_crs(faces.crs)
    table = gpd.GeoDataFrame(
        members[list(keys)]
        .reset_index(drop=True)
        .assign(area_ha=faces["area_ha"].to_numpy()[members["face"]]),
        geometry=faces.geometry.to_numpy()[members["face"]],
        crs=faces.crs,
    )
    return table.dissolve(list(keys), aggfunc="sum", as_index=False, method="coverage")


def _pairs(
    units: gpd.GeoDataFrame, faces: gpd.GeoDataFrame, members: pd.DataFrame
) -> gpd.GeoDataFrame:
    """Return each two units that overlap with their common area."""
    both = members.merge(members, on="face", suffixes=("", "_other"))
    both = both[both["unit"] < both["unit_other"]]
    pairs = _union(both, faces, ("unit", "unit_other"))
    one, other = (
        units.iloc[pairs[c].to_numpy(dtype=int)].reset_index(drop=True)
        for c in ("unit", "unit_other")
    )
    same = (one["owner_type"] == other["owner_type"]) & (one["owner"] == other["owner"])
    columns = {
        "unit_id": one["unit_id"],
        "other_unit_id": other["unit_id"],
        "area_ha": pairs["area_ha"].astype(float),
        "same_owner": same.astype(bool),
    }
    return gpd.GeoDataFrame(columns, geometry=pairs.geometry, crs=faces.crs)


def _outside(
    units: gpd.GeoDataFrame, faces: gpd.GeoDataFrame, members: pd.DataFrame
) -> gpd.GeoDataFrame:
    """Return the parts of units beyond the county line, largest first."""
    beyond = members[~faces["inside"].to_numpy()[members["face"]]]
    parts = _union(beyond, faces, ("unit",))
    whose = units.iloc[parts["unit"].to_numpy(dtype=int)].reset_index(drop=True)
    area = parts["area_ha"].astype(float)
    columns = {
        "unit_id": whose["unit_id"],
        "area_ha": area,
        "share": area * HECTARE_M2 / whose.geometry.area,
    }
    found = gpd.GeoDataFrame(columns, geometry=parts.geometry, crs=faces.crs)
    return found.sort_values("area_ha", ascending=False, ignore_index=True)


def _single(
    units: gpd.GeoDataFrame, faces: gpd.GeoDataFrame, members: pd.DataFrame
) -> pd.DataFrame:
    """Return the county's faces that just one unit holds, with the unit's attributes."""
    alone = (faces["inside"] & (faces["units"] == 1)).to_numpy()
    found = members[alone[members["face"]]]
    attributes = units[["resource", "owner_type", "standing"]].iloc[found["unit"]]
    return attributes.assign(
        face=found["face"].to_numpy(), area_ha=faces["area_ha"].to_numpy()[found["face"]]
    ).reset_index(drop=True)


def _coverage(units: gpd.GeoDataFrame, single: pd.DataFrame, balance: Balance) -> pd.DataFrame:
    """Return the county's area by resource and status; see `Registration.coverage`."""
    keys = ["resource", "standing"]
    table = units.groupby(keys, dropna=False).size().to_frame("units")
    table["area_ha"] = single.groupby(keys, dropna=False)["area_ha"].sum()
    table = table.fillna({"area_ha": 0.0}).reset_index().rename(columns={"standing": "status"})
    rest = [
        {"resource": OVERLAP, "status": OVERLAP, "area_ha": balance.several_units_ha},
        {"resource": NONE, "status": NONE, "area_ha": balance.gap_ha},
    ]
    table = pd.concat([table, pd.DataFrame(rest).assign(units=0)], ignore_index=True)
    return table.assign(share=table["area_ha"] / balance.county_ha)


def _important(
    units: gpd.GeoDataFrame,
    drawn: gpd.GeoDataFrame,
    faces: gpd.GeoDataFrame,
    members: pd.DataFrame,
    year: int,
    params: RegistrationParams,
) -> pd.DataFrame:
    """Return the important units against the target; see `Registration.important`."""
    target_day = pd.Timestamp(params.target_date)
    due = _year_end(year) >= target_day

    def registered_by(frame: gpd.GeoDataFrame, day: pd.Timestamp) -> pd.Series:
        return (frame["standing"] == REGISTERED) & (frame["registered_on"] <= day)

    def numbers(day: pd.Timestamp | None) -> tuple[float, float]:
        chosen = (
            units["important"] if day is None else units["important"] & registered_by(units, day)
        )
        area = drawn["important"] if day is None else drawn["important"] & registered_by(drawn, day)
        return float(chosen.sum()), _held(faces, members, area)

    total, now = numbers(None), numbers(_year_end(year))
    then = numbers(target_day) if due else (np.nan, np.nan)
    table = pd.DataFrame({"basis": ["个数", "面积"], "total": total, "registered": now})
    whole = table["total"].where(table["total"] > 0)
    table["share"] = table["registered"] / whole
    table["share_at_target_date"] = pd.Series(then) / whole
    table["target"] = params.target_share
    table["state"] = [
        target_state(row.share, row.share_at_target_date, params.target_share, due=due)
        for row in table.itertuples()
    ]
    return table


def target_state(share: float, share_at_target: float, target: float, *, due: bool) -> str:
    """Return how a share stands to its target: a key of `STATE_ZH`."""
    if np.isnan(share):
        return "unmeasured"
    if not due:
        return "met" if share >= target else "not_due"
    if share_at_target >= target:
        return "met"
    return "late" if share >= target else "open"


def _areas(units: gpd.GeoDataFrame, tolerance: float) -> pd.DataFrame:
    """Return declared beside drawn area; see `Registration.areas`."""
    drawn = units.geometry.area / HECTARE_M2
    declared = units["declared_area_ha"].astype(float)
    difference = (declared - drawn) / drawn.where(drawn > 0)
    return pd.DataFrame(
        {
            "unit_id": units["unit_id"],
            "declared_area_ha": declared,
            "drawn_area_ha": drawn,
            "difference": difference,
            "within": difference.abs() <= tolerance,
        }
    )


def _parts(single: pd.DataFrame, faces: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the county's area in units by owner and status, without overlap."""
    shared = np.flatnonzero(faces["inside"] & (faces["units"] > 1))
    overlap = pd.DataFrame({"face": shared, "owner_type": OVERLAP, "standing": OVERLAP})
    both = pd.concat([single[["face", "owner_type", "standing"]], overlap], ignore_index=True)
    parts = _union(both, faces, ("owner_type", "standing"))
    return parts.drop(columns="area_ha").rename(columns={"standing": "status"})


def _findings(kind: str, frame: pd.DataFrame, value: pd.Series) -> pd.DataFrame:
    """Return the defects of one kind, a row for each row of a frame."""
    found = frame.reindex(columns=["right_id", "unit_id"], fill_value="")
    finding, remedy = FINDINGS[kind]
    texts = value.reindex(found.index).map(_text)
    return found.assign(kind=kind, finding=finding, value=texts, remedy=remedy)


def _text(value: object) -> str:
    """Return a value as the tables show it; empty where it is missing."""
    if pd.isna(value):
        return ""
    return f"{value:%Y-%m-%d}" if isinstance(value, datetime.date) else str(value)


def _all(findings: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return several lists of defects as one."""
    rows = [row for table in findings for row in table.to_dict("records")]
    return pd.DataFrame(rows, columns=FINDING_COLUMNS)


def _unit_defects(units: gpd.GeoDataFrame, year: int) -> pd.DataFrame:
    """Return what is wrong with the records of units; see `Registration.defects`."""
    status, day = units["status"], units["registered_on"]
    registered = status == REGISTERED
    found = {
        "registered_without_date": (registered & day.isna(), day),
        "registered_after_year_end": (registered & (day > _year_end(year)), day),
        "date_without_registration": (status.isin(STATUSES) & ~registered & day.notna(), day),
        "unknown_status": (~status.isin(STATUSES), status),
        "unknown_owner": (units["owner_type"] == UNKNOWN_OWNER, units["owner"]),
        "no_geometry": (units.geometry.isna() | units.geometry.is_empty, units["name"]),
        "invalid_geometry": (
            units.geometry.notna() & ~units.geometry.is_valid,
            units.geometry.is_valid_reason(),
        ),
    }
    return _all(_findings(kind, units[mask], value) for kind, (mask, value) in found.items())


def rights_summary(
    rights: pd.DataFrame | None,
    units: gpd.GeoDataFrame | None,
    year: int,
    params: RegistrationParams,
) -> Rights:
    """Return the use rights of a county by kind, and what is wrong with them (使用权登记).

    Parameters
    ----------
    rights : DataFrame or None, columns of `resource_rights`
    units : GeoDataFrame or None, columns of `resource_units`
        A right's area is held against its unit's declared area, or the drawn one where none is declared.
    year : int
        A right is in force when its first and last day enclose the year's last.
    params : RegistrationParams
    """
    given = pd.DataFrame() if rights is None else rights
    known = given.reset_index(drop=True).reindex(columns=list(RIGHT_COLUMNS))
    start, end, day = _dates(known["start_date"]), _dates(known["end_date"]), _year_end(year)
    known["in_force"] = (start <= day) & (end >= day)
    no_units = units is None or units.empty
    undated = start.isna() | end.isna()
    defects = [
        _findings("expired", known[end < day], known["end_date"]),
        _findings("undated", known[undated], known["start_date"].fillna(known["end_date"])),
    ]
    if not no_units:
        defects += _rights_beyond_units(known, _unit_areas(units), params.overlap_tolerance_ha)
    missing = (NO_RIGHTS,) if known.empty else (NO_UNITS_FOR_RIGHTS,) if no_units else ()
    return Rights(by_kind=_by_kind(known), defects=_all(defects), missing=missing)


def _unit_areas(units: gpd.GeoDataFrame) -> pd.Series:
    """Return the area of each unit, ha: declared, or drawn where none is declared."""
    declared = units.reindex(columns=["declared_area_ha"])["declared_area_ha"].astype(float)
    area = declared.fillna(units.geometry.area / HECTARE_M2)
    return area.groupby(units["unit_id"]).sum()


def _rights_beyond_units(
    rights: pd.DataFrame, areas: pd.Series, tolerance_ha: float
) -> list[pd.DataFrame]:
    """Return the rights whose unit is unknown or smaller than what rests on it."""
    limit = areas.reindex(rights["unit_id"]).set_axis(rights.index) + tolerance_ha
    mortgages = rights[rights["in_force"] & (rights["kind"] == MORTGAGE)]
    pledged = mortgages.groupby("unit_id").agg(
        area_ha=("area_ha", "sum"), number=("right_id", "size")
    )
    beyond = pledged["area_ha"] > areas.reindex(pledged.index) + tolerance_ha
    twice = pledged[beyond & (pledged["number"] > 1)].reset_index()
    return [
        _findings("unit_unknown", rights[limit.isna()], rights["unit_id"]),
        _findings("beyond_unit", rights[rights["area_ha"] > limit], rights["area_ha"]),
        _findings("mortgaged_twice", twice, twice["area_ha"]),
    ]


def _by_kind(rights: pd.DataFrame) -> pd.DataFrame:
    """Return number, area and amount of the rights of each kind; see `Rights.by_kind`."""
    kinds = [*KINDS, *sorted(set(rights["kind"].dropna()) - set(KINDS))]
    figures = rights[["area_ha", "amount_cny"]].astype(float)
    table = pd.DataFrame(
        {
            "kind": rights["kind"],
            "number": 1,
            **figures,
            "without_amount": figures["amount_cny"].isna().astype(int),
            "in_force": rights["in_force"].astype(int),
            "in_force_area_ha": figures["area_ha"].where(rights["in_force"], 0.0),
            "in_force_amount_cny": figures["amount_cny"].where(rights["in_force"], 0.0),
        }
    )
    return table.groupby("kind").sum().reindex(kinds, fill_value=0).reset_index()


def attach_owners(
    land_cover: xr.DataArray,
    coverage: xr.DataArray,
    parts: gpd.GeoDataFrame | None,
    cell_area_ha: float,
) -> pd.DataFrame:
    """Return the county's area of each ecosystem type by owner and status (生态系统权属叠加).

    Parameters
    ----------
    land_cover : DataArray, dims (y, x), ecosystem type codes
    coverage : DataArray, dims (y, x), fraction of each cell inside the county
    parts : GeoDataFrame or None
        `Registration.parts`, on the rasters' coordinates. None or empty: all of it is 未登记.
    cell_area_ha : float

    Returns
    -------
    DataFrame, columns `ecosystem_type`, `owner_type`, `status`, `area_ha`
        Areas above 0; 重叠 is in several units, 未登记 in none. By type they add up to its extent, to the
        single precision of the coverage.

    Raises
    ------
    CoverageError
        When cells of the county have no land cover.
    """
    parts = _no_shapes(("owner_type", "status")) if parts is None else parts
    rest = coverage
    tables = []
    for part in parts.itertuples():
        held = zonal.coverage(part.geometry, coverage["y"].to_numpy(), coverage["x"].to_numpy())
        rest = rest - held
        areas = zonal.area_by_type(land_cover, held, cell_area_ha)
        tables.append(areas.reset_index().assign(owner_type=part.owner_type, status=part.status))
    rounding = np.finfo("float32").eps * (len(parts) + 1)  # coverages are in single precision
    areas = zonal.area_by_type(land_cover, rest.where(rest > rounding, 0.0), cell_area_ha)
    tables.append(areas.reset_index().assign(owner_type=NONE, status=NONE))
    table = pd.concat(tables, ignore_index=True).set_axis(
        ["ecosystem_type", "area_ha", "owner_type", "status"], axis="columns"
    )
    order = {kind: place for place, kind in enumerate(ecosystems.read()["id"])}
    table = table.loc[table["area_ha"] > 0, ["ecosystem_type", "owner_type", "status", "area_ha"]]
    return table.sort_values(
        "ecosystem_type", key=lambda types: types.map(order), kind="stable", ignore_index=True
    )


def attach_to_products(
    products: pd.DataFrame, owned: pd.DataFrame, params: RegistrationParams
) -> pd.DataFrame:
    """Return products with the owners that the overlay finds for their ecosystem type (产品权属).

    Parameters
    ----------
    products : DataFrame, with `ecosystem_type` and `owner_type`
    owned : DataFrame
        As returned by `attach_owners`.
    params : RegistrationParams

    Returns
    -------
    DataFrame
        The products and `state_share` (国有), `collective_share` (集体), `overlap_share` (重叠) and
        `unregistered_share` (未登记) of the type in the county, `overlay_owner`, the owner of most of
        it (empty where too little is in units of one owner), and `owner_check`: 一致, 不一致, 无法判断.
    """
    wide = owned.pivot_table(
        index="ecosystem_type", columns="owner_type", values="area_ha", aggfunc="sum"
    )
    shares = wide.div(wide.sum(axis=1), axis=0).reindex(columns=[*OWNERS, OVERLAP, NONE])
    shares = shares.astype(float).fillna(0.0)
    basis = shares[list(OWNERS)].sum(axis=1)
    speaks = (basis >= params.owner_basis_share) & (basis > 0)
    most = shares[list(OWNERS)].idxmax(axis=1).where(speaks)
    shares = shares.set_axis(
        ["state_share", "collective_share", "overlap_share", "unregistered_share"], axis="columns"
    )
    found = shares.reindex(products["ecosystem_type"].astype("object")).set_axis(products.index)
    result = pd.concat([products, found], axis=1)
    result["overlay_owner"] = most.reindex(products["ecosystem_type"]).to_numpy()
    stated = result["state_share"].where(result["owner_type"] == OWNERS[0])
    stated = stated.fillna(result["collective_share"].where(result["owner_type"] == OWNERS[1]))
    agreement = stated / basis.reindex(products["ecosystem_type"]).to_numpy()
    agrees = (agreement >= params.owner_agreement_share).map({True: "一致", False: "不一致"})
    judged = result["overlay_owner"].notna() & agreement.notna()
    return result.assign(
        overlay_owner=result["overlay_owner"].fillna(""),
        owner_check=agrees.where(judged, "无法判断"),
    )


def disputes(disputes: pd.DataFrame | None, overlaps: gpd.GeoDataFrame, year: int) -> Disputes:
    """Return the disputes of a county at a year's end, and overlaps that nobody filed (权属争议).

    Parameters
    ----------
    disputes : DataFrame or None, columns of `resource_disputes`
    overlaps : GeoDataFrame
        `Registration.overlaps`.
    year : int
    """
    given = pd.DataFrame() if disputes is None else disputes
    listed = given.reset_index(drop=True).reindex(columns=list(DISPUTE_COLUMNS))
    filed, day = _dates(listed["filed_on"]), _year_end(year)
    listed["open"] = (listed["status"] != DECIDED) & ~(filed > day)
    listed["days_open"] = (day - filed).dt.days.where(listed["open"]).astype("Int64")
    drawn = [_pair(o.unit_id, o.other_unit_id) for o in overlaps.itertuples()]
    areas = dict(zip(drawn, overlaps["area_ha"], strict=True))
    pairs = [_pair(d.unit_id, d.other_unit_id) for d in listed.itertuples()]
    named = listed["other_unit_id"].notna()
    listed["overlap_ha"] = pd.Series([areas.get(p, 0.0) for p in pairs], dtype=float).where(named)
    lacking = np.array([pair not in pairs for pair in drawn], dtype=bool)
    unfiled = overlaps[lacking].reset_index(drop=True)
    ids = unfiled[["unit_id", "other_unit_id"]]
    unfiled["maybe_filed"] = ids.isin(listed.loc[~named, "unit_id"].tolist()).any(axis=1)
    return Disputes(listed, unfiled, missing=(NO_DISPUTES,) if disputes is None else ())


def _pair(one: str, other: str) -> frozenset[str]:
    """Return two units in no order."""
    return frozenset((one, other))


def entries(
    registration: Registration,
    rights: Rights | None = None,
    disputed: Disputes | None = None,
    *,
    origin: str,
    quality: str = "",
) -> list[dict[str, Any]]:
    """Return the ledger rows of registration; where there are no units, their number 0 and why."""
    figures: list[tuple[str, str, float, str]] = []
    if (balance := registration.balance) is not None:
        figures += [
            ("coverage", "area", balance.one_unit_ha + balance.several_units_ha, "ha"),
            ("coverage", "registered_area", balance.registered_ha, "ha"),
            ("coverage", "registered_share", balance.registered_share, "1"),
            ("overlap", "area", balance.several_units_ha, "ha"),
            ("overlap", "number", len(registration.overlaps), "1"),
            ("gap", "area", balance.gap_ha, "ha"),
            ("gap", "number", len(registration.gaps), "1"),
            ("outside", "area", balance.outside_ha, "ha"),
            ("area_check", "number", int((~registration.areas["within"]).sum()), "1"),
        ]
        faces = {"个数": ("number", "1"), "面积": ("area", "ha")}
        for row in registration.important.itertuples():
            measure, unit = faces[row.basis]
            figures.append(("important", measure, row.total, unit))
            figures.append(("important_registered", measure, row.registered, unit))
            if not np.isnan(row.share):
                figures.append(("important_registered", f"share_of_{measure}", row.share, "1"))
    if rights is not None and NO_RIGHTS not in rights.missing:
        figures += [
            ("rights", "number", rights.by_kind["number"].sum(), "1"),
            ("rights", "in_force", rights.by_kind["in_force"].sum(), "1"),
            ("rights", "in_force_area", rights.by_kind["in_force_area_ha"].sum(), "ha"),
            ("rights", "defects", len(rights.defects), "1"),
        ]
    if disputed is not None and not disputed.missing:
        figures += [
            ("disputes", "open", int(disputed.listed["open"].sum()), "1"),
            ("disputes", "unfiled_overlaps", len(disputed.unfiled), "1"),
        ]
    figures += [("defects", "number", len(registration.defects), "1")]
    row = functools.partial(
        ledger.entry, "registration", origin=origin, quality=quality, method_id=METHOD
    )
    number = row("units", "number", registration.units, "1", note="".join(registration.missing))
    return [number, *(row(*figure) for figure in figures)]
