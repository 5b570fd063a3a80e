"""What the parts of horizontal compensation read alike (横向补偿的共用数据)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from gepbook.province import Province, Registers

NOT_APPLICABLE = "not_applicable"


def path_of(registers: Registers, table: str) -> Path:
    """Return the file of a table."""
    return registers.pack.folder / registers.pack.resource(table).path


def service_value(
    province: Province, services: Sequence[str], measure: str, basis: str
) -> pd.Series:
    """Return the value of some services together in every county, CNY a-1.

    Returns
    -------
    Series indexed by county code, ≥ 0
        A service that does not apply in a county is 0 there, and so is a sum below 0, as water
        conservation can be in a dry year; NaN where a service was not accounted.
    """
    pool = province.pool
    rows = pool[(pool["account"] == "services") & pool["item"].isin(services)]
    nothing = rows[rows["measure"] == NOT_APPLICABLE].assign(value=0.0)
    money = rows[(rows["measure"] == measure) & (rows["price_basis"] == basis)]
    table = pd.concat([nothing, money]).pivot_table("value", "county_code", "item", "first")
    table = table.reindex(index=province.county_codes, columns=list(services))
    return table.sum(axis=1, skipna=False).clip(lower=0)
