"""A first declaration for a folder of files as they are (猜测): what may be which table or layer.

Headers, names, units, years and values are compared with the data dictionary and
params/pack/synonyms.yaml. Nothing is changed, large files are looked at in part, archives by their names
only. Each guess says in a remark what it rests on; what could not be placed is listed.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import datetime
import difflib
import functools
import itertools
import math
import re
import tokenize
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import rasterio
import yaml
from pydantic import BaseModel, ConfigDict
from pyproj import CRS, Geod
from rasterio.errors import RasterioError
from rasterio.windows import Window
from shapely.errors import ShapelyError

from gepbook import counties, ecosystems, paths
from gepbook.errors import CodeError, PackError, UnitError
from gepbook.inputs.manifest import Source
from gepbook.inputs.own_data import archives, conversion, declaration, dictionary, templates
from gepbook.inputs.own_data.declaration import Column, FileEntry
from gepbook.inputs.own_data.dictionary import FieldEntry, LayerEntry, TableEntry
from gepbook.inputs.own_data.problems import Problem
from gepbook.inputs.pack import BOUNDARIES, LAND_COVER, MONTHS, Pack
from gepbook.params import Parameter, ParameterSet, Params, parameter

SYNONYMS = dictionary.FOLDER / "synonyms.yaml"
WORKBOOKS, TEXTS = (".xlsx", ".xlsm"), (".csv", ".tsv")
VECTORS, RASTERS = (".shp", ".gpkg", ".geojson", ".gdb"), (".tif", ".tiff", ".img", ".asc")
FOLDERS = (".gdb", ".zarr")  # folders that are one file
#: Files that go with another one of the same name.
COMPANIONS = (
    ".shx", ".dbf", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qpj", ".qmd", ".fix", ".idx", ".lock",
    ".tfw", ".tifw", ".ovr", ".aux", ".xml", ".rrd", ".vat", ".gpkg-wal", ".gpkg-shm", ".clr",
)  # fmt: skip
SKIPPED = ("~$", ".", "__MACOSX", "Thumbs.db")
REMEDIES = {
    ".xls": "Save it as .xlsx",
    ".et": "Save it as .xlsx",
    ".xlsb": "Save it as .xlsx",
    ".txt": "If it is a table, save it as .csv",
    ".nc": "Convert it to GeoTIFF",
    ".hdf": "Convert it to GeoTIFF",
    ".h5": "Convert it to GeoTIFF",
    ".vrt": "Convert it to GeoTIFF",
    ".grd": "Convert it to GeoTIFF",
    ".zarr": "Convert it to GeoTIFF",
    ".mdb": "Export its layers to GeoPackage",
    ".rar": "Unpack it, or pack it as .zip",
    ".7z": "Unpack it, or pack it as .zip",
}
BY_HAND = "Add it to the declaration by hand if it is needed"
#: What a damaged file makes its reader raise; openpyxl and pyogrio stumble in further ways (`_library`).
UNREADABLE = (OSError, ValueError, RuntimeError, EOFError, csv.Error, RasterioError)
STUMBLES = (*templates.UNREADABLE, RuntimeError, NameError, AssertionError, ShapelyError)
UNKNOWN_UNIT = (UnitError, tokenize.TokenError, AssertionError, ArithmeticError, RecursionError)

YEAR = re.compile(r"(?<!\d)(19[5-9]\d|20\d\d)(?!\d)")
MONTH = re.compile(r"(?<!\d)(?:19[5-9]\d|20\d\d)[-_.年]?(?:0[1-9]|1[0-2])月?(?!\d)")
CODE = re.compile(rf"({counties.CODE_PATTERN})(?:0{{6}})?(?:\.0)?")
CHINESE = re.compile(r"[\u4e00-\u9fff]+")
BRACKET = re.compile(r"[(（\[\uff3b【]([^()（）\[\]\uff3b\uff3d【】]*)[)）\]\uff3d】]")
LINE_UNIT = re.compile(r"单位\s*[:：]\s*([^\s()（）]+)")
UNIT_LIKE = re.compile(r"[^\W\d]|[%\uff05℃°‰]")  # a letter or sign: 2022 is no unit
IGNORED = re.compile(r"[\s_\-–—·、,，:：;；/()（）\[\]【】“”\"'.]+")
SEPARATORS = re.compile(r"[-\s.]+")
DBF_NAME_BYTES = 10
NEAR, PART, SAME = 0, 1, 2
TIER_ZH = ("近似", "部分一致", "一致")
SURE, FAIR, UNSURE = "把握较大", "把握一般", "把握较小"
SHOWN = 20
GEOD = Geod(ellps="GRS80")


class Thresholds(Params):
    """Limits of guessing (猜测阈值)."""

    near_name: float = parameter("1", "difflib ratio from which a header is a near one", gt=0, le=1)
    least_share: float = parameter("1", "Least share of a table's figures", gt=0, le=1)
    class_share: float = parameter(
        "1", "Least share of cells that a class system knows", gt=0, le=1
    )
    header_search_rows: int = parameter("1", "Rows in which a header may begin", ge=1)
    header_depth: int = parameter("1", "Most rows of a header", ge=1)
    sample_rows: int = parameter("1", "Rows or features looked at", ge=1)
    sample_columns: int = parameter("1", "Columns looked at", ge=1)
    sample_bytes: int = parameter("1", "Bytes of a text looked at", ge=1)
    overview_side: int = parameter("1", "Rows and columns of a decimated raster", ge=1)
    window_side: int = parameter("1", "Rows and columns of a window of a raster", ge=1)


class Synonyms(BaseModel):
    """What files call the things of the data dictionary (同义词)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    thresholds: dict[str, dict[str, Any]]
    fields: dict[str, list[str]]
    tables: dict[str, list[str]]
    layers: dict[str, list[str]]
    not_quite: dict[str, str]
    not_figures: list[str]
    crosswalks: dict[str, list[str]]
    units: dict[str, list[str]]
    booleans: dict[str, list[str]]
    fill_values: list[float]


