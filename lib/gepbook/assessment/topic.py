"""What a topic of assessment declares and returns, and what it is computed from (考核专题的约定)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from gepbook import counties
from gepbook.accounting import history
from gepbook.params import Confidence
from gepbook.province import Part, Province, Result

ACCOUNT = "assessment"
#: The group of counties that is assessed first, and the rest.
FIRST, OTHER = "mountain26", "other"
GROUP_ZH = {FIRST: "山区26县", OTHER: "其他县市区"}
Light = Literal["good", "watch", "poor", "none"]
VALUE, NORMAL = "value", "value_normal_weather"


@dataclass(frozen=True)
class Evidence(Province):
    """What all topics are computed from: the province, and the history of its accounts (考核依据).

    `drawn` holds the draws of the services' values of the year by county code (DataFrame, draws ×
    services, CNY a-1, at current prices), `drawn_levels` those of the levels over the years (DataFrame,
    draws × `<year>/<category>`, see `accounting.history.level_draws`). Draw k is the same state of all
    shared parameters in every county and year. Only counties whose accounting notebook has run have
    them.
    """

    drawn: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    drawn_levels: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @functools.cached_property
    def county_codes(self) -> list[str]:
        """Codes of the counties that have an account."""
        return sorted(self.pool.loc[self.pool["account"] == "gep", "county_code"].unique())

    @functools.cached_property
    def years(self) -> list[int]:
        """Years of the history that any county has, rising; the accounting year is the last."""
        return [int(year) for year in self._gep.columns]

    def years_of(self, county_code: str) -> list[int]:
        """Return the years of a county's own history, rising; the accounting year is the last."""
        return [int(year) for year in self._gep.loc[county_code].dropna().index]

    @functools.cached_property
    def _gep(self) -> pd.DataFrame:
        """GEP of all counties over the years, at comparable prices."""
        return self.levels("gep")

    def levels(self, item: str, measure: str = VALUE, basis: str = "comparable") -> pd.DataFrame:
        """Return GEP, or a category of it, of all counties over the years.

        Parameters
        ----------
        item : str
            `gep` or a category.
        measure : {VALUE, NORMAL}
            As it was, or under long-term weather (comparable prices only).
        basis : {"comparable", "current"}

        Returns
        -------
        DataFrame, counties × years (int), CNY a-1; NaN where a county has no figure
        """
        rows = self.pool[(self.pool["item"] == item) & (self.pool["price_basis"] == basis)]
        past = rows[
            (rows["account"] == history.ACCOUNT)
            & rows["measure"].str.fullmatch(rf"{measure}_\d{{4}}")
        ]
        now = rows[(rows["account"] == "gep") & (rows["measure"] == measure)]
        long = pd.concat(
            [
                past.assign(of=past["measure"].str[-4:].astype(int)),
                now.assign(of=self.year),
            ]
        )
        wide = long.pivot_table(index="county_code", columns="of", values="value", aggfunc="sum")
        return wide.reindex(index=self.county_codes).rename_axis(columns=None)

    @functools.cached_property
    def groups(self) -> pd.Series:
        """Return the group of every county of the ledgers, FIRST or OTHER, by county code."""
        return counties.classes([FIRST], self.year, OTHER)[self.county_codes]


@dataclass(frozen=True, kw_only=True)
class TopicResult(Result):
    """What a topic gives (专题结果).

    `figures` are pairs of county code (None: the province) and ledger row of the account `assessment`,
    made by `gepbook.ledger.entry`; `cards` lines of the counties' scorecards, made by `card`.
    """

    figures: list[tuple[str | None, dict[str, Any]]] = field(default_factory=list)
    cards: list[dict[str, Any]] = field(default_factory=list)


def card(
    county_code: str,
    label_zh: str,
    value: float,
    unit: str,
    *,
    peer: float | None = None,
    peer_zh: str = "",
    low: float | None = None,
    high: float | None = None,
    rank: int | None = None,
    of: int | None = None,
    light: Light = "none",
    reason: str = "",
    origin: str,
    quality: Confidence,
) -> dict[str, Any]:
    """Return one line of a county's scorecard (成绩单).

    Parameters
    ----------
    label_zh : str
        Name of the indicator, short.
    value, peer, low, high : float
        In `unit`: the county's figure, what it is held against (named by `peer_zh`), its 90 % interval.
    unit : {"1", "percent", "CNY", "points"}
        `1` is shown as it is; money as 亿元 or 万元.
    rank, of : int
        Place in the county's group and the group's size.
    light : {"good", "watch", "poor", "none"}
    reason : str
        By which rule the light is what it is, a short Chinese clause.
    """
    return {
        "county_code": county_code, "label_zh": label_zh, "value": value, "unit": unit,
        "peer": peer, "peer_zh": peer_zh, "low": low, "high": high, "rank": rank, "of": of,
        "light": light, "reason": reason, "origin": origin, "quality": quality,
    }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Topic(Part):
    """A topic of assessment (考核专题).

    `compute` is also given the results of the topics before it, and may rely on what `check` has passed.
    """

    compute: Callable[[Evidence, Mapping[str, TopicResult]], TopicResult]
