"""What the folder of a specific unit holds, and whether it can be used (特定地域单元定义).

`params/units/<id>/` has `unit.yaml`, `boundary.geojson` (WGS 84) and, where there are any, the unit's
own figures in `statistics.csv` and comparable deals in `comparables.csv`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import geopandas as gpd
import pandas as pd
import shapely
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry
from shapely.validation import explain_validity

from gepbook import counties, paths
from gepbook.errors import CodeError, GepbookError, GridMismatchError, ParameterError, near
from gepbook.inputs.manifest import TableField
from gepbook.inputs.pack import Pack
from gepbook.ledger import ORIGINS, Origin
from gepbook.params import CONFIDENCES, Confidence, read_yaml
from gepbook.specific_units.valuation import FACTORS, RightName, SpecificUnitParams

FOLDER = "units"
UNIT_FILE = "unit.yaml"
BOUNDARY_FILE = "boundary.geojson"
STATISTICS_FILE = "statistics.csv"
COMPARABLES_FILE = "comparables.csv"
WGS84 = "EPSG:4326"
WGS84_NAMES = ("4326", "CRS84")
KIND_ZH = {
    "own": "所有",
    "use": "使用",
    "transfer": "流转",
    "lease": "出租",
    "mortgage": "抵押",
}
STATUS_ZH = {
    "planned": "拟议",
    "registered": "已登记",
    "active": "履行中",
    "pledged": "已质押",
    "ended": "已到期",
}
NUMBERS = ("integer", "number", "boolean")

Text = Annotated[str, Field(min_length=1)]
Blank = BeforeValidator(lambda value: None if value == "" else value)
Row = TypeVar("Row", bound=BaseModel)


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Sourced(_Closed):
    """What an author says of any figure; `origin` is illustrative unless more is claimed."""

    origin: Origin = "illustrative"
    source: Text
    confidence: Confidence


class Boundary(_Sourced):
    """Where the polygon comes from."""


class Right(_Sourced):
    """One right on the unit's ecological products (权属).

    Incomes must not overlap: what a lessee earns is not also the owner's. A mortgage brings none.
    """

    right: RightName
    holder: Text
    kind: Literal["own", "use", "transfer", "lease", "mortgage"]
    status: Literal["planned", "registered", "active", "pledged", "ended"]
    term_year: Annotated[int, Field(ge=1)]
    income_cny_a: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _pledged(self) -> Right:
        if self.kind == "mortgage" and self.income_cny_a:
            raise ValueError(
                "a mortgage has income_cny_a 0; the income stands with the right that is pledged"
            )
        return self


class CostItem(_Sourced):
    """One outlay."""

    name_zh: Text
    name_en: Text
    kind: Literal["protection", "development"]
    amount_cny: Annotated[float, Field(ge=0)]


class Costs(_Closed):
    """The outlays and the years from the first of them to full operation."""

    period_year: Annotated[float, Field(gt=0)]
    items: Annotated[list[CostItem], Field(min_length=1)]


class Definition(_Closed):
    """`unit.yaml`: the first county's parameters are those of the unit."""

    id: Text
    name_zh: Text
    name_en: Text
    county_codes: Annotated[list[str], Field(min_length=1)]
    note: str = ""
    source: Text
    boundary: Boundary
    rights: list[Right] = []
    costs: Costs | None = None


class Statistic(_Sourced):
    """One figure of the unit; `row` names the row in tables that have several, `year` none = all."""

    table: Text
    row: str = ""
    column: Text
    year: Annotated[int | None, Blank] = None
    value: float
    unit: str


class Comparable(_Sourced):
    """One deal over a comparable area, with the factors that bring it to this unit."""

    name: Text
    year: int
    price_cny_ha: Annotated[float, Field(gt=0)]
    time_factor: Annotated[float, Field(gt=0)]
    location_factor: Annotated[float, Field(gt=0)]
    condition_factor: Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Unit:
    """A specific unit that can be accounted for (特定地域单元); `geometry` in the grid's coordinates."""

    definition: Definition
    geometry: BaseGeometry
    statistics: Sequence[Statistic] = ()
    comparables: Sequence[Comparable] = ()
    folder: Path = field(default=Path())

    @property
    def id(self) -> str:
        """Its id."""
        return self.definition.id

    @property
    def name_zh(self) -> str:
        """Its Chinese name."""
        return self.definition.name_zh

    @property
    def area_ha(self) -> float:
        """Its area, ha."""
        return self.geometry.area / 10_000.0

    def comparables_table(self) -> pd.DataFrame:
        """Return the comparables, a row each."""
        return pd.DataFrame(
            [c.model_dump() for c in self.comparables],
            columns=list(Comparable.model_fields),
        ).astype(dict.fromkeys(("price_cny_ha", *FACTORS), "float64"))


