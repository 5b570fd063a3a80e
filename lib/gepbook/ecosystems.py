"""The ecosystem types of the workbook (生态系统类型)."""

from __future__ import annotations

import functools

import pandas as pd

from gepbook import paths


@functools.cache
def read() -> pd.DataFrame:
    """Return the types in the order of their codes: code, id, names, group, colour."""
    return pd.read_csv(
        paths.PARAMS / "ecosystem_types.csv", dtype={"code": "int64"}, encoding="utf-8"
    ).sort_values("code", ignore_index=True)
