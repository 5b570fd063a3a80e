"""Horizontal compensation in the reports: rivers, agreements, the 新安江, purchases (横向补偿)."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd

from gepbook import counties, ledger
from gepbook.compensation import Compensation, horizontal, parties
from gepbook.compensation.horizontal import basin, cross_province, purchase
from gepbook.ledger import ORIGIN_ZH
from gepbook.params import CONFIDENCE_ZH
from gepbook.publish import common
from gepbook.publish.display import (
    WAN,
    Picture,
    Prose,
    Table,
    new_figure,
    percent,
    significant,
    wan,
    yi,
)
from gepbook.publish.fonts import ACCENT, INK, QUIET
from gepbook.run import Run

PAYS, MARK = "#b3361f", "#d9a441"
#: Basins of more counties are drawn higher.
MANY = 20
PROPOSAL = "比例、权重与得分为本工具建议值，非已公布规则。"
SCORES = {"quality_score": "水质", "use_score": "用水总量", "efficiency_score": "用水效率"}
Score = "{:+.2f}".format


def _flows(result: Compensation) -> pd.DataFrame:
    """Return the scheme's payments."""
    return result.flows[result.flows["scheme"] == horizontal.SCHEME.id]


def _origin(result: Compensation, section: str) -> str:
    """Return the note on the origin of the amounts of a part."""
    rows = _flows(result)
    rows = rows[rows["rule"].str.startswith(f"{section}/")]
    if rows.empty:
        return ""
    return f"性质：{ORIGIN_ZH[ledger.weakest(rows['origin'])]}（取其输入中最弱者）。"


def _lacking(result: Compensation) -> str:
    """Return which registers the pack does not bring."""
    return common.lacking(result.schemes[horizontal.SCHEME.id].lacking, "，相应部分未计算")


def _chain(result: Compensation, code: str) -> pd.DataFrame:
    """Return a county's rows of the basins it lies in, settled ones first."""
    table = result.schemes[horizontal.SCHEME.id].table("basin_counties")
    if table.empty:
        return table
    own = table[table["county_code"] == code]
    return own.sort_values(["settled", "basin_share"], ascending=False, kind="stable")


# County


def sentence(result: Compensation, run: Run) -> Prose:
    """Return what horizontal compensation means for the county, in every part that concerns it."""
    code, name = run.county_code, counties.name_zh(run.county_code)
    own = _flows(result)
    received = own.loc[own["payee"].map(parties.county_of) == code, "amount_cny"].sum()
    paid = own.loc[own["payer"].map(parties.county_of) == code, "amount_cny"].sum()
    chain = _chain(result, code)
    if chain.empty:
        where = f"{name}不在八大水系的县域链上"
    else:
        settled = "、".join(chain.loc[chain["settled"], "basin"])
        where = f"{name}位于{'、'.join(chain['basin'])}流域"
        where += f"，其中{settled}按全流域结算" if settled else "，该流域只测算、不结算"
    if received or paid:
        text = f"；横向补偿收入 **{wan(received)} 万元**、支出 **{wan(paid)} 万元**"
        text += f"，净额 {wan(received - paid)} 万元"
    else:
        text = f"；{run.year} 年没有横向补偿收付"
    english = f"Horizontal compensation: received {wan(received)}, paid {wan(paid)}, in 1e4 CNY."
    return Prose(f"{where}{text}。{_lacking(result)}{english}")


def basin_table(result: Compensation, run: Run) -> Table | None:
    """Return what the county claims, bears and passes on in each of its basins (流域结算表)."""
    own = _chain(result, run.county_code)
    if own.empty:
        return None
    frame = pd.DataFrame(
        {
            "流域": own["basin"],
            "县域比例": own["basin_share"],
            "水质得分": own["score"],
            "应得 万元": own["claim_cny"],
            "上游来额 万元": own["arriving_cny"],
            "承担比例": own["borne_share"],
            "承担 万元": own["borne_cny"],
            "净额 万元": own["net_cny"],
            "状态": np.where(own["settled"], "结算", "仅测算"),
        }
    )
    rules = result.province.rules(basin.SECTION, basin.BasinParams)
    money = dict.fromkeys([c for c in frame if c.endswith("万元")], wan)
    return Table(
        frame,
        "全流域横向补偿：本县 The county in its river systems",
        {"县域比例": percent, "水质得分": Score, "承担比例": percent, **money},
        note=f"应得 = {rules.pay_rate:.1%} × 随水惠及下游的调节服务价值 × 出境断面得分 × 县域比例；"
        "承担 = 上游来额 × 本县受益 / 本县及全部下游受益；净额 = 应得 − 承担。河口县不计应得，"
        "承担全部来额。" + PROPOSAL + _origin(result, basin.SECTION),
    )


