"""Trade in rights and carbon quotas in the reports: budgets, orders, books, quotas (权益交易与碳配额)."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gepbook import counties
from gepbook.compensation import Compensation, trading
from gepbook.compensation.trading.auction import BOOK, BUY, SELL
from gepbook.compensation.trading.budgets import KEY, WHOLE_PROVINCE
from gepbook.compensation.trading.carbon_quota import CarbonQuotaParams
from gepbook.compensation.trading.checks import BUDGETS, ENERGY, ORDERS, QUOTA
from gepbook.inputs.own_data import dictionary
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish.display import (
    WAN,
    Picture,
    Prose,
    Table,
    new_figure,
    percent,
    wan,
    yi,
)
from gepbook.publish.fonts import ACCENT, INK, QUIET
from gepbook.run import Run

UNIT_ZH = {"t": "t", "ha": "ha", "m3": "m³", "tce": "tce"}
OUTCOME_ZH = {
    "traded": "成交",
    "apart": "未成交：买价都低于卖价",
    "no_bids": "未成交：无买方",
    "no_asks": "未成交：无卖方",
}
SIDE_COLORS = {BUY: "#2c6aa0", SELL: ACCENT}
PANELS = (2, 2)  # of the bulletin's figure
PLAIN = "{:,.10g}".format
#: Quantities from here on stand in 万 on an axis.
LARGE = 1e5
EMPTY: dict[str, list[str]] = {"county_code": []}
RULE = (
    "每种权益、每个范围一个委托簿，一年集合竞价一次：取成交量最大的价格，其次取买卖差额最小的，再取中间价。"
    "批量、价格上下限为本工具建议值，非已公布规则。"
)


def _table(result: Compensation, name: str) -> pd.DataFrame:
    """Return a table of the scheme; empty where there is none."""
    return result.schemes[trading.ID].tables.get(name, pd.DataFrame(EMPTY))


def _own(result: Compensation, name: str, run: Run) -> pd.DataFrame:
    """Return a county's rows of a table."""
    table = _table(result, name)
    return table[table["county_code"] == run.county_code]


def _labels(column: str) -> dict[str, str]:
    """Return the Chinese words of a column of the orders."""
    return dictionary.words(ORDERS, column)


def _rights(frame: pd.DataFrame) -> list[str]:
    """Return each row's right in Chinese, with its basin if it moves in one only."""
    names = _labels("product")
    return [
        names[product] + ("" if place == WHOLE_PROVINCE else f"（{place}）")
        for product, place in zip(frame["product"], frame["place"], strict=True)
    ]


def _origin(result: Compensation) -> str:
    """Return the origin of budgets and orders in Chinese."""
    return ORIGIN_ZH[result.province.origin(BUDGETS, ORDERS)]


def _lacking(result: Compensation) -> str:
    """Return which registers the pack does not bring, or not whole, as a sentence."""
    titles = [dictionary.tables()[n].title for n in result.schemes[trading.ID].lacking]
    return f"数据包没有（或没有填全）{'、'.join(titles)}，有关部分未计算。" if titles else ""


def sentence(result: Compensation, run: Run) -> Prose:
    """Return what trading and the carbon quota mean for the county."""
    name = counties.name_zh(run.county_code)
    budgets, traders = _own(result, "budgets", run), _table(result, "traders")
    text = f"{name}没有生态资源预算。"
    if len(budgets):
        lacking = int((budgets["lacking_quantity"] > 0).sum())
        over = int(budgets["over_limit"].sum())
        text = (
            f"{name}本年有 {len(budgets)} 种权益的预算，其中 {lacking} 种用量超过分配量、"
            f"{over} 种超过管控限额。"
        )
    if run.county_code in traders.index:
        own = traders.loc[run.county_code]
        text += (
            f"提交委托 {own['orders']:.0f} 笔，成交 {own['filled_orders']:.0f} 笔，买入支付 "
            f"**{wan(own['paid_cny'])} 万元**，卖出收入 **{wan(own['received_cny'])} 万元**。"
        )
    elif len(traders):
        text += "本年没有提交交易委托。"
    quota = _table(result, "carbon_quota")
    if run.county_code in quota.index:
        own = quota.loc[run.county_code]
        text += (
            f"测算的碳排放权初始配额 {wan(own['quota_t'])} 万吨，与生态产品价值挂钩比只按排放量"
            f"{'多' if own['link_t'] >= 0 else '少'} {wan(abs(own['link_t']))} 万吨。"
        )
    return Prose(
        f"{text}{_lacking(result)} (Budgets of ecological resources, orders filled in the yearly "
        "auction, and a proposed carbon quota linked to ecological product value.)"
    )


