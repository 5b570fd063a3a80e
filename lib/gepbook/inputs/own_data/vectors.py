"""Users' vector files (矢量数据): encodings, attributes and coordinate systems, problem by problem.

What a file says of itself is believed only where its data agree: the texts of a .dbf must decode, the
coordinates must fall onto Zhejiang. Where they do not, the file is still read in the most likely way, so
that all its problems are listed at once; the error among them keeps it out of the pack.
"""

from __future__ import annotations

import codecs
import functools
import struct
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely
from pyarrow.lib import ArrowException
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError

from gepbook import paths
from gepbook.errors import PackError, near
from gepbook.inputs.own_data.archives import RefusedError, opened
from gepbook.inputs.own_data.cells import convert
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.findings import Findings
from gepbook.inputs.own_data.headers import find_targets
from gepbook.inputs.own_data.limits import limits
from gepbook.inputs.own_data.problems import Problem
from gepbook.inputs.own_data.sheets import Cell, Sheet

PARQUET = ".parquet"
SHAPEFILE = ".shp"
#: Drivers by ending; a file that turns out to be something else is not read.
DRIVERS = {
    SHAPEFILE: {"ESRI Shapefile"},
    ".gdb": {"OpenFileGDB"},
    ".gpkg": {"GPKG"},
    ".geojson": {"GeoJSON"},
    ".json": {"GeoJSON"},
    ".kml": {"KML", "LIBKML"},
}
PARTS = {".dbf": "attributes", ".shx": "index"}
GB18030, UTF8 = "GB18030", "UTF-8"
#: GBK and GB2312 are subsets of GB18030 and read as it.
CHINESE = {"gbk", "gb2312", "gb18030", "cp936"}
#: Byte 29 of a .dbf, the language driver (dBASE): code page 936 is 0x4D or 0x7A.
LANGUAGE_DRIVERS = {0x4D: GB18030, 0x7A: GB18030}
DBF_NAME_BYTES = 10
POLYGONAL = [shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON]
GEODETIC = pyproj.CRS.from_epsg(4490)
SEMI_MAJOR_M = 6378137.0  # of CGCS2000 and WGS 84 (GB 22021-2008)
GEOGRAPHIC = (4490, 4326)
#: CGCS2000 Gauss–Krüger: 3-degree by central meridian and by zone, 6-degree by meridian and by zone.
ZONES = (*range(4534, 4555), *range(4513, 4534), *range(4502, 4513), *range(4491, 4502))
FULL_TURN = 360  # degrees; larger coordinates are metres
SAMPLE = 500  # features whose place is looked up
HECTARE = 1e4  # m2
SHOWN = 20  # problems of one kind listed one by one
#: Makes a problem of the file: rule, message, remedy, place, value, severity.
Report = Callable[..., Problem]


#: What a file can make its reader raise; none of it means a fault of this program.
UNREADABLE = (
    DataSourceError,
    DataLayerError,
    FeatureError,
    GeometryError,
    OSError,
    ValueError,  # with UnicodeDecodeError and pyarrow's
    RuntimeError,
    KeyError,
    NameError,  # pyogrio's own, where the coordinate system is damaged
    ArrowException,
    shapely.errors.ShapelyError,
)


@dataclass(frozen=True)
class VectorRead:
    """A vector file as read.

    `frame` holds the dictionary's fields in the pack's units and types (dates as ISO texts) and
    the `geometry` in the pack's coordinate system; None when the file cannot be read or placed.
    `places` names each row for messages, on the same index.
    """

    frame: gpd.GeoDataFrame | None
    places: pd.Series
    problems: list[Problem]


