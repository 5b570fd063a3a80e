"""The built-in renderer: Pandoc for HTML and DOCX, Typst for PDF, all from the Python install.

It reads the same text, filter, templates and styles as Quarto, so the two look alike.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version as version_of
from pathlib import Path

import pypandoc

from gepbook import paths
from gepbook.errors import StageError
from gepbook.publish import fonts

THEME = paths.NOTEBOOKS / "theme"
COMMON = (
    f"--lua-filter={THEME / 'report.lua'}",
    "--metadata=toc-title:目录 Contents",
    "--number-sections",
    "--wrap=none",
)
CONTENTS = ("--toc", "--toc-depth=2")
OPTIONS = {
    "html": (
        *CONTENTS,
        f"--template={THEME / 'report.html'}",
        f"--css={THEME / 'report.css'}",
        "--embed-resources",
        "--standalone",
        "--mathml",
    ),
    # Its contents are written by the filter: Word shows a contents field only after an update.
    "docx": (f"--reference-doc={THEME / 'reference.docx'}",),
    "typst": (*CONTENTS, f"--template={THEME / 'report.typ'}", "--standalone"),
}
#: Typst keeps all that it has set in memory; in a process of its own it gives that back.
SET_PAGE = """
import sys, typst
page, result, root, fonts = sys.argv[1:]
try:
    typst.compile(page, output=result, root=root, font_paths=[fonts], ignore_system_fonts=True)
except typst.TypstError as error:
    sys.exit(str(error))
"""


def version() -> str:
    """Return the versions of the programs behind the renderer."""
    return f"pandoc {pypandoc.get_pandoc_version()}, typst {version_of('typst')}"


def render(source: Path, form: str) -> Path:
    """Render a report beside its source and return the file.

    Parameters
    ----------
    source : Path
        Markdown with its pictures in the same folder.
    form : {"html", "pdf", "docx"}

    Raises
    ------
    StageError
        When Pandoc or Typst fails; holds what it said.
    """
    if form != "pdf":
        return _pandoc(source, form, source.with_suffix(f".{form}"))
    return typeset(_pandoc(source, "typst", source.with_suffix(".typ")))


def typeset(page: Path) -> Path:
    """Set a Typst page as PDF beside it, with the fonts of the Python install.

    Raises
    ------
    StageError
        When Typst fails; holds what it said.
    """
    result = page.with_suffix(".pdf")
    words = [page, result, page.parent, fonts.font_dir()]
    done = subprocess.run(
        [sys.executable, "-c", SET_PAGE, *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise StageError(f"typst: cannot set {page.name} as PDF: {done.stderr.strip()}")
    return result


def _pandoc(source: Path, to: str, result: Path) -> Path:
    """Run Pandoc in the folder of the source."""
    try:
        pypandoc.convert_file(
            str(source),
            to,
            format="markdown",
            outputfile=str(result),
            extra_args=[*COMMON, *OPTIONS[to], f"--resource-path={source.parent}"],
            cworkdir=str(source.parent),
        )
    except RuntimeError as error:
        raise StageError(f"pandoc: cannot write {source.name} as {to}: {error}") from error
    return result
