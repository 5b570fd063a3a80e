"""The manifest of a data pack: a Frictionless Data Package with what an account needs to know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gepbook.errors import PackError
from gepbook.ledger import Origin

FILE_NAME = "datapackage.json"


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Closed):
    """Where a resource comes from."""

    title: str
    path: str = ""
    version: str = ""


class Licence(_Closed):
    """Under which licence it may be used."""

    name: str
    title: str = ""
    path: str = ""


class TableField(_Closed):
    """One column of a table."""

    name: str
    type: Literal["string", "integer", "number", "boolean", "date"]
    title: str = ""
    unit: str = ""


class TableSchema(_Closed):
    """The columns of a table."""

    fields: list[TableField]
    missing_values: Annotated[list[str], Field(alias="missingValues")] = [""]


class Resource(_Closed):
    """One file of a pack: raster, vector or table.

    `origin` says whether its values were observed, modelled or only illustrate; `change_origin` says it
    of its change from year to year where that differs.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
    path: str
    title: str
    description: str = ""
    format: Literal["tif", "zarr", "gpkg", "parquet", "csv"]
    mediatype: str = ""
    bytes: int
    hash: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    sources: list[Source]
    licenses: list[Licence]
    kind: Literal["raster", "vector", "table"]
    layer: str
    year: int | None = None
    unit: str = ""
    crs: str = ""
    resolution: str = ""
    origin: Origin
    change_origin: Origin | None = None
    origin_note: str = ""
    table_schema: Annotated[TableSchema | None, Field(alias="schema")] = None


class DataPackage(_Closed):
    """A whole pack."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
    title: str
    description: str = ""
    version: str
    created: str = ""
    licenses: list[Licence]
    years: Annotated[list[int], Field(min_length=1)]
    resources: list[Resource]


def read(folder: Path) -> DataPackage:
    """Read and check the manifest of a pack.

    Raises
    ------
    PackError
        When there is none, it is not JSON, or keys are missing, unknown or wrong: all of them.
    """
    path = folder / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PackError(
            f"{path}: cannot be read ({error.strerror}). A data pack is a folder with a "
            f"{FILE_NAME}; name such a folder with --pack."
        ) from error
    except UnicodeDecodeError as error:
        raise PackError(f"{path}: is not UTF-8 text. Save the manifest as UTF-8.") from error
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise PackError(
            f"{path}, line {error.lineno}: is not valid JSON ({error.msg}). Correct it there."
        ) from error
    try:
        return DataPackage.model_validate(content)
    except ValidationError as error:
        raise PackError(
            [
                f"{path}: {'.'.join(str(part) for part in e['loc'])}: {e['msg']}. "
                "Correct the manifest."
                for e in error.errors()
            ]
        ) from error
