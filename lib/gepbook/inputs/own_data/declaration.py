"""How each file of a folder is to be read (声明): `declaration.yaml`, written by hand or guessed.

Nothing is assumed that is not declared or plain from the file itself: columns, units, sheets, header
rows, encodings, coordinate systems and nodata values stand here. `accept` lists what of a file the user
knows of and wants mended while it is read; what is not listed there is an error.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gepbook.errors import PackError, near
from gepbook.inputs.manifest import Licence, Source
from gepbook.inputs.own_data import dictionary
from gepbook.ledger import Origin

FILE_NAME = "declaration.yaml"
Accepted = Literal[
    "full_width",  # full-width digits and letters are read as plain ones
    "spaces",  # spaces around texts and inside numbers are dropped
    "text_numbers",  # numbers kept as text, with thousands separators, are read
    "text_dates",  # dates kept as text (2023年6月30日, 2023.6.30) are read
    "formulas",  # the stored results of formula cells are read
    "hidden_sheets",  # hidden sheets, rows and columns are left unread
    "macros",  # a workbook with macros is read; the macros never run
    "renamed_codes",  # old county codes become the new ones where the change is one to one
    "invalid_geometry",  # self-crossing polygons are mended
    "overlaps",  # overlapping polygons are taken as they are
    "jumps",  # unusual year-on-year changes are meant
    "totals",  # totals that differ from their parts are meant
    "gaps",  # gaps in a coverage, or nodata inside counties, are meant
]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Closed):
    """Which column of a file a field is read from; `unit` of its figures."""

    header: str
    unit: str = ""
    values: dict[str, str] = {}


class GridEntry(_Closed):
    """The pack's grid: the open pack's coordinate system, or another equal-area one, and the cell."""

    crs: str = ""
    cell_m: Annotated[float, Field(gt=0)]
    bounds: tuple[float, float, float, float] | None = None


class FileEntry(_Closed):
    """One file: a `table` (or vector layer) or a raster `layer` of the data dictionary.

    `path` is relative to the folder; inside an archive it is `archive.zip/inner/file.shp`. `year` applies
    to all rows of a file without a column for it.

    Of tables: `sheet`, `header_rows` (counted from 1; several where the header is merged over rows),
    `encoding` (of shapefiles too), `missing` words, `total_rows`; `none` says that the county has none of
    it, such as no large reservoir, so that an empty table is an answer. Of vector layers:
    `layer_in_file` of a geodatabase or GeoPackage. Of rasters: `nodata`, `unit`, `classes` (a crosswalk).
    `crs` overrides what the file says.
    """

    path: str
    table: str = ""
    layer: str = ""
    year: int | None = None
    sheet: str = ""
    header_rows: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] = [1]
    encoding: str = ""
    columns: dict[str, Column] = {}
    missing: list[str] = ["", "—", "-", "…", "NA"]
    total_rows: list[str] = ["合计", "总计", "全市", "全省"]
    layer_in_file: str = ""
    crs: str = ""
    nodata: list[float] = []
    unit: str = ""
    classes: str = ""
    accept: list[Accepted] = []
    none: bool = False
    origin: Origin = "observed"
    change_origin: Origin | None = None
    origin_note: str = ""
    source: Source = Source(title="")

    @model_validator(mode="after")
    def _known(self) -> FileEntry:
        """Check the names against the data dictionary."""
        if bool(self.table) == bool(self.layer):
            raise ValueError("name either a table or a layer")
        if self.table and self.table not in dictionary.tables():
            raise ValueError(
                f"table {self.table!r} is not in the data dictionary."
                f"{near(self.table, dictionary.tables())}"
            )
        if self.layer and self.layer not in dictionary.layers():
            raise ValueError(
                f"layer {self.layer!r} is not in the data dictionary."
                f"{near(self.layer, dictionary.layers())}"
            )
        if self.classes and self.classes not in dictionary.crosswalks():
            raise ValueError(
                f"classes {self.classes!r}: no such crosswalk."
                f"{near(self.classes, dictionary.crosswalks())}"
            )
        if self.none and (not self.table or "year" in dictionary.tables()[self.table].fields):
            raise ValueError("none is for tables without years; write 0 where there is nothing")
        if self.table:
            fields = dictionary.tables()[self.table].fields
            unknown = [name for name in self.columns if name not in fields]
            if unknown:
                raise ValueError(
                    f"columns {', '.join(unknown)}: not fields of {self.table}."
                    f"{near(unknown[0], fields)}"
                )
        inner = PurePosixPath(self.path)
        if inner.is_absolute() or ".." in inner.parts or "\\" in self.path or ":" in self.path:
            raise ValueError("path must lie inside the folder, written with /")
        return self

    @property
    def entry(self) -> dictionary.TableEntry:
        """The table's entry in the data dictionary."""
        return dictionary.tables()[self.table]


class Declaration(_Closed):
    """A whole folder.

    `counties` are the codes that the data are of; empty means all. `originals` is the folder that paths
    are relative to, where that is not the declaration's own.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
    title: str
    version: str = "1"
    years: Annotated[list[int], Field(min_length=1)]
    licenses: list[Licence] = [Licence(name="unspecified")]
    grid: GridEntry
    counties: list[str] = []
    originals: str = ""
    files: Annotated[list[FileEntry], Field(min_length=1)]

    @model_validator(mode="after")
    def _once(self) -> Declaration:
        """Check that no raster is declared twice for a year."""
        seen: set[tuple[str, int | None]] = set()
        for file in self.files:
            key = (file.layer, file.year)
            if file.layer and key in seen:
                raise ValueError(f"{file.path}: layer {file.layer} {file.year or ''} stands twice")
            seen.add(key)
        return self


def read(folder: Path) -> Declaration:
    """Read and check a folder's declaration.

    Raises
    ------
    PackError
        When there is none, it is not YAML, or keys are missing, unknown or wrong: all of them.
    """
    path = folder / FILE_NAME
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PackError(
            f"{path}: cannot be read ({error.strerror}). Make one with: run_all.py init-pack "
            f"NEW_FOLDER --from {folder}"
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise PackError(f"{path}: is not YAML in UTF-8 ({error}). Correct it there.") from error
    try:
        return Declaration.model_validate(content)
    except ValidationError as error:
        raise PackError(
            [
                f"{path}: {'.'.join(str(part) for part in e['loc'])}: "
                f"{e['msg'].removeprefix('Value error, ')}. Correct the declaration."
                for e in error.errors()
            ]
        ) from error
