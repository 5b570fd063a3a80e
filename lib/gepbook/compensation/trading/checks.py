"""What is wrong in budgets, orders and energy use, before anything is computed (交易核对)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from gepbook import counties
from gepbook.compensation.trading.auction import BOOK, BUY, SELL
from gepbook.compensation.trading.budgets import (
    BASIN,
    KEY,
    UNITS,
    RightsTradingParams,
    are_whole,
    counted,
    holdings,
)
from gepbook.compensation.trading.carbon_quota import CarbonQuotaParams
from gepbook.errors import ParameterError, near
from gepbook.params import ParameterSet
from gepbook.province import Registers

BUDGETS, ORDERS, ENERGY = "resource_budgets", "market_orders", "energy_use"
TRADING, QUOTA = "rights_trading", "carbon_quota"
WORDS = {"side": (BUY, SELL), "trader": ("government", "enterprises")}
#: Says in which file and line a row stands.
Place = Callable[[Any], str]


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in the rules and the registers, a sentence each."""
    problems, rules = [], None
    try:
        rules = params.section(TRADING, RightsTradingParams)
    except ParameterError as error:
        problems += error.problems
    try:
        params.section(QUOTA, CarbonQuotaParams)
    except ParameterError as error:
        problems += error.problems
    if registers.has(ENERGY):
        problems += energy_problems(registers.table(ENERGY), _placer(registers, ENERGY))
    if rules is None:  # budgets and orders are read by the rules
        return problems
    budgets = registers.table(BUDGETS) if registers.has(BUDGETS) else None
    if budgets is not None:
        problems += budget_problems(budgets, rules, _placer(registers, BUDGETS))
    if registers.has(ORDERS):
        orders, place = registers.table(ORDERS), _placer(registers, ORDERS)
        problems += order_problems(orders, rules, registers.year, place)
        if budgets is not None:
            problems += holding_problems(orders, budgets, rules, place)
    return problems


def _placer(registers: Registers, table: str) -> Place:
    """Return what says where a row of a table stands."""
    return lambda line: registers.place(table, line)


def energy_problems(table: pd.DataFrame, place: Place) -> list[str]:
    """Return rows of `energy_use` whose consumption is missing or below 0."""
    return [
        f"{place(line)}: energy_tce must be 0 or more, got {value:.10g}. Correct the consumption."
        for line, value in table.loc[~(table["energy_tce"] >= 0), "energy_tce"].items()
    ]


def _unknown(frame: pd.DataFrame, rules: RightsTradingParams, place: Place) -> Iterator[str]:
    """Give rows of unknown counties, products and places."""
    codes = counties.read().index
    for row in frame[~frame["county_code"].isin(codes)].itertuples():
        yield (
            f"{place(row.Index)}: {row.county_code!r} is no county."
            f"{near(str(row.county_code), codes)} Correct the code."
        )
    for row in frame[~frame["product"].isin(list(UNITS))].itertuples():
        yield (
            f"{place(row.Index)}: {row.product!r} is no right that is traded."
            f"{near(str(row.product), UNITS)} Correct the product."
        )
    for row in frame[_known(frame) & ~_known(frame, rules)].itertuples():
        basin = rules.rights[row.product].scope == BASIN
        yield (
            f"{place(row.Index)}: {row.product} "
            + ("moves within one basin" if basin else "is traded in the whole province")
            + f", got place {row.place!r}. Write {' or '.join(rules.places(row.product))}."
        )


def _known(frame: pd.DataFrame, rules: RightsTradingParams | None = None) -> pd.Series:
    """Tell which rows have a known product and, by the rules, a place of that product."""
    known = frame["product"].isin(list(UNITS))
    if rules is None:
        return known
    pairs = {(product, place) for product in UNITS for place in rules.places(product)}
    return known & pd.MultiIndex.from_frame(frame[BOOK]).isin(pairs)


def budget_problems(budgets: pd.DataFrame, rules: RightsTradingParams, place: Place) -> list[str]:
    """Return budgets that no right has, or whose limit, allocation and use do not agree.

    Parameters
    ----------
    budgets : DataFrame
        The register's rows of one year, indexed by line.
    rules : RightsTradingParams
    place : callable
        Says where a line stands.
    """
    problems = list(_unknown(budgets, rules, place))
    for column in ("limit_quantity", "allocated_quantity", "used_quantity"):
        problems += [
            f"{place(line)}: {column} must be 0 or more, got {quantity:.10g}. Correct the quantity."
            for line, quantity in budgets.loc[~(budgets[column] >= 0), column].items()
        ]
    above = budgets["allocated_quantity"] > budgets["limit_quantity"]
    problems += [
        f"{place(row.Index)}: {row.county_code} was allocated {row.allocated_quantity:.10g} of "
        f"{row.product}, more than its limit of {row.limit_quantity:.10g}. "
        "Raise the limit or allocate less."
        for row in budgets[above].itertuples()
    ]
    return problems


