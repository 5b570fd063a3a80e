"""Who pays whom over all schemes: sums, matrix, map, what if (收付总览)."""

from __future__ import annotations

import pandas as pd

from gepbook import compensation, counties
from gepbook.compensation import Compensation, flows, parties
from gepbook.ledger import ORIGIN_ZH
from gepbook.params import CONFIDENCE_ZH, WHAT_IF
from gepbook.publish import common, maps
from gepbook.publish.display import WAN, YI, Picture, Prose, Table, percent, wan, yi
from gepbook.run import Run

SHOWN = 15
ALL = "all"
DESIGN = "design"
VERIFIED = ("published", "derived")


def headline(result: Compensation, run: Run) -> Prose:
    """Return the chapter's first sentence: what the county received, paid and keeps."""
    code, name = run.county_code, counties.name_zh(run.county_code)
    sums = flows.by_scheme(result.flows, code).sum()
    concerned = len(flows.by_scheme(result.flows, code))
    government = flows.by_party(result.flows).reindex([code], fill_value=0.0)["net_cny"].iloc[0]
    return Prose(
        f"{run.year} 年，**{name}**在 {len(result.schemes)} 类补偿中涉及 {concerned} 类，共收入 "
        f"**{wan(sums['received_cny'])} 万元**、支出 {wan(sums['paid_cny'])} 万元，净收入 "
        f"**{wan(sums['net_cny'])} 万元**；其中县（市、区）政府净收入 {wan(government)} 万元，"
        "其余归居民、村集体与企业。没有公布规则的方案用本工具建议值，表中标明 "
        "(schemes without a published rule follow a stated proposal)。"
    )


def scheme_table(result: Compensation, run: Run) -> Table:
    """Return what the county, all its parties together, received and paid by scheme (收付一览)."""
    own = flows.of_county(result.flows, run.county_code)
    return _schemes(own, flows.by_scheme(result.flows, run.county_code), "收付一览 By scheme")


def counterparty_table(result: Compensation, run: Run) -> Table:
    """Return with whom the county and its parties settle, the largest first (收付对象)."""
    code = run.county_code
    own = flows.of_county(result.flows, code)
    table = own.groupby(["payer", "payee", "scheme"], as_index=False).agg(
        amount=("amount_cny", "sum"), quality=("quality", "first"), origin=("origin", "first")
    )
    table = table.sort_values("amount", ascending=False, kind="stable").head(SHOWN)
    frame = pd.DataFrame(
        {
            "付款方": table["payer"].map(parties.name_zh),
            "收款方": table["payee"].map(parties.name_zh),
            "方案": table["scheme"].map(compensation.NAMES_ZH),
            "金额 万元": table["amount"],
            "规则": table["quality"].map(_rule_status),
            "性质": table["origin"].map(ORIGIN_ZH),
        }
    )
    more = len(own.groupby(["payer", "payee", "scheme"])) - len(frame)
    note = f"另有 {more} 笔较小的收付，见 flows.parquet。" if more > 0 else ""
    return Table(frame, "收付对象 Who pays whom", {"金额 万元": wan}, note=note)


def payment_map(result: Compensation, run: Run) -> Picture:
    """Return the map of net positions with the county's payments to and from other counties."""
    between = _between_counties(result.flows)
    code = run.county_code
    own = between[(between["payer"] == code) | (between["payee"] == code)]
    return maps.payment_map(run.pack.boundaries, _net(result) / WAN, own, "万元", code)


def what_if_table(result: Compensation, changed: Compensation | None, run: Run) -> Table | None:
    """Return the county's net income by scheme, under the rules and changed ones (情景对比)."""
    if changed is None:
        return None
    before = flows.by_scheme(result.flows, run.county_code)["net_cny"]
    after = flows.by_scheme(changed.flows, run.county_code)["net_cny"]
    table = pd.DataFrame({"before": before, "after": after}).fillna(0.0)
    table.loc[ALL] = table.sum()
    assumed = [name for name, p in changed.province.params.entries.items() if p.layer == WHAT_IF]
    frame = pd.DataFrame(
        {
            "方案": [compensation.NAMES_ZH.get(str(s), "合计") for s in table.index],
            "现行规则 万元": table["before"].to_numpy(),
            "情景 万元": table["after"].to_numpy(),
            "差 万元": (table["after"] - table["before"]).to_numpy(),
        }
    )
    return Table(
        frame,
        "情景对比（净收入） What if",
        dict.fromkeys(frame.columns[1:], wan),
        note=f"改动：{'、'.join(assumed)}。只在本机演算，不写入结果。",
    )


