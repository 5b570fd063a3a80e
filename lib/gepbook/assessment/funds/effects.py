"""What projects of welfare funds achieved, cost and changed (项目成效)."""

from __future__ import annotations

import pandas as pd

from gepbook import ecosystems
from gepbook.assessment.funds.rules import ONGOING, WelfareFundsParams
from gepbook.assessment.topic import Evidence

#: Verdicts on a project's effect.
BETTER, WORSE, UNCHANGED, UNMEASURED = "better", "worse", "unchanged", "unmeasured"
#: Ecosystem groups that supply no services of the area measures add to.
BUILT_OR_BARE = ("urban", "other")


def densities(evidence: Evidence) -> pd.Series:
    r"""Return the counties' regulating services per green hectare, CNY ha-1 a-1 (单位面积价值).

    Notes
    -----
    .. math:: d = V_{regulating} / \sum_{e} A_e

    over all ecosystem types but towns and bare land, closing extent; comparable prices. From the county's
    own ledger.
    """
    value = evidence.values("gep", "regulating", "value", "comparable")
    types = ecosystems.read()
    supplying = set(types.loc[~types["group"].isin(BUILT_OR_BARE), "id"])
    pool = evidence.pool
    rows = pool[
        (pool["account"] == "extent")
        & (pool["measure"] == "closing")
        & pool["item"].isin(supplying)
    ]
    area = rows.groupby("county_code")["value"].sum()
    return (value / area.where(area > 0)).dropna()


def change(before: float, after: float, better: str) -> tuple[str, float]:
    """Return the verdict on an indicator and its relative change towards the better.

    Parameters
    ----------
    before, after : float
        NaN = not measured.
    better : {"higher", "lower"}

    Returns
    -------
    verdict : {BETTER, WORSE, UNCHANGED, UNMEASURED}
    change : float, dimensionless
        NaN where not measured, or where nothing was there before.
    """
    if pd.isna(before) or pd.isna(after):
        return UNMEASURED, float("nan")
    gain = (after - before) * (1 if better == "higher" else -1)
    verdict = BETTER if gain > 0 else WORSE if gain < 0 else UNCHANGED
    return verdict, gain / abs(before) if before else float("nan")


def effects(
    projects: pd.DataFrame, spent_cny: pd.Series, density: pd.Series, rules: WelfareFundsParams
) -> pd.DataFrame:
    r"""Return plan and achievement, cost and effect of every project (项目成效).

    Parameters
    ----------
    projects : DataFrame
        Of the register; what lies after the year's end is NaN, see `projects_at`.
    spent_cny : Series
        By `project_id`, all years until the year's end.
    density : Series, CNY ha-1 a-1
        By county, from `densities`.

    Returns
    -------
    DataFrame, same rows
        With `spent_cny`; `spent_share` of the budget; `completion`, achieved by planned; `unit_cost_cny`,
        per unit achieved; `verdict` and `change` of the indicator; `value_cny`, services gained a year
        by an area measure whose indicator improved; NaN where that is not known or not so: who does not
        measure must not look better than who does.

    Notes
    -----
    .. math:: V = Q \, d \, s

    Q achieved area, ha; d the county's density; s the measure's `gain_share`. A magnitude: it does not
    know what the place supplied before.
    """
    spent = projects["project_id"].map(spent_cny).fillna(0.0)
    achieved = projects["achieved_quantity"]
    judged = [
        change(*row)
        for row in projects[["indicator_before", "indicator_after", "better"]].itertuples(
            index=False
        )
    ]
    gain = projects["measure"].map(rules.gain_share)
    better = [verdict == BETTER for verdict, _ in judged]
    return projects.assign(
        spent_cny=spent,
        spent_share=spent / projects["budget_cny"],
        completion=achieved / projects["planned_quantity"],
        unit_cost_cny=spent / achieved.where(achieved > 0),
        verdict=[verdict for verdict, _ in judged],
        change=[share for _, share in judged],
        value_cny=(achieved * projects["county_code"].map(density) * gain).where(better),
    )


def projects_at(projects: pd.DataFrame, year: int) -> pd.DataFrame:
    """Return the projects approved by a year's end; those accepted later are ongoing then."""
    last = pd.Timestamp(year, 12, 31)
    known = projects[pd.to_datetime(projects["approved_on"]) <= last]
    later = pd.to_datetime(known["accepted_on"]) > last
    return known.assign(
        status=known["status"].mask(later, ONGOING),
        achieved_quantity=known["achieved_quantity"].mask(later),
        indicator_after=known["indicator_after"].mask(later),
    )