def neighbour_table(result: Compensation, run: Run) -> Table | None:
    """Return what goes between the county and each of its neighbours on the river (上下游收付)."""
    links = result.schemes[horizontal.SCHEME.id].table("basin_links")
    if links.empty:
        return None
    code = run.county_code
    own = links[(links["upstream"] == code) | (links["downstream"] == code)]
    if own.empty:
        return None
    above = own["downstream"] == code
    other = own["upstream"].where(above, own["downstream"])
    amount = own["amount_cny"].where(~above, -own["amount_cny"])
    frame = pd.DataFrame(
        {
            "流域": own["basin"],
            "对方": other.map(counties.name_zh),
            "位置": np.where(above, "上游", "下游"),
            "河流": own["river"],
            "水量份额": own["share"],
            "本县收入 万元": amount,
            "状态": np.where(own["settled"], "结算", "仅测算"),
        }
    )
    return Table(
        frame,
        "与上下游邻县的收付 Settled with neighbours",
        {"水量份额": percent, "本县收入 万元": wan},
        note="负数为本县支付。只与相邻县结算，逐级传递，全流域收支相抵。" + PROPOSAL,
    )


def basin_figure(result: Compensation, run: Run) -> Picture | None:
    """Return the county's basin as a chain of counties with their nets, the county marked."""
    own = _chain(result, run.county_code)
    if own.empty:
        return None
    return _basin_picture(result, str(own["basin"].iloc[0]), run.county_code)


def agreement_table(result: Compensation, run: Run) -> Table | None:
    """Return the agreements that the county is a side of, or gives the data of (补偿协议)."""
    table = result.schemes[horizontal.SCHEME.id].table("agreements")
    if table.empty:
        return None
    sides = table[["upstream", "downstream", "section_county"]]
    return _agreements(result, table[(sides == run.county_code).any(axis=1)])


def purchase_table(result: Compensation, run: Run) -> Table | None:
    """Return the county's purchases that pay in the year (政府采购)."""
    table = result.schemes[horizontal.SCHEME.id].table("purchases")
    if table.empty:
        return None
    return _purchases(result, table[table["county_code"] == run.county_code])


def cross_province_table(result: Compensation, run: Run) -> Table | None:
    """Return P by year and round where the section lies in the county (P 值)."""
    if not result.province.registers.has(cross_province.TABLE):
        return None
    rules = result.province.rules(cross_province.SECTION, cross_province.CrossProvinceParams)
    frame = result.province.registers.table(cross_province.TABLE)
    place = frame.loc[frame["section"] == rules.section, "county_code"]
    return province_index_table(result, run) if run.county_code in set(place) else None


# Province


def province_sentence(result: Compensation, run: Run) -> Prose:
    """Return what the parts of horizontal compensation move in the year."""
    names = {
        cross_province.SECTION: "新安江跨省补偿",
        horizontal.agreements.SECTION: "省内上下游协议",
        basin.SECTION: "全流域补偿",
        purchase.SECTION: "生态产品采购",
    }
    own = _flows(result)
    sums = own.groupby(own["rule"].str.split("/").str[0])["amount_cny"].sum()
    parts = [
        f"{name} {yi(sums[section])} 亿元" if section in sums else f"{name}无收付"
        for section, name in names.items()
    ]
    return Prose(
        f"{run.year} 年横向生态保护补偿：{'，'.join(parts)}。{_lacking(result)}"
        f"Horizontal compensation moves {yi(sums.sum())} in 1e8 CNY."
    )


def province_index_table(result: Compensation, run: Run) -> Table | None:
    """Return P of every year by every round (P 值逐年逐轮)."""
    table = result.schemes[horizontal.SCHEME.id].table("p_index")
    if table.empty:
        return None
    frame = table.rename(columns={"year": "年份", "in_force": "当年执行"})
    frame["当年执行"] = frame["当年执行"].replace("", "无")
    rounds = [name for name in frame if name not in ("年份", "当年执行")]
    origin = ORIGIN_ZH[result.province.origin(cross_province.TABLE)]
    return Table(
        frame,
        "新安江街口断面 P 值 Index P at 街口 by year and round",
        {"年份": "{:d}".format, **dict.fromkeys(rounds, "{:.3f}".format)},
        note="P = k0 Σ k_i C_i / C_i0；P 越小水质越好。“当年执行”为无的年份不按 P 值付款。"
        f"浓度性质：{origin}；系数与基准年未核对协议原文，合作区的 P 值沿用第三轮（建议值）。",
    )


