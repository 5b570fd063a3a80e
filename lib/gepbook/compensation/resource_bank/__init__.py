r"""Resource bank: collected parcels are matched with demands (生态资源资产经营管理平台).

Parcels that the platform collected and demands of the year are matched by type, place, size, term and
price so that the surplus, bid less reserve price, is greatest. What comes out is a proposal for the
year: a parcel leaves the register only when the register says it is contracted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gepbook import ledger
from gepbook.compensation import flows, parties
from gepbook.compensation.resource_bank.checks import (
    BLOCKED,
    CONTRACTED,
    DEMANDS,
    DISPUTES,
    MATCHED,
    OFFERED,
    PARCELS,
    UNITS,
    WITHDRAWN,
    check,
    parcels_at,
)
from gepbook.compensation.resource_bank.matching import TESTS, fitting_pairs, match, price, reasons
from gepbook.compensation.rounding import CENTS_PER_YUAN, to_cents
from gepbook.compensation.scheme import Scheme, SchemeResult
from gepbook.params import Params, parameter
from gepbook.province import Province

SECTION = "resource_bank"
#: Standing of a parcel at the year's end.
STANDING_ZH = {
    MATCHED: "已撮合",
    OFFERED: "未撮合",
    BLOCKED: "争议冻结",
    CONTRACTED: "已流转",
    WITHDRAWN: "已退出",
}
#: Why a demand is not served.
REASON_ZH = {
    "type": "没有该类资源的可流转地块",
    "place": "意向范围内没有该类地块",
    "term": "剩余年限不足",
    "price": "出价低于底价",
    "size": "地块面积不合（过大、合计不足或凑不成）",
    "outbid": "地块由其他需求取得，总盈余更大",
}
SERVED = ""
METHOD = f"design/{SECTION}"


class ResourceBankParams(Params):
    """Rules of 生态资源资产经营管理平台: price between reserve and bid, fee of the platform."""

    provincial = True

    demander_pays_share: float = parameter("1", "成交价在底价与出价之间的位置", ge=0, le=1)
    platform_fee: float = parameter("1", "平台服务费率", ge=0, lt=1)
    search_nodes: int = parameter("1", "每组供需撮合搜索的最多节点数", ge=1)


@dataclass(frozen=True)
class _Common:
    """What all figures and payments of a year have in common."""

    year: int
    origin: str
    quality: str


def compute(province: Province) -> SchemeResult:
    """Return the year's match of parcels and demands, the ledger of parcels and what is unserved."""
    registers = province.registers
    lacking = tuple(registers.lacking(PARCELS, DEMANDS, UNITS, DISPUTES))
    if {PARCELS, DEMANDS, UNITS} & set(lacking):
        return SchemeResult(lacking=lacking)
    rules = province.rules(SECTION, ResourceBankParams)
    parcels, demands = parcels_at(registers), registers.table(DEMANDS)
    pairs = fitting_pairs(parcels[parcels["standing"] == OFFERED], demands)
    bounds = demands.set_index("demand_id")[["least_ha", "most_ha"]]
    fitting = pairs[pairs[list(TESTS)].all(axis=1)]
    matched, slack = match(fitting, bounds, rules.search_nodes)
    matches = settle(matched, parcels, demands, rules)
    search = pd.DataFrame({"surplus_cny": [matches["surplus_cny"].sum()], "slack_cny": [slack]})
    book = _book(parcels, matches)
    why = reasons(pairs, demands, matched, rules.search_nodes)
    wanted = _wanted(demands, matches, why)
    common = _Common(
        province.year,
        province.origin(PARCELS, DEMANDS, UNITS, DISPUTES),
        province.quality(SECTION),
    )
    return SchemeResult(
        flows=list(_flows(matches, common)),
        tables={"matches": matches, "parcels": book, "demands": wanted, "search": search},
        figures=list(_figures(book, wanted, common)),
        lacking=lacking,
    )


