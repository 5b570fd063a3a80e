"""What green finance comes to, in a sentence or two."""

from __future__ import annotations

import pandas as pd

from gepbook import counties
from gepbook.assessment import Assessment, finance
from gepbook.assessment.finance import green_option, loans
from gepbook.publish import common
from gepbook.publish.display import Prose, percent, wan, yi
from gepbook.run import Run


def _lacking(result: Assessment) -> str:
    """Return which registers the pack does not bring, as a sentence."""
    return common.lacking(result.topics[finance.ID].lacking, "，相应部分未计算")


def sentence(result: Assessment, run: Run) -> Prose:
    """Return what green finance says of the county."""
    code, topic = run.county_code, result.topics[finance.ID]
    own = topic.table("capacity").loc[code]
    text = counties.name_zh(code)
    if pd.isna(own["capacity_cny"]):
        text += f"{loans.NO_DRAWS}（GEP 的不确定性未知）"
        english = "No loan capacity: the county's account has no draws"
    else:
        text += f"可质押的年收益约 {yi(own['income_cny'])} 亿元"
        if pd.notna(own["haircut"]):
            text += f"（核算不确定性折减 {percent(own['haircut'])}）"
        text += f"，GEP贷额度 **{yi(own['capacity_cny'])} 亿元**"
        english = f"Loan capacity on ecological income {yi(own['capacity_cny'])} ×1e8 CNY"
        if pd.notna(own["used"]):
            text += f"，已用 {percent(own['used'])}（{own['reason']}）"
            english += f", {percent(own['used'])} used"
    shares = topic.rows_of(code, "shares")
    now = shares[shares["year"] == run.year] if len(shares) else shares
    if len(now):
        row = now.iloc[0]
        text += (
            f"；绿色贷款占各项贷款 {percent(row['share'])}，在本县组列第 {row['rank']:.0f} / "
            f"{row['of']:.0f} 位"
        )
        english += f"; green loans are {percent(row['share'])} of all loans"
    return Prose(f"{text}。{_lacking(result)}{english}.")


def province_sentence(result: Assessment, run: Run) -> Prose:
    """Return what green finance comes to in the province."""
    topic = result.topics[finance.ID]
    summary, text, english = topic.table("summary"), "", ""
    if len(summary):
        whole = summary[summary["kind"] == loans.PROVINCE].iloc[0]
        text = (
            f"{whole['counties']} 个县（市、区）可测算 GEP贷额度，合计 {yi(whole['capacity_cny'])} "
            f"亿元，余额 {yi(whole['gep_loans_cny'])} 亿元，其中 {whole['over']} 个超过额度；"
        )
        if pd.notna(whole["share"]):
            text += f"绿色贷款占 {whole['reporting']} 个填报县各项贷款的 **{percent(whole['share'])}**。"
            english = f"Green loans are {percent(whole['share'])} of all loans"
        else:
            text += f"仅 {whole['reporting']} 个县填报绿色贷款，不给出全省占比。"
            english = "Too few counties report green loans"
        english += (
            f" ({whole['reporting']} counties); in {whole['over']} counties "
            "loans on ecological income exceed their capacity. "
        )
    options = topic.table("options")
    if len(options):
        running = options[options["state"] == green_option.RUNNING]
        worth = wan(running["value_cny"].sum())
        text += f"存续“一村万树”绿色期权 {len(running)} 份，估值合计 {worth} 万元。"
    pools = topic.table("pools")
    if len(pools):
        text += f"收益权资产池 {len(pools)} 个，发行规模 {yi(pools['size_cny'].sum())} 亿元。"
    return Prose(f"{text}{_lacking(result)}{english}".strip())