def read_vector(folder: Path, file: FileEntry, crs: pyproj.CRS) -> VectorRead:
    """Read a declared vector file.

    Parameters
    ----------
    folder : Path
        The user's folder.
    file : FileEntry
        With a table that has a geometry; `path` may lie inside a zip.
    crs : CRS
        Coordinate system of the pack, equal-area, m.

    Returns
    -------
    VectorRead
        Nothing is raised: all that is wrong stands in `problems`.
    """
    report = functools.partial(Problem, file.path)
    try:
        with opened(folder, file) as path:
            raw, problems = _raw(path, file, report)
    except RefusedError as error:
        return VectorRead(None, _places(0), error.found)
    if raw is None:
        return VectorRead(None, _places(0), problems)
    if raw.empty:
        problems.append(report("no_rows", "has no features", "Fill the layer, or take it out."))
        return VectorRead(None, _places(0), problems)
    places = _places(len(raw))
    attributes, found = _attributes(raw, file)
    named = attributes[file.entry.key].astype("object").fillna("?").astype("str")
    places = places + " (" + named.iloc[:, 0].str.cat(named.iloc[:, 1:], sep=" ") + ")"
    geometry, wrong = _geometry(raw.geometry, file, crs, places, report)
    frame = None if geometry is None else gpd.GeoDataFrame(attributes, geometry=geometry)
    return VectorRead(frame, places, [*problems, *found, *wrong])


