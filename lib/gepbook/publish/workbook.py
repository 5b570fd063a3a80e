"""Tables that a run kept, as one workbook beside its report (数据工作簿)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

SHEET_NAME = 31  # characters of a sheet's name


def kept(folder: Path, groups: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Return the tables `<group>.<table>.parquet` of a result folder by the name of their sheet."""
    return {
        file.stem[:SHEET_NAME]: pd.read_parquet(file)
        for group in groups
        for file in sorted(folder.glob(f"{group}.*.parquet"))
    }


def write(sheets: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Write tables as XLSX, a sheet each, their header kept in sight."""
    with pd.ExcelWriter(path, engine="openpyxl") as writer:
        for name, table in sheets.items():
            table.to_excel(writer, sheet_name=name, index=False, freeze_panes=(1, 0))
