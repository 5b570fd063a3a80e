"""The county's basic figures that later stages share by (基础数据)."""

from __future__ import annotations

from typing import Any

from gepbook import ledger
from gepbook.errors import NotInPackError
from gepbook.inputs.county import CountyInputs

#: (table, column, ledger item, unit, price basis)
FIGURES = (
    ("economy", "resident_population_person", "resident_population", "person", ""),
    ("economy", "gdp_cny", "gdp", "CNY", "current"),
    ("economy", "general_budget_revenue_cny", "budget_revenue", "CNY", "current"),
    ("economy", "general_budget_expenditure_cny", "budget_expenditure", "CNY", "current"),
    ("redline", "redline_area_km2", "redline_area", "km2", ""),
)


def entries(inputs: CountyInputs, measure: str = "value") -> list[dict[str, Any]]:
    """Return the ledger rows of the basic figures of one county and year.

    A table, or a year of it, that the pack does not hold is stated by a row `missing` with the reason.

    Raises
    ------
    CoverageError
        When the county's row or a figure in it is missing.
    """
    rows = []
    for table, column, item, unit, basis in FIGURES:
        method = f"pack/{table}.{column}"
        try:
            value = inputs.figures(table, column)[column].item()
        except NotInPackError as error:
            if measure == "value":
                rows.append(
                    ledger.entry(
                        "statistics",
                        item,
                        "missing",
                        1,
                        "1",
                        origin="observed",
                        method_id=method,
                        note=str(error),
                    )
                )
            continue
        rows.append(
            ledger.entry(
                "statistics",
                item,
                measure,
                value,
                unit,
                origin=inputs.origin(table),
                method_id=method,
                price_basis=basis,
                price_year=inputs.year if basis else None,
            )
        )
    return rows
