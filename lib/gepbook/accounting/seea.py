"""The tables of SEEA Ecosystem Accounting for a county (环境经济核算体系 生态系统核算表).

Extent, condition, supply and use in quantities and money, and the monetary asset account, each as ledger
rows; the sheets of the workbook and the report are views of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field

from gepbook import ecosystems, ledger
from gepbook.accounting.account import Measured, ServiceResult
from gepbook.accounting.change import Change, group_shares, groups
from gepbook.inputs.county import CountyInputs
from gepbook.inventory.condition import ConditionAccount
from gepbook.inventory.extent import change_matrix
from gepbook.ledger import Origin
from gepbook.params import Params, parameter

SECTION = "seea"
METHOD = "seea-ea/2021"
USERS = ("industry", "government", "households", "exports")
USER_ZH = {
    "industry": "产业",
    "government": "政府",
    "households": "住户",
    "exports": "县外使用者",
}
DEFAULT = "default"
EXTENT = ("opening", "additions", "reductions", "closing")
ASSET = (
    "opening",
    "enhancement",
    "degradation",
    "additions",
    "reductions",
    "other",
    "revaluation",
    "closing",
)
ROUNDING = 1e-9


def _shares(table: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Refuse a use table with an unknown user or shares that are not 1 together."""
    if DEFAULT not in table:
        raise ValueError(f"must have a row {DEFAULT!r} for services that it does not list")
    for service, row in table.items():
        if set(row) != set(USERS):
            raise ValueError(f"{service}: must give {', '.join(USERS)}, got {', '.join(row)}")
        if abs(sum(row.values()) - 1) > ROUNDING:
            raise ValueError(f"{service}: shares must add up to 1, got {sum(row.values()):g}")
    return table


class SeeaParams(Params):
    """Suppliers, users and the life of assets."""

    supplied_by: dict[str, str] = parameter("1", "仅有统计的服务的供给生态系统")
    used_by: Annotated[
        dict[str, dict[str, Annotated[float, Field(ge=0, le=1)]]], AfterValidator(_shares)
    ] = parameter("1", "各服务使用者份额")
    discount_rate: float = parameter("a-1", "贴现率 r", gt=0, lt=1)
    asset_life_years: int = parameter("a", "资产年限 N", gt=0)


def annuity(rate: float, years: int) -> float:
    r"""Return what a yearly unit paid for some years is worth now (年金现值系数).

    Notes
    -----
    .. math:: a = \sum_{t=1}^{N} (1 + r)^{-t} = \frac{1 - (1 + r)^{-N}}{r}

    Source: SEEA EA (UN 2021), ch. 10, net present value.
    """
    return float((1 - (1 + rate) ** -years) / rate)


def extent(now: CountyInputs, before: CountyInputs) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the extent account and the change matrix between two years (范围账户).

    Returns
    -------
    account : DataFrame indexed by ecosystem type id, columns `EXTENT`, ha
        Opening + additions − reductions = closing.
    matrix : DataFrame, ha, from each type (rows) to each type (columns)
    """
    matrix = change_matrix(before.land_cover, now.land_cover, now.coverage, now.cell_area_ha)
    names = [n for n in ecosystems.read()["id"] if n in matrix.index or n in matrix.columns]
    matrix = matrix.reindex(index=names, columns=names, fill_value=0.0)
    stayed = pd.Series(np.diag(matrix), index=names)
    opening, closing = matrix.sum(axis=1), matrix.sum(axis=0)
    account = pd.DataFrame(
        {
            "opening": opening,
            "additions": closing - stayed,
            "reductions": opening - stayed,
            "closing": closing,
        }
    )
    return account, matrix


def supply_and_use(
    result: ServiceResult, inputs: CountyInputs, params: SeeaParams
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return each component's shares by supplying ecosystem group and by user.

    Returns
    -------
    dict by component of (shares of `change.groups()`, shares of `USERS`), each summing to 1, so that
    supply equals use
    """
    measured = Measured(result.spec, result.quantities, result.density)
    used = params.used_by.get(result.spec.id, params.used_by[DEFAULT])
    users = np.array([used[user] for user in USERS])
    shares = group_shares(measured, inputs, params.supplied_by)
    return {component: (share, users) for component, share in shares.items()}


def asset_account(change: Change, params: SeeaParams) -> pd.DataFrame:
    r"""Return the monetary asset account by ecosystem group (货币资产账户).

    Condition, and weather with it, make enhancement or degradation; area makes additions or reductions;
    prices make revaluation; activity the other changes.

    Returns
    -------
    DataFrame indexed by ecosystem group, columns `ASSET`, CNY
        Opening and all changes add up to closing.

    Notes
    -----
    .. math:: A = V \, \frac{1 - (1 + r)^{-N}}{r}

    Source: SEEA EA (UN 2021), ch. 10.
    """
    factor = annuity(params.discount_rate, params.asset_life_years)
    flows = change.by("group") * factor
    quality = flows["condition"] + flows["weather"]
    return pd.DataFrame(
        {
            "opening": flows["opening"],
            "enhancement": quality.clip(lower=0),
            "degradation": quality.clip(upper=0),
            "additions": flows["area"].clip(lower=0),
            "reductions": flows["area"].clip(upper=0),
            "other": flows["activity"],
            "revaluation": flows["price"],
            "closing": flows["closing"],
        }
    )


