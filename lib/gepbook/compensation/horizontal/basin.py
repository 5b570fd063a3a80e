r"""Compensation along a whole river, every county with its neighbours (全流域上下游横向补偿).

Each county has a claim for the services its water carries downstream. A county downstream bears a part of
what arrives with the water, by its benefit, and passes the rest on with its own claim:

.. math:: f_j = \frac{u_j}{u_j + \sum_{k \in D(j)} u_k}, \quad
   a_j = \sum_{i \to j} s_{ij} (c_i + (1 - f_i) a_i), \quad net_j = c_j - f_j a_j

c is the claim, a what arrives, D(j) the counties downstream of j, each once, s_ij the share of i's
outflow that goes to j. A mouth has no claim and bears all that arrives: the nets of a basin sum to 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import networkx as nx
import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from gepbook import counties, ledger, paths, rule_table
from gepbook.compensation import flows
from gepbook.compensation.horizontal import water_quality
from gepbook.compensation.horizontal.cross_province import SCHEME
from gepbook.compensation.horizontal.data import service_value
from gepbook.compensation.horizontal.water_quality import WaterQualityParams
from gepbook.compensation.scheme import SchemeResult
from gepbook.errors import ParameterError, near
from gepbook.params import SUM_ROUNDING, Params, check_weights, parameter
from gepbook.province import Province, Registers
from gepbook.rule_table import RowProblem

SECTION = "horizontal_basin"
PATH = paths.PARAMS / "policy" / "river_links.csv"
METHOD = "design/horizontal_basin"
COLUMNS = ["basin", "upstream", "downstream", "share", "river", "source", "confidence"]
BASINS = ("钱塘江", "瓯江", "椒江", "甬江", "苕溪", "运河", "飞云江", "鳌江")
LINK = ["upstream", "downstream", "share", "amount_cny"]
#: Benefits by which counties bear what arrives: statistics of the ledger and their price basis.
BENEFITS = {"gdp": "current", "resident_population": ""}
Service = Literal[
    "water_conservation", "soil_retention", "flood_mitigation", "water_purification",
    "climate_regulation",
]  # fmt: skip


class BasinParams(Params):
    """Rules of compensation along whole rivers (全流域横向补偿)."""

    provincial = True

    settled: list[str] = parameter("1", "进行结算的流域")
    pay_rate: float = parameter("1", "补偿额占服务价值的比例", ge=0, le=1)
    services: list[Service] = parameter("1", "随水惠及下游的调节服务", min_length=1)
    benefit_weights: dict[str, Annotated[float, Field(ge=0, le=1)]] = parameter(
        "1", "下游受益权重: 地区生产总值、常住人口"
    )
    basin_shares: dict[str, dict[str, Annotated[float, Field(gt=0, le=1)]]] = parameter(
        "1", "县域面积在各流域的比例"
    )

    @field_validator("settled")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        if unknown := sorted(set(names) - set(BASINS)):
            raise ValueError(f"knows no basin {unknown[0]!r}.{near(unknown[0], BASINS)}")
        return names

    @field_validator("services")
    @classmethod
    def _once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("must name each service once")
        return names

    @field_validator("benefit_weights")
    @classmethod
    def _add_up(cls, weights: dict[str, float]) -> dict[str, float]:
        check_weights(weights, BENEFITS)
        return weights

    @field_validator("basin_shares")
    @classmethod
    def _fit(cls, shares: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for code, parts in shares.items():
            if sum(parts.values()) > 1 + SUM_ROUNDING:
                raise ValueError(f"shares of {code} are more than 1 together")
        return shares


def read_links(path: Path = PATH) -> pd.DataFrame:
    """Return the links of all rivers (河流上下游关系); the index is the line in the file.

    Raises
    ------
    ParameterError
        All that is wrong at once: unknown basins or counties, links to oneself or given twice, shares
        of a county that do not sum to 1, circles.
    """
    raw = rule_table.read(path, COLUMNS)
    links = raw.assign(share=pd.to_numeric(raw["share"], errors="coerce"))
    rule_table.refuse(path, _link_problems(raw, links), _basin_problems(links))
    return links


def _link_problems(raw: pd.DataFrame, links: pd.DataFrame) -> Iterator[RowProblem]:
    """Give what is wrong in single links, with their lines."""
    known = set(counties.read().index)
    seen: dict[tuple[str, str, str], Any] = {}
    for row in links.itertuples():
        if row.basin not in BASINS:
            yield (
                row.Index,
                f"{row.basin!r} is no basin.{near(row.basin, BASINS)} Take one of "
                f"{', '.join(BASINS)}.",
            )
        for code in [code for code in (row.upstream, row.downstream) if code not in known]:
            yield (
                row.Index,
                f"{code!r} is no county.{near(code, known)} Give a code of params/counties.csv.",
            )
        if row.upstream == row.downstream:
            yield row.Index, f"{row.upstream} flows into itself. Take the link out."
        if not 0 < row.share <= 1:
            yield (
                row.Index,
                f"share must be above 0 and at most 1, got {raw.loc[row.Index, 'share']!r}. "
                "Correct it.",
            )
        key = (row.basin, row.upstream, row.downstream)
        if key in seen:
            yield row.Index, f"the link stands already in line {seen[key]}. Take one out."
        seen.setdefault(key, row.Index)
    yield from rule_table.source_problems(raw)


def _basin_problems(links: pd.DataFrame) -> Iterator[str]:
    """Give what is wrong in basins: shares that do not sum to 1, circles."""
    sums = links.groupby(["basin", "upstream"], sort=False)["share"].sum()
    for (basin, code), total in sums.items():
        if not abs(total - 1) <= SUM_ROUNDING:
            yield f"the shares of {code} in {basin} must sum to 1, sum is {total:.6g}. Correct them."
    names = counties.read()["name_zh"]
    for basin, own in links[links["upstream"] != links["downstream"]].groupby("basin", sort=False):
        try:
            circle = nx.find_cycle(graph(own))
        except nx.NetworkXNoCycle:
            continue
        around = [edge[0] for edge in circle] + [circle[0][0]]
        yield (
            f"{basin} runs in a circle: "
            f"{' → '.join(f'{names.get(c, c)} ({c})' for c in around)}. Take out a link."
        )


def graph(links: pd.DataFrame) -> nx.DiGraph:
    """Return the links of a basin as a graph from upstream to downstream, with their shares."""
    return nx.from_pandas_edgelist(links, "upstream", "downstream", "share", nx.DiGraph)


def downstream_sum(river: nx.DiGraph, weights: pd.Series) -> pd.Series:
    """Return the weights of all counties downstream of each, every county counted once.

    Parameters
    ----------
    river : DiGraph
        Without circles.
    weights : Series indexed by county code

    Returns
    -------
    Series, same unit, indexed by county code; 0 at a mouth

    Notes
    -----
    Goes up the river and keeps, for each county, which counties its water reaches: bifurcations that
    join again are not counted twice, as sums along the links would.
    """
    order = list(nx.topological_sort(river))
    place = {code: i for i, code in enumerate(order)}
    amounts = weights[order].to_numpy("float64")
    reached = np.zeros((len(order), len(order)), dtype=bool)
    sums = np.zeros(len(order))
    for i in reversed(range(len(order))):
        below = [place[code] for code in river.successors(order[i])]
        if below:
            reached[i] = reached[below].any(axis=0)
            reached[i, below] = True
            sums[i] = amounts[reached[i]].sum()
    return pd.Series(sums, index=order)


def settle(
    river: nx.DiGraph, claims: pd.Series, weights: pd.Series
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what every county of a basin claims, bears and passes on, and what goes over each link.

    Parameters
    ----------
    river : DiGraph
        Upstream to downstream with `share`; without circles, shares of a county sum to 1.
    claims : Series, CNY a-1, indexed by county code
        May be below 0: a county whose water misses its target owes those downstream. Mouths have none.
    weights : Series, > 0, indexed by county code
        Benefit by which what arrives is borne.

    Returns
    -------
    (counties, links)
        Counties: DataFrame indexed by code down the river, columns `claim_cny`, `arriving_cny`,
        `borne_share`, `borne_cny`, `passed_cny`, `net_cny`, `mouth`. Links: `upstream`, `downstream`,
        `share`, `amount_cny` that downstream pays upstream.

    Raises
    ------
    ParameterError
        For a weight that is missing or not above 0, or a claim that is missing.

    Notes
    -----
    Formula in the module's docstring.  Source: proposal of this workbook.
    """
    order = list(nx.topological_sort(river))
    mouth = pd.Series([river.out_degree(code) == 0 for code in order], index=order)
    claims, weights = claims.reindex(order).where(~mouth, 0.0), weights.reindex(order)
    _refuse_gaps(claims, weights)
    below = downstream_sum(river, weights)
    own = claims.to_dict()
    borne_share = (weights / (weights + below)).to_dict()
    arriving = dict.fromkeys(order, 0.0)
    passed, links = {}, []
    for code in order:
        passed[code] = own[code] + arriving[code] * (1 - borne_share[code])
        for down, edge in river.adj[code].items():
            amount = passed[code] * edge["share"]
            arriving[down] += amount
            links.append((code, down, edge["share"], amount))
    table = pd.DataFrame(
        {
            "claim_cny": own,
            "arriving_cny": arriving,
            "borne_share": borne_share,
            "passed_cny": passed,
            "mouth": mouth,
        }
    ).loc[order]
    table["borne_cny"] = table["borne_share"] * table["arriving_cny"]
    table["net_cny"] = table["claim_cny"] - table["borne_cny"]
    return table, pd.DataFrame(links, columns=LINK)


