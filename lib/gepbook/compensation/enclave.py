r"""Enclaves: an ecological county builds in another county and shares what it earns (生态飞地).

Profit and local tax go to the partners by what they bring: capital, land quota and the supply of
ecosystem services. An ecological partner is guaranteed a least return by the host; losses are borne by
capital alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from pydantic import field_validator

from gepbook import counties, ledger
from gepbook.compensation import flows, parties
from gepbook.compensation.rounding import CENTS_PER_YUAN, apportion, split_money, to_cents
from gepbook.compensation.scheme import Scheme, SchemeResult
from gepbook.errors import CoverageError
from gepbook.params import ParameterSet, Params, check_weights, parameter
from gepbook.province import Province, Registers

SECTION = "enclave"
RESULTS, PARTNERS = "enclaves", "enclave_partners"
ECOLOGICAL, HOST = "ecological", "host"
#: What partners are weighed by, and the column that holds it.
CONTRIBUTIONS = {
    "capital": "capital_cny",
    "land_quota": "land_quota_ha",
    "ecological_supply": "ecological_supply_cny",
}
CONTRIBUTION_ZH = {
    "capital": "出资",
    "land_quota": "用地指标",
    "ecological_supply": "调节服务供给",
}
PROFIT, LOSS, NO_ACCOUNT = "盈利", "亏损", "未结算"


class EnclaveParams(Params):
    """Rules of 生态飞地: weights of the shares, guaranteed returns, return of tax."""

    provincial = True

    weights: dict[str, float] = parameter("1", "出资、用地指标与调节服务供给的权重 α、β、γ")
    guaranteed_return_on_capital: float = parameter("a-1", "出资保底收益率", ge=0, lt=1)
    guaranteed_return_on_quota_cny_ha: float = parameter(
        "CNY ha-1 a-1", "用地指标每公顷保底收益", ge=0
    )
    guarantee_in_loss_years: bool = parameter("1", "亏损年份是否保底")
    tax_return: dict[str, float] = parameter(
        "1", "落地县将地方税收返还生态县的比例，按落地县；未列者按份额分享"
    )

    @field_validator("weights")
    @classmethod
    def _weighs(cls, value: dict[str, float]) -> dict[str, float]:
        check_weights(value, CONTRIBUTIONS)
        if min(value.values()) < 0:
            raise ValueError("must not be negative")
        return value

    @field_validator("tax_return")
    @classmethod
    def _returns(cls, value: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(value) - set(counties.read().index))
        if unknown:
            raise ValueError(f"names no county of the province: {', '.join(unknown)}")
        if any(not 0 <= share <= 1 for share in value.values()):
            raise ValueError("must lie between 0 and 1")
        return value


def share_parts(contributions: pd.DataFrame, weights: Mapping[str, float]) -> pd.DataFrame:
    r"""Return what each contribution adds to the partners' shares of an enclave (分配份额).

    Parameters
    ----------
    contributions : DataFrame, partners × (capital, land_quota, ecological_supply), ≥ 0
        Of each column only the proportions count.
    weights : mapping
        Sums to 1.

    Returns
    -------
    DataFrame, same shape, sum over all 1
        A partner's share is the sum of its row. The weight of something that no partner brings goes to
        the rest in proportion.

    Raises
    ------
    CoverageError
        When nobody brings anything that has a weight.

    Notes
    -----
    .. math:: s_k = α \frac{C_k}{ΣC} + β \frac{L_k}{ΣL} + γ \frac{G_k}{ΣG}

    Source: proposal of this workbook after 浙委办发〔2021〕82号 五(二).
    """
    totals = contributions.sum()
    weight = pd.Series(weights)[contributions.columns].where(totals > 0, 0.0)
    if weight.sum() == 0:
        raise CoverageError("enclave: no partner brings anything that has a weight.")
    return contributions / totals.where(totals > 0, 1.0) * (weight / weight.sum())


def guaranteed(partners: pd.DataFrame, rules: EnclaveParams) -> pd.Series:
    """Return what the ecological partners are guaranteed a year, CNY a-1 (保底收益); hosts 0.

    Parameters
    ----------
    partners : DataFrame with `role`, `capital_cny`, `land_quota_ha`
    """
    least = (
        partners["capital_cny"] * rules.guaranteed_return_on_capital
        + partners["land_quota_ha"] * rules.guaranteed_return_on_quota_cny_ha
    )
    return least.where(partners["role"] == ECOLOGICAL, 0.0).round(2)


def share_tax(
    tax_cny: float, share: pd.Series, ecological: pd.Series, returned: float
) -> pd.Series:
    """Return the partners' parts of the local tax, CNY, adding up to it (地方税收分享).

    Parameters
    ----------
    tax_cny : float, CNY, ≥ 0
    share : Series, partners
    ecological : Series of bool, partners
    returned : float
        Part of the tax that goes to the ecological partners, by their shares; the host keeps the rest.
        NaN where no return was agreed: then all share by `share`.
    """
    own = share.where(ecological, 0.0)
    if pd.isna(returned) or own.sum() == 0:
        return split_money(tax_cny, share)
    back = to_cents(tax_cny * returned)
    parts = apportion(back, own) + apportion(
        to_cents(tax_cny) - back, (~ecological).astype("float64")
    )
    return parts / CENTS_PER_YUAN


def settle(
    net_profit_cny: float, local_tax_cny: float, partners: pd.DataFrame, rules: EnclaveParams
) -> pd.DataFrame:
    """Return what each partner of an enclave gets and bears in a year (飞地结算).

    Parameters
    ----------
    net_profit_cny : float, CNY
        Below 0 in a year of loss.
    local_tax_cny : float, CNY, ≥ 0
    partners : DataFrame indexed by county code
        `role` (one host), `capital_cny`, `land_quota_ha`, `ecological_supply_cny`.

    Returns
    -------
    DataFrame, same index, CNY
        `share` and its parts `capital_share`, `land_quota_share`, `ecological_supply_share`;
        `profit_cny`, `tax_cny` and `loss_cny` sum to what was shared, to the cent;
        `guaranteed_cny`; `top_up_cny`, what the host adds up to the guarantee, sums to 0;
        `net_cny` = profit + tax + top-up − loss.
    """
    ecological = partners["role"] == ECOLOGICAL
    host = partners.index[~ecological][0]
    contributions = partners[list(CONTRIBUTIONS.values())].set_axis(list(CONTRIBUTIONS), axis=1)
    parts = share_parts(contributions, rules.weights)
    share = parts.sum(axis=1)
    profit = split_money(max(net_profit_cny, 0.0), share)
    loss = split_money(max(-net_profit_cny, 0.0), partners["capital_cny"])
    tax = share_tax(local_tax_cny, share, ecological, rules.tax_return.get(str(host), float("nan")))
    least = guaranteed(partners, rules)
    if net_profit_cny < 0 and not rules.guarantee_in_loss_years:
        least *= 0.0
    top_up = (least - profit).clip(lower=0).where(ecological, 0.0).round(2)
    top_up[host] = 0.0 - round(float(top_up.sum()), 2)
    return pd.DataFrame(
        {
            **{f"{name}_share": parts[name] for name in parts},
            "share": share,
            "profit_cny": profit,
            "tax_cny": tax,
            "guaranteed_cny": least,
            "top_up_cny": top_up,
            "loss_cny": loss,
            "net_cny": (profit + tax + top_up - loss).round(2),
        }
    )


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in the registers of enclaves and their partners."""
    if not all(registers.pack.has(name) for name in (RESULTS, PARTNERS)):
        return []
    results, partners = registers.table(RESULTS), registers.table(PARTNERS)
    problems = [
        *registers.row_problems(RESULTS, results),
        *registers.row_problems(PARTNERS, partners),
    ]
    reported = set(registers.pack.table(RESULTS)["enclave_id"])
    for enclave, own in partners.groupby("enclave_id", sort=False):
        problems += _partner_problems(registers, str(enclave), own, enclave in reported)
    hosts = partners[partners["role"] == HOST].groupby("enclave_id")["county_code"].agg(list)
    for row in results.itertuples():
        place = registers.place(RESULTS, row.Index)
        if row.enclave_id not in set(partners["enclave_id"]):
            problems.append(
                f"{place}: enclave {row.enclave_id!r} has results but no partners. Add them to "
                f"{PARTNERS}, or correct the id."
            )
        elif row.county_code not in hosts.get(row.enclave_id, [row.county_code]):
            problems.append(
                f"{place}: enclave {row.enclave_id!r} lies in {row.county_code}, but its host in "
                f"{PARTNERS} is {', '.join(hosts[row.enclave_id])}. Correct one of the two."
            )
    return problems


