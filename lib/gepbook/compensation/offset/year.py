"""The balance of one year: what is lost, what sites give, who takes which (年度占补平衡)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gepbook.accounting import sites
from gepbook.compensation.offset import balance
from gepbook.compensation.offset.balance import NAME, Demand, Supply, long, wide
from gepbook.compensation.offset.rules import TIERS, OffsetParams, time_discount

REGISTRY = [
    "year", "county_code", "project_id", "offset_id", "offset_county_code", "tier", "area_ha",
    "ratio", "discount", "unit_cost_cny_ha", "cost_cny",
]  # fmt: skip
CREDITS = ["year", "county_code", "project_id", "offset_id", NAME, "unit", "credited"]
BALANCE = [
    "year", "county_code", "project_id", NAME, "service", "unit", "loss", "sensitivity_ratio",
    "required", "credited", "shortfall", "loss_cny", "price_cny", "money_cny",
]  # fmt: skip
PROJECTS = [
    "year", "county_code", "project_id", "name", "party", "area_ha", "offset_ha", "loss_cny",
    "required_cny", "credited_cny", "short_cny", "value_short_cny", "cost_cny", "money_cny",
]  # fmt: skip


TIER_NAMES = list(TIERS)


@dataclass(frozen=True)
class Balanced:
    """The balance of one year (年度占补平衡); rows as in the tables of the scheme."""

    hectares: pd.DataFrame
    registry: pd.DataFrame
    credits: pd.DataFrame
    balance: pd.DataFrame
    projects: pd.DataFrame


def by_quantity(accounts: pd.DataFrame, one_quantity: Iterable[str]) -> pd.DataFrame:
    """Return the accounts of sites by what is balanced: a component, or a service as one quantity.

    Parameters
    ----------
    accounts : DataFrame
        See `sites.read`.
    one_quantity : iterable of str
        Services whose components add up.

    Returns
    -------
    DataFrame indexed by (site_id, quantity), columns as before and `service`
    """
    frame = accounts.reset_index()
    whole = frame["service"].isin(set(one_quantity))
    parts = frame["service"] + "." + frame["component"]
    frame[NAME] = parts.where(~whole, frame["service"])
    amounts = [f"{face}_{state}" for face in sites.FACES for state in sites.STATES]
    how: dict[str, Any] = {**dict.fromkeys(amounts, "sum"), "service": "first", "unit": "first"}
    return frame.groupby(["site_id", NAME]).agg(how)


def memberships(links: pd.DataFrame) -> dict[str, set[str]]:
    """Return the basins that each county lies in (所属流域), from the links of rivers."""
    found: dict[str, set[str]] = {}
    for side in ("upstream", "downstream"):
        for code, name in zip(links[side], links["basin"], strict=True):
            found.setdefault(code, set()).add(name)
    return found


def tier(project_county: str, offset_county: str, basins: dict[str, set[str]]) -> int:
    """Return how far an offset is: 0 in the county, 1 in a basin that both share, 2 in the province."""
    if project_county == offset_county:
        return 0
    shared = basins.get(project_county, set()) & basins.get(offset_county, set())
    return 1 if shared else 2


def losses(accounts: pd.DataFrame, rules: OffsetParams) -> pd.DataFrame:
    r"""Return what occupations take and have to be offset by, indexed by (site_id, quantity).

    Returns
    -------
    DataFrame with `service`, `unit`, `loss` (above 0), `loss_cny`, `price_cny`, `sensitivity_ratio`,
    `required`

    Notes
    -----
    .. math:: R_s = \rho_s \, \max(Q_s^{before} - Q_s^{after}, 0)

    Source: proposal of this workbook for 浙委办发〔2021〕82号 三(三).
    """
    loss = accounts["physical_before"] - accounts["physical_after"]
    found = accounts.assign(loss=loss, loss_cny=accounts["value_before"] - accounts["value_after"])[
        loss > 0
    ]
    ratio = found["service"].map(rules.sensitivity).astype("float64")
    return found.assign(
        price_cny=found["loss_cny"] / found["loss"],
        sensitivity_ratio=ratio,
        required=ratio * found["loss"],
    )[["service", "unit", "loss", "loss_cny", "price_cny", "sensitivity_ratio", "required"]]


def _supply(
    offsets: pd.DataFrame,
    accounts: pd.DataFrame,
    quantities: pd.Index,
    free_ha: pd.Series,
    discount: pd.Series,
) -> Supply:
    """Return what the offset sites of a year can give per hectare of some quantities."""
    own = accounts[accounts.index.get_level_values(0).isin(offsets.index)]
    gain = wide(own["physical_after"] - own["physical_before"])
    value = (own["value_after"] - own["value_before"]).groupby(level=0).sum()
    factor = discount / offsets["area_ha"]
    return Supply(
        gain.reindex(index=offsets.index, columns=quantities).fillna(0.0).mul(factor, axis=0),
        value.reindex(offsets.index, fill_value=0.0) * factor,
        free_ha.loc[offsets.index],
        offsets["unit_cost_cny_ha"],
    )


def balance_year(
    year: int,
    features: pd.DataFrame,
    accounts: pd.DataFrame,
    free_ha: pd.Series,
    rules: OffsetParams,
    basins: dict[str, set[str]],
) -> Balanced:
    """Return the balance of a year's occupations on the hectares that are left.

    Parameters
    ----------
    year : int
    features : DataFrame indexed by site_id, columns of `project_sites` and `area_ha`
        Occupations of the year and offsets until then that have an account.
    accounts : DataFrame
        See `by_quantity`, of the year.
    free_ha : Series by site, ha
    rules : OffsetParams
    basins : dict
        See `memberships`.
    """
    projects = features[features["kind"] == "occupation"].sort_index()
    offsets = features[features["kind"] == "offset"].sort_index()
    left = (offsets["maturity_year"] - (year - offsets["year"])).clip(lower=0.0)
    discount = left.map(lambda m: time_discount(m, rules.discount_rate_percent)).astype("float64")
    own = accounts[accounts.index.get_level_values(0).isin(projects.index)]
    lost = losses(own, rules)
    wanted = wide(lost["required"]).reindex(projects.index)
    supply = _supply(offsets, accounts, wanted.columns, free_ha, discount)
    far = pd.DataFrame(
        [[tier(p, o, basins) for o in offsets["county_code"]] for p in projects["county_code"]],
        index=projects.index,
        columns=offsets.index,
        dtype="int64",
    )
    by_tier = {far_off: rules.location_ratio[name] for far_off, name in enumerate(TIERS)}
    ratio = far.replace(by_tier).astype("float64")
    demand = Demand(wanted, wide(lost["price_cny"]).reindex_like(wanted), ratio, far)
    hectares = balance.assign(demand, supply, rules.fallback_years, rules.least_parcel_ha)
    credits = balance.credit(hectares, demand, supply)
    credited = credits.groupby(level=0).sum().reindex(projects.index, fill_value=0.0)
    short = balance.shortfall(wanted, credited)
    table = lost.rename_axis(index=["project_id", NAME]).copy()
    table["credited"] = long(credited).reindex(lost.index).fillna(0.0).to_numpy()
    table["shortfall"] = long(short).reindex(lost.index).fillna(0.0).to_numpy()
    table["money_cny"] = table["shortfall"] * table["price_cny"] * rules.fallback_years
    county = projects["county_code"]
    table = table.reset_index()
    table.insert(0, "year", year)
    table.insert(1, "county_code", table["project_id"].map(county))
    used = long(hectares)
    places = [(p, o, x, TIER_NAMES[far.loc[p, o]]) for (p, o), x in used[used > 0].items()]
    registry = pd.DataFrame(
        [
            {
                "year": year,
                "county_code": county[project],
                "project_id": project,
                "offset_id": site,
                "offset_county_code": offsets.loc[site, "county_code"],
                "tier": name,
                "area_ha": area,
                "ratio": rules.location_ratio[name],
                "discount": discount[site],
                "unit_cost_cny_ha": supply.cost[site],
                "cost_cny": round(area * supply.cost[site], 2),
            }
            for project, site, area, name in places
        ],
        columns=REGISTRY,
    )
    units = lost["unit"].to_dict()
    credit_rows = [
        {
            "year": year,
            "county_code": county[project],
            "project_id": project,
            "offset_id": site,
            NAME: quantity,
            "unit": units[project, quantity],
            "credited": credited_here,
        }
        for (project, site), row in credits.iterrows()
        for quantity, credited_here in row.items()
        if (project, quantity) in units
    ]
    worth = (hectares / ratio).mul(supply.value, axis=1).sum(axis=1)
    return Balanced(
        hectares,
        registry,
        pd.DataFrame(credit_rows, columns=CREDITS),
        table.reindex(columns=BALANCE),
        _project_rows(year, projects, table, registry, worth, rules.fallback_years),
    )


def _project_rows(
    year: int,
    projects: pd.DataFrame,
    table: pd.DataFrame,
    registry: pd.DataFrame,
    worth: pd.Series,
    years: int,
) -> pd.DataFrame:
    r"""Return one row a project: what it takes, what offsets it, what is paid.

    Notes
    -----
    .. math:: F = T \left(\sum_s u_s p_s + v\right)

    u short, p price, v value still short, T years. Source: proposal of this workbook.
    """
    money = pd.DataFrame(
        {
            "project_id": table["project_id"],
            "loss_cny": table["loss_cny"],
            "required_cny": table["required"] * table["price_cny"],
            "short_cny": table["shortfall"] * table["price_cny"],
        }
    )
    sums = money.groupby("project_id").sum().reindex(projects.index)
    bought = registry.groupby("project_id")[["area_ha", "cost_cny"]].sum()
    sums[["offset_ha", "cost_cny"]] = bought.reindex(projects.index)
    sums = sums.assign(credited_cny=worth).astype("float64").fillna(0.0)
    left = sums["required_cny"] - sums["credited_cny"] - sums["short_cny"]
    sums["value_short_cny"] = left.where(left > balance.TOLERANCE * sums["required_cny"], 0.0)
    sums["money_cny"] = (years * (sums["short_cny"] + sums["value_short_cny"])).round(2)
    rows = projects[["county_code", "name", "party", "area_ha"]].join(sums)
    return rows.rename_axis("project_id").reset_index().assign(year=year).reindex(columns=PROJECTS)
