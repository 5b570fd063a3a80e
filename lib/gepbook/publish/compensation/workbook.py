"""All payments and every scheme's tables as one workbook beside the bulletin (补偿数据工作簿)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gepbook.compensation import FLOWS_FILE, NAMES_ZH, flows, parties

FLOWS_SHEET = "收付流水 flows"
POSITIONS_SHEET = "各方净额 positions"
SHEET_NAME = 31  # characters of a sheet's name


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Return payments with the names of payer, payee and scheme beside their codes."""
    return table.assign(
        scheme_zh=table["scheme"].map(NAMES_ZH),
        payer_zh=table["payer"].map(parties.name_zh),
        payee_zh=table["payee"].map(parties.name_zh),
    )


def write_workbook(folder: Path, path: Path) -> None:
    """Write the tables that the bulletin's run kept in a folder, a sheet each.

    Parameters
    ----------
    folder : Path
        Result folder of the bulletin.
    path : Path
        XLSX to write.
    """
    paid = pd.read_parquet(folder / FLOWS_FILE)
    positions = flows.by_party(paid).rename_axis("party").reset_index()
    positions.insert(1, "party_zh", positions["party"].map(parties.name_zh))
    sheets = {FLOWS_SHEET: named(paid), POSITIONS_SHEET: positions}
    for scheme in NAMES_ZH:
        for file in sorted(folder.glob(f"{scheme}.*.parquet")):
            sheets[file.stem[:SHEET_NAME]] = pd.read_parquet(file)
    with pd.ExcelWriter(path, engine="openpyxl") as writer:
        for name, table in sheets.items():
            table.to_excel(writer, sheet_name=name, index=False, freeze_panes=(1, 0))
