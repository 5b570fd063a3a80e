"""The account of ecological resource assets (生态资源资产账户): stocks, what came and went, their value.

Forest, farmland, grassland, wetland, water and sea, each in area and in what stands on or in it. Areas
come from the extent and its change, the other stocks from the register `resource_stocks`. Values are of
the market kind, a price per unit of stock; what the services of the same ecosystems are worth is the
SEEA asset account, to which `bridge` leads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gepbook import ledger
from gepbook.errors import CodeError, CoverageError, ParameterError, near
from gepbook.ledger import Origin
from gepbook.params import Confidence, Params, parameter

SECTION = "asset_account"
METHOD = "asset-account/1"
ASSETS = ("forest", "farmland", "grassland", "wetland", "water", "sea")
ASSET_ZH = {
    "forest": "森林",
    "farmland": "耕地与园地",
    "grassland": "草地",
    "wetland": "湿地",
    "water": "水",
    "sea": "海域",
}
AREA = "area"
STOCK_ZH = {
    AREA: "面积",
    "timber": "林木蓄积",
    "high_grade": "优等耕地",
    "yield": "产草量",
    "registered": "登记湿地",
    "volume": "地表水资源",
}
ADDITIONS = ("natural_addition", "managed_addition")
REDUCTIONS = ("natural_reduction", "managed_reduction")
MOVES = (*ADDITIONS, *REDUCTIONS)
PHYSICAL = ("opening", *MOVES, "closing")
VALUES = tuple(f"value_{c}" for c in ("opening", *MOVES, "revaluation", "closing"))
#: Why the market value of an asset and the capitalised value of its services differ.
CAUSE_ZH = {
    "services_without_market": "调节、文化等服务没有市场，只计入服务资本化价值",
    "market_above_services": "市场价值含土地与存量的其他用途，高于所核算服务的资本化价值",
    "different_boundary": "边界不同：只有一方把它计为资产",
    "equal": "两者相等",
    "not_computed": "尚无生态系统资产账户",
    "": "",
}
TOTAL = "total"


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Register(_Closed):
    """Which stock of which asset a row of the register is, and its unit."""

    asset: str
    stock: str
    unit: str


class Line(_Closed):
    """A line of the bridge: resource assets and SEEA ecosystem groups that are the same land."""

    title: str
    assets: list[str]
    groups: list[str]


def _once(lines: dict[str, Line]) -> dict[str, Line]:
    """Refuse a bridge on which an asset or a group stands twice, or an asset not at all."""
    for kind in ("assets", "groups"):
        names = [name for line in lines.values() for name in getattr(line, kind)]
        if len(names) != len(set(names)):
            raise ValueError(f"{kind}: each must stand in one line, got {', '.join(names)}")
    if {name for line in lines.values() for name in line.assets} != set(ASSETS):
        raise ValueError(f"assets: must be {', '.join(ASSETS)}")
    return lines


def _assets(table: dict[str, str]) -> dict[str, str]:
    """Refuse types of an asset that the account does not have."""
    unknown = sorted(set(table.values()) - set(ASSETS))
    if unknown:
        raise ValueError(f"unknown assets {', '.join(unknown)}; known are {', '.join(ASSETS)}")
    return table


Price = Annotated[float, Field(ge=0)]


class AssetAccountParams(Params):
    """Assets, rules and unit values; a stock is priced by the field `<asset>_<stock>_price`."""

    asset_of_type: Annotated[dict[str, str], AfterValidator(_assets)] = parameter(
        "1", "各生态系统类型所属资产"
    )
    managed_types: list[str] = parameter("1", "一方为其则转换计为人为")
    registers: dict[str, Register] = parameter("1", "登记存量所属资产")
    bridge: Annotated[dict[str, Line], AfterValidator(_once)] = parameter("1", "衔接表各行")
    price_base_year: int = parameter("a", "单价年份")
    price_index: str = parameter("1", "价格指数")
    balance_tolerance: float = parameter("1", "恒等式允许的相对误差", ge=0, lt=1)
    forest_area_price: Price = parameter("CNY ha-1", "林地价格")
    forest_timber_price: Price = parameter("CNY m-3", "林木价格")
    farmland_area_price: Price = parameter("CNY ha-1", "农用地价格")
    farmland_high_grade_price: Price = parameter("CNY ha-1", "优等耕地加价")
    grassland_area_price: Price = parameter("CNY ha-1", "草地价格")
    wetland_area_price: Price = parameter("CNY ha-1", "湿地价格")
    water_volume_price: Price = parameter("CNY m-3", "水资源价格")
    sea_area_price: Price = parameter("CNY ha-1", "海域价格")

    def price(self, asset: str, stock: str) -> float:
        """Return what a unit of a stock is worth in the base year, CNY; NaN for what is not valued."""
        return float(getattr(self, f"{asset}_{stock}_price", float("nan")))


@dataclass(frozen=True)
class AssetAccount:
    """The account of one county and year.

    Attributes
    ----------
    table : DataFrame, a row per stock
        `asset`, `stock`, `unit`, then `PHYSICAL` in that unit and `VALUES` in CNY. Only the closing is
        known of areas in a pack's first year; stocks without a price have no values: NaN.
    params : AssetAccountParams
        The rules that it was made by.
    """

    table: pd.DataFrame
    params: AssetAccountParams


def compute(
    changes: pd.DataFrame | None,
    closing_ha: pd.Series,
    stocks: pd.DataFrame,
    params: AssetAccountParams,
    price_index: tuple[float, float] = (1.0, 1.0),
) -> AssetAccount:
    r"""Return the asset account of one county and year (生态资源资产账户).

    Parameters
    ----------
    changes : DataFrame or None, ha
        Change matrix of the extent, from each ecosystem type (rows) to each type (columns); None in a
        pack's first year.
    closing_ha : Series, ha, indexed by ecosystem type id
    stocks : DataFrame
        Rows of `resource_stocks` of the county and year; may be empty.
    price_index : tuple of float
        Price level at opening and at closing, the year of the unit values being 1.

    Raises
    ------
    CoverageError
        When a stock of the register does not add up, is negative, missing or stands twice, or when the
        change matrix does not lead to the closing extent: all of them.
    CodeError
        For a stock that the parameters do not know.
    ParameterError
        For a price level that is not above 0.

    Notes
    -----
    Changes are valued at the mean price of the year, so that

    .. math:: S_0 p_0 + \Delta S \frac{p_0 + p_1}{2} + \frac{S_0 + S_1}{2} (p_1 - p_0) = S_1 p_1

    where the third term is the revaluation. Source: SEEA Central Framework (UN 2012), ch. 5.
    """
    if not min(price_index) > 0:
        raise ParameterError(
            f"asset account: price levels must be above 0, got {price_index}. Correct the index."
        )
    problems = [*_register_problems(stocks, params), *_extent_problems(changes, closing_ha, params)]
    if problems:
        raise CoverageError(problems)
    rows = [*_areas(changes, closing_ha, params), *_registered(stocks, params)]
    rows.sort(key=lambda row: ASSETS.index(row["asset"]))
    table = pd.DataFrame(rows, columns=["asset", "stock", "unit", *PHYSICAL])
    table = table.astype(dict.fromkeys(PHYSICAL, "float64"))
    return AssetAccount(_valued(table, params, price_index), params)


def by_asset(changes: pd.DataFrame, params: AssetAccountParams) -> pd.DataFrame:
    """Return what each asset's area gained from and lost to others, `PHYSICAL` in ha.

    A change between types of one asset is no change of the asset; one between assets is managed when
    either type is among `managed_types`.
    """
    long = changes.rename_axis(index="source", columns=None).reset_index()
    long = long.melt("source", var_name="target", value_name="ha")
    long["from"] = long["source"].map(params.asset_of_type)
    long["to"] = long["target"].map(params.asset_of_type)
    managed = long["source"].isin(params.managed_types) | long["target"].isin(params.managed_types)
    long["kind"] = np.where(managed, "managed", "natural")
    crossed = long[long["from"].fillna("") != long["to"].fillna("")]
    columns = {
        "opening": long.groupby("from")["ha"].sum(),
        "closing": long.groupby("to")["ha"].sum(),
    }
    for kind, part in crossed.groupby("kind"):
        columns[f"{kind}_addition"] = part.groupby("to")["ha"].sum()
        columns[f"{kind}_reduction"] = part.groupby("from")["ha"].sum()
    return pd.DataFrame(columns).reindex(columns=PHYSICAL).fillna(0.0)


def _closing(closing_ha: pd.Series, params: AssetAccountParams) -> pd.Series:
    """Return the closing area of each asset that has ecosystem types, ha."""
    return closing_ha.groupby(params.asset_of_type).sum()


def _areas(
    changes: pd.DataFrame | None, closing_ha: pd.Series, params: AssetAccountParams
) -> Iterator[dict[str, Any]]:
    """Give the area rows of the assets that the county has or had."""
    if changes is None:
        known = _closing(closing_ha, params).to_frame("closing").reindex(columns=PHYSICAL)
    else:
        known = by_asset(changes, params)
    for asset, figures in known[known.sum(axis=1) > 0].iterrows():
        yield {"asset": asset, "stock": AREA, "unit": "ha", **figures}


def _registered(stocks: pd.DataFrame, params: AssetAccountParams) -> Iterator[dict[str, Any]]:
    """Give the rows of the register's stocks."""
    for row in stocks.to_dict("records"):
        figures = {str(column): row[column] for column in PHYSICAL}
        yield {**params.registers[row["asset"]].model_dump(), **figures}


