"""Enclaves in the reports: who brings what, who gets and bears what (生态飞地)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties, ledger
from gepbook.compensation import Compensation, enclave
from gepbook.inputs.own_data import dictionary
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import common
from gepbook.publish.display import WAN, Picture, Prose, Table, new_figure, percent, wan
from gepbook.publish.fonts import ACCENT, INK, QUIET
from gepbook.run import Run

MONEY = {
    "profit_cny": "利润 万元",
    "tax_cny": "地方税收 万元",
    "top_up_cny": "保底补足 万元",
    "loss_cny": "承担亏损 万元",
    "net_cny": "净得 万元",
}
PROPOSAL = "份额权重与保底标准为本工具建议值，非已公布规则。"
HEIGHT = 0.3  # of a bar, inches


def _roles() -> dict[str, str]:
    """Return the Chinese names of the roles."""
    return dictionary.words(enclave.PARTNERS, "role")


def _origin(result: Compensation) -> str:
    """Return the origin of the scheme's amounts in Chinese."""
    paid = result.flows[result.flows["scheme"] == enclave.SECTION]
    return ORIGIN_ZH[ledger.weakest(paid["origin"])]


def _lacking(result: Compensation) -> str:
    """Return which registers the pack does not bring, as a sentence."""
    return common.lacking(result.schemes[enclave.SECTION].lacking, "，生态飞地未计算")


def sentence(result: Compensation, run: Run) -> Prose:
    """Return what enclaves mean for the county."""
    name, own = (
        counties.name_zh(run.county_code),
        result.schemes[enclave.SECTION].rows_of(run.county_code, "partners"),
    )
    if lacking := _lacking(result):
        return Prose(f"{lacking} No register of enclaves in the pack.")
    if own.empty:
        number = len(result.schemes[enclave.SECTION].table("enclaves"))
        return Prose(
            f"{name}没有参与生态飞地；全省台账有 {number} 个 (not a partner of any enclave)。"
        )
    parts = "、".join(f"{row.name}（{_roles()[row.role]}）" for row in own.itertuples())
    sums = own[list(MONEY)].sum()
    top_up = sums["top_up_cny"]
    guarantee = "收到保底补足" if top_up >= 0 else "付出保底补足"
    return Prose(
        f"{name}参与 {len(own)} 个生态飞地：{parts}。本年分得利润 {wan(sums['profit_cny'])} 万元、"
        f"地方税收 {wan(sums['tax_cny'])} 万元，{guarantee} {wan(abs(top_up))} 万元，按出资承担亏损 "
        f"{wan(sums['loss_cny'])} 万元，净得 **{wan(sums['net_cny'])} 万元** "
        "(profit and tax by share, losses by capital)。"
    )


def settlement_table(result: Compensation, run: Run) -> Table | None:
    """Return what the county gets and bears in each enclave; nothing where it is in none."""
    own = result.schemes[enclave.SECTION].rows_of(run.county_code, "partners")
    if own.empty:
        return None
    frame = pd.DataFrame(
        {
            "飞地": own["name"],
            "角色": own["role"].map(_roles()),
            "份额": own["share"],
            **{title: own[name] for name, title in MONEY.items()},
            "性质": _origin(result),
        }
    )
    return Table(
        frame,
        "生态飞地结算 Settlement of enclaves",
        {"份额": percent, **dict.fromkeys(MONEY.values(), wan)},
        note="净得 = 利润 + 地方税收 + 保底补足 − 承担亏损。生态产品供给方的利润低于保底收益时由落地方"
        f"补足，落地方为负；亏损只按出资分担。{PROPOSAL}",
    )


def share_table(result: Compensation, run: Run) -> Table | None:
    """Return how the shares of the county's enclaves come about, partner by partner (份额计算)."""
    own = result.schemes[enclave.SECTION].rows_of(run.county_code, "partners")
    if own.empty:
        return None
    partners = result.schemes[enclave.SECTION].table("partners")
    frame = partners[partners["enclave_id"].isin(own["enclave_id"])]
    weights = result.province.rules(enclave.SECTION, enclave.EnclaveParams).weights
    parts = {f"{enclave.CONTRIBUTION_ZH[name]}部分": frame[f"{name}_share"] for name in weights}
    shown = pd.DataFrame(
        {
            "飞地": frame["name"],
            "合作县": frame["county_code"].map(counties.name_zh),
            "角色": frame["role"].map(_roles()),
            "出资 万元": frame["capital_cny"],
            "用地指标 ha": frame["land_quota_ha"],
            **parts,
            "份额": frame["share"],
        }
    )
    rule = "、".join(
        f"{enclave.CONTRIBUTION_ZH[name]} {percent(weight)}" for name, weight in weights.items()
    )
    return Table(
        shown,
        "飞地份额计算 How shares come about",
        {
            "出资 万元": wan,
            "用地指标 ha": "{:,.1f}".format,
            **dict.fromkeys([*parts, "份额"], percent),
        },
        note=f"各部分 = 权重（{rule}）× 本方所占比例，三部分相加为份额；调节服务供给取生态产品供给方当年"
        f"调节服务价值，落地方不计。某项无人提供时其权重按比例转给其余。{PROPOSAL}",
    )