@functools.cache
def synonyms() -> Synonyms:
    """Return params/pack/synonyms.yaml."""
    return Synonyms.model_validate(yaml.safe_load(SYNONYMS.read_text(encoding="utf-8")))


@functools.cache
def thresholds() -> Thresholds:
    """Return the limits of guessing."""
    layer = f"pack/{SYNONYMS.stem}"
    entries = {
        f"guessing.{name}": Parameter(**entry, layer=layer)
        for name, entry in synonyms().thresholds.items()
    }
    made = ParameterSet(county_code=None, year=None, standard="", entries=entries)
    return made.section("guessing", Thresholds)


class Head(NamedTuple):
    """A column: its header (of several rows `上级/下级`), the parts without unit, and the unit."""

    text: str
    parts: tuple[str, ...]
    unit: str
    column: int


@dataclass(frozen=True)
class Grid:
    """The cells of a sheet, a text or an attribute table, and where they stand."""

    path: str
    rows: list[tuple[Any, ...]]
    sheet: str = ""
    encoding: str = ""
    layer_in_file: str = ""
    polygons: bool = False
    short_names: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names that say what this may be, the nearest first."""
        inner = PurePosixPath(self.path)
        return [name for name in (self.layer_in_file, self.sheet) if name] + _names(inner)


@dataclass(frozen=True)
class Found:
    """A guess: the entry, its remarks, and what it says of years, counties and cells."""

    file: FileEntry
    remarks: tuple[str, ...]
    years: frozenset[int] = frozenset()
    counties: frozenset[str] = frozenset()
    cell_m: float = math.nan


@dataclass(frozen=True)
class Match:
    """The columns of a sheet that may be the fields of a table."""

    table: str
    heads: dict[str, Head] = field(default_factory=dict)
    tiers: dict[str, int] = field(default_factory=dict)
    hinted: bool = False
    year: int | None = None

    @property
    def entry(self) -> TableEntry:
        """The table's entry in the data dictionary."""
        return dictionary.tables()[self.table]

    @property
    def figures(self) -> list[str]:
        """The fields found that are no keys."""
        return [name for name in self.heads if name not in (*self.entry.key, *templates.PLACE)]

    @property
    def absent(self) -> list[str]:
        """Keys that no column was found for."""
        known = {*self.heads, *(["year"] if self.year else [])}
        return [name for name in self.entry.key if name not in known]

    @property
    def share(self) -> float:
        """Share of the required fields, without the keys, that were found."""
        keys = (*self.entry.key, *templates.PLACE)
        needed = [n for n, f in self.entry.fields.items() if not f.optional and n not in keys]
        return sum(name in self.heads for name in needed) / max(len(needed), 1)

    @property
    def score(self) -> tuple[bool, float, int, int]:
        """The better a match, the greater."""
        return self.hinted, self.share, len(self.figures), sum(self.tiers.values())

    @property
    def acceptable(self) -> bool:
        """Whether this may be the table."""
        enough = self.hinted or self.share >= thresholds().least_share
        any_figure = bool(self.figures) or (self.hinted and bool(self.entry.geometry))
        return not self.absent and any_figure and enough


def guess(existing: Path) -> tuple[str, list[Problem]]:
    """Return a first declaration for a folder as it is, and what could not be placed.

    Parameters
    ----------
    existing : Path
        Folder of the originals, which are only read. The declaration names it under `originals`.

    Returns
    -------
    str
        YAML with remarks; complete but for what nothing in the folder says.
    list of Problem
        Notes of rule `guess`.

    Raises
    ------
    PackError
        When there is no such folder.
    """
    if not existing.is_dir():
        raise PackError(f"{existing}: is no folder. Name the folder that holds the files.")
    thresholds()  # a fault in the synonyms is none of the files
    found: list[Found] = []
    problems: list[Problem] = []
    for path in _files(existing):
        for item in _look(existing, path):
            if isinstance(item, Problem):
                problems.append(item)
            elif clash := _clash(item, found):
                problems.append(clash)
            else:
                found.append(item)
    return _text(existing, found, problems), problems


def write_guess(existing: Path, new: Path) -> list[Problem]:
    """Write a first declaration and a README into a new folder; return what could not be placed.

    Raises
    ------
    PackError
        When there is no folder `existing`, or the new one lies inside it or holds something.
    """
    if new.resolve().is_relative_to(existing.resolve()):
        raise PackError(
            f"{new}: lies inside {existing}, which stays as it is. Name another folder."
        )
    templates.refuse_unless_empty(new)
    text, problems = guess(existing)
    new.mkdir(parents=True, exist_ok=True)
    (new / declaration.FILE_NAME).write_text(text, encoding="utf-8")
    (new / "README.md").write_text(_readme(existing), encoding="utf-8")
    return problems


def _note(
    path: str, message: str, remedy: str = BY_HAND, place: str = "", seen: str = ""
) -> Problem:
    return Problem(path, "guess", message, remedy, place=place, value=seen, severity="note")


