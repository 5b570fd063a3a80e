"""The commands `init-pack`, `check-pack` and `build-pack` (命令行).

What a command needs is imported when it runs: a batch and its workers need none of it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gepbook import command, counties
from gepbook.errors import GepbookError
from gepbook.inputs.own_data import problems


def init_pack(
    folder: Path, existing: Path | None, years: str, wanted: str, name: str, cell_m: float
) -> int:
    """Lay out an empty pack, or guess the declaration of an existing folder; return the exit code."""
    from gepbook.inputs.own_data import guessing, templates

    console = Console(stderr=True)
    try:
        wrong: list[str] = []
        chosen = command.years(years, wrong) or [datetime.now(UTC).year - 1]
        if wrong:
            raise GepbookError(wrong)
        codes = [counties.find(word) for word in command.words(wanted)] or list(
            counties.read().index
        )
        if existing is not None:
            notes = guessing.write_guess(existing, folder)
            if notes:
                console.print(problems.table(notes))
            console.print(
                f"{folder}: read the guesses in declaration.yaml, correct them, then: "
                f"run_all.py check-pack {folder}",
                soft_wrap=True,
            )
        else:
            written = templates.write_templates(folder, chosen, codes, name, cell_m)
            console.print(
                f"{folder}: {len(written)} files. Fill in the tables, add rasters, then: "
                f"run_all.py check-pack {folder}",
                soft_wrap=True,
            )
    except GepbookError as error:
        command.show_problems(console, error, "Nothing was written. Mend this first:")
        return command.EXIT_BAD_INPUT
    return command.EXIT_OK


def check_pack(folder: Path, workbook: Path | None) -> int:
    """List every problem of every file; return the exit code."""
    from gepbook.inputs.own_data import checking

    console = Console(stderr=True)
    found = problems.ordered(checking.check(folder).problems)
    if found:
        console.print(problems.table(found))
    if workbook is not None:
        problems.write_workbook(found, workbook)
        console.print(f"{workbook}: {len(found)} lines to send back.", soft_wrap=True)
    stopping = problems.errors(found)
    console.print(
        f"{len(stopping)} errors to mend before build-pack ({problems.summary(found)})."
        if stopping
        else f"Ready for: run_all.py build-pack {folder} ({problems.summary(found)}).",
        soft_wrap=True,
    )
    return command.EXIT_BAD_INPUT if stopping else command.EXIT_OK


def build_pack(folder: Path, out: Path | None) -> int:
    """Convert a folder to a data pack; return the exit code."""
    from gepbook.inputs.own_data import building

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    try:
        with Progress(*columns, console=console) as shown:
            bars: dict[str, int] = {}

            def say(what: str, done: int, whole: int) -> None:
                if what not in bars:
                    bars[what] = shown.add_task(what, total=whole)
                shown.update(bars[what], completed=done, total=whole)  # type: ignore[arg-type]

            pack = building.build(folder, out, say)
    except GepbookError as error:
        command.show_problems(console, error, "Nothing was built. Mend this first:")
        return command.EXIT_BAD_INPUT
    except KeyboardInterrupt:
        console.print("Interrupted: the same command goes on where this one stopped.")
        return command.EXIT_INTERRUPTED
    console.print(f"{pack}: ready for: run_all.py --pack {pack}", soft_wrap=True)
    return command.EXIT_OK
