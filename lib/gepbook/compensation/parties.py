"""Who pays and who is paid (付款方与收款方).

A party is a government, by its six-digit code, or somebody in a county, `<code>/<kind>`: the codes of
`params/counties.csv`, those of the prefectures made from them (`331100` 丽水市), and the few outside.
"""

from __future__ import annotations

import functools

from gepbook import counties
from gepbook.errors import CodeError, near

CENTRAL, PROVINCE, ANHUI = "100000", "330000", "340000"
OUTSIDE = {CENTRAL: "中央财政", PROVINCE: "浙江省", ANHUI: "安徽省"}
#: Kinds of parties in a county besides its government.
KINDS = {
    "households": "居民",
    "enterprises": "企业",
    "collectives": "村集体与农户",
    "holders": "资源权利人",
    "bank": "资源运营平台",
    "enclave": "飞地公司",
    "investors": "债券投资人",
    "donors": "捐赠人",
    "industry_fund": "政府产业基金",
    "liable": "赔偿义务人",
}


@functools.cache
def governments() -> dict[str, str]:
    """Return the name of every government by code: counties, prefectures, province and outside."""
    table = counties.read()
    prefectures = dict(zip(table.index.str[:4] + "00", table["prefecture"], strict=True))
    return {**OUTSIDE, **prefectures, **table["name_zh"].to_dict()}


def prefecture_of(county_code: str) -> str:
    """Return the code of a county's prefecture."""
    return f"{county_code[:4]}00"


def private(code: str, kind: str) -> str:
    """Return the party of a kind in a county, or in the area of another government.

    Raises
    ------
    CodeError
        For an unknown kind.
    """
    party = f"{code}/{kind}"
    check(party)
    return party


def check(party: str) -> None:
    """Refuse what is no party.

    Raises
    ------
    CodeError
        For an unknown code or kind; names the nearest.
    """
    code, _, kind = party.partition("/")
    if code not in governments():
        raise CodeError(f"party {party!r}: {code!r} is no county, prefecture or province.")
    if kind and kind not in KINDS:
        raise CodeError(f"party {party!r}: {kind!r} is no kind of party.{near(kind, KINDS)}")


def name_zh(party: str) -> str:
    """Return a party's Chinese name."""
    code, _, kind = party.partition("/")
    return governments()[code] + KINDS.get(kind, "")


def county_of(party: str) -> str:
    """Return the county that a party belongs to; empty for prefectures, the province and outside."""
    code = party.partition("/")[0]
    return code if code in counties.read().index else ""