def _differs(a: float, b: float, params: AssetAccountParams) -> bool:
    """Tell whether two sides of an identity differ by more than rounding."""
    return abs(a - b) > params.balance_tolerance * max(abs(a), abs(b))


def _register_problems(stocks: pd.DataFrame, params: AssetAccountParams) -> Iterator[str]:
    """Give a sentence per stock of the register that is not an account."""
    unknown = [str(a) for a in stocks["asset"] if a not in params.registers]
    if unknown:
        raise CodeError(
            f"resource_stocks: asset {unknown[0]!r} is not known.{near(unknown[0], params.registers)}"
            f" Known ones are {', '.join(params.registers)}."
        )
    for asset in stocks.loc[stocks["asset"].duplicated(), "asset"]:
        yield f"resource_stocks: {asset} stands twice for one county and year. Keep one row."
    for row in stocks.to_dict("records"):
        where = f"resource_stocks: {row['asset']} of {row['county_code']} in {row['year']}"
        figures = {str(column): float(row[column]) for column in PHYSICAL}
        missing = [name for name, figure in figures.items() if np.isnan(figure)]
        negative = [name for name, figure in figures.items() if figure < 0]
        if missing:
            yield f"{where} has no {', '.join(missing)}. Fill it in; write 0 for none."
        if negative:
            yield f"{where}: {', '.join(negative)} must not be below 0. Correct the register."
        expected = figures["opening"] + sum(figures[a] for a in ADDITIONS)
        expected -= sum(figures[r] for r in REDUCTIONS)
        if not missing and _differs(expected, figures["closing"], params):
            yield (
                f"{where} does not add up: opening + additions − reductions is {expected:,.10g}, "
                f"closing is {figures['closing']:,.10g}, "
                f"difference {figures['closing'] - expected:,.10g}. Correct the register."
            )