def names(folder: Path = paths.PARAMS) -> list[str]:
    """Return the ids of the units there are."""
    return sorted(path.parent.name for path in (folder / FOLDER).glob(f"*/{UNIT_FILE}"))


def unit_dir(unit_id: str, folder: Path = paths.PARAMS) -> Path:
    """Return the folder of a unit.

    Raises
    ------
    ParameterError
        When there is no such unit; names the nearest.
    """
    known = names(folder)
    if unit_id not in known:
        raise ParameterError(
            f"unit {unit_id!r}: is not in {folder / FOLDER}.{near(unit_id, known)} "
            f"Known units: {', '.join(known) or 'none'}. Add a folder with {UNIT_FILE}."
        )
    return folder / FOLDER / unit_id


def read_definition(unit_id: str, folder: Path = paths.PARAMS) -> Definition:
    """Read `unit.yaml`.

    Raises
    ------
    ParameterError
        For an unknown unit; for keys that are missing, unknown or wrong: all of them.
    """
    path = unit_dir(unit_id, folder) / UNIT_FILE
    raw = read_yaml(path)
    try:
        found = Definition.model_validate(raw)
    except ValidationError as error:
        raise ParameterError(_model_problems(f"{path}", error)) from error
    problems = []
    if found.id != unit_id:
        problems.append(
            f"{path}: id: must be the name of its folder, {unit_id!r}, got {found.id!r}. "
            "Rename one of the two."
        )
    known = counties.read().index
    problems += [
        f"{path}: county_codes: {code!r} is no county.{near(code, known)} "
        "Give six-digit codes of params/counties.csv in quotes."
        for code in found.county_codes
        if code not in known
    ]
    if problems:
        raise ParameterError(problems)
    return found


def read(unit_id: str, pack: Pack, params: SpecificUnitParams, folder: Path = paths.PARAMS) -> Unit:
    """Read a unit and check it against the pack.

    Raises
    ------
    ParameterError
        All that is wrong with its files at once: wrong keys, a broken or misplaced polygon, figures
        that the pack's tables do not know or have in another unit.
    """
    home = unit_dir(unit_id, folder)
    problems: list[str] = []
    found, geometry = None, None
    try:
        found = read_definition(unit_id, folder)
    except ParameterError as error:
        problems += error.problems
    try:
        geometry = _boundary(home / BOUNDARY_FILE, pack)
        if found is not None:
            _check_place(home / BOUNDARY_FILE, geometry, pack, found.county_codes, params)
    except GepbookError as error:
        problems += error.problems
    statistics, wrong = _lines(home / STATISTICS_FILE, Statistic)
    problems += wrong
    problems += _statistics_problems(home / STATISTICS_FILE, statistics, pack)
    comparables, wrong = _lines(home / COMPARABLES_FILE, Comparable)
    problems += wrong
    if problems or found is None or geometry is None:
        raise ParameterError(problems)
    return Unit(
        found, geometry, tuple(statistics.values()), tuple(comparables.values()), folder=home
    )


def _model_problems(where: str, error: ValidationError) -> list[str]:
    """Return a sentence per wrong key: place, message, value, what to do."""
    problems = []
    for e in error.errors():
        place = ".".join(str(part) for part in e["loc"]) or "entry"
        got = "" if e["type"] == "missing" else f", got {e['input']!r}"
        if isinstance(e["input"], Mapping) and e["type"] != "missing":
            got = ""
        remedy = _remedy(e)
        problems.append(f"{where}: {place}: {e['msg']}{got}. {remedy}")
    return problems