def _partner_problems(
    registers: Registers, enclave: str, own: pd.DataFrame, reported: bool
) -> Iterator[str]:
    """Give what is wrong with the partners of one enclave together."""
    place = registers.place(PARTNERS, own.index[0])
    if not reported:
        yield (
            f"{place}: enclave {enclave!r} has partners but no result in any year. Add it to "
            f"{RESULTS}, or correct the id."
        )
    roles = own["role"].value_counts()
    if roles.get(HOST, 0) != 1:
        yield (
            f"{place}: enclave {enclave!r} must have one host, got {roles.get(HOST, 0)}. "
            f"Give the county it lies in the role {HOST!r}."
        )
    if roles.get(ECOLOGICAL, 0) == 0:
        yield (
            f"{place}: enclave {enclave!r} has no ecological partner. Give the county that supplies "
            f"ecological products the role {ECOLOGICAL!r}."
        )
    if own["capital_cny"].sum() == 0:
        yield (
            f"{place}: the partners of enclave {enclave!r} hold no capital, got 0 CNY in all. Give "
            "what each paid in: losses are borne by capital."
        )


def compute(province: Province) -> SchemeResult:
    """Return the year's settlement of every enclave."""
    lacking = tuple(province.registers.lacking(RESULTS, PARTNERS))
    if lacking:
        return SchemeResult(lacking=lacking)
    rules = province.rules(SECTION, EnclaveParams)
    partners = province.registers.table(PARTNERS).assign(
        ecological_supply_cny=lambda frame: _supply(province, frame)
    )
    enclaves, settled = [], []
    for enclave in province.registers.table(RESULTS).sort_values("enclave_id").itertuples():
        own = partners[partners["enclave_id"] == enclave.enclave_id].set_index("county_code")
        accounted = own["ecological_supply_cny"].notna().all()
        state = PROFIT if enclave.net_profit_cny >= 0 else LOSS
        enclaves.append(
            {
                "enclave_id": enclave.enclave_id,
                "county_code": enclave.county_code,
                "name": enclave.name,
                "net_profit_cny": enclave.net_profit_cny,
                "local_tax_cny": enclave.local_tax_cny,
                "state": state if accounted else NO_ACCOUNT,
            }
        )
        if accounted:
            parts = settle(enclave.net_profit_cny, enclave.local_tax_cny, own, rules)
            named = own.assign(
                name=enclave.name,
                host=enclave.county_code,
                tax_rule="tax_return" if enclave.county_code in rules.tax_return else "tax",
            )
            settled.append(pd.concat([named, parts], axis=1).reset_index())
    tables = {"enclaves": pd.DataFrame(enclaves)}
    if settled:
        tables["partners"] = pd.concat(settled, ignore_index=True)
    rows = list(tables["partners"].itertuples()) if settled else []
    common = {
        "origin": province.origin(RESULTS, PARTNERS, accounts=True),
        "quality": province.quality(SECTION),
    }
    return SchemeResult(
        flows=[payment for row in rows for payment in _flows(row, common)],
        tables=tables,
        figures=[figure for row in rows for figure in _figures(row, province.year, common)],
    )


