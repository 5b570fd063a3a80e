"""Indicators of comprehensive performance that other bureaus deliver (综合绩效指标)."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gepbook.counties import group
from gepbook.inputs.illustrative import draw
from gepbook.inputs.registers import between
from gepbook.inputs.scheme_registers.basis import Basis, Tables, numbers

FIRST, OTHER = "mountain26", "other"


def make(basis: Basis) -> Tables:
    """Return the register of performance indicators; what was not delivered has no row."""
    rule = numbers("performance")
    first = set(group(FIRST, basis.years[-1]))
    rows = [
        {
            "county_code": code,
            "year": year,
            "indicator": name,
            "value": _value(name, known, code, year - basis.years[0], code in first),
        }
        for code in basis.codes
        for year in basis.years
        for name, known in rule["indicators"].items()
        if name not in rule["missing_counties"].get(code, [])
        and draw(f"{code} {year}", f"lacks {name}") >= rule["missing_chance"]
    ]
    return {"performance_indicators": pd.DataFrame(rows)}


def _value(name: str, known: dict[str, Any], code: str, years: int, first: bool) -> float:
    """Return an indicator of a county so many years after the first."""
    start = between(known[FIRST if first else OTHER], code, name)
    step = known["yearly"] * between(numbers("performance")["yearly_spread"], code, f"{name} step")
    return round(start + step * years, known["digits"])