def _remedy(error: Any) -> str:
    """Return what to do about one wrong key."""
    name = str(error["loc"][-1]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        fields = {f for m in (Definition, Right, Costs, CostItem, Boundary) for f in m.model_fields}
        fields |= {*Statistic.model_fields, *Comparable.model_fields}
        return f"Correct or remove the key.{near(name, fields)}"
    if error["type"] == "missing":
        return "Add it."
    if name == "confidence":
        return f"Choose one of {', '.join(CONFIDENCES)}."
    if name == "origin":
        return f"Choose one of {', '.join(ORIGINS)}."
    return "Correct it there."


def _lines(path: Path, model: type[Row]) -> tuple[dict[int, Row], list[str]]:
    """Return the rows of a table by line number, and what is wrong with it; no file, no rows."""
    if not path.exists():
        return {}, []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, restkey="beyond the header")
            header = list(reader.fieldnames or [])
            lines = dict(_numbered(reader))
    except (UnicodeDecodeError, csv.Error) as error:
        return {}, [f"{path}: is not readable CSV in UTF-8 ({error}). Save it as UTF-8."]
    fields = model.model_fields
    problems = [
        f"{path}: line 1: unknown column {name!r}.{near(name, fields)} Correct or remove it."
        for name in header
        if name not in fields
    ]
    problems += [
        f"{path}: line 1: has no column {name!r}. Add it."
        for name, info in fields.items()
        if info.is_required() and name not in header
    ]
    rows: dict[int, Row] = {}
    if problems:
        return rows, problems
    for number, line in lines.items():
        given = {
            name: (text or "").strip() if not isinstance(text, list) else text
            for name, text in line.items()
        }
        given = {n: t for n, t in given.items() if t != "" or (n in fields and _required(model, n))}
        try:
            rows[number] = model.model_validate(given)
        except ValidationError as error:
            problems += _model_problems(f"{path}: line {number}", error)
    return rows, problems