def budget_table(result: Compensation, run: Run) -> Table | None:
    """Return the county's budgets and how its balances moved; nothing where it has none."""
    budgets = _own(result, "budgets", run)
    if budgets.empty:
        return None
    frame = pd.DataFrame(
        {
            "权益": _rights(budgets),
            "单位": budgets["unit"].map(UNIT_ZH).to_list(),
            "管控限额": budgets["limit_quantity"].to_list(),
            "分配量": budgets["allocated_quantity"].to_list(),
            "使用量": budgets["used_quantity"].to_list(),
        }
    )
    balances = _table(result, "balances")
    if len(balances):
        own = budgets[KEY].merge(balances, on=KEY, how="left")
        for name, title in (
            ("opening", "期初可售"),
            ("bought", "买入"),
            ("sold", "卖出"),
            ("closing", "期末可售"),
            ("still_lacking", "仍缺"),
        ):
            frame[title] = own[f"{name}_quantity"]
    frame["提示"] = budgets["over_limit"].map({True: "超管控限额", False: ""}).to_list()
    return Table(
        frame,
        "生态资源预算与余额 Budgets and balances",
        dict.fromkeys(frame.columns[2:-1], PLAIN),
        note="期初可售 = 分配量 − 使用量（整批，不小于 0）；期初 + 买入 − 卖出 = 期末；"
        "仍缺 = 使用量 − 分配量 − 买入（不小于 0）。"
        f"责任指标的分配量为核定增量，使用量为本县责任量。本表性质：{_origin(result)}。",
    )


def order_table(result: Compensation, run: Run) -> Table | None:
    """Return the county's orders and what became of them; nothing where it gave none."""
    orders = _own(result, "orders", run)
    if orders.empty:
        return None
    orders = orders.merge(
        _table(result, "books")[[*BOOK, "price_cny"]], on=BOOK, suffixes=("", "_book")
    )
    frame = pd.DataFrame(
        {
            "委托": orders["order_id"],
            "权益": _rights(orders),
            "主体": orders["trader"].map(_labels("trader")),
            "方向": orders["side"].map(_labels("side")),
            "单位": orders["unit"].map(UNIT_ZH),
            "数量": orders["quantity"],
            "限价 元": orders["price_cny"],
            "成交量": orders["filled_quantity"],
            "成交价 元": orders["price_cny_book"],
            "金额 万元": orders["amount_cny"],
            "性质": _origin(result),
        }
    )
    plain = dict.fromkeys(["数量", "限价 元", "成交量", "成交价 元"], PLAIN)
    return Table(
        frame,
        "交易委托与成交 Orders and fills",
        {**plain, "金额 万元": wan},
        note=f"同价先按日期、再按编号成交；无成交价表示该委托簿当年没有成交。{RULE}",
    )


def book_figure(result: Compensation, run: Run) -> Picture | None:
    """Return demand and supply of the book that the county traded most in, or gave orders to."""
    orders = _own(result, "orders", run)
    if orders.empty:
        return None
    most = orders.sort_values("amount_cny", ascending=False, kind="stable").iloc[0]
    books = _table(result, "books")
    book = books[(books["product"] == most["product"]) & (books["place"] == most["place"])]
    figure, axes = new_figure(6.4, 3.2)
    _draw(axes, result, book.iloc[0])
    return Picture(figure, "买卖委托累计量与价格 demand and supply")