def _supply(province: Province, partners: pd.DataFrame) -> pd.Series:
    """Return the ecological partners' regulating value, CNY a-1; hosts 0, NaN without an account."""
    value = province.values("gep", "regulating", "value", "current").clip(lower=0)
    return partners["county_code"].map(value).where(partners["role"] == ECOLOGICAL, 0.0)


def _flows(row: Any, common: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the payments to and from one partner of an enclave."""
    company = parties.private(row.host, "enclave")
    for case, payer, payee, what, amount in (
        ("profit", company, row.county_code, "利润分配", row.profit_cny),
        (row.tax_rule, company, row.county_code, "地方税收分享", row.tax_cny),
        ("loss", row.county_code, company, "按出资承担亏损", row.loss_cny),
        ("guarantee", row.host, row.county_code, "保底补足", max(row.top_up_cny, 0.0)),
    ):
        if amount:
            yield flows.flow(
                scheme=SECTION,
                rule=f"{SECTION}/{case}",
                payer=payer,
                payee=payee,
                basis=f"{row.name}（{row.enclave_id}）{what}",
                amount_cny=amount,
                **common,
            )


def _figures(
    row: Any, year: int, common: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give a partner's share of an enclave and what it comes to."""
    item = f"{SECTION}.{row.enclave_id}"
    method = {"method_id": f"design/{SECTION}", **common}
    yield row.county_code, ledger.entry("compensation", item, "share", row.share, "1", **method)
    yield (
        row.county_code,
        ledger.entry(
            "compensation", item, "value", row.net_cny, "CNY", price_basis="current",
            price_year=year, **method,
        ),
    )  # fmt: skip


SCHEME = Scheme(
    id=SECTION,
    name_zh="生态飞地",
    name_en="Ecological enclaves",
    source="浙委办发〔2021〕82号 五(二) 完善异地开发补偿模式",
    sections={SECTION: EnclaveParams},
    tables=(RESULTS, PARTNERS),
    compute=compute,
    check=check,
)
