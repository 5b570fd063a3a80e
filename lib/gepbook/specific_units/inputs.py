"""All inputs of one specific unit and year: the pack's rasters, the unit's own figures."""

from __future__ import annotations

import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from gepbook import ledger
from gepbook.accounting.spec import ServiceSpec
from gepbook.accounting.standards import Standard
from gepbook.errors import CoverageError
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.pack import HALO_CELLS, Pack
from gepbook.ledger import Origin
from gepbook.params import Confidence, worst
from gepbook.specific_units.definition import NUMBERS, STATISTICS_FILE, Statistic, Unit, row_key


class UnitInputs(CountyInputs):
    """The inputs of one unit and year (单元输入), to be used wherever a county's are.

    Rasters are read in the window of the unit's counties, so that a cell has the value that it has in
    the county's account. Tables hold the unit's own figures only, never the county's.

    Parameters
    ----------
    pack : Pack
    unit : Unit
    year : int
        Accounting year.
    """

    def __init__(self, pack: Pack, unit: Unit, year: int) -> None:
        codes = unit.definition.county_codes
        super().__init__(pack, codes[0], year)
        self.unit = unit
        self.name_zh = unit.name_zh
        around = shapely.union_all([unit.geometry, *(pack.geometry(code) for code in codes)])
        self.window = pack.grid.window(around.bounds, HALO_CELLS)

    @property
    def geometry(self) -> BaseGeometry:
        """The unit's polygon in the grid's coordinates."""
        return self.unit.geometry

    def statistics(self, name: str) -> list[Statistic]:
        """Return the unit's figures of a table: those of the year, or those without a year."""
        found: dict[tuple[str, str], Statistic] = {}
        for figure in sorted(self.unit.statistics, key=lambda f: f.year is not None):
            if figure.table == name and figure.year in (None, self.tables_year):
                found[figure.row, figure.column] = figure
        return list(found.values())

    def table(self, name: str) -> pd.DataFrame:
        """Return the unit's rows of a table, with the columns of the pack's."""
        schema = self.pack.resource(name).table_schema
        fields = schema.fields if schema else []
        rows: dict[str, dict[str, str | float]] = {}
        for figure in self.statistics(name):
            row = rows.setdefault(figure.row, {row_key(fields): figure.row})
            row[figure.column] = figure.value
        frame = pd.DataFrame(list(rows.values()), columns=[f.name for f in fields])
        if "county_code" in frame.columns:
            frame["county_code"] = self.county_code
        if "year" in frame.columns:
            frame["year"] = self.tables_year
        return frame.astype({f.name: "float64" for f in fields if f.type == "number"})

    def figures(self, name: str, *columns: str) -> pd.DataFrame:
        """Return the unit's rows of a table with some columns, none of them missing.

        Raises
        ------
        CoverageError
            When a figure is missing; missing is never taken for 0 nor from the county.
        """
        frame = self.table(name)
        path = self.unit.folder / STATISTICS_FILE
        lacking = [c for c in columns if c not in frame.columns or frame[c].isna().any()]
        if frame.empty or lacking:
            what = ", ".join(f"{name}.{column}" for column in lacking or columns)
            raise CoverageError(
                f"{path}: {self.unit.id} has no {what} for {self.tables_year}. "
                "Add the line, with 0 where there is none."
            )
        return frame

    def origin(self, name: str) -> Origin:
        """Return the weakest origin of a layer, or of the unit's figures of a table, and the boundary."""
        own: list[str] = [figure.origin for figure in self.statistics(name)]
        if not own and self.pack.resource(name, self.layer_year(name)).kind != "table":
            own = [super().origin(name)]
        return ledger.weakest([self.unit.definition.boundary.origin, *own])

    def change_origin(self, name: str) -> Origin:
        """Return the same of a layer's change from year to year."""
        return ledger.weakest([self.unit.definition.boundary.origin, super().change_origin(name)])

    def lacks(self, spec: ServiceSpec) -> str:
        """Return why a service cannot be accounted for: a table that the unit brings no figures of."""
        reasons = []
        for wanted in spec.tables:
            resource = self.pack.resource(wanted.name)
            schema = resource.table_schema
            kinds = {f.name: f.type for f in (schema.fields if schema else [])}
            asked = {c for c in wanted.columns if kinds.get(c) in NUMBERS}
            if not asked & {figure.column for figure in self.statistics(wanted.name)}:
                reasons.append(
                    f"单元没有“{resource.title}”表的数据 / "
                    f"the unit brings no figures of table {wanted.name}"
                )
        return "；".join(reasons)

    def confidence(self, spec: ServiceSpec) -> Confidence:
        """Return the lowest confidence of the unit's figures and boundary behind a service."""
        behind = [f.confidence for table in spec.tables for f in self.statistics(table.name)]
        return worst([self.unit.definition.boundary.confidence, *behind])


def standard_for(standard: Standard, inputs: UnitInputs) -> Standard:
    """Return a standard in which services whose tables the unit lacks do not apply, with the reason.

    So a unit goes through the same account as a county, and no figure of the county stands in.
    """
    rules = {}
    for spec in standard.specs():
        rule, reason = standard.services[spec.id], inputs.lacks(spec)
        if reason and not rule.not_applicable:
            rules[spec.id] = rule.model_copy(update={"not_applicable": reason})
    return standard.model_copy(update={"services": {**standard.services, **rules}})
