"""Trade in rights of ecological resources, and carbon quotas (生态资源权益交易).

Counties hold budgets of rights (`budgets`), trade what they do not use in yearly auctions (`auction`)
and are shared an initial carbon quota that is linked to ecological product value (`carbon_quota`).
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from gepbook import ledger
from gepbook.compensation import flows, parties
from gepbook.compensation.rounding import CENTS_PER_YUAN
from gepbook.compensation.scheme import Scheme, SchemeResult
from gepbook.compensation.trading import auction, carbon_quota
from gepbook.compensation.trading.auction import BOOK, BUY, SELL
from gepbook.compensation.trading.budgets import (
    KEY,
    UNITS,
    RightsTradingParams,
    balances,
    counted,
    holdings,
)
from gepbook.compensation.trading.carbon_quota import CarbonQuotaParams
from gepbook.compensation.trading.checks import BUDGETS, ENERGY, ORDERS, QUOTA, TRADING, check
from gepbook.params import worst
from gepbook.province import Province

ID = "trading"
METHOD = f"design/{ID}"
#: Traders of `market_orders` that are somebody in the county; the others are its government.
PRIVATE = {"enterprises": "enterprises"}
DIGITS = 6  # of quantities, so that whole lots of 0.1 show without the dust of binary fractions


def compute(province: Province) -> SchemeResult:
    """Return what was traded and how the carbon quota is shared (交易与配额)."""
    registers = province.registers
    lacking = registers.lacking(BUDGETS, ORDERS, ENERGY)
    tables: dict[str, pd.DataFrame] = {}
    payments: list[dict[str, Any]] = []
    figures: list[tuple[str, dict[str, Any]]] = []
    if BUDGETS not in lacking:
        rules = province.rules(TRADING, RightsTradingParams)
        held = holdings(registers.table(BUDGETS), rules)
        tables["budgets"] = held.assign(unit=held["product"].map(UNITS))
        if ORDERS not in lacking:
            tables |= trade(registers.table(ORDERS), held, rules)
            payments = _payments(tables["trades"], province)
            figures += _traded_figures(tables["balances"], province)
    quota = None if ENERGY in lacking else _quota(province)
    if quota is not None:
        tables["carbon_quota"] = quota
        figures += _quota_figures(quota, province)
    elif ENERGY not in lacking:
        lacking.append(ENERGY)
    return SchemeResult(flows=payments, tables=tables, figures=figures, lacking=tuple(lacking))


def trade(
    orders: pd.DataFrame, held: pd.DataFrame, rules: RightsTradingParams
) -> dict[str, pd.DataFrame]:
    """Return books, orders, trades, balances and price curves of a year, in units and CNY.

    Parameters
    ----------
    orders : DataFrame
        The year's rows of `market_orders`.
    held : DataFrame
        As `budgets.holdings` gives it.
    rules : RightsTradingParams

    Returns
    -------
    dict of DataFrame
        `books`: a row per product and place with its `price_cny` (missing where nothing traded).
        `orders`: with `party`, `filled_quantity` and `amount_cny`. `trades`: the audit trail, a
        buyer and a seller each. `balances`: opening + bought − sold = closing, and what is lacking
        after it. `traders`: what each county paid and received. `curves`: the quantity bid and asked
        up to each limit price.
    """
    lots = orders.assign(
        lots=counted(orders["quantity"], rules.per_row(orders["product"], "lot")),
        limit_ticks=counted(orders["price_cny"], rules.per_row(orders["product"], "price_tick")),
        party=[
            parties.private(code, PRIVATE[who]) if who in PRIVATE else code
            for code, who in zip(orders["county_code"], orders["trader"], strict=True)
        ],
    )
    session = auction.clear(lots.rename(columns={"limit_ticks": "price_ticks"}))
    prices = session.books.set_index(BOOK)["price_ticks"]
    filled = lots.assign(
        filled_lots=session.filled,
        price_ticks=prices.reindex(pd.MultiIndex.from_frame(lots[BOOK])).array,
    )
    return {
        "books": _books(session.books, rules),
        "orders": filled.assign(
            filled_quantity=_quantity(filled, "filled_lots", rules),
            amount_cny=_amount(filled, "filled_lots", rules),
            unit=filled["product"].map(UNITS),
        ).drop(columns=["lots", "limit_ticks", "filled_lots", "price_ticks"]),
        "trades": _trades(session.trades, filled, rules),
        "balances": _balances(held, filled, rules),
        "traders": _traders(filled.assign(amount_cny=_amount(filled, "filled_lots", rules))),
        "curves": _curves(orders),
    }


def _quantity(frame: pd.DataFrame, lots: str, rules: RightsTradingParams) -> pd.Series:
    """Return a column of lots in the unit of each product."""
    return (frame[lots] * rules.per_row(frame["product"], "lot")).astype("float64").round(DIGITS)


def _price(frame: pd.DataFrame, rules: RightsTradingParams) -> pd.Series:
    """Return the price that each book cleared at, CNY per unit; missing where nothing traded."""
    ticks = frame["price_ticks"].astype("Float64").astype("float64")
    return (ticks * rules.per_row(frame["product"], "price_tick")).round(DIGITS)


def _amount(frame: pd.DataFrame, lots: str, rules: RightsTradingParams) -> pd.Series:
    """Return what a column of lots costs at the price of its book, CNY, exact to the cent."""
    ticks = frame["price_ticks"].fillna(0).astype("int64")
    cents = frame[lots] * ticks * rules.per_row(frame["product"], "tick_cents").astype("int64")
    return cents / CENTS_PER_YUAN


def _books(books: pd.DataFrame, rules: RightsTradingParams) -> pd.DataFrame:
    """Return the books in units and CNY, with the `outcome` of each, in the order of the rules."""
    order = {product: number for number, product in enumerate(UNITS)}
    books = books.sort_values("product", key=lambda c: c.map(order), kind="stable")
    outcome = pd.Series("apart", index=books.index)
    outcome = outcome.mask(books["asks"] == 0, "no_asks").mask(books["bids"] == 0, "no_bids")
    return pd.DataFrame(
        {
            **books[[*BOOK, "bids", "asks"]],
            "unit": books["product"].map(UNITS),
            "bid_quantity": _quantity(books, "bid_lots", rules),
            "ask_quantity": _quantity(books, "ask_lots", rules),
            "traded_quantity": _quantity(books, "traded_lots", rules),
            "price_cny": _price(books, rules),
            "amount_cny": _amount(books, "traded_lots", rules),
            "outcome": outcome.mask(books["traded_lots"] > 0, "traded"),
        }
    )


def _trades(trades: pd.DataFrame, orders: pd.DataFrame, rules: RightsTradingParams) -> pd.DataFrame:
    """Return the trades in units and CNY, with the parties of both orders."""
    party = orders.set_index("order_id")["party"]
    return pd.DataFrame(
        {
            **trades[[*BOOK, "number", "buy_order", "sell_order"]],
            "buyer": trades["buy_order"].map(party),
            "seller": trades["sell_order"].map(party),
            "unit": trades["product"].map(UNITS),
            "quantity": _quantity(trades, "lots", rules),
            "price_cny": _price(trades, rules),
            "amount_cny": _amount(trades, "lots", rules),
        }
    )


def _balances(held: pd.DataFrame, orders: pd.DataFrame, rules: RightsTradingParams) -> pd.DataFrame:
    """Return the balances in units, with what is still lacking after the auction."""
    lots = balances(held, orders)
    found = lots[KEY].assign(
        unit=lots["product"].map(UNITS),
        **{
            f"{name}_quantity": _quantity(lots, f"{name}_lots", rules)
            for name in ("opening", "bought", "sold", "closing")
        },
    )
    lacked = held.set_index(KEY)["lacking_quantity"].to_numpy()
    lacking = lacked - found["bought_quantity"]
    return found.assign(still_lacking_quantity=lacking.where(lacking > 0, 0.0).round(DIGITS))


def _traders(orders: pd.DataFrame) -> pd.DataFrame:
    """Return each county's orders, those that traded, and what it paid and received."""
    amount, county = orders["amount_cny"], orders["county_code"]
    return pd.DataFrame(
        {
            "orders": orders.groupby(county).size(),
            "filled_orders": (orders["filled_lots"] > 0).groupby(county).sum(),
            "paid_cny": amount.where(orders["side"] == BUY, 0.0).groupby(county).sum().round(2),
            "received_cny": amount.where(orders["side"] == SELL, 0.0)
            .groupby(county)
            .sum()
            .round(2),
        }
    )