def quota_table(result: Compensation, run: Run) -> Table | None:
    """Return the county's carbon quota beside the province's."""
    quota = _table(result, "carbon_quota")
    if run.county_code not in quota.index:
        return None
    rows = pd.DataFrame(
        {counties.name_zh(run.county_code): quota.loc[run.county_code], "全省": _sums(quota)}
    ).T
    return _quotas(result, rows, "碳排放权初始配额（测算） Carbon quota, proposed")


def province_sentence(result: Compensation, run: Run) -> Prose:
    """Return what was traded in the province."""
    books, budgets = _table(result, "books"), _table(result, "budgets")
    text = ""
    if len(budgets):
        over = int(budgets["over_limit"].sum())
        text += f"全省生态资源预算 {len(budgets)} 项，{over} 项使用量超过管控限额。"
    if "outcome" in books:
        traded = books[books["outcome"] == "traded"]
        orders = int(books["bids"].sum() + books["asks"].sum())
        text += (
            f"{len(books)} 个委托簿共收到委托 {orders} 笔，{len(traded)} 个成交，成交额 "
            f"**{wan(books['amount_cny'].sum())} 万元**；{len(books) - len(traded)} 个没有成交。"
        )
    quota = _table(result, "carbon_quota")
    if "link_t" in quota:
        moved = quota["link_t"].clip(lower=0).sum()
        text += (
            f"碳排放权初始配额测算总量 {wan(quota['quota_t'].sum())} 万吨，因与生态产品价值挂钩在"
            f"县（市、区）之间转移 {wan(moved)} 万吨。"
        )
    return Prose(f"{text}{_lacking(result)} (Yearly auctions of rights at one price per book.)")


def province_book_table(result: Compensation, run: Run) -> Table | None:
    """Return all books: orders, volume, price, turnover; those without a trade say why."""
    books = _table(result, "books")
    if books.empty:
        return None
    frame = pd.DataFrame(
        {
            "权益": _rights(books),
            "单位": books["unit"].map(UNIT_ZH),
            "买单": books["bids"],
            "卖单": books["asks"],
            "求购量": books["bid_quantity"],
            "出售量": books["ask_quantity"],
            "成交量": books["traded_quantity"],
            "成交价 元": books["price_cny"],
            "成交额 万元": books["amount_cny"],
            "结果": books["outcome"].map(OUTCOME_ZH),
        }
    )
    plain = dict.fromkeys(["求购量", "出售量", "成交量", "成交价 元"], PLAIN)
    return Table(
        frame,
        "生态资源权益交易 Trade in rights",
        {"买单": "{:d}".format, "卖单": "{:d}".format, **plain, "成交额 万元": wan},
        note=f"{RULE}水权只在一个流域内交易。本表性质：{_origin(result)}。",
    )


def province_book_figure(result: Compensation, run: Run) -> Picture | None:
    """Return demand and supply of the books with the largest turnover."""
    books = _table(result, "books")
    if books.empty:
        return None
    figure, axes = new_figure(7.2, 5.2)
    axes.remove()
    panels = figure.subplots(*PANELS).flat
    largest = books.sort_values("amount_cny", ascending=False, kind="stable").head(len(panels))
    for axes, book in zip(panels, largest.itertuples(), strict=False):
        _draw(axes, result, pd.Series(book._asdict()))
    for axes in list(panels)[len(largest) :]:
        axes.set_axis_off()
    return Picture(figure, "买卖委托累计量与价格 demand and supply")


