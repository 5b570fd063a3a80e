"""All payments and every scheme's tables as one workbook beside the bulletin (补偿数据工作簿)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gepbook.compensation import FLOWS_FILE, NAMES_ZH, flows, parties
from gepbook.publish import workbook

FLOWS_SHEET = "收付流水 flows"
POSITIONS_SHEET = "各方净额 positions"


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
    workbook.write(sheets | workbook.kept(folder, NAMES_ZH), path)