def _extent_problems(
    changes: pd.DataFrame | None, closing_ha: pd.Series, params: AssetAccountParams
) -> Iterator[str]:
    """Give a sentence per asset whose changes do not lead to its closing area."""
    if changes is None:
        return
    led_to, closing = by_asset(changes, params)["closing"], _closing(closing_ha, params)
    for asset in closing.index.union(led_to.index):
        a, b = float(led_to.get(asset, 0.0)), float(closing.get(asset, 0.0))
        if _differs(a, b, params):
            yield (
                f"asset account: {asset}.{AREA}: the change matrix leads to {a:,.10g} ha, the extent "
                f"account closes at {b:,.10g} ha, difference {b - a:,.10g} ha. Compute both from the "
                "same land cover."
            )


def _valued(
    table: pd.DataFrame, params: AssetAccountParams, price_index: tuple[float, float]
) -> pd.DataFrame:
    """Return the account with its values, CNY; see `compute` for the identity that they keep."""
    price = np.array(
        [params.price(a, s) for a, s in table[["asset", "stock"]].itertuples(index=False)],
        dtype="float64",
    )
    opening, closing = price_index
    levels = {"opening": opening, "closing": closing}
    values = {
        f"value_{c}": table[c] * price * levels.get(c, (opening + closing) / 2) for c in PHYSICAL
    }
    mean_stock = (table["opening"] + table["closing"]) / 2
    values["value_revaluation"] = mean_stock * price * (closing - opening)
    return pd.concat([table, pd.DataFrame(values)[list(VALUES)]], axis=1)