def province_quota_table(result: Compensation, run: Run) -> Table | None:
    """Return the carbon quota by prefecture."""
    quota = _table(result, "carbon_quota")
    if "quota_t" not in quota:
        return None
    prefecture = counties.read()["prefecture"].reindex(quota.index)
    rows = quota.groupby(prefecture, sort=False).sum(min_count=1)
    rows.loc["全省"] = _sums(quota)
    return _quotas(result, rows, "碳排放权初始配额（测算） Carbon quota by prefecture, proposed")


def _sums(quota: pd.DataFrame) -> pd.Series:
    """Return the sums of a table of quotas; what is missing everywhere stays missing."""
    return quota.sum(min_count=1).round(2) + 0.0  # no minus before 0


def _quotas(result: Compensation, rows: pd.DataFrame, caption: str) -> Table:
    """Return quotas as a table, a row each by its label."""
    rules = result.province.rules(QUOTA, CarbonQuotaParams)
    weight, price = rules.emissions_weight, rules.carbon_price.get(result.province.year)
    valued = f"按碳价 {price:g} 元/t 折算，不发生支付" if price else "当年没有碳价，不折算"
    frame = pd.DataFrame(
        {
            "范围": rows.index,
            "能源排放 万吨": rows["emissions_t"].to_list(),
            "调节服务价值 亿元": rows["product_value_cny"].to_list(),
            "只按排放 万吨": rows["unlinked_quota_t"].to_list(),
            "挂钩后配额 万吨": rows["quota_t"].to_list(),
            "增减 万吨": rows["link_t"].to_list(),
            "折合 万元": rows["link_value_cny"].to_list(),
            "性质": ORIGIN_ZH[result.province.origin(ENERGY, accounts=True)],
        }
    )
    tonnes = [c for c in frame.columns if c.endswith("万吨")]
    return Table(
        frame,
        caption,
        {**dict.fromkeys([*tonnes, "折合 万元"], wan), "调节服务价值 亿元": yi},
        note=f"配额 = 总量 ×（{percent(weight)} × 排放占比 + {percent(1 - weight)} × 调节服务价值占比），"
        "按最大余额取整吨；某项全省为零时其权重归另一项。总量、排放因子与权重为本工具建议值，非已下达配额。折合：增减部分"
        f"{valued}。",
    )


def _draw(axes: Any, result: Compensation, book: pd.Series) -> None:
    """Draw the quantity bid and asked up to each price, and where the book cleared."""
    curves = _table(result, "curves")
    curves = curves[(curves["product"] == book["product"]) & (curves["place"] == book["place"])]
    large = curves["quantity"].max() >= LARGE
    scale = WAN if large else 1.0
    for side, label in _labels("side").items():
        own = curves[curves["side"] == side]
        if len(own):
            edges = [0.0, *(own["quantity"] / scale)]
            axes.stairs(
                own["price_cny"], edges, baseline=None, color=SIDE_COLORS[side], lw=1.6, label=label
            )
    title = _rights(book[BOOK].to_frame().T)[0]
    if pd.notna(book["price_cny"]):
        traded = book["traded_quantity"] / scale
        axes.plot([0, traded, traded], [book["price_cny"]] * 2 + [0], color=QUIET, lw=0.8, ls="--")
        axes.plot(traded, book["price_cny"], "o", color=INK, ms=4)
        title += f"  {PLAIN(book['price_cny'])} 元/{UNIT_ZH[book['unit']]}"
    else:
        title += f"  {OUTCOME_ZH[book['outcome']]}"
    axes.set_title(title)
    axes.set_xlabel(f"累计数量 {'万 ' if large else ''}{UNIT_ZH[book['unit']]}")
    axes.set_ylabel(f"限价 元/{UNIT_ZH[book['unit']]}")
    axes.xaxis.set_major_formatter("{x:,.10g}")
    axes.yaxis.set_major_formatter("{x:,.10g}")
    axes.set_xlim(left=0)
    prices = curves["price_cny"]
    room = (prices.max() - prices.min()) or prices.max()
    axes.set_ylim(prices.min() - 0.1 * room, prices.max() + 0.1 * room)
    axes.legend(fontsize=8)
