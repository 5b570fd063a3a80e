r"""Serious decline during a term: found only where the errors of the accounts leave no doubt (严重下降).

Levels are at comparable prices under long-term weather, so that neither prices nor a year's rain and
warmth are taken for a decline; what they did to vegetation is still in them. A term is told to have seen
one only when its probability reaches the least confidence, and to have seen none only when that of the
contrary does; else there is no verdict. A verdict refers the case to those who judge it by law; it is no
finding of guilt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from gepbook.accounting.uncertainty import HIGH, LOW
from gepbook.assessment import growth_draws
from gepbook.assessment.audit.terms import AUDITED, normal_levels
from gepbook.assessment.growth_draws import GrowthDrawsParams
from gepbook.assessment.topic import NORMAL, Evidence

SERIOUS, NONE, UNDECIDED, NOT_ASSESSED = (
    "serious_decline", "no_serious_decline", "undecided", "not_assessed",
)  # fmt: skip
WHOLE = "gep"
WINDOW = ["county_code", "opening", "closing"]
COLUMNS = [
    "indicator", "opening_cny", "closing_cny", "change_share", "low", "high", "threshold",
    "probability", "verdict", "account_draws",
]  # fmt: skip


def verdict(probability: float, least_confidence: float) -> str:
    """Return what a probability of serious decline allows to say (判定).

    Parameters
    ----------
    probability : float, 0–1; NaN where it is not known
    least_confidence : float, above 0.5
    """
    if np.isnan(probability):
        return NOT_ASSESSED
    if probability >= least_confidence:
        return SERIOUS
    return NONE if probability <= 1 - least_confidence else UNDECIDED


def overall(verdicts: Iterable[str]) -> str:
    """Return a term's verdict from those of its indicators.

    One serious decline is enough; that there is none takes all indicators that are assessed. A county
    may lack one, such as regulating services.
    """
    assessed = set(verdicts) - {NOT_ASSESSED}
    return next((v for v in (SERIOUS, UNDECIDED, NONE) if v in assessed), NOT_ASSESSED)


def fall_draws(opening: np.ndarray, closing: np.ndarray) -> np.ndarray:
    r"""Return draws of the relative fall from opening to closing; rises are below 0.

    Parameters
    ----------
    opening, closing : ndarray of shape (draws,), CNY a-1

    Notes
    -----
    .. math:: f = 1 - \frac{GEP_{closing}}{GEP_{opening}}
    """
    return 1 - closing / opening


def assess(
    evidence: Evidence,
    terms: pd.DataFrame,
    draws: GrowthDrawsParams,
    thresholds: Mapping[str, float],
    least_confidence: float,
) -> pd.DataFrame:
    """Return how likely each indicator fell seriously over each audited term.

    A county without long-term weather is not assessed: a dry year could pass for a decline.

    Returns
    -------
    DataFrame, rows terms × indicators
        `term_id`, `county_code`, `opening`, `closing` (years), `indicator`, `opening_cny`,
        `closing_cny` (comparable prices, long-term weather), `change_share` with the 90 % interval
        `low`–`high`, `threshold` (a fall), `probability`, `verdict`, `account_draws` (whether the
        errors of parameters are in it).
    """
    audited = terms.loc[terms["state"] == AUDITED, ["term_id", *WINDOW]]
    windows = audited[WINDOW].drop_duplicates()
    rows: list[dict[str, Any]] = []
    for indicator, threshold in thresholds.items():
        levels = normal_levels(evidence, indicator)
        ends = [
            (float(levels.loc[code, opening]), float(levels.loc[code, closing]))
            for code, opening, closing in windows.itertuples(index=False)
        ]
        known = [before > 0 and not np.isnan(after) for before, after in ends]
        drawn = _drawn(evidence, windows.loc[known], draws, indicator)
        for (code, opening, closing), (before, after), sure in zip(
            windows.itertuples(index=False), ends, known, strict=True
        ):
            change = low = high = probability = np.nan
            if sure:
                falls = fall_draws(drawn[code][opening], drawn[code][closing])
                change = after / before - 1
                low, high = np.quantile(-falls, [LOW, HIGH])
                probability = float((falls >= threshold).mean())
            rows.append(
                {
                    "county_code": code,
                    "opening": opening,
                    "closing": closing,
                    "indicator": indicator,
                    "opening_cny": before,
                    "closing_cny": after,
                    "change_share": change,
                    "low": low,
                    "high": high,
                    "threshold": threshold,
                    "probability": probability,
                    "verdict": verdict(probability, least_confidence),
                    "account_draws": code in evidence.drawn_levels,
                }
            )
    return audited.merge(pd.DataFrame(rows, columns=[*WINDOW, *COLUMNS]), on=WINDOW)


def _drawn(
    evidence: Evidence, windows: pd.DataFrame, draws: GrowthDrawsParams, indicator: str
) -> dict[str, dict[int, np.ndarray]]:
    """Return draws of an indicator by county code and year, of counties of like windows together."""
    categories = () if indicator == WHOLE else (indicator,)
    alike: dict[tuple[int, ...], list[str]] = {}
    for code, own in windows.groupby("county_code")[["opening", "closing"]]:
        years = tuple(sorted({int(year) for year in own.to_numpy().ravel()}))
        alike.setdefault(years, []).append(str(code))
    return {
        code: {year: levels[:, place] for place, year in enumerate(years)}
        for years, codes in alike.items()
        for code, levels in growth_draws.levels(
            evidence, draws, *categories, codes=codes, years=list(years), measure=NORMAL
        ).items()
    }