def province_cross_province_table(result: Compensation, run: Run) -> Table | Prose | None:
    """Return what the year's round makes the provinces and the centre pay (跨省付款)."""
    table = result.schemes[horizontal.SCHEME.id].table("p_index")
    if table.empty:
        return None
    payments = result.schemes[horizontal.SCHEME.id].table("cross_province")
    if payments.empty:
        return Prose(
            f"{run.year} 年没有执行中的一轮新安江协议，当年不付款。"
            "No round of the 新安江 agreement is in force; nothing is paid."
        )
    frame = pd.DataFrame(
        {
            "付款方": payments["payer"].map(parties.name_zh),
            "收款方": payments["payee"].map(parties.name_zh),
            "依据": payments["basis"],
            "金额 亿元": payments["amount_cny"],
            "规则": payments["quality"].map(CONFIDENCE_ZH),
        }
    )
    given = result.schemes[horizontal.SCHEME.id].table("cooperation")
    note = _origin(result, cross_province.SECTION)
    if len(given):
        sides = [
            f"{parties.name_zh(row.party)} {yi(row.given_cny)} 亿元" for row in given.itertuples()
        ]
        note = f"两省出资：{'，'.join(sides)}；安徽出资留在本省，不是省际付款。" + note
    return Table(frame, "新安江跨省补偿 Payments between provinces", {"金额 亿元": yi}, note=note)


def province_agreement_table(result: Compensation, run: Run) -> Table | None:
    """Return all agreements in force (省内上下游协议)."""
    return _agreements(result, result.schemes[horizontal.SCHEME.id].table("agreements"))


def province_basin_table(result: Compensation, run: Run) -> Table | None:
    """Return what each river system comes to, settled or only worked out (八大水系)."""
    states, chain = (
        result.schemes[horizontal.SCHEME.id].table("basins"),
        result.schemes[horizontal.SCHEME.id].table("basin_counties"),
    )
    if states.empty:
        return None
    sums = pd.DataFrame(columns=["claim_cny", "gains", "paying"])
    if len(chain):
        sums = chain.assign(gains=chain["net_cny"].clip(lower=0), paying=chain["net_cny"] < 0)
        sums = sums.groupby("basin")[["claim_cny", "gains", "paying"]].sum()
    own = sums.reindex(states["basin"])
    frame = pd.DataFrame(
        {
            "水系": states["basin"],
            "县（市、区）": states["counties"],
            "应得合计 万元": own["claim_cny"].to_numpy(),
            "净转移 万元": own["gains"].to_numpy(),
            "净支付县": own["paying"].to_numpy(),
            "状态": np.where(
                states["settled"], "结算", np.where(states["unknown"] == "", "仅测算", "未测算")
            ),
            "缺数据的县": states["unknown"],
        }
    )
    return Table(
        frame,
        "八大水系横向补偿 Compensation along the eight river systems",
        {"应得合计 万元": wan, "净转移 万元": wan, "净支付县": "{:.0f}".format},
        note="净转移为净额为正各县之和，等于净支付各县之和。上下游关系与份额凭地理常识整理，待核。"
        + PROPOSAL
        + _origin(result, basin.SECTION),
    )


def province_basin_figure(result: Compensation, run: Run) -> Picture | None:
    """Return the chain of the first settled basin with the nets of its counties."""
    states = result.schemes[horizontal.SCHEME.id].table("basins")
    if states.empty or not states["settled"].any():
        return None
    return _basin_picture(result, str(states.loc[states["settled"], "basin"].iloc[0]), "")


def province_purchase_table(result: Compensation, run: Run) -> Table | None:
    """Return all purchases that pay in the year (政府采购)."""
    return _purchases(result, result.schemes[horizontal.SCHEME.id].table("purchases"))


# What both share


def _agreements(result: Compensation, table: pd.DataFrame) -> Table | None:
    """Return a table of some agreements."""
    if table.empty:
        return None
    scores = table.reindex(columns=[*SCORES, "amount_cny"]).astype("float64")
    frame = pd.DataFrame(
        {
            "上游": table["upstream"].map(parties.name_zh),
            "下游": table["downstream"].map(parties.name_zh),
            "年协议额 万元": table["budget_cny"],
            **{name: scores[column] for column, name in SCORES.items()},
            "下游付上游 万元": scores["amount_cny"],
            "状态": table["status"],
        }
    )
    return Table(
        frame,
        "省内流域上下游协议 Agreements between neighbours on a river",
        {
            **dict.fromkeys(SCORES.values(), Score),
            "年协议额 万元": wan,
            "下游付上游 万元": wan,
        },
        note="得分在 −1 至 1 之间；金额 = 协议额 × 加权得分，负数为上游付下游。三对协议为公开报道，"
        "协议额、权重与得分标准为本工具建议值；用水产出按当年价。衢州市区由市政府结算。"
        + _origin(result, horizontal.agreements.SECTION),
    )


