"""Water at the border with Anhui, and purchases of ecological products (跨界断面与生态产品采购)."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gepbook.inputs.illustrative import draw
from gepbook.inputs.registers import between
from gepbook.inputs.scheme_registers.basis import Basis, Tables, numbers

ITEMS = (
    "permanganate_mg_l",
    "ammonia_nitrogen_mg_l",
    "total_nitrogen_mg_l",
    "total_phosphorus_mg_l",
)


def make(basis: Basis) -> Tables:
    """Return the registers of horizontal compensation."""
    return {"boundary_sections": sections(basis), "gep_purchases": purchases(basis)}


def sections(basis: Basis) -> pd.DataFrame:
    """Return the yearly means at 街口 since the first baseline year."""
    rule = numbers("horizontal")
    place, peak = rule["section"], rule["peak_year"]
    rows: list[dict[str, Any]] = []
    for year in range(rule["first_year"], basis.years[-1] + 1):
        key = f"{place['section_id']} {year}"
        row: dict[str, Any] = {**place, "year": year}
        for item in ITEMS:
            level, rise, fall = rule["concentration"][item]
            way = rise * (min(year, peak) - rule["first_year"]) - fall * max(0, year - peak)
            chance = 1 + rule["year_spread"] * (2 * draw(key, item) - 1)
            row[item] = round(level * (1 + way) * chance, 4)
        rows.append(row)
    order = ["section_id", "county_code", "year", "section", *ITEMS]
    return pd.DataFrame(rows)[order]


def purchases(basis: Basis) -> pd.DataFrame:
    """Return contracts; those whose second instalment is not due yet have no score."""
    rule = numbers("horizontal")
    rows: list[dict[str, Any]] = []
    for contract in rule["contracts"]:
        if contract["year"] not in basis.years or contract["county_code"] not in basis.codes:
            continue
        number = sum(r["county_code"] == contract["county_code"] for r in rows) + 1
        name = f"CG{contract['county_code']}-{number:02d}"
        score = round(between(rule["score"], name, "score"), 2)
        judged = contract["year"] < basis.years[-1]
        rows.append({"purchase_id": name, **contract, "quality_score": score if judged else None})
    order = ["purchase_id", "county_code", "year", "seller", "area_ha", "quality_score"]
    return pd.DataFrame(rows, columns=order).astype({"quality_score": "float64"})
