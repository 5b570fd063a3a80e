"""The data dictionary (数据字典): which tables, vector layers and rasters a data pack holds."""

from __future__ import annotations

import functools
from typing import Annotated, Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field

from gepbook import ecosystems, paths
from gepbook.inputs.manifest import TableField, TableSchema

FOLDER = paths.PARAMS / "pack"
ECOSYSTEM_TYPES = "ecosystem_types"


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldEntry(_Closed):
    """One column: its unit inside the pack and the unit that its template asks for.

    What is `private` stands for a person or firm: no message repeats it.
    """

    title: str
    type: Literal["string", "integer", "number", "boolean", "date"]
    unit: str = ""
    fill_in: str = ""
    values: list[str] | Literal["ecosystem_types"] = []
    labels: dict[str, str] = {}
    note: str = ""
    optional: bool = False
    private: bool = False

    @property
    def allowed(self) -> dict[str, str]:
        """The words allowed, with their Chinese labels; empty where anything is."""
        if self.values == ECOSYSTEM_TYPES:
            return ecosystems.read().set_index("id")["name_zh"].to_dict()
        return {value: self.labels.get(value, value) for value in self.values}

    @property
    def template_unit(self) -> str:
        """The unit that the template asks for."""
        return self.fill_in or self.unit


class TableEntry(_Closed):
    """One table, or one vector layer when it has a `geometry`.

    The polygons of a `coverage` meet without gap or overlap. Where a `group` of counties is named, they
    alone fill the table in. A `provincial` register is read for the whole province at once: no county's
    inventory or account rests on it.
    """

    title: str
    title_en: str
    note: str = ""
    key: Annotated[list[str], Field(min_length=1)]
    geometry: Literal["", "polygon"] = ""
    coverage: bool = False
    provincial: bool = False
    group: str = ""
    fields: dict[str, FieldEntry]

    @property
    def private(self) -> bool:
        """Tell whether rows stand for persons or firms, so that messages name lines alone."""
        return any(field.private for field in self.fields.values())

    def schema_of(self) -> TableSchema:
        """Return the table's schema for the manifest."""
        return TableSchema(
            fields=[
                TableField(name=name, type=f.type, title=f.title, unit=f.unit)
                for name, f in self.fields.items()
            ]
        )


class LayerEntry(_Closed):
    """One raster: classes go onto the grid by the nearest cell, fields by area-preserving means."""

    title: str
    title_en: str
    unit: str
    kind: Literal["classes", "field"]
    bands: Literal["one", "months"]
    by_year: bool
    required: bool = False
    note: str = ""


@functools.cache
def tables() -> dict[str, TableEntry]:
    """Return all tables and vector layers by id."""
    content = yaml.safe_load((FOLDER / "tables.yaml").read_text(encoding="utf-8"))
    return {name: TableEntry.model_validate(entry) for name, entry in content.items()}


def words(table: str, column: str) -> dict[str, str]:
    """Return the words that a column of a table may hold, with their Chinese (用语)."""
    return tables()[table].fields[column].allowed


@functools.cache
def layers() -> dict[str, LayerEntry]:
    """Return all rasters by id."""
    content = yaml.safe_load((FOLDER / "layers.yaml").read_text(encoding="utf-8"))
    return {name: LayerEntry.model_validate(entry) for name, entry in content.items()}


@functools.cache
def crosswalks() -> dict[str, pd.DataFrame]:
    """Return the land-cover crosswalks (对照表) by name, indexed by the code of the source, as text.

    Columns `name`, `ecosystem_type`, `reason`.
    """
    return {
        path.stem: pd.read_csv(path, dtype="str", keep_default_na=False).set_index("code")
        for path in sorted((paths.PARAMS / "crosswalks").glob("*.csv"))
    }


@functools.cache
def county_changes() -> pd.DataFrame:
    """Return what became of county codes that are no longer in use (区划代码变更).

    Columns `old_code`, `old_name`, `new_code`, `new_name`, `kind` (renamed, merged, split, abolished),
    `date`, `source`, `confidence`; a split code has several rows.
    """
    return pd.read_csv(paths.PARAMS / "county_changes.csv", dtype="str", keep_default_na=False)
