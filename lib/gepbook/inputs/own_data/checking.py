"""Every problem of every file of a folder at once (数据包检查); nothing is written, nothing mended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import pandas as pd
from pyproj import CRS
from pyproj.exceptions import CRSError

from gepbook import counties, paths
from gepbook.errors import PackError
from gepbook.grid import GridSpec
from gepbook.inputs.own_data import (
    archives,
    declaration,
    dictionary,
    raster_checks,
    table_checks,
    tables,
    templates,
    vector_checks,
    vectors,
)
from gepbook.inputs.own_data.declaration import Declaration, FileEntry
from gepbook.inputs.own_data.limits import limits
from gepbook.inputs.own_data.problems import Problem, errors
from gepbook.inputs.own_data.tables import TableRead
from gepbook.inputs.own_data.vectors import VectorRead
from gepbook.inputs.pack import BOUNDARIES, HALO_CELLS, Pack

#: Where `build-pack` puts its result inside the folder, unless told otherwise.
BUILT = "pack"
#: Files that belong to a folder without being data.
OWN_FILES = {declaration.FILE_NAME, "README.md", "README.txt"}


@dataclass
class Checked:
    """A folder as it was read (检查结果).

    `declaration`, `grid` and `boundaries` are None where a problem stood in the way of them.
    `boundaries` are the county polygons in the grid's coordinates: the folder's own, or the open pack's.
    """

    folder: Path
    problems: list[Problem] = field(default_factory=list)
    declaration: Declaration | None = None
    grid: GridSpec | None = None
    boundaries: gpd.GeoDataFrame | None = None
    own_boundaries: bool = False
    tables: dict[str, list[tuple[FileEntry, TableRead]]] = field(default_factory=dict)
    vectors: dict[str, list[tuple[FileEntry, VectorRead]]] = field(default_factory=dict)
    rasters: list[FileEntry] = field(default_factory=list)

    @property
    def originals(self) -> Path:
        """The folder that the declared paths are relative to."""
        own = self.declaration.originals if self.declaration else ""
        return (self.folder / own).resolve() if own else self.folder

    @property
    def sound(self) -> bool:
        """Whether nothing stands in the way of building the pack."""
        return not errors(self.problems)


def check(folder: Path, *, read_rasters: bool = True) -> Checked:
    """Read a folder as its declaration says and return all that is wrong with it.

    Parameters
    ----------
    folder : Path
        With a `declaration.yaml`.
    read_rasters : bool
        False leaves the cells of rasters unread, when they were checked before and did not change.
    """
    found = Checked(folder)
    try:
        found.declaration = declaration.read(folder)
    except PackError as error:
        for problem in error.problems:
            message, _, remedy = problem.rpartition(". ")
            message = message.removeprefix(f"{folder / declaration.FILE_NAME}: ")
            found.problems.append(
                Problem(declaration.FILE_NAME, "declaration", f"{message}.", remedy)
            )
        return found
    _check_names(found)
    _check_archives(found)
    _target(found)
    _check_tables(found)
    _check_vectors(found)
    found.rasters = _files(found, "raster")
    if read_rasters and found.grid is not None:
        for file in found.rasters:
            found.problems += raster_checks.check_raster(
                found.originals, file, found.grid, found.boundaries, limits()
            )
    _check_whole(found)
    found.problems = list(dict.fromkeys(found.problems))  # an archive's own are told by each reader
    return found


def _codes(found: Checked) -> list[str]:
    """Return the counties that the data are of."""
    assert found.declaration is not None
    return found.declaration.counties or list(counties.read().index)


def _files(found: Checked, kind: str) -> list[FileEntry]:
    """Return the delivered files of a kind: table, vector or raster; untouched templates are none."""
    assert found.declaration is not None
    entries = dictionary.tables()

    def kind_of(file: FileEntry) -> str:
        if file.layer:
            return "raster"
        return "vector" if entries[file.table].geometry else "table"

    return [
        file
        for file in found.declaration.files
        if kind_of(file) == kind
        and (kind != "table" or file.none or not templates.untouched(found.originals, file))
    ]


def _check_names(found: Checked) -> None:
    """Say which counties and years are not known, and which files of the folder are not declared."""
    assert found.declaration is not None
    known = counties.read().index
    found.problems += [
        Problem(
            declaration.FILE_NAME,
            "unknown_county",
            "counties names a code that is none of today's counties",
            "Write the six digits of today's code.",
            value=code,
        )
        for code in found.declaration.counties
        if code not in known
    ]
    declared = {file.path for file in found.declaration.files}
    for path in data_files(found):
        name = path.relative_to(found.originals).as_posix()
        if any(_belongs(name, other) for other in declared):
            continue
        found.problems.append(
            Problem(
                name,
                "undeclared",
                "is not in the declaration and is left unread",
                f"Declare it in {declaration.FILE_NAME}, or leave it.",
                severity="note",
            )
        )


def data_files(found: Checked) -> list[Path]:
    """Return the files of the folder, without its own ones and without what was built in it."""
    return [
        path
        for path in sorted(found.originals.rglob("*"))
        if path.is_file()
        and path.name not in OWN_FILES
        and not path.name.startswith((".", "~$"))
        and not path.relative_to(found.originals).parts[0].startswith(BUILT)
    ]


def _belongs(name: str, declared: str) -> bool:
    """Tell whether a file is a declared one, a part of it (shapefile, geodatabase) or its archive."""
    stem = declared.rpartition(".")[0]
    return (
        name == declared
        or declared.startswith(f"{name}/")
        or name.startswith((f"{declared}/", f"{stem}."))
    )


def _check_archives(found: Checked) -> None:
    """Check every archive that a declared file lies in, before any of it is unpacked."""
    assert found.declaration is not None
    names = {archives.archive_of(file.path) for file in found.declaration.files} - {""}
    for name in sorted(names):
        found.problems += archives.check_archive(found.originals, name, limits())


def _target(found: Checked) -> None:
    """Find the counties' polygons and the grid that everything is brought onto."""
    assert found.declaration is not None
    wanted = found.declaration.grid
    open_pack = Pack.open(paths.OPEN_PACK)
    try:
        crs = CRS.from_user_input(wanted.crs) if wanted.crs else open_pack.grid.crs
    except CRSError:
        crs = None
    if crs is None or not _equal_area(crs):
        found.problems.append(
            Problem(
                declaration.FILE_NAME,
                "grid_crs",
                "grid.crs must be a projected equal-area coordinate system in metres",
                "Leave it empty for CGCS2000 / Albers Zhejiang, or name an equal-area system.",
                value=wanted.crs,
            )
        )
        crs = open_pack.grid.crs
    own = [file for file in _files(found, "vector") if file.table == BOUNDARIES]
    for file in own:
        read = vectors.read_vector(found.originals, file, crs)
        found.vectors.setdefault(BOUNDARIES, []).append((file, read))
        if read.frame is not None:
            found.boundaries = read.frame[["county_code", "name_zh", "geometry"]]
            found.own_boundaries = True
    if not own:
        given = open_pack.boundaries.reset_index()
        found.boundaries = given[given["county_code"].isin(_codes(found))].to_crs(crs)
        found.problems.append(
            Problem(
                declaration.FILE_NAME,
                "boundaries",
                "no county polygons were delivered; those of the open pack are used",
                "Deliver the layer counties to use your own.",
                severity="note",
            )
        )
    if found.boundaries is not None and len(found.boundaries):
        bounds = wanted.bounds or tuple(found.boundaries.total_bounds)
        found.grid = GridSpec.around(crs, bounds, wanted.cell_m, HALO_CELLS)