def _files(folder: Path) -> Iterator[Path]:
    """Yield files, and folders that are one file; links to folders are not followed."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(SKIPPED):
            continue
        if path.is_dir() and path.suffix.casefold() not in FOLDERS:
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    yield from _files(path)
        else:
            yield path


def _look(existing: Path, path: Path) -> list[Found | Problem]:
    """Return what a file may be; whatever is wrong with it becomes a note."""
    name = path.relative_to(existing).as_posix()
    look = _looker(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the checks speak of what is odd, not the guess
            return list(look(path, name))
    except UNREADABLE as error:
        return [_note(name, f"cannot be read ({templates.one_line(str(error))})")]


@contextlib.contextmanager
def _library() -> Iterator[None]:
    """Turn whatever a library raises for a damaged file into a PackError."""
    try:
        yield
    except STUMBLES as error:
        raise PackError(f"{type(error).__name__}: {error}") from error


def _looker(path: Path) -> Callable[[Path, str], Iterator[Found | Problem]]:
    """Return what looks at a kind of file."""
    suffix = path.suffix.casefold()
    kinds = {
        WORKBOOKS: _in_workbook,
        TEXTS: _in_text,
        VECTORS: _in_vector,
        RASTERS: _in_raster,
    }
    for suffixes, look in kinds.items():
        if suffix in suffixes:
            return look
    return _in_archive if suffix == archives.ZIP else _unknown


def _unknown(path: Path, name: str) -> Iterator[Problem]:
    """Say that a kind of file is not read; companions of others are no matter."""
    suffix = path.suffix.casefold()
    alone = suffix == ".dbf" and not path.with_suffix(".shp").exists()
    if suffix in COMPANIONS and not alone:
        return
    yield _note(name, "is no kind of file that is read", REMEDIES.get(suffix, BY_HAND), seen=suffix)


def _clash(item: Found, found: Sequence[Found]) -> Problem | None:
    """Return a note when another file was taken for the same raster and year."""
    if not item.file.layer:
        return None
    for other in found:
        if (other.file.layer, other.file.year) == (item.file.layer, item.file.year):
            what = f"{item.file.layer} {item.file.year or ''}".strip()
            return _note(
                item.file.path,
                f"may be {what} too, for which {other.file.path} was taken",
                "Declare the one that is meant",
            )
    return None


# ------------------------------------------------------------ names and words


def _names(inner: PurePosixPath) -> list[str]:
    """Return a path's names, the nearest first."""
    return [inner.name.split(".")[0] or inner.name, *reversed(inner.parts[:-1])]


def _plain(text: str) -> str:
    """Return a text as it is compared: one width, no case, no punctuation."""
    return IGNORED.sub("", unicodedata.normalize("NFKC", text).casefold())


def _holds(name: str, word: str) -> bool:
    """Tell whether a name holds a word: Chinese anywhere, Latin standing alone."""
    name, word = (unicodedata.normalize("NFKC", text).casefold() for text in (name, word))
    if CHINESE.search(word):
        return word in name
    name = SEPARATORS.sub("_", name)
    return re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", name) is not None


def _named(names: Iterable[str], words: Mapping[str, Sequence[str]]) -> tuple[str, str, int]:
    """Return what names speak of, by which word, and how far up; the longest word of the nearest name."""
    for level, name in enumerate(names):
        hits = [
            (templates.width(w), k, w) for k, ws in words.items() for w in ws if _holds(name, w)
        ]
        longest = max((hit[0] for hit in hits), default=0)
        best = {key: word for size, key, word in hits if size == longest}
        if len(best) == 1:
            key, word = best.popitem()
            return key, word, level
    return "", "", 0


def _year(texts: Iterable[str]) -> int | None:
    """Return the year that the nearest text with a single one names."""
    for text in texts:
        years = set(YEAR.findall(text))
        if len(years) == 1:
            return int(years.pop())
    return None


@functools.cache
def _measures(text: str) -> frozenset[str]:
    """Return which units of the dictionary a text could be given in; none for what is no unit."""
    if not UNIT_LIKE.search(text):
        return frozenset()
    wanted = {f.unit for t in dictionary.tables().values() for f in t.fields.values()}
    wanted |= {layer.unit for layer in dictionary.layers().values()}
    return frozenset(unit for unit in wanted - {""} if _converts(text, unit))


def _converts(text: str, unit: str) -> bool:
    """Tell whether a text is a unit that measures what another does."""
    try:
        conversion.factor(text, unit)
    except UNKNOWN_UNIT:
        return False
    return True


@functools.cache
def _unit(text: str) -> str:
    """Return a unit as the project reads it, or an empty string."""
    text = text.strip()
    for unit, spellings in synonyms().units.items():
        scale = re.fullmatch(r"([\d.]+)\s*(.+)", text)
        front, rest = scale.groups() if scale else ("", text)
        if rest.casefold() in (unit.casefold(), *(s.casefold() for s in spellings)):
            return f"{front} {unit}".strip()
    return text if _measures(text) else ""


@functools.cache
def _vocabulary() -> dict[str, dict[str, frozenset[str]]]:
    """Return the words for each field of each table."""
    return {
        table: {
            name: frozenset(
                map(
                    _plain,
                    [
                        f.title,
                        name,
                        *synonyms().fields.get(name, []),
                        *synonyms().fields.get(f"{table}.{name}", []),
                    ],
                )
            )
            for name, f in entry.fields.items()
        }
        for table, entry in dictionary.tables().items()
    }


@functools.cache
def _all_words() -> frozenset[str]:
    """Return the words for all fields."""
    return frozenset(
        w for fields in _vocabulary().values() for words in fields.values() for w in words
    )


@functools.cache
def _county(text: str) -> str:
    """Return the county code that a cell's text means, or an empty string."""
    if found := CODE.fullmatch(text):
        return found[1]
    name = "".join(text.split())
    if not CHINESE.fullmatch(name):
        return ""
    try:
        return counties.find(name)
    except CodeError:
        return ""


# ------------------------------------------------------------------- tables


def _in_workbook(path: Path, name: str) -> Iterator[Found | Problem]:
    """Yield what the sheets of a workbook may be."""
    limit = thresholds()
    with templates.opened(path) as book:
        for sheet in book.worksheets:
            if sheet.title in (templates.GUIDE, templates.CHOICES):
                continue
            if sheet.sheet_state != "visible":
                yield _note(name, "a hidden sheet was left unread", place=sheet.title)
                continue
            cells = sheet.iter_rows(
                max_row=limit.sample_rows, max_col=limit.sample_columns, values_only=True
            )
            with _library():
                rows = list(cells)
            yield from _in_cells(Grid(name, rows, sheet=sheet.title))


def _in_text(path: Path, name: str) -> Iterator[Found | Problem]:
    """Yield what a table of text may be."""
    with path.open("rb") as stream:
        raw = stream.read(thresholds().sample_bytes)
    encoding = _encoding(raw)
    if not encoding:
        yield _note(name, "is neither UTF-8 nor GB18030 text", "Save it as CSV in UTF-8")
        return
    text = codecs.getincrementaldecoder(encoding)().decode(raw)
    lines = text.splitlines()[: thresholds().sample_rows]
    delimiter = max(",\t;", key="".join(lines[: thresholds().header_search_rows]).count)
    rows = [tuple(row) for row in csv.reader(lines, delimiter=delimiter)]
    yield from _in_cells(Grid(name, rows, encoding=encoding))


