"""Rendering with Quarto 1.4 or later, where it is on PATH."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from pathlib import Path

from gepbook import paths
from gepbook.errors import StageError
from gepbook.publish import builtin

OLDEST = (1, 4)
#: Quarto before 1.7 brings a Typst too old for the template: it writes the page, ours sets it.
TARGETS = {
    "html": ("--to", "html"),
    "pdf": ("--to", "typst", "-M", "output-ext:typ"),
    "docx": ("--to", "docx"),
}


@functools.cache
def version() -> str:
    """Return the version of Quarto on PATH, or an empty text."""
    program = shutil.which("quarto")
    if program is None:
        return ""
    run = subprocess.run(
        [program, "--version"], capture_output=True, text=True, encoding="utf-8", check=False
    )
    return run.stdout.strip()


def usable() -> bool:
    """Tell whether a Quarto new enough is on PATH."""
    found = re.match(r"(\d+)\.(\d+)", version())
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST


def render(source: Path, form: str) -> Path:
    """Render a report beside its source and return the file.

    The project's `_quarto.yml` and theme are copied beside it first: Quarto writes only there.

    Raises
    ------
    StageError
        When Quarto fails; names its first complaint and the log.
    """
    folder = source.parent
    shutil.copytree(paths.NOTEBOOKS / "theme", folder / "theme", dirs_exist_ok=True)
    settings = (paths.NOTEBOOKS / "_quarto.yml").read_text(encoding="utf-8")
    settings = re.sub(r"^  output-dir:.*\n", "", settings, flags=re.MULTILINE)
    (folder / "_quarto.yml").write_text(settings, encoding="utf-8")
    program = shutil.which("quarto")
    if program is None:
        raise StageError("quarto: is not on PATH. Install Quarto 1.4 or later, or choose builtin.")
    run = subprocess.run(
        [program, "render", source.name, *TARGETS[form], "--no-execute"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    result = source.with_suffix(".typ" if form == "pdf" else f".{form}")
    if run.returncode != 0 or not result.exists():
        log = folder.with_name(f"{folder.name}.log")
        log.write_text(run.stdout, encoding="utf-8")
        complaint = next((s for s in run.stdout.splitlines() if "ERROR" in s), "no result")
        raise StageError(f"quarto {version()}: {complaint.strip()} Its whole log: {log}")
    return builtin.typeset(result) if form == "pdf" else result
