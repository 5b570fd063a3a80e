"""Enclaves of ecological counties in others, their partners and results (生态飞地)."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gepbook.inputs.registers import between
from gepbook.inputs.scheme_registers.basis import Basis, Tables, numbers

WAN = 10_000  # 万元


def make(basis: Basis) -> Tables:
    """Return the registers of enclaves."""
    return {"enclaves": results(basis), "enclave_partners": partners()}


def results(basis: Basis) -> pd.DataFrame:
    """Return profit or loss and local tax of every enclave and year."""
    rows = [
        {
            "enclave_id": enclave["id"],
            "county_code": enclave["host"],
            "year": year,
            "name": enclave["name"],
            **_result(enclave, year),
        }
        for enclave in numbers("enclaves")["enclaves"]
        for year in basis.years
        if year >= enclave["since"]
    ]
    return pd.DataFrame(rows)


def _result(enclave: dict[str, Any], year: int) -> dict[str, float]:
    """Return an enclave's result of a year in whole 万元."""
    rule, name = numbers("enclaves"), enclave["id"]
    key = f"{name} {year}"
    capital = sum(partner["capital"] for partner in enclave["partners"].values())
    if year in rule["loss_years"].get(name, []):
        profit = -between(rule["loss_on_capital"], key, "loss")
    else:
        poor = year in rule["poor_years"].get(name, [])
        profit = between(rule["poor_return" if poor else "return_on_capital"], key, "profit")
    tax = between(rule["local_tax"], key, "tax")
    return {
        "net_profit_cny": round(profit * capital) * WAN,
        "local_tax_cny": round(tax * capital) * WAN,
    }


def partners() -> pd.DataFrame:
    """Return who brings what into each enclave."""
    rows = [
        {
            "enclave_id": enclave["id"],
            "county_code": code,
            "role": "host" if code == enclave["host"] else "ecological",
            "capital_cny": brought["capital"] * WAN,
            "land_quota_ha": brought["quota"],
        }
        for enclave in numbers("enclaves")["enclaves"]
        for code, brought in sorted(enclave["partners"].items())
    ]
    return pd.DataFrame(rows)