def province_sentence(result: Compensation, run: Run) -> Prose:
    """Return what all enclaves came to."""
    if lacking := _lacking(result):
        return Prose(f"{lacking} No register of enclaves in the pack.")
    enclaves, partners = (
        result.schemes[enclave.SECTION].table("enclaves"),
        result.schemes[enclave.SECTION].table("partners"),
    )
    losses = int((enclaves["state"] == enclave.LOSS).sum())
    text = f"生态飞地 {len(enclaves)} 个，其中亏损 {losses} 个"
    if len(partners):
        given = partners[partners["role"] == enclave.ECOLOGICAL]
        text += (
            f"；生态产品供给方共分得利润 {wan(given['profit_cny'].sum())} 万元、地方税收 "
            f"{wan(given['tax_cny'].sum())} 万元，落地方补足保底 {wan(given['top_up_cny'].sum())} 万元"
        )
    return Prose(f"{text} (enclaves, gains of their ecological partners)。")


def province_table(result: Compensation, run: Run) -> Table | None:
    """Return every enclave of the province with its result (飞地一览)."""
    enclaves, partners = (
        result.schemes[enclave.SECTION].table("enclaves"),
        result.schemes[enclave.SECTION].table("partners"),
    )
    if enclaves.empty or partners.empty:
        return None
    given = partners[partners["role"] == enclave.ECOLOGICAL]
    sums = given.groupby("enclave_id")[["share", "top_up_cny", "net_cny"]].sum()
    names = given.groupby("enclave_id")["county_code"].agg(
        lambda codes: "、".join(map(counties.name_zh, codes))
    )
    own = sums.reindex(enclaves["enclave_id"])
    frame = pd.DataFrame(
        {
            "飞地": enclaves["name"],
            "落地方": enclaves["county_code"].map(counties.name_zh),
            "生态产品供给方": enclaves["enclave_id"].map(names),
            "结果": enclaves["state"],
            "净利润 万元": enclaves["net_profit_cny"],
            "地方税收 万元": enclaves["local_tax_cny"],
            "供给方份额": own["share"].to_numpy(),
            "保底补足 万元": own["top_up_cny"].to_numpy(),
            "供给方净得 万元": own["net_cny"].to_numpy(),
            "性质": _origin(result),
        }
    )
    money = [name for name in frame if name.endswith("万元")]
    return Table(
        frame,
        "生态飞地一览 Enclaves",
        {"供给方份额": percent, **dict.fromkeys(money, wan)},
        note=f"落地方返还全部地方税收的（临安、宁海、德清、安吉），税收归供给方。{PROPOSAL}",
    )


def province_figure(result: Compensation, run: Run) -> Picture | None:
    """Return what every partner of every enclave comes to, ecological partners marked."""
    partners = result.schemes[enclave.SECTION].table("partners")
    if partners.empty:
        return None
    labels = [f"{row.name} {counties.name_zh(row.county_code)}" for row in partners.itertuples()]
    colors = [ACCENT if role == enclave.ECOLOGICAL else QUIET for role in partners["role"]]
    figure, axes = new_figure(6.6, 1.0 + HEIGHT * len(partners))
    bars = axes.barh(range(len(partners)), partners["net_cny"] / WAN, color=colors)
    axes.bar_label(bars, [f"{v / WAN:,.0f}" for v in partners["net_cny"]], padding=3, fontsize=8)
    axes.set_yticks(range(len(partners)), labels)
    axes.invert_yaxis()
    axes.axvline(0, color=INK, lw=0.6)
    axes.margins(x=0.15)
    axes.set_xlabel("净得，万元（绿色为生态产品供给方）")
    return Picture(figure, alt="生态飞地各方净得 Net gain of each partner")