def _equal_area(crs: CRS) -> bool:
    """Tell whether a coordinate system is projected, in metres and of equal area."""
    how = crs.coordinate_operation
    method = how.method_name.lower() if crs.is_projected and how else ""
    metres = all(axis.unit_name in ("metre", "meter", "m") for axis in crs.axis_info)
    return metres and ("equal area" in method or "equal-area" in method)


def _check_tables(found: Checked) -> None:
    """Read and check the tables, each by itself and all files of a table together."""
    assert found.declaration is not None
    years = found.declaration.years
    reads = defaultdict(list)
    for file in _files(found, "table"):
        if file.none:
            empty = pd.DataFrame(columns=list(file.entry.fields))
            reads[file.table].append((file, TableRead(empty, pd.Series(dtype="str"), [])))
            continue
        read = tables.read_table(found.originals, file)
        found.problems += read.problems
        found.problems += table_checks.check_table(file, read, _codes(found), years, limits())
        reads[file.table].append((file, read))
    for table in reads.values():
        if not any(file.none for file, _ in table):
            found.problems += table_checks.check_years(table, limits(), years)
    found.tables = dict(reads)


def _check_vectors(found: Checked) -> None:
    """Read and check the vector layers; keys between them and the tables too."""
    if found.grid is None:
        return
    for file in _files(found, "vector"):
        if file.table != BOUNDARIES:
            read = vectors.read_vector(found.originals, file, found.grid.crs)
            found.vectors.setdefault(file.table, []).append((file, read))
    for name, reads in found.vectors.items():
        for file, read in reads:
            found.problems += read.problems
            within = None if name == BOUNDARIES else found.boundaries
            found.problems += vector_checks.check_vector(
                file, read, _codes(found), limits(), within
            )
    every: list[tuple[str, Sequence[tuple[FileEntry, TableRead | VectorRead]]]] = [
        *found.tables.items(),
        *found.vectors.items(),
    ]
    frames = {
        name: pd.concat(parts)
        for name, reads in every
        if (parts := [read.frame for _, read in reads if read.frame is not None])
    }
    found.problems += table_checks.check_keys(frames)


def _check_whole(found: Checked) -> None:
    """Say what of the data dictionary was not delivered, or not for every year."""
    assert found.declaration is not None
    here = {(file.layer, file.year) for file in found.rasters}
    for name, layer in dictionary.layers().items():
        years = [y for y in found.declaration.years if not {(name, y), (name, None)} & here]
        if years:
            some = len(years) < len(found.declaration.years)
            when = f"for {', '.join(map(str, years))}" if some else "at all"
            _lack(found, f"layer {name} {layer.title}", when, stops=layer.required)
    delivered = {*found.tables, *found.vectors}
    for name, table in templates.wanted(_codes(found)).items():
        if name not in delivered and name != BOUNDARIES:
            _lack(found, f"table {name} {table.title}", "at all")


def _lack(found: Checked, what: str, when: str, *, stops: bool = False) -> None:
    """Say that something was not delivered; what needs it is left out of the account."""
    found.problems.append(
        Problem(
            declaration.FILE_NAME,
            "not_delivered",
            f"{what} was not delivered {when}",
            "Nothing can be computed without it: deliver it."
            if stops
            else "What needs it is left out, and the account is marked incomplete.",
            severity="error" if stops else "warning",
        )
    )