def order_problems(
    orders: pd.DataFrame, rules: RightsTradingParams, year: int, place: Place
) -> list[str]:
    """Return orders that cannot stand in a book, whoever gives them.

    Parameters
    ----------
    orders : DataFrame
        The register's rows of one year, indexed by line.
    rules : RightsTradingParams
    year : int
    place : callable
        Says where a line stands.
    """
    problems = list(_unknown(orders, rules, place))
    for column, words in WORDS.items():
        problems += [
            f"{place(line)}: {column} must be {' or '.join(words)}, got {word!r}. Correct the word."
            for line, word in orders.loc[~orders[column].isin(words), column].items()
        ]
    dates = pd.to_datetime(orders["placed_on"], format="%Y-%m-%d", errors="coerce")
    problems += [
        f"{place(row.Index)}: order {row.order_id} of {year} was placed on {row.placed_on}. "
        "Correct the date (YYYY-MM-DD) or the year."
        for row in orders[dates.dt.year != year].itertuples()
    ]
    known = orders[_known(orders)]
    right = {
        name: rules.per_row(known["product"], name)
        for name in ("lot", "price_floor", "price_ceiling", "price_tick")
    }
    whole = are_whole(known["quantity"], right["lot"]) & (known["quantity"] > 0)
    problems += [
        f"{place(row.Index)}: order {row.order_id} must be whole lots of "
        f"{right['lot'][row.Index]:.10g} {UNITS[row.product]}, above 0, got {row.quantity:.10g}. "
        "Round it to whole lots."
        for row in known[~whole].itertuples()
    ]
    within = known["price_cny"].between(right["price_floor"], right["price_ceiling"])
    problems += [
        f"{place(row.Index)}: order {row.order_id} at {row.price_cny:.10g} is outside the prices of "
        f"{row.product}, {right['price_floor'][row.Index]:.10g} to "
        f"{right['price_ceiling'][row.Index]:.10g} CNY per {UNITS[row.product]}. "
        "Reprice it or withdraw it."
        for row in known[~within].itertuples()
    ]
    ticked = are_whole(known["price_cny"], right["price_tick"])
    problems += [
        f"{place(row.Index)}: order {row.order_id} at {row.price_cny:.10g} is not on a tick of "
        f"{right['price_tick'][row.Index]:.10g} CNY. Round the price to whole ticks."
        for row in known[within & ~ticked].itertuples()
    ]
    return problems + list(_wash_trades(known, place))


def _wash_trades(orders: pd.DataFrame, place: Place) -> Iterator[str]:
    """Give counties that would trade with themselves: a bid at or above an own ask of one book."""
    priced = orders.reset_index(names="line").sort_values("price_cny", kind="stable")
    bids = priced[priced["side"] == BUY].drop_duplicates(KEY, keep="last")
    asks = priced[priced["side"] == SELL].drop_duplicates(KEY)
    both = (
        bids.set_index(KEY)
        .add_suffix("_bid")
        .join(asks.set_index(KEY).add_suffix("_ask"), how="inner")
    )
    for key, row in both[both["price_cny_bid"] >= both["price_cny_ask"]].iterrows():
        yield (
            f"{place(row['line_ask'])}: {key[0]} sells {key[1]} at {row['price_cny_ask']:.10g} (order "
            f"{row['order_id_ask']}) and buys it at {row['price_cny_bid']:.10g} (order "
            f"{row['order_id_bid']}, line {row['line_bid']}): it would trade with itself. Withdraw one "
            "of the two, or bid below the ask."
        )


def holding_problems(
    orders: pd.DataFrame, budgets: pd.DataFrame, rules: RightsTradingParams, place: Place
) -> list[str]:
    """Return orders of counties without a budget, and sales beyond what a county holds.

    Parameters
    ----------
    orders, budgets : DataFrame
        The registers' rows of one year.
    rules : RightsTradingParams
    place : callable
        Says where a line of the orders stands.
    """
    known, budgets = orders[_known(orders, rules)], budgets[_known(budgets, rules)]
    budgets = budgets[(budgets["allocated_quantity"] >= 0) & (budgets["used_quantity"] >= 0)]
    held = holdings(budgets, rules).set_index(KEY)["opening_lots"]
    key = pd.MultiIndex.from_frame(known[KEY])
    without = ~key.isin(held.index)
    problems = [
        f"{place(row.Index)}: order {row.order_id}: {row.county_code} has no budget of {row.product} in "
        f"{row.place}. Add it to {BUDGETS} or withdraw the order."
        for row in known[without].itertuples()
    ]
    sells = known[~without & (known["side"] == SELL) & (known["quantity"] > 0)]
    lots = counted(sells["quantity"], rules.per_row(sells["product"], "lot"))
    for group, rows in sells.assign(lots=lots).groupby(KEY):
        county, product, where = group
        if rows["lots"].sum() > held[group]:
            lot, unit = rules.rights[product].lot, UNITS[product]
            numbers = ", ".join(f"{row.order_id} (line {row.Index})" for row in rows.itertuples())
            problems.append(
                f"{place(rows.index[-1])}: {county} sells {rows['lots'].sum() * lot:.10g} {unit} of "
                f"{product} in {where} by {numbers}, but holds {held[group] * lot:.10g} "
                "(allocated − used). Reduce the orders or correct the budget."
            )
    return problems