def layers_in(path: Path) -> list[str]:
    """Return the names of a file's layers with a geometry.

    Raises
    ------
    PackError
        When the file cannot be read.
    """
    if path.suffix.casefold() == PARQUET:
        return [path.stem]
    try:
        return [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    except (DataSourceError, UnicodeDecodeError) as error:
        raise PackError(f"{path}: cannot be read ({error}). Check the file.") from error


def first(problems: Sequence[Problem], total: int = 0) -> list[Problem]:
    """Return the first problems of one kind, the last of them saying how many more there are.

    `total` is how many there are when `problems` holds the first ones only.
    """
    more = max(total, len(problems)) - SHOWN
    if more <= 0:
        return list(problems)
    last = problems[SHOWN - 1]
    said = replace(last, message=f"{last.message}; and {more} more like it")
    return [*problems[: SHOWN - 1], said]


def _places(count: int) -> pd.Series:
    return pd.Series([f"feature {n}" for n in range(1, count + 1)], dtype="str")


# File ---------------------------------------------------------------------------------------------


def _raw(
    path: Path, file: FileEntry, report: Report
) -> tuple[gpd.GeoDataFrame | None, list[Problem]]:
    """Return the file as it stands, texts decoded."""
    ending = path.suffix.casefold()
    if ending not in {*DRIVERS, PARQUET}:
        message = f"is no vector file; known are {', '.join([*DRIVERS, PARQUET])}"
        return None, [report("vector_kind", message, "Convert it in a GIS.")]
    if not path.exists():
        return None, [report("missing_file", "is not there", "Add the file or correct `path`.")]
    problems: list[Problem] = []
    found: list[Problem] = []
    encoding = ""
    if ending == SHAPEFILE:
        problems = _missing_parts(path, report)
        if not problems:
            encoding, problems = _encoding(path, file, report)
        if not encoding:
            return None, problems
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            if ending == PARQUET:
                frame = gpd.read_parquet(path)
            else:
                frame, found = _ogr(path, file, DRIVERS[ending], encoding, report)
            if isinstance(frame, gpd.GeoDataFrame):  # texts are decoded here
                names = frame.columns.drop(frame.geometry.name)
                frame = frame.astype(dict.fromkeys(names, "object"))
    except UNREADABLE as error:
        message = f"cannot be read ({str(error).strip()})"
        remedy = "Open it in a GIS and save it again, texts in UTF-8."
        return None, [*problems, report("unreadable", message, remedy)]
    problems += found
    problems += [
        report("reader", f"the reader says: {text}", "Check the file.", severity="note")
        for text in sorted({str(warning.message) for warning in said})
    ]
    if frame is None:
        return None, problems
    if not isinstance(frame, gpd.GeoDataFrame):
        remedy = "Declare a layer of polygons."
        return None, [*problems, report("geometry_type", "has no geometry", remedy)]
    return frame.reset_index(drop=frame.index.name is None), problems


def _ogr(
    path: Path, file: FileEntry, drivers: set[str], encoding: str, report: Report
) -> tuple[gpd.GeoDataFrame | None, list[Problem]]:
    """Return one layer as it stands."""
    listed = pyogrio.list_layers(path)
    layers = [str(name) for name, kind in listed if kind is not None or file.layer_in_file]
    wanted = file.layer_in_file or (layers[0] if len(layers) == 1 else "")
    if wanted not in layers:
        message = "has no such layer" if wanted else "has several layers, or none"
        remedy = f"Declare `layer_in_file`: one of {', '.join(layers)}.{near(wanted, layers)}"
        return None, [report("layer_in_file", message, remedy, value=wanted or ", ".join(layers))]
    options = {"encoding": encoding} if encoding else {}
    driver = pyogrio.read_info(path, layer=wanted, **options)["driver"]
    if driver not in drivers:
        message = f"is not what its ending says but {driver}"
        return None, [
            report("vector_kind", message, "Name it by what it is, or convert it in a GIS.")
        ]
    return pyogrio.read_dataframe(path, layer=wanted, on_invalid="ignore", **options), []


def _part(path: Path, ending: str) -> Path | None:
    """Return a part of a shapefile, whatever the case of its ending."""
    beside = (p for p in path.parent.iterdir() if p.stem == path.stem)
    return next((p for p in beside if p.suffix.casefold() == ending), None)


def _missing_parts(path: Path, report: Report) -> list[Problem]:
    """Return the parts that a shapefile lacks; the .prj is asked for with the coordinate system."""
    return [
        report(
            "missing_part",
            f"the shapefile lacks its {ending} ({what})",
            f"Put {path.stem}{ending} beside it.",
            value=f"{path.stem}{ending}",
        )
        for ending, what in PARTS.items()
        if _part(path, ending) is None
    ]


# Encoding -----------------------------------------------------------------------------------------


def _encoding(path: Path, file: FileEntry, report: Report) -> tuple[str, list[Problem]]:
    """Return the encoding of a shapefile's texts, and what is wrong with the one stated."""
    dbf, cpg = _part(path, ".dbf"), _part(path, ".cpg")
    assert dbf is not None
    found = _dbf_texts(dbf)
    texts = [*found.names, *found.cells]
    beside = cpg.read_text(encoding="ascii", errors="replace").strip() if cpg else ""
    stated = file.encoding or beside or LANGUAGE_DRIVERS.get(found.driver, "")
    fitting = next((e for e in (UTF8, GB18030) if all(_decodes(t, e) for t in texts)), "")
    if not texts:
        return _family(stated) or UTF8, []
    if not fitting:
        message = "texts are neither UTF-8 nor GB18030"
        remedy = "Export the shapefile again in UTF-8."
        return "", [report("wrong_encoding", message, remedy, value=stated)]
    problems = _cut_texts(found.cells, fitting, report)
    example = f"texts such as {_shown(texts[0], fitting)}"
    if _family(stated) != fitting and stated:
        where = "the declaration" if file.encoding else "its .cpg" if beside else "its .dbf"
        message = f"texts are {fitting}, not {stated} as {where} says"
        remedy = f"Declare `encoding: {fitting}` if they read well so."
        problems.append(report("wrong_encoding", message, remedy, value=example))
    elif not stated:
        remedy = "Declare `encoding` if Chinese texts look wrong."
        message = f"was read as {fitting}, as its texts are; it has no .cpg"
        problems.append(report("encoding", message, remedy, value=example, severity="note"))
    elif beside and _family(beside) != fitting:
        message = f"its .cpg says {beside}; read as declared"
        remedy = "Correct the .cpg."
        problems.append(report("encoding", message, remedy, value=beside, severity="note"))
    return fitting, problems


def _cut_texts(cells: Sequence[bytes], encoding: str, report: Report) -> list[Problem]:
    """Return the cells that end within a character: longer texts were cut when they were written."""
    message = "a text was cut at the width of its column"
    remedy = "Export it again with wider columns, or as GeoPackage."
    cut = [cell for cell in cells if not _decodes(cell, encoding, final=True)]
    return first(
        [report("cut_text", message, remedy, value=_shown(cell, encoding)) for cell in cut]
    )


@dataclass(frozen=True)
class _Texts:
    """The names and cells of a .dbf that are not ASCII, as bytes, and its language driver."""

    names: Sequence[bytes] = ()
    cells: Sequence[bytes] = ()
    driver: int = 0


def _dbf_texts(path: Path) -> _Texts:
    """Return the texts of a .dbf; none for a damaged one, which its reader will refuse."""
    content = path.read_bytes()
    names: list[bytes] = []
    cells: set[bytes] = set()
    try:
        count, start, width = struct.unpack("<IHH", content[4:12])
        rows = np.frombuffer(content, "u1", (len(content) - start) // width * width, start)
        table = rows.reshape(-1, width)[:count]
        at = 1
        for where in range(32, start - 32, 32):
            field = content[where : where + 32]
            size = field[16]
            names.append(field[:11].split(b"\0")[0])
            if field[11:12] == b"C":
                column = np.ascontiguousarray(table[:, at : at + size])
                cells.update(column.view(f"S{size}").ravel().tolist())
            at += size
        driver = content[29]
    except (struct.error, ValueError, TypeError, IndexError, ZeroDivisionError):
        return _Texts()
    foreign = (text.rstrip(b" \0") for text in sorted(cells) if not text.isascii())
    return _Texts([name for name in names if not name.isascii()], list(foreign), driver)


def _decodes(text: bytes, encoding: str, *, final: bool = False) -> bool:
    """Tell whether bytes are text; unless `final`, a last character may be cut."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(text, final=final)
    except UnicodeDecodeError:
        return False
    return True


def _shown(text: bytes, encoding: str) -> str:
    return codecs.getincrementaldecoder(encoding)().decode(text, final=False).strip()


def _family(encoding: str) -> str:
    """Return the encoding under the name used here; unknown ones as they stand."""
    try:
        name = codecs.lookup(f"cp{encoding}" if encoding.isdigit() else encoding).name
    except LookupError:
        return encoding
    return GB18030 if name in CHINESE else UTF8 if name == "utf-8" else encoding


# Attributes ---------------------------------------------------------------------------------------


class _Features(Sheet):
    """An attribute table as a sheet: row 1 holds its names, row 2 the first feature."""

    def row_place(self, row: int) -> str:
        """Say which feature a row is."""
        return f"feature {row - 1}" if row > 1 else ""

    def place(self, row: int, column: int) -> str:
        """Say which feature a cell is of."""
        return self.row_place(row)


def _attributes(raw: gpd.GeoDataFrame, file: FileEntry) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the dictionary's fields, read by the rules of tables, and what is wrong with them."""
    findings = Findings(file.path, file.accept)
    plain = _whole_names(raw.drop(columns=raw.geometry.name), file, findings)
    sheet = _Features(cells=_cells(plain), title=file.path)
    rows = range(2, len(plain) + 2)
    file = file.model_copy(update={"header_rows": [1]})
    try:
        targets = find_targets(sheet, file, findings)
    except RefusedError as refusal:
        findings.take(refusal)
        targets = []
    frame = convert(sheet, file, targets, rows, findings)
    return frame, findings.problems()


def _cells(plain: pd.DataFrame) -> dict[int, dict[int, Cell]]:
    """Return names and values as the cells of a sheet; what is missing is left out."""
    numbers = range(1, plain.shape[1] + 1)
    head = {n: Cell(str(name)) for n, name in zip(numbers, plain.columns, strict=True)}
    rows = plain.where(plain.notna(), None).to_numpy().tolist()
    cells = {1: head}
    for row, values in enumerate(rows, start=2):
        named = zip(numbers, values, strict=True)
        cells[row] = {n: Cell(value) for n, value in named if value is not None}
    return cells


def _whole_names(plain: pd.DataFrame, file: FileEntry, findings: Findings) -> pd.DataFrame:
    """Give columns that a shapefile cut to ten bytes the names they are declared by."""
    if Path(file.path).suffix.casefold() != SHAPEFILE:
        return plain
    declared = [c.header for c in file.columns.values() if c.header not in plain.columns]
    cut = [(whole, short) for whole in declared for short in plain.columns if _is_cut(whole, short)]
    wholes, shorts = Counter(whole for whole, _ in cut), Counter(short for _, short in cut)
    names = {s: w for w, s in cut if wholes[w] == shorts[s] == 1}
    for short, whole in names.items():
        message = f"is called {short!r} in the shapefile, which cuts names at ten bytes; read so"
        remedy = "Nothing to do."
        findings.add("cut_name", message, remedy, column=whole, value=short, severity="note")
    return plain.rename(columns=names)


def _is_cut(whole: str, short: str) -> bool:
    """Tell whether a name is what ten bytes, or ten characters, hold of another."""
    cuts = {whole.encode(e)[:DBF_NAME_BYTES].decode(e, "ignore") for e in (UTF8, GB18030)}
    return short != whole and short in {*cuts, whole[:DBF_NAME_BYTES]}


# Geometry -----------------------------------------------------------------------------------------


def _geometry(
    drawn: gpd.GeoSeries, file: FileEntry, crs: pyproj.CRS, places: pd.Series, report: Report
) -> tuple[gpd.GeoSeries | None, list[Problem]]:
    """Return polygons in the pack's coordinate system, mended where that is accepted."""
    problems = _shapes(drawn, places, report)
    flat = gpd.GeoSeries(shapely.force_2d(drawn.array), index=drawn.index, crs=drawn.crs)
    if (shapely.has_z(drawn.array) | shapely.has_m(drawn.array)).any():
        message = "heights or measures of its points were left out"
        problems.append(report("dropped_height", message, "Nothing to do.", severity="note"))
    stated, found = _stated_crs(flat.crs, file, report)
    problems += found
    placed, found = _placed(flat, stated, places, report)
    problems += found
    if placed is None:
        return None, problems
    moved = placed.to_crs(crs)
    if "invalid_geometry" not in file.accept:
        return moved, problems
    mended, found = _mended(moved, places, report)
    return mended, [*problems, *found]


def _shapes(drawn: gpd.GeoSeries, places: pd.Series, report: Report) -> list[Problem]:
    """Return the rows that are no polygons."""
    empty = shapely.is_missing(drawn.array) | shapely.is_empty(drawn.array)
    kinds = pd.Series(shapely.get_type_id(drawn.array), index=drawn.index)
    other = ~empty & ~kinds.isin(POLYGONAL)
    return [
        *first(
            [
                report(
                    "empty_geometry", "has no geometry", "Draw it or take the row out.", places[at]
                )
                for at in drawn.index[empty]
            ]
        ),
        *first(
            [
                report(
                    "geometry_type",
                    "is no polygon",
                    "Give the file's polygons; points and lines have no area.",
                    places[at],
                    drawn[at].geom_type,
                )
                for at in drawn.index[other]
            ]
        ),
    ]


def _stated_crs(
    own: pyproj.CRS | None, file: FileEntry, report: Report
) -> tuple[pyproj.CRS | None, list[Problem]]:
    """Return the coordinate system declared, else the file's."""
    if not file.crs:
        return own, []
    try:
        declared = pyproj.CRS.from_user_input(file.crs)
    except pyproj.exceptions.CRSError as error:
        remedy = "Write it as EPSG:4549."
        message = f"the declared coordinate system is not understood ({error})"
        return own, [report("crs_unknown", message, remedy, value=file.crs)]
    if own is None or own.equals(declared, ignore_axis_order=True):
        return declared, []
    message = f"the file says {own.name}; read as declared, {declared.name}"
    note = report("crs_override", message, "Nothing to do.", value=file.crs, severity="note")
    return declared, [note]


def _placed(
    drawn: gpd.GeoSeries, stated: pyproj.CRS | None, places: pd.Series, report: Report
) -> tuple[gpd.GeoSeries | None, list[Problem]]:
    """Return the geometry with the coordinate system under which it lies in Zhejiang."""
    bounds = shapely.bounds(drawn.array)
    known = np.flatnonzero(np.isfinite(bounds).all(axis=1))
    if not len(known):
        return None, []
    centres = np.stack([bounds[:, [0, 2]].mean(axis=1), bounds[:, [1, 3]].mean(axis=1)])
    sample = centres[:, known[:: -(-len(known) // SAMPLE)]]
    if stated is None:
        likely = _likely(sample)
        message = "has no coordinate system" + looks(likely)
        remedy = "Declare `crs`, or add the .prj."
        return _under(drawn, likely), [report("no_crs", message, remedy)]
    if not (stated.is_geographic or stated.is_projected):
        message = f"its coordinate system is not one of places on earth ({stated.name})"
        return None, [report("crs_unknown", message, "Declare `crs`.", value=stated.name)]
    try:
        inside, on_land = _inside(sample, stated), _on_land(sample, stated)
    except pyproj.exceptions.ProjError as error:
        message = f"its coordinate system cannot be computed with ({error})"
        return None, [report("crs_unknown", message, "Declare `crs`.", value=stated.name)]
    problems = _datum(stated, report)
    if _most(inside):
        likely = [] if on_land.any() else _likely(sample, on_land=True)
        if likely:
            message = f"all of it lies at sea under {stated.name}" + looks(likely)
            remedy = "Declare the right `crs`, unless these are units at sea."
            problems.append(report("wrong_zone", message, remedy, severity="warning"))
        return drawn.set_crs(stated, allow_override=True), [
            *problems,
            *_strays(centres, known, stated, places, report),
        ]
    where = f"bounds {_numbers([*np.nanmin(bounds[:, :2], 0), *np.nanmax(bounds[:, 2:], 0)])}"
    return _elsewhere(drawn, sample, stated, where, problems, report)


def _elsewhere(
    drawn: gpd.GeoSeries,
    sample: np.ndarray,
    stated: pyproj.CRS,
    where: str,
    problems: list[Problem],
    report: Report,
) -> tuple[gpd.GeoSeries | None, list[Problem]]:
    """Say why data do not lie in Zhejiang, and return them where they most likely belong."""
    if _most(_inside(sample[::-1], stated)):
        message = "x and y are swapped: it lies in Zhejiang the other way round"
        remedy = "Swap the coordinates in a GIS."
        found = report("swapped_axes", message, remedy, value=where)
        turned = gpd.GeoSeries(
            shapely.transform(drawn.array, lambda xy: xy[:, ::-1]), index=drawn.index
        )
        return turned.set_crs(stated, allow_override=True), [*problems, found]
    likely = _likely(sample)
    degrees = stated.is_geographic and (np.abs(sample) <= FULL_TURN).all()
    if stated.is_geographic and not degrees:
        rule, message = (
            "not_degrees",
            f"says {stated.name} (degrees), but its coordinates are metres",
        )
    elif likely:
        rule, message = "wrong_zone", f"lies outside Zhejiang under {stated.name}"
    else:
        rule, message = "outside", f"lies outside Zhejiang under {stated.name}, and under all zones"
    remedy = (
        "Declare the right `crs`." if likely else "Check what area the file is of, and its `crs`."
    )
    problems = [*problems, report(rule, message + looks(likely), remedy, value=where)]
    if likely:
        return _under(drawn, likely), problems
    return (None if rule == "not_degrees" else drawn.set_crs(stated, allow_override=True)), problems


def _strays(
    centres: np.ndarray,
    known: np.ndarray,
    stated: pyproj.CRS,
    places: pd.Series,
    report: Report,
) -> list[Problem]:
    """Return the single features that lie outside Zhejiang."""
    away = known[~_inside(centres[:, known], stated)]
    remedy = "Check the coordinates of this feature."
    return first(
        [
            report(
                "outside",
                "lies outside Zhejiang",
                remedy,
                places.iloc[at],
                _numbers(centres[:, at]),
            )
            for at in away
        ]
    )


def _datum(stated: pyproj.CRS, report: Report) -> list[Problem]:
    """Return a warning for the older datums, which no public formula ties to CGCS2000."""
    ellipsoid = stated.ellipsoid
    if ellipsoid is None or ellipsoid.semi_major_metre == SEMI_MAJOR_M:
        return []
    message = (
        f"{stated.name} rests on the ellipsoid {ellipsoid.name}; without the surveying office's "
        "parameters it lies up to some hundred metres off CGCS2000"
    )
    remedy = "Have it converted to CGCS2000 by the surveying office."
    return [report("datum", message, remedy, value=stated.name, severity="warning")]


@functools.cache
def _land() -> tuple[np.ndarray, shapely.Geometry]:
    """Return the open pack's bounds of Zhejiang with a margin, and the counties' union, in lon/lat."""
    frame = gpd.read_parquet(paths.OPEN_PACK / "counties.parquet").to_crs(GEODETIC)
    margin = limits().place_margin_degree * np.array([-1, -1, 1, 1])
    land = frame.union_all()
    shapely.prepare(land)
    return frame.total_bounds + margin, land


def _lonlat(xy: np.ndarray, crs: pyproj.CRS) -> np.ndarray:
    """Return points (2, n) in longitude and latitude; infinite where they cannot be."""
    move = pyproj.Transformer.from_crs(crs, GEODETIC, always_xy=True)
    return np.stack(move.transform(xy[0], xy[1]))


def _inside(xy: np.ndarray, crs: pyproj.CRS) -> np.ndarray:
    """Tell which points lie within Zhejiang's bounds."""
    (west, south, east, north), _ = _land()
    x, y = _lonlat(xy, crs)
    return (x >= west) & (x <= east) & (y >= south) & (y <= north)


def _on_land(xy: np.ndarray, crs: pyproj.CRS) -> np.ndarray:
    """Tell which points lie within a county of Zhejiang."""
    found = _inside(xy, crs)
    if found.any():
        x, y = _lonlat(xy[:, found], crs)
        found[found] = shapely.contains_xy(_land()[1], x, y)
    return found


def _likely(sample: np.ndarray, *, on_land: bool = False) -> list[pyproj.CRS]:
    """Return the coordinate systems under which most points lie in Zhejiang, those on land first."""
    codes = GEOGRAPHIC if (np.abs(sample) <= FULL_TURN).all() else ZONES
    systems = [pyproj.CRS.from_epsg(code) for code in codes]
    shares = {c: _on_land(sample, c).mean() for c in systems if _most(_inside(sample, c))}
    landed = sorted((c for c in shares if shares[c] > 0.5), key=lambda c: -shares[c])
    return landed if on_land else landed or list(shares)


def _most(which: np.ndarray) -> bool:
    return bool(which.mean() > 0.5)


def looks(likely: Sequence[pyproj.CRS]) -> str:
    """Name the coordinate systems that data look like."""
    names = " or ".join(f"EPSG:{c.to_epsg()} ({c.name})" for c in likely)
    return f"; looks like {names}" if names else ""


def _under(drawn: gpd.GeoSeries, likely: Sequence[pyproj.CRS]) -> gpd.GeoSeries | None:
    return drawn.set_crs(likely[0], allow_override=True) if likely else None


def _mended(
    moved: gpd.GeoSeries, places: pd.Series, report: Report
) -> tuple[gpd.GeoSeries, list[Problem]]:
    """Return the geometry with its invalid polygons mended, and what that changed."""
    finite = np.isfinite(shapely.bounds(moved.array)).all(axis=1)
    invalid = moved.index[finite & ~moved.is_valid]
    if not len(invalid):
        return moved, []
    before = moved[invalid]
    after = shapely.make_valid(before.array, method="structure", keep_collapsed=False)
    areas = zip(invalid, before.area / HECTARE, shapely.area(after) / HECTARE, strict=True)
    mended = moved.copy()
    mended[invalid] = gpd.GeoSeries(after, index=invalid, crs=moved.crs)
    said = [
        report(
            "invalid_geometry",
            f"was mended; its area went from {old:.4f} to {new:.4f} ha",
            "Look at it in a GIS.",
            places[at],
            severity="note",
        )
        for at, old, new in areas
    ]
    return mended, [*first(said), *_shapes(mended[invalid], places, report)]


def _numbers(values: Sequence[float] | np.ndarray) -> str:
    return ", ".join(f"{value:.6g}" for value in values)
