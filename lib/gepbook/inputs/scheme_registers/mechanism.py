"""Which components of the mechanism are in place in every county, and since when (机制建立情况)."""

from __future__ import annotations

import pandas as pd

from gepbook.counties import group
from gepbook.inputs.illustrative import draw
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.registers import count
from gepbook.inputs.scheme_registers.basis import Basis, Tables, numbers

TABLE = "mechanism_components"


def make(basis: Basis) -> Tables:
    """Return the register of the mechanism."""
    return {TABLE: components(basis)}


def components(basis: Basis) -> pd.DataFrame:
    """Return every component of every county, without a year where it is not in place."""
    names = dictionary.words(TABLE, "component")
    first = group("mountain26", basis.years[-1])
    rows = [
        {
            "county_code": code,
            "component": name,
            "since_year": _since(code, name, "mountain26" if code in first else "other"),
        }
        for code in basis.codes
        for name in names
    ]
    return pd.DataFrame(rows).astype({"since_year": "Int64"})


def _since(code: str, name: str, kind: str) -> int | None:
    """Return since when a county has a component; None where it has none yet."""
    rule = numbers("mechanism")["components"][name]
    key = f"{code} {name}"
    if draw(key, "in place") >= rule[kind]:
        return None
    return count({"least": rule["first"], "most": rule["last"]}, key, "since")