def _encoding(raw: bytes) -> str:
    """Return the encoding of a text's beginning, or an empty string."""
    if raw.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            if "\0" not in codecs.getincrementaldecoder(encoding)().decode(raw):
                return encoding
    return ""


def _cell(value: Any) -> str:
    """Return a cell as text; empty for nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _is_figure(value: Any) -> bool:
    """Tell whether a cell holds a number that is no year."""
    text = _cell(value).replace(",", "").removesuffix("%")
    try:
        float(text)
    except ValueError:
        return isinstance(value, datetime.date)
    return not YEAR.fullmatch(text)


def _is_caption(value: Any) -> bool:
    """Tell whether a cell says the unit of the whole table: 单位：万元."""
    return LINE_UNIT.match(_cell(value).lstrip("(（")) is not None


def _heads(rows: Sequence[Sequence[Any]]) -> list[Head]:
    """Return the columns under a header of one or more rows; what was merged to the right goes on."""
    columns = range(max(map(len, rows), default=0))
    texts = [
        [" ".join(_cell(row[i]).split()) if i < len(row) else "" for i in columns] for row in rows
    ]
    for upper, below in itertools.pairwise(texts):
        for i in columns[1:]:
            upper[i] = upper[i] or (upper[i - 1] if below[i] else "")
    heads = []
    for i in columns:
        parts = list(dict.fromkeys(row[i] for row in texts if row[i]))
        if parts:
            heads.append(_head("/".join(parts), parts, i))
    return heads


def _head(text: str, parts: Sequence[str], column: int) -> Head:
    """Return a column with the unit in its header, nearest to the figures, taken out."""
    unit, rest = "", []
    for part in reversed(parts):
        if not unit and len(parts) > 1 and _unit(part):
            unit = _unit(part)
            continue
        inside = [b for b in BRACKET.finditer(part) if _bracketed(b)]
        if inside:
            unit = unit or _bracketed(inside[-1])
            part = part.replace(inside[-1][0], "")
        elif not unit and (tail := re.split(r"[,，:：/]", part))[1:] and _unit(tail[-1]):
            unit, part = _unit(tail[-1]), part[: -len(tail[-1]) - 1]
        rest.append(part)
    return Head(text, tuple(reversed(rest)), unit, column)


def _bracketed(found: re.Match[str]) -> str:
    """Return the unit in a bracket: `(亿元)`, `(单位: 亿元)`; empty where it is none."""
    return _unit(re.sub(r"^单位\s*[:：]?", "", found[1]))


def _variants(head: Head) -> tuple[set[str], set[str]]:
    """Return the plain texts that are a whole header, and those that are a part of it."""
    bare = [BRACKET.sub("", part) for part in head.parts]
    whole = {_plain("".join(head.parts)), _plain("".join(bare))}
    return whole - {""}, {_plain(part) for part in (*head.parts, *bare)} - {""}


def _header_rows(rows: Sequence[tuple[Any, ...]]) -> tuple[list[int], list[Head]]:
    """Return the rows, from 0, that are most likely the header, and its columns.

    The most known words win, then the fewest empty cells below them, then words that are whole headers,
    units, and fewer rows.
    """
    limit = thresholds()
    best: tuple[tuple[int, ...], list[int], list[Head]] = ((0,), [], [])
    for top in range(min(limit.header_search_rows, len(rows))):
        for depth in range(1, limit.header_depth + 1):
            chosen = rows[top : top + depth]
            if len(chosen) < depth or any(_is_figure(v) or _is_caption(v) for v in chosen[-1]):
                break
            heads = _heads(chosen)
            known = [h for h in heads if any(v & _all_words() for v in _variants(h))]
            below = rows[top + depth] if top + depth < len(rows) else ()
            filled = sum(h.column < len(below) and bool(_cell(below[h.column])) for h in known)
            whole = sum(bool(_variants(h)[0] & _all_words()) for h in known)
            score = (len(known), filled, whole, sum(bool(h.unit) for h in known), -depth)
            if known and score > best[0]:
                best = (score, list(range(top, top + depth)), heads)
    return best[1], best[2]


def _in_cells(grid: Grid) -> Iterator[Found | Problem]:
    """Yield which tables the cells of a sheet may be."""
    rows, heads = _header_rows(grid.rows)
    if not heads:
        if any(_cell(value) for row in grid.rows for value in row):
            yield _note(grid.path, "no header with known names was found", place=grid.sheet)
        return
    years = {year for head in heads for year in YEAR.findall(head.text)}
    if len(years) > 1:
        yield _note(
            grid.path,
            "years stand side by side in the header",
            "Put them below each other, with a column for the year",
            place=grid.sheet,
            seen=", ".join(sorted(years)),
        )
        return
    above = [_cell(value) for row in grid.rows[: rows[0]] for value in row]
    body = [row for row in grid.rows[rows[-1] + 1 :] if any(_cell(value) for value in row)]
    year = _year([*sorted(years), *grid.names, *above])
    units = [
        unit
        for text in above
        for line in LINE_UNIT.findall(text)
        for unit in re.split("[、,，;；]", line)
    ]
    matches = _matches(grid, heads, body, units, year)
    accepted = [match for match in matches if match.acceptable]
    for match in accepted:
        yield _table_found(grid, [row + 1 for row in rows], heads, body, match, units)
    if not accepted:
        yield _unplaced(grid, heads, matches)


def _unplaced(grid: Grid, heads: Sequence[Head], matches: Sequence[Match]) -> Problem:
    """Say of a sheet that it is no table, and what it lacks to be the likeliest one."""
    seen = ", ".join(head.text for head in heads[:SHOWN])
    place = grid.sheet or grid.layer_in_file
    if matches and matches[0].figures and matches[0].absent:
        match = matches[0]
        lacking = "、".join(match.entry.fields[name].title for name in match.absent)
        message = f"looks like {match.table} ({match.entry.title}), but has no {lacking}"
        return _note(grid.path, message, f"Add {lacking}, or declare it by hand", place, seen)
    return _note(grid.path, "is no table of the data dictionary", place=place, seen=seen)


def _matches(
    grid: Grid,
    heads: Sequence[Head],
    body: Sequence[tuple[Any, ...]],
    units: Sequence[str],
    year: int | None,
) -> list[Match]:
    """Return the tables that a sheet may hold, best first; each figure belongs to one of them."""
    hint, _, _ = _named(grid.names, _table_words())
    county = _county_head(heads, body)
    left, chosen, rest = list(heads), [], []
    open_tables = {n for n, t in dictionary.tables().items() if bool(t.geometry) == grid.polygons}
    while open_tables:
        found = [
            _match(name, left, county, units, year, name == hint, grid)
            for name in sorted(open_tables)
        ]
        best = max(found, key=lambda match: (match.acceptable, match.score))
        if not best.acceptable:
            rest = [best]
            break
        chosen.append(best)
        open_tables.remove(best.table)
        used = {best.heads[name] for name in best.figures}
        left = [head for head in left if head not in used]
    return chosen + rest


@functools.cache
def _table_words() -> dict[str, list[str]]:
    """Return the words by which names speak of tables."""
    return {
        name: [entry.title, name, *synonyms().tables.get(name, [])]
        for name, entry in dictionary.tables().items()
    }


def _county_head(heads: Sequence[Head], body: Sequence[tuple[Any, ...]]) -> Head | None:
    """Return the column of the counties: one of codes, or else one so called that holds names."""
    words = _vocabulary()[BOUNDARIES]
    words_of_counties = words["county_code"] | words["name_zh"]
    ranked = []
    for head in heads:
        values = [_cell(row[head.column]) for row in body if head.column < len(row)]
        values = [v for v in values if v and v not in FileEntry.model_fields["total_rows"].default]
        called = any(v & words_of_counties for v in _variants(head))
        coded = sum(CODE.fullmatch(v) is not None for v in values)
        named = sum(bool(_county(v)) for v in values) if called else coded
        if 2 * named > len(values):  # most of them
            ranked.append((2 * coded > len(values), called, -head.column, head))
    return max(ranked)[-1] if ranked else None


def _match(
    table: str,
    heads: Sequence[Head],
    county: Head | None,
    units: Sequence[str],
    year: int | None,
    hinted: bool,
    grid: Grid,
) -> Match:
    """Return which columns may be a table's fields, surest first."""
    entry = dictionary.tables()[table]
    made = Match(table, hinted=hinted, year=year if "year" in entry.key else None)
    if county and "county_code" in entry.fields:
        made.heads["county_code"], made.tiers["county_code"] = county, SAME
    ranked = sorted(
        (
            (*found, name, head)
            for name, f in entry.fields.items()
            for head in heads
            if name != "county_code"
            and (found := _fit(table, name, f, head, units, grid.short_names))
        ),
        key=lambda r: (-r[0], -r[1], r[3].column),
    )
    for tier, _, name, head in ranked:
        if name not in made.heads and head not in made.heads.values():
            made.heads[name], made.tiers[name] = head, tier
    return made