def _purchases(result: Compensation, table: pd.DataFrame) -> Table | None:
    """Return a table of some purchases."""
    if table.empty:
        return None
    rules = result.province.rules(purchase.SECTION, purchase.PurchaseParams)
    frame = pd.DataFrame(
        {
            "采购县": table["county_code"].map(counties.name_zh),
            "供给方": table["seller"],
            "签约年": table["year"],
            "面积 ha": table["area_ha"],
            "合同价 万元": table["price_cny"],
            "期次": table["instalment"],
            "得分": table["quality_score"].where(table["instalment"] == 2),
            "本年支付 万元": table["amount_cny"],
        }
    )
    return Table(
        frame,
        "生态产品政府采购 Purchases of ecological products",
        {
            "签约年": "{:d}".format,
            "面积 ha": significant,
            "合同价 万元": wan,
            "得分": "{:.2f}".format,
            "本年支付 万元": wan,
        },
        note=f"合同价 = {rules.pay_rate:.1%} × 所购调节服务价值（签约年，可比价）× 供给方面积 / "
        "县域面积；"
        f"首年付 {rules.first_share:.0%}，次年付其余 × 环境质量得分。云和县 2020 年公开报道 "
        f"{rules.reported_cny / WAN:.2f} 万元（未说明是总额还是末期），仅供对照。"
        + _origin(result, purchase.SECTION),
    )


def _basin_picture(result: Compensation, name: str, marked: str) -> Picture:
    """Return a basin as a network from source (left) to mouth (right)."""
    links, chain = (
        result.schemes[horizontal.SCHEME.id].table("basin_links"),
        result.schemes[horizontal.SCHEME.id].table("basin_counties"),
    )
    links = links[links["basin"] == name]
    nets = chain[chain["basin"] == name].set_index("county_code")["net_cny"] / WAN
    river = nx.from_pandas_edgelist(links, "upstream", "downstream", "amount_cny", nx.DiGraph)
    places = _places(river)
    figure, axes = new_figure(7.2, 5.2 if len(river) > MANY else 3.6)
    largest = links["amount_cny"].abs().max() or 1.0
    for up, down, amount in river.edges(data="amount_cny"):
        width = 0.5 + 4.5 * abs(amount) / largest
        color = ACCENT if amount >= 0 else PAYS
        axes.plot(*zip(places[up], places[down], strict=True), color=color, lw=width, alpha=0.35)
    for code, (x, y) in places.items():
        net = nets[code]
        axes.plot([x], [y], "o", color=ACCENT if net >= 0 else PAYS, markersize=6)
        if code == marked:
            axes.plot([x], [y], "o", mec=MARK, mfc="none", mew=2, markersize=12)
        label = f"{counties.name_zh(code)}\n{net:+,.0f}"
        axes.annotate(
            label, (x, y), (0, 7), textcoords="offset points", ha="center", fontsize=6.5,
            color=INK,
        )  # fmt: skip
    axes.margins(x=0.08, y=0.18)
    axes.set_axis_off()
    state = "结算" if links["settled"].all() else "仅测算"
    text = f"{name}（{state}）：左为源头，右为河口；数字为净额（万元），线宽为相邻县收付额，红色为净支付"
    axes.set_title(text, fontsize=8, color=QUIET)
    return Picture(figure, alt=f"{name}各县横向补偿净额")


def _places(river: nx.DiGraph) -> dict[str, tuple[float, float]]:
    """Return where counties are drawn: by steps to the mouth, near those downstream of them."""
    steps: dict[str, int] = {}
    for code in reversed(list(nx.topological_sort(river))):
        steps[code] = max((steps[down] + 1 for down in river.successors(code)), default=0)
    heights: dict[str, float] = {}
    for step in range(max(steps.values()) + 1):
        layer = [code for code, s in steps.items() if s == step]
        wished = {
            code: float(np.mean([heights[down] for down in river.successors(code)] or [0.0]))
            for code in layer
        }
        ordered = [code for _, code in sorted((wished[code], code) for code in layer)]
        middle = (len(ordered) - 1) / 2
        heights |= {code: i - middle for i, code in enumerate(ordered)}
    return {code: (-float(step), heights[code]) for code, step in steps.items()}
