"""Compensation for damage in the reports: cases, how they are worked out, restoration (损害赔偿)."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gepbook import counties
from gepbook.compensation import Compensation, damage
from gepbook.compensation.damage import CONDITIONS, HEADS, SECTION, DamageParams
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import common
from gepbook.publish.display import Prose, Table, wan
from gepbook.run import Run

MEDIUM_ZH = {"surface_water": "地表水", "air": "大气"}
WHOLE = "{:.0f}%".format


def _notes(result: Compensation) -> str:
    """Return the note on the origin of the figures and on what the pack lacks."""
    known = ORIGIN_ZH[result.province.origin(damage.CASES, damage.DISCHARGES)]
    return f"性质：{known}（案件登记）。{common.lacking(result.schemes[damage.ID].lacking)}"


def sentence(result: Compensation, run: Run) -> Prose:
    """Return what compensation for damage means for the county."""
    name = counties.name_zh(run.county_code)
    own, known = (
        result.schemes[damage.ID].rows_of(run.county_code, "cases"),
        result.schemes[damage.ID].rows_of(run.county_code, "progress"),
    )
    if own.empty:
        earlier = f"；此前结案 {len(known)} 件" if len(known) else ""
        return Prose(
            f"{run.year} 年{name}没有结案的生态环境损害赔偿案件{earlier}。"
            "No case of environmental damage was closed here this year."
        )
    return Prose(
        f"{run.year} 年{name}结案 {len(own)} 件，赔偿义务人应付 **{wan(own['total_cny'].sum())} 万元**，"
        f"其中修复与虚拟治理 "
        f"{wan((own['restoration_cny'] + own['virtual_treatment_cny']).sum())} 万元、"
        f"服务功能与永久性损害 {wan((own['interim_cny'] + own['permanent_cny']).sum())} 万元、"
        f"惩罚性赔偿 {wan(own['punitive_cny'].sum())} 万元。"
        f"{len(own)} cases closed; {wan(own['total_cny'].sum())} ×1e4 CNY to be paid."
    )


def case_table(result: Compensation, run: Run) -> Table | None:
    """Return the county's cases of the year by head of loss (赔偿清单)."""
    own = result.schemes[damage.ID].rows_of(run.county_code, "cases")
    if own.empty:
        return None
    frame = pd.DataFrame({"案件": own["name"], "赔偿义务人": own["liable_party"]})
    frame = frame.assign(赔偿权利人=own["claimant"], 途径=own["path"])
    for head, name in HEADS.items():
        if own[f"{head}_cny"].any():
            frame[f"{name} 万元"] = own[f"{head}_cny"]
    frame["合计 万元"] = own["total_cny"]
    money = dict.fromkeys([c for c in frame if c.endswith("万元")], wan)
    notes = [f"{row.name_zh}：{row.note}。" for row in _noted(own) if row.note]
    return Table(frame, "损害赔偿清单 Damage claims", money, note="".join(notes) + _notes(result))


def _noted(own: pd.DataFrame) -> Any:
    """Return cases with their notes."""
    return own.rename(columns={"name": "name_zh"}).itertuples(index=False)


def step_table(result: Compensation, run: Run) -> Table | None:
    """Return how the county's cases of the year are worked out (计算步骤)."""
    own = result.schemes[damage.ID].rows_of(run.county_code, "cases")
    if own.empty:
        return None
    rules = result.province.rules(SECTION, DamageParams)
    rows = [
        {"案件": case.case_id, **step}
        for case in own.itertuples()
        for step in (
            *_discharge_steps(result, case),
            *_loss_steps(case, rules),
            *_punitive_steps(case, rules),
        )
    ]
    if not rows:
        return None
    return Table(
        pd.DataFrame(rows),
        "计算步骤 How the claims are worked out",
        {"结果 万元": wan},
        note="f_t 为线性恢复时第 t 年尚未恢复的份额，自损害发生日起计；折现率、恢复过程与 γ 的取值"
        "为本工具建议值，γ 取值在推荐方法（第Ⅱ版）的区间内。有修复费用的案件不再计虚拟治理成本。",
    )


def _discharge_steps(result: Compensation, case: Any) -> list[dict[str, Any]]:
    """Return the virtual treatment cost of a case's discharges."""
    table = result.schemes[damage.ID].table("discharges")
    own = table[table["case_id"] == case.case_id] if len(table) else table
    counted = "" if case.virtual_treatment_cny else "（不计入）"
    return [
        {
            "项目": f"{HEADS['virtual_treatment']}{counted}",
            "公式": "D = E·C·γ",
            "代入": f"{d.pollutant}（{MEDIUM_ZH[d.medium]}{d.function_class}类）"
            f"{d.quantity_t:g} t × {d.unit_cost_cny_t:,.0f} 元/t × {d.multiple:g}",
            "结果 万元": d.virtual_cny,
        }
        for d in own.itertuples()
    ]