def _fit(
    table: str, name: str, f: FieldEntry, head: Head, units: Sequence[str], short: bool
) -> tuple[int, float] | None:
    """Return how well a header fits a field: tier and likeness; None when it does not."""
    if f.type == "number" and f.unit and head.unit and f.unit not in _measures(head.unit):
        return None
    other = [w for w in synonyms().not_figures if w in head.text and w not in f.title]
    if f.type == "number" and other:
        return None
    words = _vocabulary()[table][name]
    whole, parts = _variants(head)
    if whole & words:
        return SAME, 1.0
    if parts & words or (short and any(_cut(w, v) for w in words for v in whole)):
        return PART, 1.0
    close = max(
        (difflib.SequenceMatcher(None, v, w).ratio() for v in whole for w in words), default=0.0
    )
    return (NEAR, close) if close >= thresholds().near_name else None


def _cut(word: str, text: str) -> bool:
    """Tell whether a text is a word cut to the ten bytes of a shapefile's field name."""
    sizes = {len(text.encode(encoding)) for encoding in ("gb18030", "utf-8")}
    return word.startswith(text) and bool(sizes & {DBF_NAME_BYTES, DBF_NAME_BYTES - 1})


def _declared_unit(f: FieldEntry, head: Head, units: Sequence[str]) -> str:
    """Return the unit of a column: in its header, or in the line above the table."""
    if head.unit and f.unit in _measures(head.unit):
        return head.unit
    return next((_unit(u) for u in units if _unit(u) and f.unit in _measures(_unit(u))), "")


def _words_in(f: FieldEntry, name: str, values: Iterable[str]) -> dict[str, str]:
    """Return what the words of a column mean, where they are not the pack's own."""
    seen = dict.fromkeys(value for value in values if value)
    if name == "county_code":
        known = {value: _county(value) for value in seen}
    elif name == "year":
        known = {v: found[1] for v in seen if (found := YEAR.search(v)) and v != found[1]}
    elif f.type == "boolean":
        known = {
            v: word
            for v in seen
            for word, spellings in synonyms().booleans.items()
            if v.casefold() in spellings
        }
    else:
        labels = {_plain(label): word for label, word in templates.labels(f).items()}
        known = {value: labels[_plain(value)] for value in seen if _plain(value) in labels}
    return {value: word for value, word in known.items() if word and value != word}


