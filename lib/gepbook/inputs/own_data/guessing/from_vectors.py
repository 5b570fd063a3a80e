"""Guesses from vector files (矢量): each layer of polygons by its attributes."""

from __future__ import annotations

import codecs
import contextlib
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd

from gepbook.inputs.own_data.guessing import words
from gepbook.inputs.own_data.guessing.from_tables import encoding_of, in_cells
from gepbook.inputs.own_data.guessing.guesses import Found, crs_remark, guarded, note
from gepbook.inputs.own_data.guessing.header_rows import Grid
from gepbook.inputs.own_data.problems import Problem
from gepbook.inputs.own_data.vectors import DBF_NAME_BYTES


def in_vector(path: Path, name: str) -> Iterator[Found | Problem]:
    """Yield what the layers of a vector file may be."""
    shapefile = path.suffix.casefold() == ".shp"
    encoding = _dbf_encoding(path) if shapefile else ""
    with guarded():
        layers = gpd.list_layers(path).itertuples(index=False, name=None)
    for layer, geometry in layers:
        if "Polygon" not in str(geometry):
            message = f"layer {layer} holds {geometry or 'no geometry'}, not polygons"
            yield note(name, message, "Export a table as .csv or .xlsx", place=str(layer))
            continue
        read = functools.partial(gpd.read_file, path, layer=layer, encoding=encoding or None)
        with guarded():
            frame = read(ignore_geometry=True, rows=words.thresholds().sample_rows)
            crs = read(rows=1, on_invalid="ignore").crs
        rows = [tuple(frame.columns), *frame.astype("object").itertuples(index=False, name=None)]
        yield from in_cells(
            Grid(
                name,
                rows,
                encoding=encoding,
                layer_in_file=str(layer),
                polygons=True,
                short_names=shapefile,
                remarks=(crs_remark(crs),),
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
        raw = stream.read(words.thresholds().sample_bytes)
    size = int.from_bytes(raw[8:10], "little")  # of the header, whose first 32 bytes are no text
    names = [raw[i : i + DBF_NAME_BYTES + 1].split(b"\0")[0] for i in range(32, size - 1, 32)]
    texts = b"\n".join(names) + b"\n" + raw[size:]
    return "" if texts.isascii() else encoding_of(texts.replace(b"\0", b" "))


def _literal(text: str) -> str:
    """Return a name for `glob` without wildcards."""
    return re.sub(r"([*?\[])", r"[\1]", text)
