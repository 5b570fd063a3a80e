r"""Public-welfare funds for ecological protection: books and effect of projects (公益性生态保护基金).

Every entry is booked twice, in the fund's cash and in what it was for, in whole cents, so that opening
balance, income and expense give the closing balance exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pandas as pd

from gepbook import ledger
from gepbook.assessment.funds.books import ratios, statements
from gepbook.assessment.funds.effects import BETTER, UNMEASURED, densities, effects, projects_at
from gepbook.assessment.funds.registers import check
from gepbook.assessment.funds.rules import (
    ACCEPTED,
    ADMINISTRATION,
    ENTRIES,
    PROJECT,
    PROJECTS,
    SECTION,
    WelfareFundsParams,
)
from gepbook.assessment.topic import ACCOUNT, Evidence, Topic, TopicResult, card

METHOD = f"design/{SECTION}"


def summary(years: pd.DataFrame, projects: pd.DataFrame, by: str, year: int) -> pd.DataFrame:
    """Return books and projects of a year summed up, a row a county, or one row of all (汇总).

    Parameters
    ----------
    years : DataFrame
        From `statements` and `ratios`.
    projects : DataFrame
        From `effects`; empty where there is no register.
    by : str
        Column whose words the rows are of.
    year : int

    Returns
    -------
    DataFrame, indexed by `by`
        `funds`; sums of the statement; `administration_share`; `over_limit`, funds whose administration
        exceeds the limit. `projects`, `accepted`; `completion`, of accepted projects by budget, more
        than planned counting as planned; `value_cny`; `measured` and `better`, accepted projects whose
        indicator was measured, and improved.
    """
    now = years[years["year"] == year]
    money = [name for name in now if name.endswith("_cny")]
    found = now.groupby(by)[money].sum().round(2)
    found.insert(0, "funds", now.groupby(by)["fund"].nunique())
    spent = found["expense_cny"]
    found["administration_share"] = found[f"{ADMINISTRATION}_cny"] / spent.where(spent > 0)
    found["over_limit"] = now["administration_kept"].eq(False).groupby(now[by]).sum()
    if projects.empty:
        return found
    done = projects[projects["status"] == ACCEPTED]
    reached = (done["completion"].clip(upper=1) * done["budget_cny"]).groupby(done[by]).sum()
    parts = pd.DataFrame(
        {
            "projects": projects.groupby(by).size(),
            "accepted": done.groupby(by).size(),
            "completion": reached / done.groupby(by)["budget_cny"].sum(),
            "value_cny": done.groupby(by)["value_cny"].sum(min_count=1),
            "measured": (done["verdict"] != UNMEASURED).groupby(done[by]).sum(),
            "better": (done["verdict"] == BETTER).groupby(done[by]).sum(),
        }
    )
    numbers = ["projects", "accepted", "measured", "better"]
    found = found.join(parts)
    return found.fillna(dict.fromkeys(numbers, 0)).astype(dict.fromkeys(numbers, "int64"))


def compute(evidence: Evidence, before: Mapping[str, TopicResult]) -> TopicResult:
    """Return the funds' statements of all years, and what their projects achieved by the year's end."""
    registers = evidence.registers
    lacking = tuple(registers.lacking(ENTRIES, PROJECTS))
    entries = registers.history(ENTRIES) if registers.pack.has(ENTRIES) else pd.DataFrame()
    if entries.empty:
        return TopicResult(lacking=lacking)
    rules = evidence.rules(SECTION, WelfareFundsParams)
    years = statements(entries, evidence.year)
    years = years.join(ratios(years, rules))
    projects = pd.DataFrame()
    if registers.pack.has(PROJECTS):
        paid = entries[entries["kind"] == PROJECT].groupby("project_id")["amount_cny"].sum()
        known = projects_at(registers.table(PROJECTS), evidence.year)
        projects = effects(known, paid.round(2), densities(evidence), rules)
    of_counties = summary(years, projects, "county_code", evidence.year)
    of_province = summary(
        years.assign(place=ledger.PROVINCE),
        projects.assign(place=ledger.PROVINCE),
        "place",
        evidence.year,
    )
    return TopicResult(
        tables={
            "years": years,
            "projects": projects.reset_index(drop=True),
            "counties": of_counties,
            "province": of_province,
        },
        figures=[*_figures(evidence, of_counties), *_figures(evidence, of_province)],
        cards=list(_cards(evidence, of_counties, rules)),
        lacking=lacking,
    )


def _figures(
    evidence: Evidence, table: pd.DataFrame
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Give the ledger rows of a summary."""
    books = {
        "origin": evidence.origin(ENTRIES),
        "method_id": METHOD,
        "quality": evidence.quality(SECTION),
    }
    money = {"price_basis": "current", "price_year": evidence.year}
    gained = {
        "price_basis": "comparable",
        "origin": evidence.origin(ENTRIES, PROJECTS, accounts=True),
    }
    faces: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
        ("funds", "opening_balance", "opening_cny", "CNY", money),
        ("funds", "income", "income_cny", "CNY", money),
        ("funds", "expense", "expense_cny", "CNY", money),
        ("funds", "closing_balance", "closing_cny", "CNY", money),
        ("funds.administration", "share", "administration_share", "1", {}),
        ("funds.projects", "completion", "completion", "1", {}),
        ("funds.projects", "value", "value_cny", "CNY", gained),
    )
    for code, row in table.iterrows():
        owner = None if code == ledger.PROVINCE else str(code)
        for item, measure, column, unit, more in faces:
            if pd.notna(row.get(column)):
                about = {**books, **more}
                yield owner, ledger.entry(ACCOUNT, item, measure, row[column], unit, **about)


def _cards(
    evidence: Evidence, table: pd.DataFrame, rules: WelfareFundsParams
) -> Iterator[dict[str, Any]]:
    """Give the scorecard's lines: what projects achieved, and what administration costs."""
    origin = evidence.origin(ENTRIES, PROJECTS)
    quality = evidence.quality(SECTION)
    for code, row in table.iterrows():
        if pd.notna(row.get("completion")):
            yield card(
                str(code),
                "公益基金项目完成率",
                100 * row["completion"],
                "percent",
                peer=100 * rules.completion_good,
                peer_zh="良好下限",
                light=_completion_light(row["completion"], rules),
                reason=f"已验收 {row['accepted']:.0f} 个项目按预算加权；"
                f"{row['measured']:.0f} 个有前后指标，其中 {row['better']:.0f} 个改善",
                origin=origin,
                quality=quality,
            )
        if pd.notna(row["administration_share"]):
            over = row["over_limit"] > 0
            yield card(
                str(code),
                "公益基金管理费用占支出",
                100 * row["administration_share"],
                "percent",
                peer=100 * rules.administration_share_most,
                peer_zh="上限",
                light="poor" if over else "good",
                reason=f"{row['over_limit']:.0f} 个基金超上限" if over else "各基金均未超上限",
                origin=origin,
                quality=quality,
            )


def _completion_light(
    completion: float, rules: WelfareFundsParams
) -> Literal["good", "watch", "poor"]:
    """Return the light of a completion."""
    if completion >= rules.completion_good:
        return "good"
    return "poor" if completion < rules.completion_poor else "watch"


TOPIC = Topic(
    id="funds",
    name_zh="公益性生态保护基金",
    name_en="Public-welfare ecological funds",
    source="浙委办发〔2021〕82号 六(二) 建立公益性生态保护基金",
    sections={SECTION: WelfareFundsParams},
    tables=(ENTRIES, PROJECTS),
    compute=compute,
    check=check,
)
