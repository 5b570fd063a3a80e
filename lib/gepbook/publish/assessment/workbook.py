"""All scorecards and every topic's tables as one workbook beside the bulletin (考核数据工作簿)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gepbook import counties
from gepbook.assessment import CARDS_FILE, TOPICS
from gepbook.publish import workbook
from gepbook.publish.display import LIGHT_ZH

CARDS_SHEET = "成绩单 scorecards"


def write_workbook(folder: Path, path: Path) -> None:
    """Write the tables that the bulletin's run kept in a folder, a sheet each.

    Parameters
    ----------
    folder : Path
        Result folder of the bulletin.
    path : Path
        XLSX to write.
    """
    cards = pd.read_parquet(folder / CARDS_FILE)
    cards.insert(1, "county_zh", cards["county_code"].map(counties.name_zh))
    cards["light_zh"] = cards["light"].map(LIGHT_ZH)
    tables = workbook.kept(folder, (topic.id for topic in TOPICS))
    workbook.write({CARDS_SHEET: cards, **tables}, path)
