"""Draws of a county's levels over years, from which growth gets its uncertainty (增长的不确定性).

Two kinds of error matter. That of parameters, prices and models is the same in all years, and that of
shared ones the same in all counties: it is taken from the draws of the accounts, which are made for every
year with the same parameters. That of a year's statistics and layers is each county's and year's own, by
the origin of the figures.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field
from scipy import stats

from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.accounting.uncertainty import HIGH
from gepbook.assessment.topic import NORMAL, VALUE, Evidence
from gepbook.ledger import ORIGINS
from gepbook.params import Params, parameter

SECTION = "growth_draws"
#: Standard deviations from the middle to the 95 % quantile.
Z_HIGH = float(stats.norm.ppf(HIGH))


def _by_origin(widths: dict[str, float]) -> dict[str, float]:
    """Refuse widths that are not those of all origins."""
    if set(widths) != set(ORIGINS):
        raise ValueError(f"must list {', '.join(ORIGINS)}")
    return widths


class GrowthDrawsParams(Params):
    """How the errors of levels over years are drawn."""

    provincial = True

    seed: int = parameter("1", "随机种子", ge=0)
    draws: int = parameter("1", "抽样次数", ge=100)
    yearly_half_width: Annotated[
        dict[str, Annotated[float, Field(ge=0)]], AfterValidator(_by_origin)
    ] = parameter("1", "单个年度独立误差的相对半宽, 按数据性质")


def measure_of(evidence: Evidence) -> str:
    """Return the measure that growth is taken of: under long-term weather where the pack has it.

    A county that lacks it where others have it is then not compared with them.
    """
    return NORMAL if evidence.levels("gep", NORMAL).notna().any(axis=None) else VALUE


def yearly_factors(name: str, half_width: float, rules: GrowthDrawsParams) -> np.ndarray:
    r"""Return draws of the error of one figure of one year, as factors.

    Parameters
    ----------
    name : str
        Whose error it is; the same name gives the same draws, whatever else is drawn.
    half_width : float
        w: the 5 % and 95 % quantiles are 1/(1 + w) and 1 + w.
    rules : GrowthDrawsParams

    Returns
    -------
    ndarray of shape (draws,), dimensionless

    Notes
    -----
    .. math:: f = \exp\left(\frac{\ln(1 + w)}{z_{0.95}} z\right)
    """
    return np.exp(np.log1p(half_width) / Z_HIGH * _normal(name, rules.seed, rules.draws))


@functools.lru_cache(maxsize=2048)
def _normal(name: str, seed: int, draws: int) -> np.ndarray:
    """Return the standard normal draws that belong to a name; topics share them."""
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng([seed, *digest[:8]]).standard_normal(draws)


def levels(
    evidence: Evidence,
    rules: GrowthDrawsParams,
    *categories: str,
    codes: Iterable[str],
    years: list[int],
    measure: str | None = None,
) -> dict[str, np.ndarray]:
    """Return draws of some counties' GEP, or of some categories of it, over some years.

    Counties without draws of their account have the errors of single years only.

    Parameters
    ----------
    evidence : Evidence
    rules : GrowthDrawsParams
    categories : str
        Those to sum; all of GEP when none is named.
    codes : iterable of str
    years : list of int
    measure : {VALUE, NORMAL}, optional
        That of `measure_of` when not given.

    Returns
    -------
    dict of ndarray of shape (draws, years), CNY a-1 at comparable prices and, where the pack has it,
    under long-term weather; by county code
    """
    wanted = categories or tuple(CATEGORY_ZH)
    measure = measure or measure_of(evidence)
    tables = {name: evidence.levels(name, measure)[years].fillna(0.0) for name in wanted}
    rows = evidence.pool[
        (evidence.pool["account"] == "gep") & (evidence.pool["measure"] == "value")
    ]
    origins = rows.drop_duplicates(["county_code", "item"])
    origin = origins.set_index(["county_code", "item"])["origin"].to_dict()
    found = {}
    for code in codes:
        drawn = evidence.drawn_levels.get(code)
        whole = np.zeros((rules.draws, len(years)))
        for name in wanted:
            width = rules.yearly_half_width[origin[code, name]]
            for place, (year, value) in enumerate(tables[name].loc[code].items()):
                level = value if drawn is None else _round(drawn[f"{year}/{name}"], rules.draws)
                whole[:, place] += level * yearly_factors(f"{code}/{year}/{name}", width, rules)
        found[code] = whole
    return found


def _round(drawn: pd.Series, draws: int) -> np.ndarray:
    """Return as many draws as are wanted: the account's, round and round."""
    return drawn.to_numpy("float64")[np.arange(draws) % len(drawn)]
