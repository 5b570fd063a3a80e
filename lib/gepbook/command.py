"""What all commands of run_all.py share: exit codes, and how problems are shown (命令行)."""

from __future__ import annotations

from rich.console import Console

from gepbook.errors import GepbookError

EXIT_OK, EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130


def show_problems(console: Console, error: GepbookError, title: str = "") -> None:
    """Print every problem of an error, under a title where there is one."""
    if title:
        console.print(title, style="red")
    for problem in error.problems:
        console.print(f"• {problem}", soft_wrap=True, markup=False, highlight=False)