def what_if_matrix(changed: Compensation | None, run: Run) -> Table | None:
    """Return the matrix of payments under changed rules."""
    return None if changed is None else province_matrix(changed, run)


def rule_table(result: Compensation, run: Run) -> Table:
    """Return how well the rules of each scheme are known, and where they stand (规则出处)."""
    rows = []
    for scheme in compensation.SCHEMES:
        for section in scheme.sections:
            found = [p.confidence for p in run.params.under(section).values()]
            verified = sum(c in VERIFIED for c in found)
            proposed = sum(c == DESIGN for c in found)
            rows.append(
                {
                    "方案": scheme.name_zh,
                    "规则文件": f"params/policy/{section}.yaml",
                    "参数": len(found),
                    "已核对出处": verified,
                    "未核对原文": len(found) - verified - proposed,
                    "本工具建议值": proposed,
                    "依据": scheme.source,
                }
            )
    return Table(
        pd.DataFrame(rows),
        "规则与出处 Rules",
        note="各参数的数值、单位与出处见公报附录“补偿规则”、同目录 params.json 及规则文件。",
    )


def province_rules(result: Compensation, run: Run) -> Table:
    """Return all parameters of all schemes with source and confidence (补偿规则)."""
    sections = [name for scheme in compensation.SCHEMES for name in scheme.sections]
    return common.parameter_table(run.params, *sections, caption="补偿规则 Rules")


def province_headline(result: Compensation, run: Run) -> Prose:
    """Return the bulletin's sentence: how much was paid in all, by which schemes, and that it closes."""
    paid = result.flows.groupby("scheme")["amount_cny"].sum().sort_values(ascending=False)
    rest = flows.by_party(result.flows)["net_cny"].sum()
    shown = "、".join(f"{compensation.NAMES_ZH[str(s)]} {yi(v)} 亿元" for s, v in paid.items())
    return Prose(
        f"{run.year} 年 {len(result.schemes)} 类方案共 {len(result.flows):,} 笔收付，"
        f"**{yi(paid.sum())} 亿元**：{shown}。每笔都有付款方和收款方，各方净额之和为 {rest:.2f} 元。"
    )


def province_schemes(result: Compensation, run: Run) -> Table:
    """Return payments, payers and payees by scheme."""
    groups = result.flows.groupby("scheme")
    frame = pd.DataFrame(
        {
            "金额 亿元": groups["amount_cny"].sum(),
            "笔数": groups.size(),
            "付款方": groups["payer"].nunique(),
            "收款方": groups["payee"].nunique(),
            "本工具建议规则占比": result.flows["amount_cny"]
            .where(result.flows["quality"] == DESIGN, 0.0)
            .groupby(result.flows["scheme"])
            .sum()
            / groups["amount_cny"].sum(),
        }
    ).reindex([s for s in result.schemes if s in groups.groups])
    frame.insert(0, "方案", [compensation.NAMES_ZH[str(s)] for s in frame.index])
    lacking = sorted({name for r in result.schemes.values() for name in r.lacking})
    return Table(
        frame.reset_index(drop=True),
        "各类补偿 Compensation by scheme",
        {"金额 亿元": yi, "本工具建议规则占比": percent},
        note="绝大部分规则尚无公布公式，用本工具建议值。"
        + common.lacking(lacking, "，相应部分未计算"),
    )


