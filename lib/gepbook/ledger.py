"""The one tidy results table that every stage reads and writes (结果台账).

A ledger is a data frame with the columns of `COLUMNS`, kept as Parquet, one file per county, year and
stage; the province is a DuckDB view over those files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import duckdb
import pandas as pd

from gepbook.errors import CoverageError

Origin = Literal["observed", "modelled", "illustrative"]
#: From firmest to weakest; a figure's origin is the weakest of what it rests on.
ORIGINS: tuple[Origin, ...] = ("observed", "modelled", "illustrative")
ORIGIN_ZH = {"observed": "实测", "modelled": "模型", "illustrative": "示例"}

#: Column → pandas type. `low` and `high` bound the 90 % interval, NaN where it was not assessed.
#: `quality` is the lowest confidence of the parameters behind the figure.
COLUMNS = {
    "release": "str",
    "year": "int64",
    "county_code": "str",
    "account": "str",
    "item": "str",
    "measure": "str",
    "value": "float64",
    "unit": "str",
    "price_basis": "str",
    "price_year": "Int64",
    "low": "float64",
    "high": "float64",
    "method_id": "str",
    "origin": "str",
    "quality": "str",
    "note": "str",
}
KEY = ["release", "year", "county_code", "account", "item", "measure", "price_basis"]
#: County code of rows that belong to the whole province.
PROVINCE = "330000"


def empty() -> pd.DataFrame:
    """Return a ledger without rows."""
    return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)


def weakest(origins: Iterable[str]) -> Origin:
    """Return the weakest origin of several inputs."""
    return ORIGINS[max((ORIGINS.index(o) for o in origins), default=0)]


def entry(
    account: str,
    item: str,
    measure: str,
    value: float,
    unit: str,
    *,
    origin: str,
    method_id: str,
    quality: str = "",
    price_basis: str = "",
    price_year: int | None = None,
    low: float = float("nan"),
    high: float = float("nan"),
    note: str = "",
) -> dict[str, Any]:
    """Return one ledger row without its release, year and county, which the run adds.

    Parameters
    ----------
    account : str
        Which account the row belongs to: extent, statistics, gep, compensation, assessment …
    item : str
        What is measured: an ecosystem type, a service id, `service.component`, a scheme.
    measure : str
        Which face of it: area, physical, value, change, share, rank …
    price_basis : {"", "current", "comparable"}
        Empty for what is not money.
    low, high : float
        Bounds of the 90 % interval, NaN where it was not assessed.
    """
    return {
        "account": account,
        "item": item,
        "measure": measure,
        "value": float(value),
        "unit": unit,
        "price_basis": price_basis,
        "price_year": price_year,
        "low": float(low),
        "high": float(high),
        "method_id": method_id,
        "origin": origin,
        "quality": quality,
        "note": note,
    }


def build(
    entries: Iterable[Mapping[str, Any]], *, release: str, year: int, county_code: str
) -> pd.DataFrame:
    """Return a ledger of one county and year from its rows, checked and in canonical order.

    Raises
    ------
    CoverageError
        When a key stands twice or a value is missing: absence is stated by a note, never by NaN.
    """
    rows = [{"release": release, "year": year, "county_code": county_code, **e} for e in entries]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    problems = [
        f"ledger {county_code} {year}: {' / '.join(map(str, key))} stands twice."
        for key in frame.loc[frame.duplicated(KEY), KEY].itertuples(index=False, name=None)
    ]
    problems += [
        f"ledger {county_code} {year}: {row.account}/{row.item}/{row.measure} has no value."
        for row in frame[frame["value"].isna()].itertuples()
    ]
    if problems:
        raise CoverageError(problems)
    return frame.sort_values(KEY, kind="stable", ignore_index=True)


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a ledger as Parquet."""
    frame.to_parquet(path, index=False)


def read(path: Path) -> pd.DataFrame:
    """Read one ledger file with its exact column types."""
    return pd.read_parquet(path).astype(COLUMNS)


def query(release_dir: Path, sql: str = "SELECT * FROM ledger") -> pd.DataFrame:
    """Run SQL over all the ledgers of a release (全省台账视图).

    The view `ledger` holds the columns of `COLUMNS` and `stage`; it reads the files in place.
    """
    found = release_dir.glob("counties/*/*/*/ledger.parquet")
    files = sorted(f for f in found if ".part-" not in f.parent.name)
    with duckdb.connect() as connection:
        if files:
            connection.read_parquet(
                [str(f) for f in files], filename=True, union_by_name=True
            ).create_view("files")
        else:
            connection.register("files", empty().assign(filename=""))
        connection.execute(
            "CREATE VIEW ledger AS SELECT * EXCLUDE (filename), "
            "regexp_extract(replace(filename, chr(92), '/'), '([^/]+)/ledger.parquet$', 1) AS stage "
            "FROM files"
        )
        frame = connection.execute(sql).df()
    return frame.astype({k: v for k, v in COLUMNS.items() if k in frame.columns})
