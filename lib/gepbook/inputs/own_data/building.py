"""From a checked folder to a data pack (数据包生成): one grid, canonical units, one manifest.

The originals are only read. The pack grows in a folder of its own and takes its name when it is whole;
rasters that were finished stay finished, so that a build that was stopped goes on where it stood.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from gepbook import ledger, provenance
from gepbook.errors import PackError
from gepbook.inputs import manifest
from gepbook.inputs.own_data import checking, declaration, dictionary, raster_store
from gepbook.inputs.own_data.checking import BUILT, Checked
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.problems import errors
from gepbook.inputs.pack import BOUNDARIES, Pack, content_hash

#: Told what is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]
CHECKED_FILE = ".checked"
LONLAT = "EPSG:4326"
MEDIA = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "zarr": ""}
#: What the polygons of the open pack are, where a folder brings none.
OPEN_BOUNDARIES_NOTE = "county polygons of the open pack; none were delivered"


def build(folder: Path, out: Path | None = None, progress: Progress | None = None) -> Path:
    """Check a folder and convert it to a data pack.

    Parameters
    ----------
    folder : Path
        With a `declaration.yaml`.
    out : Path, optional
        Folder of the pack, `folder/pack` when not given; a former pack there is replaced in one step.
    progress : callable, optional
        Called with what is being done, steps done and steps in all.

    Returns
    -------
    Path
        The pack, ready for `run_all.py --pack`.

    Raises
    ------
    PackError
        Every problem that stands in the way; then nothing was built, and a former pack stays.
    """
    out = out or folder / BUILT
    part = out.with_name(f"{out.name}.part")
    say = progress or (lambda what, done, whole: None)
    _refuse_inside(folder, out)
    say("检查 check", 0, 1)
    stamp, now = part / CHECKED_FILE, _stamp(folder)
    same = stamp.exists() and stamp.read_text(encoding="utf-8") == now
    found = checking.check(folder, read_rasters=not same)
    if not found.sound or found.grid is None or found.boundaries is None:
        raise PackError([str(p) for p in errors(found.problems)])
    part.mkdir(parents=True, exist_ok=True)
    stamp.write_text(now, encoding="utf-8")
    say("检查 check", 1, 1)
    resources = [
        *_vectors(found, part),
        *_tables(found, part),
        *_rasters(found, part, say),
    ]
    _write_manifest(found, part, resources)
    stamp.unlink()
    Pack.open(part).verify()
    provenance.swap(part, out)
    return out


def _refuse_inside(folder: Path, out: Path) -> None:
    """Refuse to build where originals lie, or over a folder that is no pack."""
    if out.resolve() == folder.resolve() or (
        out.exists() and any(out.iterdir()) and not (out / manifest.FILE_NAME).exists()
    ):
        raise PackError(
            f"{out}: holds files that are no data pack. Name an empty or new folder with --out."
        )


def _stamp(folder: Path) -> str:
    """Return what tells whether a folder changed: its declaration, and size and time of its files."""
    found = checking.Checked(folder, declaration=declaration.read(folder))
    assert found.declaration is not None
    stats = [(path, path.stat()) for path in checking.data_files(found)]
    lines = [f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats]
    return "\n".join([found.declaration.model_dump_json(), *lines])


def _described(files: list[FileEntry], **also: Any) -> dict[str, Any]:
    """Return what the manifest says of the origin of one resource that some files went into."""
    changes = [file.change_origin for file in files if file.change_origin]
    notes = dict.fromkeys(file.origin_note for file in files if file.origin_note)
    return {
        "origin": ledger.weakest(file.origin for file in files),
        "change_origin": ledger.weakest(changes) if changes else None,
        "origin_note": "; ".join(notes),
        "sources": [s.model_dump() for s in dict.fromkeys(_source(file) for file in files)],
        **also,
    }


def _source(file: FileEntry) -> manifest.Source:
    """Return a file's source; its own name where none was declared."""
    return file.source if file.source.title else manifest.Source(title=file.path)