def _curves(orders: pd.DataFrame) -> pd.DataFrame:
    """Return the quantity bid at each limit or more, and asked at each limit or less, by book."""
    total = orders.groupby([*BOOK, "side", "price_cny"])["quantity"].sum().reset_index()
    asks = total[total["side"] == SELL]
    bids = total[total["side"] == BUY].iloc[::-1]
    summed = [s.assign(quantity=s.groupby(BOOK)["quantity"].cumsum()) for s in (bids, asks)]
    return pd.concat(summed, ignore_index=True)


def _payments(trades: pd.DataFrame, province: Province) -> list[dict[str, Any]]:
    """Return what buyers pay sellers, summed by both and the book."""
    key = [*BOOK, "buyer", "seller", "unit", "price_cny"]
    summed = trades.groupby(key)[["quantity", "amount_cny"]].sum().reset_index()
    origin = province.origin(BUDGETS, ORDERS)
    return [
        flows.flow(
            scheme=ID,
            rule=f"{TRADING}/{row.product}",
            payer=row.buyer,
            payee=row.seller,
            basis=f"{row.place}: {row.quantity:,.10g} {row.unit} × {row.price_cny:,.10g} 元",
            amount_cny=row.amount_cny,
            origin=origin,
            quality=_quality(province, row.product),
        )
        for row in summed.itertuples()
    ]


