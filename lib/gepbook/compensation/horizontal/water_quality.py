"""What the water that leaves a county is worth in scores (出境断面水质得分)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from gepbook import counties
from gepbook.compensation.horizontal.data import path_of
from gepbook.params import Params, parameter
from gepbook.province import Registers

SECTION = "horizontal_water_quality"
TABLE = "water_sections"
#: From best to worst, GB 3838-2002.
CLASSES = ("Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ", "劣Ⅴ")


class WaterQualityParams(Params):
    """Scores of an outflow section by its class against its target (断面水质得分)."""

    provincial = True

    met_score: float = parameter("1", "水质恰达目标类别时的得分", ge=0, le=1)
    better_score: float = parameter("1", "每优于目标一类增加的得分", ge=0)
    worse_score: float = parameter("1", "每劣于目标一类扣减的得分", ge=0)


def ranks(classes: pd.Series) -> pd.Series:
    """Return the rank of water classes, 1 for Ⅰ to 6 for 劣Ⅴ."""
    return classes.map({name: rank for rank, name in enumerate(CLASSES, start=1)})


def class_score(classes_better: np.ndarray, rules: WaterQualityParams) -> np.ndarray:
    r"""Return the score of sections by the classes they are better than their targets.

    Parameters
    ----------
    classes_better : ndarray, classes
        Rank of the target less rank of the class found; below 0 where the target was missed.
    rules : WaterQualityParams

    Returns
    -------
    ndarray, −1 to 1
        Never falls as the class gets better.

    Notes
    -----
    .. math:: s = clip(s_0 + b \max(n, 0) + w \min(n, 0), -1, 1)

    Source: proposal of this workbook.
    """
    steps = np.asarray(classes_better, dtype="float64")
    scores = (
        rules.met_score
        + rules.better_score * np.maximum(steps, 0)
        + rules.worse_score * np.minimum(steps, 0)
    )
    return np.clip(scores, -1.0, 1.0)


def outflow(registers: Registers, year: int, rules: WaterQualityParams) -> pd.DataFrame:
    """Return the outflow sections of a year, averaged over each county's.

    Returns
    -------
    DataFrame indexed by county code, columns `class_rank` (1–6), `score` (−1 to 1)
    """
    frame = registers.table(TABLE, year)
    frame = frame[frame["outflow"]]
    found = ranks(frame["water_class"])
    score = class_score((ranks(frame["target_class"]) - found).to_numpy(), rules)
    columns = {"class_rank": found.astype("float64"), "score": score}
    return pd.DataFrame(columns).groupby(frame["county_code"]).mean()


def missing_sections(registers: Registers, year: int, codes: Iterable[str]) -> list[str]:
    """Return a sentence for each county of a list that has no outflow section in a year."""
    frame = registers.table(TABLE, year)
    known = set(frame.loc[frame["outflow"], "county_code"])
    path = path_of(registers, TABLE)
    return [
        f"{path}: {counties.name_zh(code)} ({code}) has no outflow section in {year}. Add the section "
        "where its water leaves the county, with its class and target."
        for code in sorted(set(codes) - known)
    ]