def _resource(found: Checked, part: Path, path: Path, **described: Any) -> dict[str, Any]:
    """Return the manifest's entry of a written file or Zarr folder."""
    assert found.declaration is not None
    year = described.get("year")
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    form = path.suffix[1:]
    return {
        "name": f"{described['layer']}-{year}" if year else described["layer"],
        "path": path.relative_to(part).as_posix(),
        "format": form,
        "mediatype": MEDIA[form],
        "bytes": sum(p.stat().st_size for p in files),
        "hash": content_hash(path),
        "licenses": [licence.model_dump() for licence in found.declaration.licenses],
        **described,
    }


def _vectors(found: Checked, part: Path) -> list[dict[str, Any]]:
    """Write the vector layers as GeoParquet in longitude and latitude."""
    assert found.boundaries is not None
    frames = {
        name: ([file for file, _ in reads], [r.frame for _, r in reads if r.frame is not None])
        for name, reads in found.vectors.items()
    }
    resources = []
    if not found.own_boundaries:
        given = FileEntry(
            path="open_pack/counties.parquet", table=BOUNDARIES, origin_note=OPEN_BOUNDARIES_NOTE
        )
        frames[BOUNDARIES] = ([given], [found.boundaries])
    for name, (files, parts) in frames.items():
        entry = dictionary.tables()[name]
        whole = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=parts[0].crs)
        path = part / f"{name}.parquet"
        kept = [*(f for f in entry.fields if f in whole), "geometry"]
        whole[kept].to_crs(LONLAT).to_parquet(path, index=False, compression="zstd")
        resources.append(
            _resource(
                found, part, path, layer=name, kind="vector", title=entry.title, crs=LONLAT,
                **_described(files),
            )
        )  # fmt: skip
    return resources


def _tables(found: Checked, part: Path) -> list[dict[str, Any]]:
    """Write the tables as CSV with every figure in full."""
    resources = []
    for name, reads in found.tables.items():
        entry = dictionary.tables()[name]
        frames = [read.frame for _, read in reads if read.frame is not None]
        whole = pd.concat(frames, ignore_index=True).sort_values(entry.key, ignore_index=True)
        path = part / "tables" / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        whole.to_csv(path, index=False, encoding="utf-8", lineterminator="\n")
        schema = entry.schema_of().model_dump(by_alias=True)
        resources.append(
            _resource(
                found, part, path, layer=name, kind="table", title=entry.title, schema=schema,
                **_described([file for file, _ in reads]),
            )
        )  # fmt: skip
    return resources


def _rasters(found: Checked, part: Path, say: Progress) -> list[dict[str, Any]]:
    """Convert the rasters to Zarr on the grid, tile by tile; what says how far goes when all are done."""
    assert found.grid is not None
    resources, records = [], []
    for file in found.rasters:
        entry = dictionary.layers()[file.layer]
        name = f"{file.layer}-{file.year}" if file.year else file.layer
        path = part / "rasters" / f"{name}.zarr"
        path.parent.mkdir(exist_ok=True)

        def tile(done: int, whole: int, name: str = name) -> None:
            say(f"{name}", done, whole)

        raster_store.build_raster(found.originals, file, found.grid, path, tile)
        records.append(raster_store.record_of(path))
        resources.append(
            _resource(
                found, part, path, layer=file.layer, kind="raster", title=entry.title, year=file.year,
                unit=entry.unit, crs=found.grid.crs.name, resolution=f"{found.grid.transform.a:g} m",
                **_described([file]),
            )
        )  # fmt: skip
    for record in records:
        record.unlink(missing_ok=True)
    return resources


def _write_manifest(found: Checked, part: Path, resources: list[dict[str, Any]]) -> None:
    """Write the manifest, checked against its own model."""
    own = found.declaration
    assert own is not None
    package = {
        "name": own.name,
        "title": own.title,
        "version": own.version,
        "licenses": [licence.model_dump() for licence in own.licenses],
        "years": sorted(own.years),
        "resources": resources,
    }
    manifest.DataPackage.model_validate(package)
    text = json.dumps(package, ensure_ascii=False, indent=1) + "\n"
    (part / manifest.FILE_NAME).write_text(text, encoding="utf-8")