def _numbered(reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the lines that hold anything, each with its number in the file."""
    for line in reader:
        if any(line.values()):
            yield reader.line_num, line


def _required(model: type[BaseModel], name: str) -> bool:
    """Tell whether a column must be filled in."""
    return model.model_fields[name].is_required()


def _boundary(path: Path, pack: Pack) -> BaseGeometry:
    """Return the polygon of a unit in the grid's coordinates.

    Raises
    ------
    ParameterError
        For a file that is no GeoJSON of valid polygons in WGS 84.
    """
    if not path.exists():
        raise ParameterError(f"{path}: is missing. Add the unit's polygon in {WGS84}.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(
            f"{path}: is not valid GeoJSON ({error}). Correct the file."
        ) from error
    if not isinstance(content, dict):
        raise ParameterError(f"{path}: must be a GeoJSON object, got {type(content).__name__}.")
    given = content.get("crs")
    if given and not any(name in json.dumps(given) for name in WGS84_NAMES):
        raise ParameterError(
            f"{path}: crs: must be {WGS84}, got {json.dumps(given)}. Transform the polygon."
        )
    raw = content.get("features", [content])
    if not raw:
        raise ParameterError(f"{path}: features: holds no polygon. Draw the unit's boundary.")
    problems: list[str] = []
    parts: list[BaseGeometry] = []
    for number, feature in enumerate(raw):
        geometry, problem = _polygon(feature)
        if problem:
            problems.append(f"{path}: features.{number}: {problem}")
        elif geometry is not None:
            parts.append(geometry)
    if problems:
        raise ParameterError(problems)
    whole = gpd.GeoSeries([shapely.union_all(parts)], crs=WGS84)
    return whole.to_crs(pack.grid.crs.to_wkt()).iloc[0]


def _polygon(feature: Any) -> tuple[BaseGeometry | None, str]:
    """Return the polygon of a feature, or what is wrong with it."""
    try:
        geometry = shapely.force_2d(shape(feature.get("geometry", feature)))
    except (AttributeError, KeyError, TypeError, ValueError, shapely.errors.ShapelyError) as error:
        return None, f"is no GeoJSON geometry ({error}). Correct the feature."
    if geometry.geom_type not in ("Polygon", "MultiPolygon"):
        return None, f"must be Polygon or MultiPolygon, got {geometry.geom_type}. Draw the area."
    if geometry.is_empty:
        return None, "is an empty polygon. Draw the area."
    left, bottom, right, top = geometry.bounds
    if not (left >= -180 and right <= 180 and bottom >= -90 and top <= 90):
        return None, (
            f"coordinates must be longitude and latitude, got bounds "
            f"({left:g}, {bottom:g}, {right:g}, {top:g}). Transform the polygon to {WGS84}."
        )
    if not geometry.is_valid:
        return None, (
            f"polygon is invalid: {explain_validity(geometry)} (longitude latitude). "
            "Mend it there, for instance with a buffer of 0 in a GIS."
        )
    return geometry, ""


def _check_place(
    path: Path,
    geometry: BaseGeometry,
    pack: Pack,
    county_codes: list[str],
    params: SpecificUnitParams,
) -> None:
    """Refuse a polygon outside the pack or outside the counties that the unit names.

    Raises
    ------
    ParameterError, CodeError
        With all that is wrong.
    """
    try:
        pack.grid.window(geometry.bounds)
    except GridMismatchError as error:
        corners = gpd.GeoSeries([geometry], crs=pack.grid.crs.to_wkt()).to_crs(WGS84).total_bounds
        shown = ", ".join(f"{c:.3f}" for c in corners)
        raise ParameterError(
            f"{path}: polygon with bounds ({shown}) reaches beyond the rasters of pack {pack.name}. "
            "Correct its coordinates (longitude first), or use a pack that covers it."
        ) from error
    problems = []
    areas = {}
    for code in county_codes:
        try:
            areas[code] = pack.geometry(code)
        except CodeError as error:
            problems += error.problems
    problems += [
        f"{path}: polygon does not touch {code} {counties.name_zh(code)}, which county_codes of "
        f"{UNIT_FILE} names. Take the code out, or correct the polygon."
        for code, area in areas.items()
        if not geometry.intersects(area)
    ]
    outside = geometry.difference(shapely.union_all(list(areas.values()))).area / geometry.area
    if outside * 100 > params.outside_percent:
        reached = pack.boundaries.index[pack.boundaries.intersects(geometry)]
        lies = "、".join(f"{code} {counties.name_zh(code)}" for code in reached) or "no county"
        problems.append(
            f"{path}: {outside:.1%} of the polygon lies outside {', '.join(county_codes)} "
            f"(at most {params.outside_percent:g} %); it lies in {lies}. "
            f"Name these in county_codes of {UNIT_FILE}, or correct the polygon."
        )
    if problems:
        raise ParameterError(problems)


def row_key(fields: Sequence[TableField]) -> str:
    """Return the column that tells the rows of a county apart, or an empty text."""
    return next((f.name for f in fields if f.type == "string" and f.name != "county_code"), "")


def _statistics_problems(path: Path, rows: Mapping[int, Statistic], pack: Pack) -> list[str]:
    """Return the figures that no table of the pack has, that have another unit or stand twice."""
    problems = []
    tables = {
        r.layer: {f.name: f for f in r.table_schema.fields}
        for r in pack.package.resources
        if r.table_schema
    }
    seen: dict[tuple[str, str, str, int | None], int] = {}
    for number, row in rows.items():
        where = f"{path}: line {number}:"
        columns = tables.get(row.table)
        if columns is None:
            problems.append(
                f"{where} table {row.table!r} is not in pack {pack.name}.{near(row.table, tables)} "
                f"Known tables: {', '.join(sorted(tables))}."
            )
            continue
        numbers = {name: f for name, f in columns.items() if f.type in NUMBERS and name != "year"}
        if row.column not in numbers:
            problems.append(
                f"{where} table {row.table} has no figure {row.column!r}.{near(row.column, numbers)} "
                f"It has: {', '.join(numbers)}."
            )
            continue
        expected = numbers[row.column].unit
        if row.unit != expected:
            problems.append(
                f"{where} {row.table}.{row.column} must be in {expected!r}, got {row.unit!r}. "
                "Convert the value and correct its unit."
            )
        key = row_key(list(columns.values()))
        if bool(row.row) != bool(key):
            wanted = f"name the {key} in column row" if key else "leave column row empty"
            problems.append(f"{where} row is {row.row!r}: table {row.table} needs you to {wanted}.")
        place = (row.table, row.row, row.column, row.year)
        if place in seen:
            problems.append(
                f"{where} {row.table}.{row.column} stands in line {seen[place]} already. Keep one."
            )
        seen[place] = number
    return problems
