"""Statistical reporting forms at three levels: county, prefecture, province (省市县三级核算统计报表).

`write_release_forms` issues the forms of a finished release. A county corrects a copy of its form and
signs it; `roll_up` sums the forms that came back and `reconcile` checks them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gepbook import counties, ledger, provenance
from gepbook.accounting import standards
from gepbook.errors import CoverageError
from gepbook.forms import model, workbook
from gepbook.forms.model import SECTION, Form, FormError, FormsParams, Heading
from gepbook.forms.reading import read_folder, read_form
from gepbook.forms.rollup import (
    RECONCILIATION_FILE,
    RollUp,
    check_forms,
    read_sums,
    reconcile,
    roll_up,
    sum_forms,
    write_reconciliation,
    write_sums,
)
from gepbook.forms.workbook import write_county_form
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.pack import Pack
from gepbook.prices import PriceBook

__all__ = [
    "RECONCILIATION_FILE",
    "SECTION",
    "Form",
    "FormError",
    "FormsParams",
    "Heading",
    "ReleaseForms",
    "RollUp",
    "forms_dir",
    "read_folder",
    "read_form",
    "reconcile",
    "roll_up",
    "write_county_form",
    "write_reconciliation",
    "write_release_forms",
]

COUNTY_FOLDER = "county"
POOL_FILE = ".pool"
STAGES = ("inventory", "accounting")


@dataclass(frozen=True)
class ReleaseForms:
    """Where the forms of a release stand, the counties they lack, and the checks of their levels."""

    folder: Path
    missing: tuple[str, ...]
    checks: pd.DataFrame

    @property
    def failed(self) -> pd.DataFrame:
        """The checks that did not hold."""
        return self.checks[~self.checks["ok"]]


def forms_dir(release_dir: Path, year: int) -> Path:
    """Return where a release keeps the forms of a year."""
    return release_dir / "forms" / str(year)


def is_current(release_dir: Path, year: int, pool: str) -> bool:
    """Tell whether the forms of a year were issued from the ledgers of that hash."""
    path = forms_dir(release_dir, year) / POOL_FILE
    return path.exists() and path.read_text(encoding="utf-8") == pool


def write_release_forms(
    release_dir: Path,
    year: int,
    pack: Pack,
    rules: FormsParams,
    pool: str = "",
    *,
    prices: PriceBook | None = None,
) -> ReleaseForms:
    """Write the forms of all levels of a finished release, all of them or none (发布报表).

    They go to `forms/<year>/`: `county/<code>-<name>.xlsx`, `prefecture/<name>.xlsx`, `province.xlsx`
    and `reconciliation.csv`. The folder is replaced whole, so counties fill in copies. Counties without
    an account have no form, and the sums that lack them say so.

    Parameters
    ----------
    release_dir : Path
    year : int
        Accounting year.
    pack : Pack
        The pack that the release was computed from.
    rules : FormsParams
    pool : str, optional
        Hash of the ledgers that the forms are issued from, kept for `is_current`.
    prices : PriceBook, optional
        The prices of the release; those in params/ by the release's standard when not given.

    Raises
    ------
    CoverageError
        When no county has an account of the year.
    FormError
        When a figure of the ledger cannot stand in a form, such as one below zero.
    """
    rows = ledger.query(release_dir)
    rows = rows[(rows["year"] == year) & rows["stage"].isin(STAGES)]
    totals = rows[(rows["account"] == "gep") & (rows["item"] == "gep")]
    codes = sorted(set(totals["county_code"]) & set(counties.read().index))
    if not codes:
        raise CoverageError(
            f"{release_dir}: no county has an account of {year}. Run the stage accounting first."
        )
    standard = str(totals["method_id"].iloc[0])
    book = prices or PriceBook.read().choosing(standards.read(standard).prices)
    folder = forms_dir(release_dir, year)
    issued: list[Form] = []
    problems: list[str] = []
    for code in codes:
        heading = Heading(
            level="county",
            code=code,
            name=counties.name_zh(code),
            year=year,
            standard=standard,
            release=release_dir.name,
        )
        own = rows[rows["county_code"] == code]
        tables = model.table_figures(CountyInputs(pack, code, year))
        try:
            issued.append(workbook.county_form(own, tables, book, heading, rules))
        except FormError as error:
            problems += error.problems
    if problems:
        raise FormError(problems)
    with provenance.replaced_folder(folder) as part:
        if pool:
            (part / POOL_FILE).write_text(pool, encoding="utf-8")
        for form in issued:
            code = form.heading.code
            path = part / COUNTY_FOLDER / f"{code}-{form.heading.name}.xlsx"
            workbook.write_issued(form, rows[rows["county_code"] == code], book, path, rules)
        rolled = sum_forms(read_folder(part / COUNTY_FOLDER, rules, year=year), rules)
        write_sums(rolled, part, rules)
        checks = check_forms(rolled.counties, *read_sums(part, rules), rules, rows)
        write_reconciliation(checks, part / RECONCILIATION_FILE)
    return ReleaseForms(folder, rolled.missing, checks)