def _table_found(
    grid: Grid,
    header_rows: list[int],
    heads: Sequence[Head],
    body: Sequence[tuple[Any, ...]],
    match: Match,
    units: Sequence[str],
) -> Found:
    """Return the entry of a table with the remarks that say what it rests on."""
    fields = match.entry.fields
    columns, cells = {}, {}
    for name in (n for n in fields if n in match.heads):
        head = match.heads[name]
        cells[name] = [_cell(row[head.column]) for row in body if head.column < len(row)]
        unit = _declared_unit(fields[name], head, units) if fields[name].unit else ""
        words = _words_in(fields[name], name, cells[name])
        columns[name] = Column(header=head.text, unit=unit, values=words)
    by_column = "year" in columns
    years = {int(y) for text in cells.get("year", []) for y in YEAR.findall(text)}
    year = None if by_column else match.year
    file = FileEntry(
        path=grid.path,
        table=match.table,
        year=year,
        sheet=grid.sheet,
        header_rows=header_rows if not grid.layer_in_file else [1],
        encoding=grid.encoding,
        columns=columns,
        layer_in_file="" if grid.short_names else grid.layer_in_file,
        source=Source(title=""),
    )
    return Found(
        file,
        (*_table_remarks(match, file, heads), *grid.remarks),
        years=frozenset(years | ({year} if year else set())),
        counties=frozenset(map(_county, cells.get("county_code", []))) - {""},
    )


def _table_remarks(match: Match, file: FileEntry, heads: Sequence[Head]) -> Iterator[str]:
    """Yield what a table's guess rests on and what it lacks."""
    fields = match.entry.fields
    without = [f.title for n, f in fields.items() if f.unit and n in file.columns]
    without = [t for t in without if not _unit_of_title(file, t)]
    near = [n for n, tier in match.tiers.items() if tier == NEAR]
    sure = UNSURE if near else FAIR if without or min(match.tiers.values()) == PART else SURE
    yield f"猜测 ({sure}): {match.entry.title}"
    for name, tier in match.tiers.items():
        if tier < SAME:
            yield f"猜测: {fields[name].title} 取自列 “{match.heads[name].text}” ({TIER_ZH[tier]})"
    if file.year:
        yield f"猜测: 年份 {file.year} 取自表头、文件名、工作表名或标题"
    if without:
        yield f"单位未见于文件, 请在各列填写 unit: {'、'.join(without)}"
    lacking = [f.title for n, f in fields.items() if not f.optional and n not in file.columns]
    if lacking := [title for title in lacking if not (file.year and title == fields["year"].title)]:
        yield f"未找到: {'、'.join(lacking)}"
    used = {head.text for head in match.heads.values()}
    if unused := [head.text for head in heads if head.text not in used]:
        yield f"未用的列: {'、'.join(unused)}"


def _unit_of_title(file: FileEntry, title: str) -> str:
    """Return the declared unit of the field with a title."""
    return next(c.unit for n, c in file.columns.items() if file.entry.fields[n].title == title)


# ------------------------------------------------------------------ vectors


def _in_vector(path: Path, name: str) -> Iterator[Found | Problem]:
    """Yield what the layers of a vector file may be."""
    shapefile = path.suffix.casefold() == ".shp"
    encoding = _dbf_encoding(path) if shapefile else ""
    with _library():
        layers = gpd.list_layers(path).itertuples(index=False, name=None)
    for layer, geometry in layers:
        if "Polygon" not in str(geometry):
            message = f"layer {layer} holds {geometry or 'no geometry'}, not polygons"
            yield _note(name, message, "Export a table as .csv or .xlsx", place=str(layer))
            continue
        read = functools.partial(gpd.read_file, path, layer=layer, encoding=encoding or None)
        with _library():
            frame = read(ignore_geometry=True, rows=thresholds().sample_rows)
            found = read(rows=1, on_invalid="ignore").crs
        crs = f"坐标系 {_crs_name(found)}, 取自文件" if found else "文件没有坐标系, 请填写 crs"
        rows = [tuple(frame.columns), *frame.astype("object").itertuples(index=False, name=None)]
        yield from _in_cells(
            Grid(
                name,
                rows,
                encoding=encoding,
                layer_in_file=str(layer),
                polygons=True,
                short_names=shapefile,
                remarks=(crs,),
            )
        )


def _dbf_encoding(path: Path) -> str:
    """Return the encoding of a shapefile's attributes; empty where a .cpg says it or all is ASCII."""
    siblings = {p.suffix.casefold(): p for p in path.parent.glob(f"{_literal(path.stem)}.*")}
    if ".cpg" in siblings:
        with contextlib.suppress(LookupError, UnicodeDecodeError):
            codecs.lookup(siblings[".cpg"].read_text(encoding="ascii").strip())
            return ""
    if ".dbf" not in siblings:
        return ""
    with siblings[".dbf"].open("rb") as stream:
        raw = stream.read(thresholds().sample_bytes)
    size = int.from_bytes(raw[8:10], "little")  # of the header, whose first 32 bytes are no text
    names = [raw[i : i + DBF_NAME_BYTES + 1].split(b"\0")[0] for i in range(32, size - 1, 32)]
    texts = b"\n".join(names) + b"\n" + raw[size:]
    return "" if texts.isascii() else _encoding(texts.replace(b"\0", b" "))


def _literal(text: str) -> str:
    """Return a name for `glob` without wildcards."""
    return re.sub(r"([*?\[])", r"[\1]", text)


# ------------------------------------------------------------------ rasters


def _in_raster(path: Path, name: str) -> Iterator[Found | Problem]:
    """Yield which layer a raster may be."""
    names = _names(PurePosixPath(name))
    layer, word, level = _named(names, _layer_words())
    if not layer:
        yield _note(name, "its name says of no layer what it is", place="栅格")
        return
    entry = dictionary.layers()[layer]
    if MONTH.search(names[0]) and entry.bands == "months":
        yield _note(
            name, f"may be {layer} of one month", f"Stack the {MONTHS} months as bands of one file"
        )
        return
    with rasterio.open(path) as source:
        wanted = MONTHS if entry.bands == "months" else 1
        if source.count != wanted:
            message = f"may be {layer}, which has {wanted} bands"
            yield _note(name, message, "Correct the bands", seen=f"{source.count} bands")
            return
        year = _year(names) if entry.by_year else None
        values = _sample(source)
        nodata, classes, said = _values(entry, source, values, names)
        unit = _raster_unit(entry, source, names[0])
        remarks = [
            f"猜测 ({SURE if level == 0 else FAIR}): {entry.title}, 依据名称中的 “{word}”",
            *said,
            *_raster_remarks(entry, source, year, unit),
        ]
        if word in synonyms().not_quite:
            remarks.append(synonyms().not_quite[word])
        file = FileEntry(
            path=name,
            layer=layer,
            year=year,
            nodata=nodata,
            unit=unit,
            classes=classes,
            source=Source(title=""),
        )
        yield Found(file, tuple(remarks), frozenset({year} if year else ()), cell_m=_cell_m(source))