def settle(
    matched: pd.Series, parcels: pd.DataFrame, demands: pd.DataFrame, rules: ResourceBankParams
) -> pd.DataFrame:
    """Return what is paid for each matched parcel, to the cent (成交与分配).

    Parameters
    ----------
    matched : Series of demand ids indexed by parcel id
    parcels, demands : DataFrame, columns of the registers

    Returns
    -------
    DataFrame, a row a parcel
        `parcel_id`, `county_code` of the parcel, `demand_id`, `demand_county_code`, `area_ha`;
        `price_cny_ha` between reserve and bid; `paid_cny` = price · area, of which `fee_cny` goes to
        the platform and `holders_cny` to the holders; `surplus_cny` = (bid − reserve) · area.
    """
    wanted = demands.rename(columns={"county_code": "demand_county_code"})
    table = (
        matched.reset_index()
        .merge(parcels, on="parcel_id")
        .merge(
            wanted[["demand_id", "demand_county_code", "party", "price_cny_ha"]].rename(
                columns={"price_cny_ha": "bid_cny_ha"}
            ),
            on="demand_id",
        )
    )
    reserve = table["reserve_price_cny_ha"]
    agreed = price(reserve, table["bid_cny_ha"], rules.demander_pays_share)
    paid = (agreed * table["area_ha"]).map(to_cents)
    fee = (paid * rules.platform_fee / CENTS_PER_YUAN).map(to_cents)
    columns = ["parcel_id", "county_code", "demand_id", "demand_county_code", "party", "area_ha"]
    return table[columns].assign(
        price_cny_ha=agreed,
        paid_cny=paid / CENTS_PER_YUAN,
        fee_cny=fee / CENTS_PER_YUAN,
        holders_cny=(paid - fee) / CENTS_PER_YUAN,
        surplus_cny=(table["bid_cny_ha"] - reserve) * table["area_ha"],
    )


def _book(parcels: pd.DataFrame, matches: pd.DataFrame) -> pd.DataFrame:
    """Return the ledger of collected parcels: standing, demand, cost, price, margin (收储台账)."""
    sold = matches.set_index("parcel_id")[
        ["demand_id", "price_cny_ha", "paid_cny", "fee_cny", "surplus_cny"]
    ]
    book = parcels.merge(sold, left_on="parcel_id", right_index=True, how="left")
    cost = book["cost_cny_ha"] * book["area_ha"]
    return book.assign(
        standing=book["standing"].mask(book["demand_id"].notna(), MATCHED),
        cost_cny=cost,
        margin_cny=book["paid_cny"] - book["fee_cny"] - cost,
    )


def _wanted(demands: pd.DataFrame, matches: pd.DataFrame, reason: pd.Series) -> pd.DataFrame:
    """Return the year's demands with what they got, or why they got nothing."""
    got = matches.groupby("demand_id")[["area_ha", "paid_cny"]].sum()
    got.insert(0, "parcels", matches.groupby("demand_id").size())
    table = demands.merge(got, left_on="demand_id", right_index=True, how="left")
    table = table.sort_values("demand_id", ignore_index=True).fillna(
        {"parcels": 0, "area_ha": 0.0, "paid_cny": 0.0}
    )
    return table.assign(reason=[reason.get(name, SERVED) for name in table["demand_id"]])


def _flows(matches: pd.DataFrame, common: _Common) -> Iterator[dict[str, Any]]:
    """Give the payments of the demanders: to the holders, and the platform's fee."""
    for row in matches.itertuples():
        for case, payee, what, amount in (
            ("price", "holders", "流转价款（扣服务费）", row.holders_cny),
            ("fee", "bank", "平台服务费", row.fee_cny),
        ):
            yield flows.flow(
                scheme=SECTION,
                rule=f"{SECTION}/{case}",
                payer=parties.private(row.demand_county_code, "enterprises"),
                payee=parties.private(row.county_code, payee),
                basis=f"{row.demand_id}←{row.parcel_id} {what}",
                amount_cny=amount,
                origin=common.origin,
                quality=common.quality,
            )


def _figures(
    book: pd.DataFrame, wanted: pd.DataFrame, common: _Common
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each county's collected and matched area, money, margin, and unserved demands."""
    sums = book[book["standing"] == MATCHED].groupby("county_code")[
        ["area_ha", "paid_cny", "fee_cny", "margin_cny"]
    ].sum()  # fmt: skip
    unserved = wanted[wanted["reason"] != SERVED].groupby("county_code").size()
    held = book[book["standing"] != WITHDRAWN].groupby("county_code")["area_ha"].sum()
    for item, measure, unit, values in (
        ("collected", "area", "ha", held),
        ("matched", "area", "ha", sums["area_ha"]),
        ("matched", "value", "CNY", sums["paid_cny"]),
        ("fee", "value", "CNY", sums["fee_cny"]),
        ("margin", "value", "CNY", sums["margin_cny"]),
        ("unserved", "number", "1", unserved),
    ):
        money: dict[str, Any] = (
            {"price_basis": "current", "price_year": common.year} if unit == "CNY" else {}
        )
        for code, value in values.items():
            yield (
                str(code),
                ledger.entry(
                    "compensation", f"{SECTION}.{item}", measure, float(value), unit,
                    origin=common.origin, quality=common.quality, method_id=METHOD, **money,
                ),
            )  # fmt: skip


SCHEME = Scheme(
    id=SECTION,
    name_zh="生态资源资产经营管理平台",
    name_en="Ecological resource bank",
    source="浙委办发〔2021〕82号 四(三) 推进生态产品供需精准对接",
    sections={SECTION: ResourceBankParams},
    tables=(PARCELS, DEMANDS, UNITS, DISPUTES),
    compute=compute,
    check=check,
)