def _quality(province: Province, product: str) -> str:
    """Return the confidence of the rules that a product is traded by."""
    names = (f"{TRADING}.{name}" for name in (product, "basins"))
    return worst(province.params.entries[name].confidence for name in names)


def _traded_figures(balance: pd.DataFrame, province: Province) -> list[tuple[str, dict[str, Any]]]:
    """Return what each county bought less what it sold, of each right it traded."""
    net = balance["bought_quantity"] - balance["sold_quantity"]
    summed = net[net != 0].groupby([balance["county_code"], balance["product"]]).sum()
    origin = province.origin(BUDGETS, ORDERS)
    return [
        (
            code,
            ledger.entry(
                "compensation", f"{ID}.{product}", "net_bought", round(quantity, DIGITS),
                UNITS[product], origin=origin, method_id=METHOD, quality=_quality(province, product),
            ),
        )
        for (code, product), quantity in summed.items()
    ]  # fmt: skip


def _quota(province: Province) -> pd.DataFrame | None:
    """Return the carbon quota of the counties that have an account.

    None where the energy that one of them uses is not known: a total cannot be shared without it.
    """
    rules = province.rules(QUOTA, CarbonQuotaParams)
    energy = province.registers.table(ENERGY).set_index("county_code")["energy_tce"].sort_index()
    value = province.values("gep", "regulating", "value", "current")
    if value.empty or not value.index.isin(energy.index).all():
        return None
    return carbon_quota.allocate(energy[value.index], value, rules, province.year)


def _quota_figures(quota: pd.DataFrame, province: Province) -> list[tuple[str, dict[str, Any]]]:
    """Return each county's quota, what the link brings of it, and its value at the carbon price."""
    common: dict[str, Any] = {
        "method_id": METHOD,
        "origin": province.origin(ENERGY, accounts=True),
        "quality": province.quality(QUOTA),
    }
    money: dict[str, Any] = {"price_basis": "current", "price_year": province.year}
    figures = []
    for row in quota.itertuples():
        for item, tonnes in (("carbon_quota", row.quota_t), ("carbon_quota_link", row.link_t)):
            entry = ledger.entry(
                "compensation", f"{ID}.{item}", "physical", tonnes, "t a-1", **common
            )
            figures.append((row.Index, entry))
        if pd.notna(row.link_value_cny):
            entry = ledger.entry(
                "compensation", f"{ID}.carbon_quota_link", "value", row.link_value_cny, "CNY a-1",
                **money, **common,
            )  # fmt: skip
            figures.append((row.Index, entry))
    return figures


SCHEME = Scheme(
    id=ID,
    name_zh="生态资源权益交易",
    name_en="Trade in rights of ecological resources",
    source="浙委办发〔2021〕82号 三(三)、四(四)",
    sections={TRADING: RightsTradingParams, QUOTA: CarbonQuotaParams},
    tables=(BUDGETS, ORDERS, ENERGY),
    compute=compute,
    check=check,
)