def _refuse_gaps(claims: pd.Series, weights: pd.Series) -> None:
    """Refuse counties without a claim, or without a weight above 0."""
    problems = [f"basin: {code} has no claim." for code in claims.index[claims.isna()]]
    problems += [
        f"basin: the weight of {code} must be above 0, got {weight}."
        for code, weight in weights.items()
        if not weight > 0
    ]
    if problems:
        raise ParameterError(problems)


def basin_shares(links: pd.DataFrame, rules: BasinParams) -> pd.DataFrame:
    """Return which share of each county lies in each basin, counties × basins, 0 where none."""
    ends = pd.concat(
        [links[["basin", side]].set_axis(["basin", "county_code"], axis=1)
         for side in ("upstream", "downstream")]
    ).drop_duplicates()  # fmt: skip
    given = [
        rules.basin_shares.get(code, {}).get(basin, 1.0)
        for basin, code in zip(ends["basin"], ends["county_code"], strict=True)
    ]
    table = ends.assign(share=given).pivot_table(
        index="county_code", columns="basin", values="share", fill_value=0.0
    )
    return table[[basin for basin in BASINS if basin in table]]


def check(
    registers: Registers, rules: BasinParams, links: pd.DataFrame, agreements: pd.DataFrame
) -> list[str]:
    """Return what keeps settled basins from being settled, and what would be paid twice."""
    problems = _share_problems(rules, links)
    rivers = {str(basin): graph(own) for basin, own in links.groupby("basin")}
    problems += [
        f"{SECTION}.settled: {basin} has no links in {PATH}. Add them or take it out."
        for basin in rules.settled
        if basin not in rivers
    ]
    settled = {basin: rivers[basin] for basin in rules.settled if basin in rivers}
    for line, row in agreements.iterrows():
        problems += [
            f"{registers.year}: the agreement of {row['upstream']} and {row['downstream']} "
            f"(horizontal_agreements.csv, line {line}) lies in {basin}, which is settled as a whole: "
            f"it would pay twice. End the agreement or take {basin} out of {SECTION}.settled."
            for basin, river in settled.items()
            if set(row["upstream_counties"]) & set(river)
            and set(row["downstream_counties"]) & set(river)
        ]
    if not registers.lacking(water_quality.TABLE):
        claiming = {c for river in settled.values() for c in river if river.out_degree(c)}
        claiming &= set(registers.pack.boundaries.index)
        problems += water_quality.missing_sections(registers, registers.year, claiming)
    return problems