def entries(
    now: CountyInputs,
    before: CountyInputs,
    results: list[ServiceResult],
    change: Change,
    params: SeeaParams,
    conditions: tuple[ConditionAccount, ConditionAccount],
) -> list[dict[str, Any]]:
    """Return the ledger rows of all SEEA tables; `conditions` are the inventory's of both years.

    Accounts: `seea_extent`, `seea_matrix`, `seea_condition`, `seea_supply`, `seea_use`, `seea_asset`.
    Of supply and use the item is `service.component` and the measure the ecosystem group or the user;
    physical rows have no price basis.
    """
    account, matrix = extent(now, before)
    cover = ledger.weakest([now.origin("land_cover"), now.change_origin("land_cover")])
    rows = _table_rows("seea_extent", account, "ha", cover)
    rows += [
        ledger.entry(
            "seea_matrix",
            f"{a}>{b}",
            "area",
            matrix.loc[a, b],
            "ha",
            origin=cover,
            method_id=METHOD,
        )
        for a in matrix.index
        for b in matrix.columns
        if matrix.loc[a, b] > 0
    ]
    rows += _condition_rows(*conditions)
    rows += _flow_rows(now, results, params)
    origin = ledger.weakest(r.origin for r in results if r.counts)
    rows += [
        {**row, "price_basis": "current", "price_year": change.now, "quality": "design"}
        for row in _table_rows("seea_asset", asset_account(change, params), "CNY", origin)
    ]
    return rows


def _condition_rows(before: ConditionAccount, now: ConditionAccount) -> list[dict[str, Any]]:
    """Return the condition account: what the inventory scores, opening and closing (状况账户)."""
    former = before.indicators.set_index(["group", "indicator"])
    rows = []
    for row in now.indicators.to_dict("records"):
        place = (row["group"], row["indicator"])
        if place not in former.index or np.isnan([row["score"], former.loc[place, "score"]]).any():
            continue
        faces = {
            "reference": (row["high"], row["unit"]),
            "opening": (former.loc[place, "value"], row["unit"]),
            "closing": (row["value"], row["unit"]),
            "indicator_opening": (former.loc[place, "score"], "1"),
            "indicator_closing": (row["score"], "1"),
        }
        rows += [
            ledger.entry(
                "seea_condition",
                ".".join(place),
                measure,
                value,
                unit,
                origin=row["origin"],
                quality="design",
                method_id=METHOD,
            )
            for measure, (value, unit) in faces.items()
        ]
    return rows


def _table_rows(
    account: str, table: pd.DataFrame, unit: str, origin: Origin
) -> list[dict[str, Any]]:
    """Return the rows of a table whose index is the item and whose columns are measures."""
    return [
        ledger.entry(
            account, str(item), str(measure), amount, unit, origin=origin, method_id=METHOD
        )
        for item, row in table.iterrows()
        if (row != 0).any()
        for measure, amount in row.items()
    ]


def _flow_rows(
    inputs: CountyInputs, results: list[ServiceResult], params: SeeaParams
) -> list[dict[str, Any]]:
    """Return supply by ecosystem group and use by user of what counts, in quantity and in money."""
    rows = []
    names = groups()
    for result in results:
        units = {c.id: c.units for c in result.spec.components}
        for component, (supply, use) in supply_and_use(result, inputs, params).items():
            if component in result.excluded:
                continue
            item = f"{result.spec.id}.{component}"
            faces: list[tuple[float, str, Mapping[str, Any]]] = [
                (result.quantities[component], units[component], {}),
                (
                    result.current_cny[component],
                    "CNY",
                    {"price_basis": "current", "price_year": inputs.year},
                ),
            ]
            for amount, unit, money in faces:
                rows += [
                    ledger.entry(
                        account,
                        item,
                        who,
                        amount * share,
                        unit,
                        origin=result.origin,
                        quality="design",
                        method_id=METHOD,
                        **money,
                    )
                    for account, whose, shares in (
                        ("seea_supply", names, supply),
                        ("seea_use", USERS, use),
                    )
                    for who, share in zip(whose, shares, strict=True)
                    if share
                ]
    return rows


SHEETS = {
    "seea_extent": "范围账户 extent",
    "seea_matrix": "转移矩阵 change",
    "seea_condition": "状况账户 condition",
    "seea_supply": "供给表 supply",
    "seea_use": "使用表 use",
    "seea_asset": "资产账户 assets",
}


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the SEEA tables of a ledger in the layout of the standard, by account (标准表式).

    Rows are items, columns measures; supply and use have a row for quantity and one for money.
    """
    found = {}
    for account in SHEETS:
        rows = frame[frame["account"] == account]
        if rows.empty:
            continue
        wide = rows.pivot_table(
            index=["item", "unit"], columns="measure", values="value", aggfunc="sum", sort=False
        )
        order = {
            "seea_extent": EXTENT,
            "seea_asset": ASSET,
            "seea_supply": groups(),
            "seea_use": USERS,
        }.get(account, list(wide.columns))
        found[account] = wide[[c for c in order if c in wide.columns]].reset_index()
    return found


def write_workbook(frame: pd.DataFrame, path: Path) -> None:
    """Write the SEEA tables of a ledger as an XLSX workbook, a sheet a table."""
    with pd.ExcelWriter(path, engine="openpyxl") as writer:
        for account, table in tables(frame).items():
            table.to_excel(writer, sheet_name=SHEETS[account], index=False)
