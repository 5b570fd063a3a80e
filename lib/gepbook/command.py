"""What all commands of run_all.py share: exit codes, and how problems are shown (命令行)."""

from __future__ import annotations

import re

from rich.console import Console

from gepbook.errors import GepbookError

EXIT_OK, EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130


def show_problems(console: Console, error: GepbookError, title: str = "") -> None:
    """Print every problem of an error, under a title where there is one."""
    if title:
        console.print(title, style="red")
    for problem in error.problems:
        console.print(f"• {problem}", soft_wrap=True, markup=False, highlight=False)


def words(text: str) -> list[str]:
    """Return the parts of a comma-separated list; Chinese commas too."""
    return [word.strip() for word in re.split(r"[,，、]", text) if word.strip()]


def years(text: str, problems: list[str]) -> list[int]:
    """Return the years of `2022,2023` or `2020-2023`, rising; what is no year becomes a problem."""
    found: set[int] = set()
    for word in words(text):
        match = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", word)
        if match:
            found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
        else:
            problems.append(f"--years: {word!r} is no year. Write 2023 or 2020-2023.")
    return sorted(found)