def _share_problems(rules: BasinParams, links: pd.DataFrame) -> list[str]:
    """Return counties of several basins without shares, and shares of basins without links."""
    ends = pd.concat([links.groupby(side)["basin"].agg(set) for side in ("upstream", "downstream")])
    lies_in: dict[str, set[str]] = {}
    for code, basins in ends.items():
        lies_in.setdefault(str(code), set()).update(basins)
    problems = []
    for code, basins in sorted(lies_in.items()):
        given = set(rules.basin_shares.get(code, {}))
        if (len(basins) > 1 or given) and given != basins:
            problems.append(
                f"{SECTION}.basin_shares: {code} has links in {'、'.join(sorted(basins))}, but shares "
                f"of {'、'.join(sorted(given)) or 'none'}. Give a share of each."
            )
    problems += [
        f"{SECTION}.basin_shares: {code} has no links in {PATH}.{near(code, lies_in)} Take it out."
        for code in sorted(set(rules.basin_shares) - set(lies_in))
    ]
    return problems


def compute(
    province: Province, rules: BasinParams, quality: WaterQualityParams, links: pd.DataFrame
) -> SchemeResult:
    """Return every basin's chain, and the payments of those that are settled."""
    if lacking := province.registers.lacking(water_quality.TABLE):
        return SchemeResult(lacking=tuple(lacking))
    shares = basin_shares(links, rules)
    counted = _counted(province, rules, quality)
    states, chains, amounts = [], [], []
    for basin in shares:
        own = links[links["basin"] == basin]
        river = graph(own)
        frame = counted.reindex(list(river)).assign(basin_share=shares[basin])
        claims = rules.pay_rate * frame["service_value_cny"] * frame["score"] * frame["basin_share"]
        weights = benefit(frame[list(BENEFITS)], frame["basin_share"], rules.benefit_weights)
        unknown = _unknown(river, claims, weights)
        settled = basin in rules.settled and not unknown
        states.append(
            {"basin": basin, "counties": len(river), "settled": settled, "unknown": unknown}
        )
        if unknown:
            continue
        chain, over = settle(river, claims, weights)
        seen = frame.loc[chain.index, ["basin_share", "service_value_cny", "score"]]
        chain = pd.concat([chain, seen], axis=1).assign(basin=basin, settled=settled)
        chains.append(chain.rename_axis("county_code").reset_index())
        over = over.merge(own[["upstream", "downstream", "river"]], on=["upstream", "downstream"])
        amounts.append(over.assign(basin=basin, settled=settled))
    tables = {"basins": pd.DataFrame(states)}
    if not chains:
        return SchemeResult(tables=tables)
    tables["basin_counties"] = pd.concat(chains, ignore_index=True)
    tables["basin_links"] = pd.concat(amounts, ignore_index=True)
    common = {
        "origin": province.origin(water_quality.TABLE, accounts=True),
        "quality": province.quality(SECTION, water_quality.SECTION),
    }
    return SchemeResult(
        flows=_payments(tables["basin_links"], common),
        tables=tables,
        figures=_figures(tables["basin_counties"], {**common, "price_year": province.year}),
    )