@functools.cache
def _layer_words() -> dict[str, list[str]]:
    """Return the words by which names speak of layers."""
    return {
        name: [entry.title, name, *synonyms().layers.get(name, [])]
        for name, entry in dictionary.layers().items()
    }


def _sample(source: Any) -> np.ndarray:
    """Return values of the first band, nodata left out: decimated, or windows of a large one.

    Without overviews a decimated reading would go through the whole file.
    """
    side, block = thresholds().overview_side, thresholds().window_side
    height, width = source.height, source.width
    if source.overviews(1) or height * width <= side * side:
        shape = (min(height, side), min(width, side))
        return np.asarray(source.read(1, out_shape=shape, masked=True).compressed())
    count = side // block
    rows = np.unique(np.linspace(0, max(height - block, 0), count).astype(int))
    cols = np.unique(np.linspace(0, max(width - block, 0), count).astype(int))
    windows = (
        Window(int(c), int(r), min(block, width), min(block, height)) for r in rows for c in cols
    )
    return np.concatenate([source.read(1, window=w, masked=True).compressed() for w in windows])


def _values(
    entry: LayerEntry, source: Any, values: np.ndarray, names: Sequence[str]
) -> tuple[list[float], str, list[str]]:
    """Return undeclared nodata values, the class system, and what is to be said of both."""
    values = values[np.isfinite(values)]
    said = [] if source.nodata is None else [f"无效值 {source.nodata:g}, 取自文件"]
    if not len(values):
        return [], "", [*said, "抽样未见有效值"]
    fills = _fills(source, values, entry) if source.nodata is None else set()
    classes = ""
    if entry.kind == "classes":
        classes, fills, remark = _class_system(values, fills, names)
        said.append(remark)
    valid = values[~np.isin(values, list(fills))]
    if fills:
        said.append(
            f"猜测: 文件未写明无效值, 以 {', '.join(f'{v:g}' for v in sorted(fills))} 为无效值"
        )
    if len(valid) and entry.kind == "field":
        said.append(f"抽样数值 {valid.min():g} 至 {valid.max():g}")
    return sorted(fills), classes, said


def _fills(source: Any, values: np.ndarray, entry: LayerEntry) -> set[float]:
    """Return the extremes of a raster that are usual values for nodata."""
    ends = {float(values.min()), float(values.max())}
    found = ends & set(synonyms().fill_values)
    if entry.kind == "classes":
        return found
    kind = np.dtype(source.dtypes[0])
    top = float(np.iinfo(kind).max) if np.issubdtype(kind, np.integer) else math.inf
    return {value for value in found if value < 0 or value == top}


def _class_system(
    values: np.ndarray, fills: set[float], names: Sequence[str]
) -> tuple[str, set[float], str]:
    """Return the crosswalk that knows the codes of a raster, what is nodata then, and a remark.

    Of several the one that the name speaks of goes first, then the one whose codes occur most.
    """
    codes, counts = np.unique(values, return_counts=True)
    hinted, _, _ = _named(names, _crosswalk_words())
    fitting = []
    for name, table in dictionary.crosswalks().items():
        known = {float(code) for code in table.index if re.fullmatch(r"\d+", code)}
        inside = np.isin(codes, list(known))
        real = inside | ~np.isin(codes, list(fills))
        if (
            counts[real].sum()
            and counts[inside].sum() >= thresholds().class_share * counts[real].sum()
        ):
            used = inside.sum() / len(known)
            fitting.append((name == hinted, used, name, fills - known))
    shown = ", ".join(f"{code:g}" for code in codes[:SHOWN])
    if not fitting:
        own = " (与本工具的类型代码相符)" if np.isin(codes, ecosystems.read()["code"]).all() else ""
        remark = f"代码 {shown} 与已有对照表都不相符{own}, 请增加对照表并填写 classes"
        return "", set(), remark
    fitting.sort(key=lambda f: (not f[0], -f[1], f[2]))
    sure, _, name, left = fitting[0]
    others = "、".join(f[2] for f in fitting[1:])
    also = f", 也可能是 {others}" if others and not sure else ""
    remark = f"猜测 ({SURE if sure or not others else UNSURE}): 分类 {name}{also}; 代码 {shown}"
    return name, left, remark


def _crosswalk_words() -> dict[str, list[str]]:
    """Return the words by which names speak of class systems."""
    return {n: [n, *synonyms().crosswalks.get(n, [])] for n in dictionary.crosswalks()}


def _raster_unit(entry: LayerEntry, source: Any, stem: str) -> str:
    """Return the unit that a raster's file or name says, or an empty string."""
    if entry.kind == "classes":
        return entry.unit
    tags = {**source.tags(), **source.tags(1)}
    said = [source.units[0], *(v for k, v in tags.items() if k.casefold() in ("unit", "units"))]
    said += [*BRACKET.findall(stem), *(t for t in stem.split("_") if not re.search(r"\d", t))]
    found = (_unit(text) for text in said if text)
    return next((unit for unit in found if unit and entry.unit in _measures(unit)), "")


def _raster_remarks(entry: LayerEntry, source: Any, year: int | None, unit: str) -> Iterator[str]:
    """Yield what a raster's file says of place, time and unit, or leaves out."""
    yield (
        f"坐标系 {_crs_name(source.crs)}, 取自文件" if source.crs else "文件没有坐标系, 请填写 crs"
    )
    if entry.by_year:
        yield f"猜测: 年份 {year} 取自名称" if year else "名称中没有年份: 请填写 year"
    if unit and entry.kind == "field":
        yield f"猜测: 单位 {unit} 取自文件或名称"
    if not unit:
        yield f"单位未见于文件, 请填写 unit, 例如 {entry.unit} 或 0.1 {entry.unit}"


