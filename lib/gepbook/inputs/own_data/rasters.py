"""Users' rasters (栅格), opened and decoded to the pack's units and codes.

What a file's numbers mean is said once, by `Decoder`; the checks and the conversion both read through it.
Only the part of a raster that lies on the grid is read, block by block.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyproj
import rasterio
from rasterio.enums import MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from gepbook import ecosystems
from gepbook.errors import PackError
from gepbook.inputs.own_data import archives, conversion, dictionary
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.resampling import Mapping, SourceGrid

GDAL_CACHE_MB = 128  # else a twentieth of the machine's memory
BLOCK_CELLS = 4_000_000  # read at once, over all bands
#: What a file can make its reader raise; none of it means a fault of this program.
UNREADABLE = (RasterioError, OSError, ValueError, MemoryError)


@contextlib.contextmanager
def opened(folder: Path, file: FileEntry) -> Iterator[rasterio.DatasetReader]:
    """Open a declared raster, also out of an archive.

    Raises
    ------
    PackError
        When the archive is refused.
    FileNotFoundError, RasterioError, OSError
        When the file is not there, or no raster.
    """
    with archives.opened(folder, file) as path:
        if not path.exists():
            raise FileNotFoundError(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            source = rasterio.open(path)
        with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_MB), source:
            yield source


def crs_of(source: rasterio.DatasetReader, file: FileEntry) -> pyproj.CRS | None:
    """Return the coordinate system declared, else the file's; None where neither is one of places.

    Raises
    ------
    PackError
        When the declared one is not understood.
    """
    try:
        if file.crs:
            return pyproj.CRS.from_user_input(file.crs).to_2d()
    except pyproj.exceptions.CRSError as error:
        raise PackError(f"{file.path}: crs {file.crs!r} is not understood ({error}).") from error
    return own_crs(source)


def own_crs(source: rasterio.DatasetReader) -> pyproj.CRS | None:
    """Return the coordinate system that the file itself names, or None."""
    if source.crs is None:
        return None
    try:
        found = pyproj.CRS.from_wkt(source.crs.to_wkt())
    except (pyproj.exceptions.CRSError, RasterioError):
        return None
    return found.to_2d() if found.is_geographic or found.is_projected else None


def source_grid(source: rasterio.DatasetReader, crs: pyproj.CRS) -> SourceGrid:
    """Return the grid of an opened raster."""
    return SourceGrid(crs, source.transform, source.height, source.width)


@dataclass(frozen=True)
class Decoder:
    """What the numbers of a file mean: which are missing, their scale and unit, or their classes.

    `nodata` holds, by band, the values that stand for missing: the file's own and those declared.
    """

    layer: dictionary.LayerEntry
    nodata: tuple[tuple[float, ...], ...]
    scales: np.ndarray
    offsets: np.ndarray
    masked: bool
    codes: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, source: rasterio.DatasetReader, file: FileEntry) -> Decoder:
        """Make the decoder of an opened raster.

        Raises
        ------
        UnitError
            When the declared unit is missing, not known, or not one of the layer.
        """
        layer = dictionary.layers()[file.layer]
        classes = layer.kind == "classes"
        scale, offset = (1.0, 0.0) if classes else conversion.factor(file.unit, layer.unit)
        own = np.array(source.scales), np.array(source.offsets)
        return cls(
            layer,
            tuple(
                tuple(dict.fromkeys([*([] if own is None else [own]), *file.nodata]))
                for own in source.nodatavals
            ),
            np.ones(source.count) if classes else own[0] * scale,
            np.zeros(source.count) if classes else own[1] * scale + offset,
            any(MaskFlags.per_dataset in flags for flags in source.mask_flag_enums),
            class_codes(file.classes) if classes else {},
        )

    def read(self, source: rasterio.DatasetReader, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of a window as they stand in the file, and which of them are missing.

        Returns
        -------
        ndarray, (band, y, x), of the file's type
        ndarray of bool, (band, y, x)
        """
        raw = source.read(window=window)
        missing = np.isnan(raw) if raw.dtype.kind == "f" else np.zeros(raw.shape, dtype=bool)
        for band, values in enumerate(self.nodata):
            for value in values:
                missing[band] |= stands_at(raw[band], value)
        if self.masked:
            missing |= source.dataset_mask(window=window)[None] == 0
        return raw, missing

    def values(self, raw: np.ndarray, missing: np.ndarray, band: int) -> np.ndarray:
        """Return one band in the layer's unit, float64, NaN where missing."""
        found = raw.astype("float64")
        if self.scales[band] != 1:
            found *= self.scales[band]
        if self.offsets[band]:
            found += self.offsets[band]
        found[missing] = np.nan
        return found

    def types(self, raw: np.ndarray, missing: np.ndarray, fill: int) -> np.ndarray:
        """Return codes as ecosystem types, uint8; `fill` where missing or without a type."""
        found = np.full(raw.shape, fill, dtype="uint8")
        for code, own in self.codes.items():
            found[stands_at(raw, code)] = own
        found[missing] = fill
        return found


def windows(source: rasterio.DatasetReader, mapping: Mapping) -> Iterator[Window]:
    """Yield windows of whole blocks of the file that make up what lies on the grid."""
    whole = mapping.source_window
    height, width = source.block_shapes[0]
    most = BLOCK_CELLS // source.count
    across = max(1, min(math.isqrt(most), whole.width) // width) * width
    down = max(1, most // across // height) * height
    rows, columns = whole.toslices()
    for top in range(rows.start // down * down, rows.stop, down):
        for left in range(columns.start // across * across, columns.stop, across):
            yield Window.from_slices(
                (max(top, rows.start), min(top + down, rows.stop)),
                (max(left, columns.start), min(left + across, columns.stop)),
            )


def stands_at(raw: np.ndarray, value: float) -> np.ndarray:
    """Tell where a raster holds a value, compared in the raster's own type."""
    if raw.dtype.kind in "iu":
        limit = np.iinfo(raw.dtype)
        if not (float(value).is_integer() and limit.min <= value <= limit.max):
            return np.zeros(raw.shape, dtype=bool)
        value = int(value)
    with np.errstate(over="ignore"):
        return raw == raw.dtype.type(value)


def class_codes(classes: str) -> dict[int, int]:
    """Return the ecosystem type's code by the code of a crosswalk; of itself without a crosswalk."""
    types = ecosystems.read().set_index("id")["code"]
    if not classes:
        return {int(code): int(code) for code in types}
    table = dictionary.crosswalks()[classes]["ecosystem_type"]
    return {int(code): int(types[name]) for code, name in table.items() if name in types.index}