def _counted(province: Province, rules: BasinParams, quality: WaterQualityParams) -> pd.DataFrame:
    """Return what claims and benefits are worked out from, by county; NaN where unknown."""
    known = {
        "service_value_cny": service_value(province, rules.services, "value", "current"),
        "score": water_quality.outflow(province.registers, province.year, quality)["score"],
    }
    benefits = {k: province.values("statistics", k, "value", b) for k, b in BENEFITS.items()}
    return pd.DataFrame({**known, **benefits})


def benefit(amounts: pd.DataFrame, share: pd.Series, mix: Mapping[str, float]) -> pd.Series:
    r"""Return the benefit weights of a basin's counties, which sum to 1; NaN where one is unknown.

    Parameters
    ----------
    amounts : DataFrame, counties × benefits, ≥ 0
        Economy, people.
    share : Series
        Share of each county that lies in the basin.
    mix : mapping
        Weight of each benefit; sum to 1.

    Notes
    -----
    .. math:: u_j = \sum_b w_b \frac{h_j x_{bj}}{\sum_k h_k x_{bk}}

    Source: proposal of this workbook.
    """
    inside = amounts.mul(share, axis=0)
    return inside.div(inside.sum()).mul(pd.Series(mix)).sum(axis=1, skipna=False)


def _unknown(river: nx.DiGraph, claims: pd.Series, weights: pd.Series) -> str:
    """Return the names of counties that a basin cannot be worked out without."""
    claiming = pd.Series([river.out_degree(code) > 0 for code in claims.index], index=claims.index)
    lacking = claims.index[(claims.isna() & claiming) | ~(weights > 0)]
    return "、".join(counties.name_zh(code) for code in lacking)


def _payments(over: pd.DataFrame, common: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what each county of a settled basin pays its neighbours upstream."""
    name = counties.name_zh
    return [
        flows.flow(
            scheme=SCHEME, rule=f"{SECTION}/{row.basin}", payer=row.downstream, payee=row.upstream,
            basis=f"{row.basin}：{name(row.upstream)}流入{name(row.downstream)}",
            amount_cny=row.amount_cny, **common,
        )
        for row in over[over["settled"]].itertuples()
    ]  # fmt: skip


def _figures(chain: pd.DataFrame, common: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what counties of settled basins claim, bear and keep, as ledger rows."""
    measures = ["claim_cny", "borne_cny", "net_cny"]
    own = chain[chain["settled"]].groupby("county_code")[measures].sum()
    return [
        (
            str(code),
            ledger.entry(
                "compensation", "horizontal.basin", measure.removesuffix("_cny"), row[measure], "CNY",
                method_id=METHOD, price_basis="current", **common,
            ),
        )
        for code, row in own.iterrows()
        for measure in measures
    ]  # fmt: skip