def _crs_name(crs: Any) -> str:
    """Return EPSG code or name of a coordinate system."""
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else CRS.from_user_input(crs).name


def _cell_m(source: Any) -> float:
    """Return a raster's cell in metres, NaN where nothing says it."""
    step = abs(float(source.transform.e))
    if source.crs is None:
        return math.nan
    if source.crs.is_geographic:
        x, y = source.xy(source.height // 2, source.width // 2)
        return float(GEOD.inv(x, y, x, y + step)[2])
    return step * float(source.crs.linear_units_factor[1])


# ----------------------------------------------------------------- archives


def _in_archive(path: Path, name: str) -> Iterator[Found | Problem]:
    """Yield what the files of an archive may be, by their names alone."""
    members = archives.members_of(path.parent, path.name)
    if not members:
        yield _note(name, "no file could be listed in the archive", "Unpack it")
    inner = {PurePosixPath(member) for member in members}
    databases = {p for file in inner for p in file.parents if p.suffix.casefold() == ".gdb"}
    inner = {p for p in inner if not databases & set(p.parents)} | databases
    for member in sorted(inner):
        suffix = member.suffix.casefold()
        if suffix in COMPANIONS or any(part.startswith(SKIPPED) for part in member.parts):
            continue
        try:
            yield _by_name(f"{name}/{member}", _names(member), suffix)
        except ValueError as error:
            yield _note(name, "a member cannot be declared", seen=templates.one_line(str(error)))


def _by_name(path: str, names: Sequence[str], suffix: str) -> Found | Problem:
    """Return what a file may be by its name alone."""
    by_name = f"猜测 ({UNSURE}): 在压缩包内, 仅依据名称"
    layer, word, _ = _named(names, _layer_words())
    if suffix in RASTERS and layer:
        entry = dictionary.layers()[layer]
        year = _year(names) if entry.by_year else None
        unit = entry.unit if entry.kind == "classes" else ""
        file = FileEntry(path=path, layer=layer, year=year, unit=unit, source=Source(title=""))
        remark = f"{by_name}中的 “{word}”: {entry.title}; 请填写 unit、classes、nodata"
        return Found(file, (remark,), frozenset({year} if year else ()))
    shapes = {n: w for n, w in _table_words().items() if dictionary.tables()[n].geometry}
    table, word, _ = _named(names, shapes)
    if suffix in VECTORS and table:
        file = FileEntry(path=path, table=table, source=Source(title=""))
        title = dictionary.tables()[table].title
        return Found(file, (f"{by_name}中的 “{word}”: {title}; 请填写 columns",))
    return _note(path, "its name does not say what it is", "Unpack the archive and guess again")


# --------------------------------------------------------------------- text


def _text(existing: Path, found: Sequence[Found], problems: Sequence[Problem]) -> str:
    """Return the declaration with its remarks."""
    value = templates.value
    covers = {y for f in found if f.file.layer == LAND_COVER for y in f.years}
    seen = {y for f in found for y in f.years}
    codes = {code for f in found for code in f.counties} & set(counties.read().index)
    of_what = "有土地覆被的年份" if covers else "各文件的年份"
    years = f"猜测: {of_what}; 全部年份 {value(sorted(seen))}" if seen else "请填写核算年份"
    cell = _grid_cell(found)
    files = "".join(templates.rendered(f.file, *f.remarks) for f in found)
    notes = "".join(f"# {templates.one_line(str(problem))}\n" for problem in problems)
    return (
        f"{templates.YAML_HEAD}# 本文件由 init-pack --from 猜测而成, 请逐条核对 “猜测” 各行后再用。\n"
        f"originals: {value(existing.resolve().as_posix())}  # 原始文件所在文件夹, 只读不写\n"
        f"name: {value(_slug(existing.name))}\n"
        f"title: {value(existing.resolve().name or existing.name)}\n"
        f"years: {value(sorted(covers or seen))}  # {years}\n"
        f"counties: {value(sorted(codes))}  # 猜测: 表格与界线中出现的县; 空 [] 为全省\n"
        "licenses: [{name: unspecified}]  # 使用许可\n"
        f"grid:\n  crs: ''  # 空为开放数据包的坐标系\n"
        f"  cell_m: {cell}  # 猜测: 土地覆被或最细栅格的像元, 米\n"
        f"files:{'' if files else ' []  # 没有识别出任何文件'}\n{files}"
        f"{'# 未能识别的文件:' if notes else ''}\n{notes}"
    )


def _grid_cell(found: Sequence[Found]) -> float:
    """Return the cell of the land cover, of the finest raster, or else of the open pack; m."""
    sizes = [(f.file.layer != LAND_COVER, f.cell_m) for f in found if f.cell_m > 0]
    cell = min(sizes)[1] if sizes else float(Pack.open(paths.OPEN_PACK).grid.transform.a)
    return float(max(round(cell), 1))


def _slug(name: str) -> str:
    """Return a pack's name from a folder's."""
    return re.sub(r"[^a-z0-9_-]+", "_", name.casefold()).strip("_-") or "own_data"


def _readme(existing: Path) -> str:
    """Return what to do with a guessed declaration."""
    return f"""\
# 数据包声明 (初稿)

`{declaration.FILE_NAME}` 由 `init-pack --from` 根据下面文件夹中的文件名、表头、单位和数值猜测而成:
`{existing}`。
原始文件没有复制, 也没有改动; 声明中的 `originals` 指向它们, `path` 相对于该文件夹。

1. 逐条核对以 “猜测” 开头的注释, 尤其是单位、年份和土地覆被分类; 补上 “未找到” 与 “请填写” 的内容。
2. 文件末尾列出未能识别的文件; 需要的, 照其他条目补写。
3. 县里尚无的表格, 用 `python run_all.py init-pack 新文件夹` 生成模板填报。

```
python run_all.py check-pack 本文件夹    # 一次列出所有文件的所有问题
python run_all.py build-pack 本文件夹    # 转换为数据包 本文件夹/pack
```
"""
