"""Reports in place: one county or the province, each format written whole or not at all (出版)."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

from gepbook import ledger, provenance
from gepbook.accounting import seea
from gepbook.assessment import CARDS_FILE
from gepbook.compensation import FLOWS_FILE
from gepbook.errors import StageError, near
from gepbook.publish import builtin, fonts, merge, quarto
from gepbook.publish.assessment import workbook as assessment_book
from gepbook.publish.compensation import workbook as compensation_book
from gepbook.run import LEDGER_FILE, stage_dir

logger = logging.getLogger(__name__)
FORMATS = ("html", "pdf", "docx")
#: Workbooks beside the bulletin: the file that tells whether their tables were kept, and who writes them.
BOOKS = {
    "compensation": (FLOWS_FILE, compensation_book.write_workbook),
    "assessment": (CARDS_FILE, assessment_book.write_workbook),
}
RENDERERS = {"quarto": quarto, "builtin": builtin}


def choose(renderer: str = "auto") -> str:
    """Return the renderer to use: `auto` is Quarto where a usable one is on PATH, else the built-in.

    Raises
    ------
    StageError
        For an unknown name, or when Quarto is asked for and not usable.
    """
    if renderer == "auto":
        return "quarto" if quarto.usable() else "builtin"
    if renderer not in RENDERERS:
        known = ("auto", *RENDERERS)
        raise StageError(
            f"renderer {renderer!r} is unknown.{near(renderer, known)} Known: {', '.join(known)}."
        )
    if renderer == "quarto" and not quarto.usable():
        raise StageError(
            f"renderer quarto: needs Quarto 1.4 or later on PATH, got {quarto.version() or 'none'}. "
            "Install it, or choose builtin."
        )
    return renderer


def site_dir(release_dir: Path) -> Path:
    """Return the folder of the published pages of a release."""
    return release_dir / "site"


def county_path(release_dir: Path, county_code: str, year: int, form: str) -> Path:
    """Return where a county's report stands."""
    return site_dir(release_dir) / "counties" / f"{county_code}-{year}.{form}"


def bulletin_path(release_dir: Path, year: int, form: str) -> Path:
    """Return where the bulletin stands."""
    return site_dir(release_dir) / f"bulletin-{year}.{form}"


def render_county(
    release_dir: Path,
    county_code: str,
    year: int,
    formats: Iterable[str] = ("html",),
    renderer: str = "auto",
    *,
    force: bool = False,
    chapters: Iterable[str] = merge.CHAPTERS,
) -> list[Path]:
    """Render a county's report in some formats; what is current already stays as it is.

    `chapters` are the stages that it shows.

    Raises
    ------
    StageError
        When a notebook is missing, failed or another county's, or the renderer fails.
    """
    document = merge.county_report(release_dir, county_code, year, chapters)
    provide_font(release_dir)
    folder = stage_dir(release_dir, "accounting", county_code, year)
    write_seea(folder / LEDGER_FILE, county_path(release_dir, county_code, year, "seea.xlsx"))
    return [
        _place(document, county_path(release_dir, county_code, year, form), renderer, force)
        for form in formats
    ]


def render_bulletin(
    release_dir: Path,
    year: int,
    formats: Iterable[str] = FORMATS,
    renderer: str = "auto",
    *,
    force: bool = False,
) -> list[Path]:
    """Render the bulletin in some formats; what is current already stays as it is.

    Raises
    ------
    StageError
        When its notebook is missing or failed, or the renderer fails.
    """
    document = merge.bulletin_report(release_dir, year)
    provide_font(release_dir)
    folder = stage_dir(release_dir, "bulletin", None, year)
    write_seea(folder / LEDGER_FILE, bulletin_path(release_dir, year, "seea.xlsx"))
    for name, (kept, write) in BOOKS.items():
        write_book(folder, kept, bulletin_path(release_dir, year, f"{name}.xlsx"), write)
    return [
        _place(document, bulletin_path(release_dir, year, form), renderer, force)
        for form in formats
    ]


def write_seea(source: Path, target: Path) -> None:
    """Write the SEEA tables of a ledger beside its report; none where it has no such tables."""
    if not source.exists() or not seea.tables(frame := ledger.read(source)):
        target.unlink(missing_ok=True)
        return
    _write_book(source, target, lambda part: seea.write_workbook(frame, part))


def write_book(folder: Path, kept: str, target: Path, write: Callable[[Path, Path], None]) -> None:
    """Write tables of a result folder beside the bulletin; none where its run kept none."""
    if not (source := folder / kept).exists():
        target.unlink(missing_ok=True)
        return
    _write_book(source, target, lambda part: write(folder, part))


def _write_book(source: Path, target: Path, write: Callable[[Path], None]) -> None:
    """Write a workbook whole or not at all, unless it is newer than what it is made from."""
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part-{os.getpid()}.xlsx")
    write(part)
    part.replace(target)


def provide_font(release_dir: Path) -> None:
    """Put the Chinese font into the site, for readers whose machine has none."""
    target = site_dir(release_dir) / "fonts" / fonts.FILE
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part-{os.getpid()}")
        shutil.copyfile(fonts.font_dir() / fonts.FILE, part)
        part.replace(target)


def _place(document: merge.Document, target: Path, renderer: str, force: bool) -> Path:
    """Render one format into a temporary folder and put the finished file in place."""
    chosen = RENDERERS[choose(renderer)]
    stamp = target.parent / ".rendered" / f"{target.name}.json"
    wanted = _fingerprint(document, chosen)
    if not force and _is_current(target, stamp, wanted):
        return target
    stamp.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{target.stem}.part-", dir=stamp.parent) as work:
        source = document.write(Path(work))
        chosen.render(source, target.suffix.removeprefix(".")).replace(target)
    stamp.write_text(
        json.dumps({"fingerprint": wanted, "sha256": provenance.sha256_file(target)}),
        encoding="utf-8",
    )
    logger.info("rendered %s by %s", target, chosen.__name__)
    return target


def _fingerprint(document: merge.Document, renderer: ModuleType) -> str:
    """Return the hash of all that decides how a report looks."""
    theme = {
        path.name: provenance.sha256_file(path)
        for path in sorted(builtin.THEME.iterdir())
        if path.is_file()
    }
    return provenance.sha256_json(
        [document.fingerprint(), renderer.__name__, renderer.version(), theme]
    )


def _is_current(target: Path, stamp: Path, wanted: str) -> bool:
    """Tell whether a rendered file stands unchanged for a fingerprint."""
    if not (target.exists() and stamp.exists()):
        return False
    kept = json.loads(stamp.read_text(encoding="utf-8"))
    return kept == {"fingerprint": wanted, "sha256": provenance.sha256_file(target)}