def province_matrix(result: Compensation, run: Run) -> Table:
    """Return who pays whom by prefecture: rows pay, columns receive (收付矩阵)."""
    table = result.flows.assign(
        payer=result.flows["payer"].map(_group), payee=result.flows["payee"].map(_group)
    )
    matrix = table.pivot_table(
        index="payer", columns="payee", values="amount_cny", aggfunc="sum", fill_value=0.0
    )
    order = [name for name in parties.governments().values() if name in {*matrix.index, *matrix}]
    order = list(dict.fromkeys(order))
    matrix = matrix.reindex(index=order, columns=order, fill_value=0.0) / YI
    matrix = matrix.loc[matrix.any(axis=1)]
    matrix["合计"] = matrix.sum(axis=1)
    matrix.loc["合计"] = matrix.sum()
    short = {name: name.removesuffix("市").removesuffix("省") for name in order}  # room for a page
    matrix = matrix.rename(index=short, columns=short)
    frame = matrix.rename_axis("付＼收", axis=0).reset_index()
    form = {name: (lambda v: f"{v:,.2f}" if v else "·") for name in frame.columns[1:]}
    return Table(
        frame,
        "收付矩阵（按设区市，亿元） Who pays whom",
        form,
        note="设区市含其各县政府、居民、村集体与企业；对角线是市内收付。",
    )


def province_map(result: Compensation, run: Run) -> Picture:
    """Return the map of net positions with the largest payments between counties."""
    between = _between_counties(result.flows).nlargest(60, "amount")
    return maps.payment_map(run.pack.boundaries, _net(result) / WAN, between, "万元")


def province_net_table(result: Compensation, run: Run) -> Table:
    """Return what every county received, paid and keeps, the largest net income first (各县净收入)."""
    table = flows.by_county(result.flows).sort_values("net_cny", ascending=False, kind="stable")
    government = flows.by_party(result.flows)["net_cny"].reindex(table.index, fill_value=0.0)
    frame = pd.DataFrame(
        {
            "县（市、区）": [counties.name_zh(str(code)) for code in table.index],
            "收入 万元": table["received_cny"].to_numpy(),
            "支出 万元": table["paid_cny"].to_numpy(),
            "净收入 万元": table["net_cny"].to_numpy(),
            "其中政府 万元": government.to_numpy(),
        }
    )
    return Table(
        frame, "各县收付净额 Net positions of counties", dict.fromkeys(frame.columns[1:], wan)
    )


def _schemes(own: pd.DataFrame, sums: pd.DataFrame, caption: str) -> Table:
    """Return received, paid and net by scheme with the state of the rules."""
    found = [scheme for scheme in compensation.NAMES_ZH if scheme in sums.index]
    rows = [
        {
            "方案": compensation.NAMES_ZH[scheme],
            "收入 万元": sums.loc[scheme, "received_cny"],
            "支出 万元": sums.loc[scheme, "paid_cny"],
            "净收入 万元": sums.loc[scheme, "net_cny"],
            "规则": "、".join(
                dict.fromkeys(_rule_status(q) for q in own[own["scheme"] == scheme]["quality"])
            ),
            "性质": "、".join(
                dict.fromkeys(ORIGIN_ZH[o] for o in own[own["scheme"] == scheme]["origin"])
            ),
        }
        for scheme in found
    ]
    total = sums.sum()
    rows.append(
        {
            "方案": "合计",
            "收入 万元": total["received_cny"],
            "支出 万元": total["paid_cny"],
            "净收入 万元": total["net_cny"],
        }
    )
    return Table(
        pd.DataFrame(rows),
        caption,
        dict.fromkeys(["收入 万元", "支出 万元", "净收入 万元"], wan),
        note="含本县政府、居民、村集体与企业；县内相互收付在收入和支出中都计。",
    )


def _rule_status(quality: str) -> str:
    """Say in a word where a rule comes from."""
    return CONFIDENCE_ZH.get(quality, quality)


def _group(party: str) -> str:
    """Return the prefecture of a party's county, or who it is outside of one."""
    code = party.partition("/")[0]
    return parties.governments()[
        parties.prefecture_of(code) if code not in parties.OUTSIDE else code
    ]


def _between_counties(paid: pd.DataFrame) -> pd.DataFrame:
    """Return what parties of one county pay to those of another, in 万元."""
    table = pd.DataFrame(
        {
            "payer": paid["payer"].map(parties.county_of),
            "payee": paid["payee"].map(parties.county_of),
            "amount": paid["amount_cny"] / WAN,
        }
    )
    table = table[(table["payer"] != "") & (table["payee"] != "")]
    table = table[table["payer"] != table["payee"]]
    return table.groupby(["payer", "payee"], as_index=False)["amount"].sum()


def _net(result: Compensation) -> pd.Series:
    """Return the net income of every county."""
    return flows.by_county(result.flows)["net_cny"]
