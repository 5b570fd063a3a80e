r"""Scores of ecological credit: points of deeds, appeals, expiry, levels, points to spend (生态信用积分).

A score on a day follows from the subject's events and appeals alone, in whatever order they are listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from gepbook import paths, rule_table
from gepbook.params import Params, parameter
from gepbook.rule_table import RowProblem

SECTION = "ecological_credit"
RULES = paths.PARAMS / "policy" / "ecological_credit_rules.csv"
RULE_COLUMNS = ("rule", "name_zh", "kinds", "points", "cap_points", "source", "confidence")
KIND_ZH = {"individual": "个人", "firm": "企业", "village": "村"}
#: From the best; whoever reaches none of the limits is C.
LEVELS = ("AAA", "AA", "A", "B", "C")
UPHELD, REJECTED, PENDING = "upheld", "rejected", "pending"
#: How an event stands on a day: before it, under appeal, made void by one, or counted.
FUTURE, OPEN, VOID, COUNTED = "future", "open", "void", "counted"
Level = Literal["AAA", "AA", "A", "B", "C"]


class CreditParams(Params):
    """Rules of 生态信用积分: levels, life of events, appeals, uses, what may be shown."""

    provincial = True

    first_year: int = parameter("a", "最早记录年份")
    base_points: float = parameter("points", "基础分")
    level_points: dict[str, float] = parameter("points", "各等级的最低分，C 级以下不设")
    positive_life_year: int = parameter("a", "加分有效年数", ge=1)
    negative_life_year: int = parameter("a", "减分有效年数", ge=1)
    linear_decay: bool = parameter("1", "分值是否在有效期内逐日递减")
    appeal_days: int = parameter("d", "申诉期限，自记录之日起", ge=0)
    decision_days: int = parameter("d", "申诉办理期限", ge=0)
    level_for_use: dict[str, Level] = parameter("1", "各用途所需的最低等级")
    least_subjects: int = parameter("1", "公布一个数所需的最少主体数", ge=3)
    least_margin: Annotated[float, Field(lt=1)] = parameter(
        "1", "公布合计时，除最大两户外其余合计与最大一户之比的下限（p% 规则）", gt=0
    )

    @field_validator("level_points")
    @classmethod
    def _falls(cls, value: dict[str, float]) -> dict[str, float]:
        limited = LEVELS[:-1]
        if tuple(value) != limited:
            raise ValueError(f"must give the limits of {', '.join(limited)}, in this order")
        if not np.all(np.diff(list(value.values())) < 0):
            raise ValueError(f"must fall from {limited[0]} to {limited[-1]}")
        return value


def read_rules(path: Path = RULES) -> pd.DataFrame:
    """Return the scoring rules (计分规则), indexed by rule.

    `kinds` are the kinds of subjects that a rule is for, `points` what one event gives, below 0 what it
    takes, `cap_points` the most that a subject's events of one rule and year give or take.

    Raises
    ------
    ParameterError
        All that is wrong, each with line, value and remedy.
    """
    raw = rule_table.read(path, RULE_COLUMNS)
    rules = raw.assign(
        kinds=raw["kinds"].str.split(";"),
        points=pd.to_numeric(raw["points"], errors="coerce"),
        cap_points=pd.to_numeric(raw["cap_points"], errors="coerce"),
    )
    rule_table.refuse(path, _rule_problems(rules))
    return rules.set_index("rule")


def _rule_problems(rules: pd.DataFrame) -> Iterator[RowProblem]:
    """Give what is wrong in single rules, with their lines."""
    for line in rules.index[rules["rule"].duplicated()]:
        yield line, f"rule {rules.loc[line, 'rule']!r} stands twice. Keep one of them."
    for row in rules.itertuples():
        if unknown := sorted(set(row.kinds) - set(KIND_ZH)):
            yield (
                row.Index,
                f"kinds must be of {', '.join(KIND_ZH)}, with ; between, got {', '.join(unknown)!r}. "
                "Correct them.",
            )
        if not (np.isfinite(row.points) and row.points):
            yield row.Index, f"points must be a number and not 0, got {row.points:g}. Correct them."
        elif not abs(row.points) <= row.cap_points < np.inf:
            yield (
                row.Index,
                f"cap_points must be a number and at least {abs(row.points):g}, the points of one "
                f"event, got {row.cap_points:g}. Correct it.",
            )
    yield from rule_table.source_problems(rules)


def appeal_state(events: pd.DataFrame, params: CreditParams) -> pd.DataFrame:
    """Return how each event stands on a day, and whether its appeal came too late (申诉).

    Parameters
    ----------
    events : DataFrame
        `date`, `filed_on`, `decided_on` (days, NaT = none), `outcome`, `at` (the day).

    Returns
    -------
    DataFrame, same index
        `state`: one of FUTURE, OPEN, VOID, COUNTED; `late`: an appeal after the deadline changes nothing.
    """
    late = events["filed_on"] > events["date"] + pd.Timedelta(days=params.appeal_days)
    appealed = (events["filed_on"] <= events["at"]) & ~late
    decided = events["decided_on"] <= events["at"]
    state = np.select(
        [
            events["date"] > events["at"],
            appealed & ~decided,
            appealed & decided & (events["outcome"] == UPHELD),
        ],
        [FUTURE, OPEN, VOID],
        COUNTED,
    )
    return pd.DataFrame({"state": state, "late": late}, index=events.index)


def standing(events: pd.DataFrame, rules: pd.DataFrame, params: CreditParams) -> pd.DataFrame:
    r"""Return what each event gives on a day (有效分值).

    Parameters
    ----------
    events : DataFrame
        `case` (whose score on which day), `event_id`, `rule`, `date`, `count`, `at`, and the columns of
        its appeal, see `appeal_state`.
    rules : DataFrame
        From `read_rules`.

    Returns
    -------
    DataFrame, same index
        `state`; `granted`, the points within the cap; `alive`, whether they have not expired; `points`,
        what they give to the score.

    Notes
    -----
    .. math:: g_i = clip(\sum_{j \le i} n_j p, \pm cap) - clip(\sum_{j < i} n_j p, \pm cap)

    over the counted events j of one rule and calendar year, by date; p are the rule's points, n how
    often. With decay, points = g · (1 − age / life), else g; 0 from the day of expiry on.

    Source: proposal of this workbook after 浙委办发〔2021〕82号 六(二).
    """
    known = events.assign(state=appeal_state(events, params)["state"])
    known["per"] = known["rule"].map(rules["points"]).astype("float64")
    known["raw"] = (known["count"] * known["per"]).where(known["state"] == COUNTED, 0.0)
    known["year"] = known["date"].dt.year
    cap = known["rule"].map(rules["cap_points"]).astype("float64")
    ordered = known.sort_values(["date", "event_id"])
    upto = ordered.groupby(["case", "rule", "year"])["raw"].cumsum().reindex(known.index)
    granted = upto.clip(-cap, cap) - (upto - known["raw"]).clip(-cap, cap)
    expires = (known["date"] + pd.DateOffset(years=params.positive_life_year)).where(
        known["per"] > 0, known["date"] + pd.DateOffset(years=params.negative_life_year)
    )
    alive = known["at"] < expires
    left = (expires - known["at"]) / (expires - known["date"]) if params.linear_decay else 1.0
    return pd.DataFrame(
        {
            "state": known["state"],
            "granted": granted,
            "alive": alive,
            "points": (granted * left).where(alive, 0.0),
        }
    )


def scores(events: pd.DataFrame, rules: pd.DataFrame, params: CreditParams) -> pd.Series:
    """Return the score of every case, points (信用分): the base, and what its events give on the day.

    Parameters
    ----------
    events : DataFrame
        See `standing`. A case without any event is not in it.
    """
    return (
        params.base_points + standing(events, rules, params)["points"].groupby(events["case"]).sum()
    )


def level(score: pd.Series, params: CreditParams) -> pd.Series:
    """Return the level of every score, one of LEVELS (信用等级)."""
    limits = [-np.inf, *reversed(params.level_points.values()), np.inf]
    return pd.cut(score, limits, right=False, labels=LEVELS[::-1]).astype("str")


def balances(uses: pd.DataFrame) -> pd.Series:
    """Return what each subject can spend before each use, points (可用积分).

    Points are spent oldest first; a use above the balance spends nothing.

    Parameters
    ----------
    uses : DataFrame
        `subject_id`, `date`, `use_id`, `points`; `earned`, all the subject earned by that day, and
        `expired`, what of it has expired.

    Notes
    -----
    All that a subject earned is a line on which spending and expiry move forward, whichever is ahead.
    """
    gone: dict[str, float] = {}
    left: dict[int, float] = {}
    for use in uses.sort_values(["date", "use_id"]).itertuples():
        front = max(gone.get(use.subject_id, 0.0), use.expired)
        left[use.Index] = use.earned - front
        gone[use.subject_id] = front + (use.points if use.points <= left[use.Index] else 0.0)
    return pd.Series(left, dtype="float64").reindex(uses.index)