def bridge(account: AssetAccount, seea_asset_value: pd.Series | None) -> pd.DataFrame:
    """Return the bridge from resource assets to the SEEA asset account (衔接表).

    Both are values of the same land and water: they are set side by side and never added. A line with
    one side only differs by its boundary; of a line with both, the difference is what services earn
    beyond the market, or the market pays beyond the services counted.

    Parameters
    ----------
    account : AssetAccount
    seea_asset_value : Series or None, CNY, indexed by ecosystem group
        Closing of `accounting.seea.asset_account`; None before the accounting stage.

    Returns
    -------
    DataFrame indexed by line, the last one the total
        `title`, `market_value_cny`, `difference_cny`, `capitalised_value_cny`, `cause` and `cause_zh`;
        market value + difference = capitalised value.

    Raises
    ------
    CodeError
        For a group that is in no line: its value would be lost.
    """
    lines = account.params.bridge
    known = [group for line in lines.values() for group in line.groups]
    given = pd.Series(dtype="float64") if seea_asset_value is None else seea_asset_value
    unknown = [str(group) for group in given.index if group not in known]
    if unknown:
        raise CodeError(
            f"asset account: ecosystem groups {', '.join(unknown)} are in no line of the bridge. "
            "Add them to params/policy/asset_account.yaml."
        )
    market = account.table.groupby("asset")["value_closing"].sum()
    table = pd.DataFrame(
        {
            "title": {key: line.title for key, line in lines.items()},
            "market_value_cny": {k: market.reindex(v.assets).sum() for k, v in lines.items()},
            "capitalised_value_cny": {k: given.reindex(v.groups).sum() for k, v in lines.items()},
        }
    )
    if seea_asset_value is None:
        table["capitalised_value_cny"] = np.nan
    table["cause"] = [
        _cause(*pair, account.params)
        for pair in zip(table["market_value_cny"], table["capitalised_value_cny"], strict=True)
    ]
    totals = table[["market_value_cny", "capitalised_value_cny"]].sum(skipna=False)
    table.loc[TOTAL] = {"title": "合计", **totals, "cause": ""}
    table.insert(2, "difference_cny", table["capitalised_value_cny"] - table["market_value_cny"])
    table["cause_zh"] = table["cause"].map(CAUSE_ZH)
    return table


def _cause(market: float, capitalised: float, params: AssetAccountParams) -> str:
    """Return the name of the difference between the two values of a line."""
    if np.isnan(capitalised):
        return "not_computed"
    if not _differs(market, capitalised, params):
        return "equal"
    if market == 0 or capitalised == 0:
        return "different_boundary"
    return "services_without_market" if capitalised > market else "market_above_services"


def entries(
    account: AssetAccount,
    *,
    year: int,
    extent_origin: Origin,
    stocks_origin: Origin,
    quality: Confidence,
) -> list[dict[str, Any]]:
    """Return the ledger rows of the account.

    Account `assets`, item `<asset>.<stock>`; measures `opening`, `addition`, `reduction`, `closing` and,
    of the two in the middle, what is managed; with `value_` before them in CNY, and
    `value_revaluation`. What is not known has no row.

    Parameters
    ----------
    extent_origin, stocks_origin : Origin
        Of the land cover and its change; of the table `resource_stocks`.
    quality : Confidence
        Lowest confidence of the unit values.
    """
    registered = {(r.asset, r.stock) for r in account.params.registers.values()}
    rows = []
    for row in account.table.to_dict("records"):
        origin = stocks_origin if (row["asset"], row["stock"]) in registered else extent_origin
        for measure, amount in _measures(row).items():
            if np.isnan(amount):
                continue
            money: dict[str, Any] = {}
            if measure.startswith("value_"):
                money = {"price_basis": "current", "price_year": year, "quality": quality}
            rows.append(
                ledger.entry(
                    "assets",
                    f"{row['asset']}.{row['stock']}",
                    measure,
                    amount,
                    "CNY" if money else row["unit"],
                    origin=origin,
                    method_id=METHOD,
                    **money,
                )
            )
    return rows


def _measures(row: dict[Any, Any]) -> dict[str, float]:
    """Return the figures of a stock as the ledger names them."""
    measures: dict[str, float] = {}
    for prefix in ("", "value_"):
        measures |= {
            f"{prefix}opening": row[f"{prefix}opening"],
            f"{prefix}addition": sum(row[f"{prefix}{a}"] for a in ADDITIONS),
            f"{prefix}managed_addition": row[f"{prefix}managed_addition"],
            f"{prefix}reduction": sum(row[f"{prefix}{r}"] for r in REDUCTIONS),
            f"{prefix}managed_reduction": row[f"{prefix}managed_reduction"],
            f"{prefix}closing": row[f"{prefix}closing"],
        }
    return {**measures, "value_revaluation": row["value_revaluation"]}


def bridge_entries(
    table: pd.DataFrame, *, year: int, origin: Origin, quality: Confidence
) -> list[dict[str, Any]]:
    """Return the ledger rows of a bridge: account `asset_bridge`, an item a line.

    Measures `market_value`, whose note is the line's name, `difference`, whose note is its cause, and
    `capitalised_value`.
    """
    notes = {"market_value": "title", "difference": "cause_zh"}
    return [
        ledger.entry(
            "asset_bridge",
            str(line),
            measure,
            row[f"{measure}_cny"],
            "CNY",
            origin=origin,
            quality=quality,
            method_id=METHOD,
            price_basis="current",
            price_year=year,
            note=row[notes[measure]] if measure in notes else "",
        )
        for line, row in table.iterrows()
        for measure in ("market_value", "difference", "capitalised_value")
    ]
