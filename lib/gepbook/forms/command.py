"""The command that sums forms which came back from counties and reconciles the levels (汇总命令)."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from gepbook import ledger, params, paths
from gepbook.command import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_OK, show_problems
from gepbook.errors import GepbookError
from gepbook.forms import model, rollup
from gepbook.run import DEFAULT_STANDARD

SHOWN = 20


def roll_up(folder: Path, out: Path, year: int, release: str = "") -> int:
    """Sum county forms into `out`, write `reconciliation.csv` there and return the exit code.

    0 all levels agree, 1 some check failed, 2 a form cannot be read.

    Parameters
    ----------
    folder, out : Path
    year : int
        Accounting year that the forms must be of.
    release : str
        Release whose ledger the forms are checked against; none when empty.
    """
    console = Console(stderr=True)
    rules = params.resolve(None, year, DEFAULT_STANDARD).section(model.SECTION, model.FormsParams)
    rows = None
    try:
        rolled = rollup.roll_up(folder, out, rules, year=year)
        if release:
            rows = ledger.query(paths.OUTPUTS / release)
            rows = rows[rows["year"] == year]
        checks = rollup.reconcile(folder, out, rules, ledger_rows=rows)
    except GepbookError as error:
        show_problems(console, error, "Nothing was summed. Mend this first:")
        return EXIT_BAD_INPUT
    rollup.write_reconciliation(checks, out / rollup.RECONCILIATION_FILE)
    failed = checks[~checks["ok"]]
    console.print(
        f"{len(rolled.counties)} forms summed to {out}; {len(checks)} checks, {len(failed)} failed"
        f" ({out / rollup.RECONCILIATION_FILE})",
        soft_wrap=True,
        markup=False,
    )
    if failed.empty:
        return EXIT_OK
    table = Table("check", "place", "expected", "got")
    for row in failed.head(SHOWN).itertuples():
        table.add_row(str(row.check), str(row.place), f"{row.expected:,.6g}", f"{row.got:,.6g}")
    console.print(table, markup=False)
    return EXIT_FAILED