def _loss_steps(case: Any, rules: DamageParams) -> list[dict[str, Any]]:
    """Return the interim and permanent loss of a case."""
    rate, share = rules.discount_rate_percent, case.permanent_percent
    yearly = f"{wan(case.yearly_loss_cny)} 万元/年"
    steps = []
    if case.interim_cny:
        steps.append(
            {
                "项目": HEADS["interim"],
                "公式": "L = Y·(1−q)·Σ f_t/(1+r)^t",
                "代入": f"Y {yearly}，q {share:g}%，恢复 {case.years:.2f} 年，r {rate:g}%",
                "结果 万元": case.interim_cny,
            }
        )
    if case.permanent_cny:
        forever = rules.permanent_capitalisation == "perpetuity"
        steps.append(
            {
                "项目": HEADS["permanent"],
                "公式": "L = Y·q·(1+r)/r" if forever else "L = Y·q·Σ 1/(1+r)^t",
                "代入": f"Y {yearly}，q {share:g}%，r {rate:g}%"
                + ("" if forever else f"，{rules.permanent_years} 年"),
                "结果 万元": case.permanent_cny,
            }
        )
    return steps


def _punitive_steps(case: Any, rules: DamageParams) -> list[dict[str, Any]]:
    """Return the punitive part of a case, also where it was asked for and is 0."""
    if not case.punitive_multiple:
        return []
    lacking = [name for key, name in CONDITIONS.items() if not getattr(case, key)]
    why = f"不具备：{'、'.join(lacking)}" if lacking else "违法、故意、后果严重三项具备"
    base = wan(case.interim_cny + case.permanent_cny)
    return [
        {
            "项目": HEADS["punitive"],
            "公式": "（期间损失 + 永久性损害）× min(请求倍数, 上限)",
            "代入": f"{why}；{base} 万元 × min({case.punitive_multiple:g}, {rules.punitive_cap:g})",
            "结果 万元": case.punitive_cny,
        }
    ]


def progress_table(result: Compensation, run: Run) -> Table | None:
    """Return how far the county's cases are restored, all years (修复进度)."""
    own = result.schemes[damage.ID].rows_of(run.county_code, "progress")
    return None if own.empty else _progress(own, result)


def province_sentence(result: Compensation, run: Run) -> Prose:
    """Return the bulletin's sentence on damage."""
    own, known = (
        result.schemes[damage.ID].table("cases"),
        result.schemes[damage.ID].table("progress"),
    )
    if own.empty:
        return Prose(f"{run.year} 年全省没有结案的生态环境损害赔偿案件。No case was closed.")
    asked = own[own["punitive_multiple"] > 0]
    done = known["restored_percent"] + known["permanent_percent"] >= damage.PERCENT
    return Prose(
        f"{run.year} 年全省结案 {len(own)} 件，应付 **{wan(own['total_cny'].sum())} 万元**；"
        f"请求惩罚性赔偿 {len(asked)} 件，具备条件 {(asked['punitive_cny'] > 0).sum()} 件。"
        f"历年 {len(known)} 件中 {int(done.sum())} 件已修复到位或确认不可恢复 "
        "(cases closed, and restored)。"
    )


def province_cases(result: Compensation, run: Run) -> Table | None:
    """Return all cases of the year by head of loss."""
    own = result.schemes[damage.ID].table("cases")
    if own.empty:
        return None
    frame = pd.DataFrame(
        {
            "案件": own["name"],
            "赔偿权利人": own["claimant"],
            "途径": own["path"],
            "修复与治理 万元": own["restoration_cny"] + own["virtual_treatment_cny"],
            "处置与评估 万元": own["cleanup_cny"] + own["assessment_cny"],
            "期间损失 万元": own["interim_cny"],
            "永久性损害 万元": own["permanent_cny"],
            "惩罚性 万元": own["punitive_cny"],
            "合计 万元": own["total_cny"],
        }
    )
    money = dict.fromkeys([c for c in frame if c.endswith("万元")], wan)
    return Table(frame, "全省损害赔偿 Damage claims", money, note=_notes(result))


def province_progress(result: Compensation, run: Run) -> Table | None:
    """Return how far all cases are restored (全省修复进度)."""
    table = result.schemes[damage.ID].table("progress")
    return None if table.empty else _progress(table, result)


def _progress(rows: pd.DataFrame, result: Compensation) -> Table:
    """Return the restoration of some cases."""
    frame = pd.DataFrame(
        {
            "结案年份": rows["year"].astype("str"),
            "案件": rows["name"],
            "赔偿义务人": rows["liable_party"],
            "已修复": rows["restored_percent"],
            "不可恢复": rows["permanent_percent"],
            "恢复到基线": rows["restored_on"],
        }
    )
    return Table(
        frame,
        "修复进度 Progress of restoration",
        {"已修复": WHOLE, "不可恢复": WHOLE},
        note="“恢复到基线”为实际或计划日期。" + _notes(result),
    )
