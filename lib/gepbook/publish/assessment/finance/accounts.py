"""Ecological accounts and carbon accounts in the reports (生态账户、碳账户)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties, ledger
from gepbook.accounting import sites
from gepbook.assessment import Assessment, finance
from gepbook.assessment.finance import carbon_account, ecological_account
from gepbook.assessment.finance.carbon_account import COLOUR_ZH, CarbonAccountParams
from gepbook.assessment.privacy import TOTAL
from gepbook.compensation.offset.rules import SECTION as OFFSET
from gepbook.compensation.offset.rules import OffsetParams
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish.display import Table, wan
from gepbook.run import Run

MONEY = {
    "opening_cny": "年初 万元/年",
    "credit_cny": "存入（补偿） 万元/年",
    "matured_cny": "成熟增值 万元/年",
    "debit_cny": "支出（占用） 万元/年",
    "closing_cny": "年末 万元/年",
}
HIDDEN = "不公布"


def account_table(result: Assessment, run: Run) -> Table | None:
    """Return the county's ecological account over the years (生态账户)."""
    own = result.topics[finance.ID].rows_of(run.county_code, "accounts")
    if own.empty:
        return None
    code = run.county_code
    return _account_table(result, own, {"年份": own["year"].astype("str")}, code)


def province_account_table(result: Assessment, run: Run) -> Table | None:
    """Return the year's ecological accounts, the pilot 衢州 first (生态账户)."""
    table = result.topics[finance.ID].table("accounts")
    if table.empty:
        return None
    prefectures = counties.read()["prefecture"]
    now = table[table["year"] == run.year].assign(
        pilot=lambda t: t["county_code"].map(prefectures) == ecological_account.PILOT
    )
    rows = now.sort_values(["pilot", "county_code"], ascending=[False, True])
    marks = rows["pilot"].map({True: "（试点）", False: ""})
    return _account_table(result, rows, {"县": rows["county_code"].map(counties.name_zh) + marks})


def _account_table(
    result: Assessment,
    rows: pd.DataFrame,
    first: dict[str, pd.Series],
    county_code: str | None = None,
) -> Table:
    """Return accounts with a first column that tells their rows apart; sites not in them are named."""
    pool = result.evidence.pool
    own = pool.loc[pool["account"] == sites.ACCOUNT, "origin"].unique()
    origin = ORIGIN_ZH[ledger.weakest([result.evidence.origin(sites.LAYER), *own])]
    rate = result.evidence.rules(OFFSET, OffsetParams).discount_rate_percent
    frame = pd.DataFrame(
        {**first, **{title: rows[name] for name, title in MONEY.items()}, "性质": origin}
    )
    return Table(
        frame,
        "生态账户 Ecological account of occupation and offset",
        dict.fromkeys(MONEY.values(), wan),
        note="以地块生态系统服务年价值记账：占用记支出，修复补偿记存入，各笔"
        f"{ecological_account.SEVERAL_YEARS}（早于数据包首年的按首个有核算的年份），余额因此不是同一年的"
        "价格；年末 = "
        f"年初 + 存入 + 成熟增值 − 支出。未成熟的补偿按每年 {rate:g}% 折减，逐年补记。衢州为“生态账户”"
        "试点，其余有登记地块的县同法编制；损害另由赔偿处理。记账方法为本工具建议值。"
        f"{_unbalanced(result, county_code)}",
    )


def _unbalanced(result: Assessment, county_code: str | None) -> str:
    """Return which sites have no account and are in no balance, as a sentence; empty if all have."""
    listed = result.topics[finance.ID].table("account_sites")
    lost = listed[listed["change_cny"].isna()]
    if county_code is not None:
        lost = lost[lost["county_code"] == county_code]
    return f"无地块核算、未入账：{'、'.join(lost['name'])}。" if len(lost) else ""


def carbon_table(result: Assessment, run: Run) -> Table | None:
    """Return how many of the county's enterprises have which colour (碳账户)."""
    table = result.topics[finance.ID].table("colours")
    if table.empty or not (own := table["county_code"] == run.county_code).any():
        return None
    prefecture = counties.read().loc[run.county_code, "prefecture"]
    whole = (table["county_code"] == TOTAL) & table["prefecture"].isin((prefecture, TOTAL))
    return _carbon_table(result, table[own | whole])


def province_carbon_table(result: Assessment, run: Run) -> Table | None:
    """Return how many enterprises have which colour, by prefecture and county (碳账户)."""
    table = result.topics[finance.ID].table("colours")
    return None if table.empty else _carbon_table(result, table)


def _carbon_table(result: Assessment, rows: pd.DataFrame) -> Table:
    """Return counts by colour, the sums of a prefecture above its counties, the province's last."""
    rules = result.evidence.rules(carbon_account.SECTION, CarbonAccountParams)
    order = [*counties.read()["prefecture"].unique(), TOTAL]
    place = rows["prefecture"].map(order.index)
    ordered = rows.assign(place=place, below=rows["county_code"] != TOTAL).sort_values(
        ["place", "below", "county_code"]
    )
    names = [
        "全省" if row.prefecture == TOTAL
        else f"{row.prefecture}合计" if row.county_code == TOTAL
        else counties.name_zh(row.county_code)
        for row in ordered.itertuples()
    ]  # fmt: skip
    shown = {**COLOUR_ZH, TOTAL: "企业数"}
    frame = pd.DataFrame(
        {
            "地区": names,
            **{
                title: ordered[name].map(lambda n: HIDDEN if pd.isna(n) else f"{n:.0f}")
                for name, title in shown.items()
            },
            "性质": ORIGIN_ZH[result.evidence.origin(carbon_account.REGISTER)],
        }
    )
    bounds = "、".join(
        f"{COLOUR_ZH[name]} ≤ {ratio:g}" for name, ratio in rules.upper_ratio.items()
    )
    return Table(
        frame,
        "企业碳账户 Carbon accounts by colour",
        note=f"颜色按单位增加值碳排放与行业基准之比：{bounds}，超过为{COLOUR_ZH['red']}；界限与基准为本工具"
        f"建议值。少于 {rules.least_cell} 家的单元、企业全为黄或红的行，及可由合计推出它们的单元不公布。",
    )
