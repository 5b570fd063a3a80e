"""What a run is asked to do, read from the command line and checked as a whole (运行选项)."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from gepbook import counties, paths
from gepbook.accounting import standards
from gepbook.command import words, years
from gepbook.errors import CodeError, GepbookError, near
from gepbook.inputs.pack import Pack
from gepbook.run import DEFAULT_STANDARD, default_pack, open_pack
from gepbook.stages import STAGES

FORMATS = ("html", "pdf", "docx")
RENDERERS = ("auto", "quarto", "builtin")
REPORT = "report"
FORMS = "forms"


@dataclass(frozen=True)
class Request:
    """The words of the command line."""

    counties: str = ""
    group: str = ""
    years: str = ""
    stages: str = ""
    pack: str = ""
    standard: str = DEFAULT_STANDARD
    release: str = ""
    workers: int | None = None
    scheduler: str | None = None
    renderer: str = "auto"
    formats: str = "html"
    force: bool = False
    dry_run: bool = False
    keep_going: bool = True
    allow_partial: bool = False


@dataclass(frozen=True)
class Options:
    """A checked request."""

    request: Request
    pack: Pack
    counties: list[str]
    years: list[int]
    stages: list[str]
    renderer: str
    formats: list[str]
    release: str
    standard: str = DEFAULT_STANDARD
    compared: tuple[str, ...] = ()
    release_dir: Path = field(default_factory=Path)

    @property
    def chapters(self) -> list[str]:
        """The stages of a county's report: none that read the province, where the pack is not whole."""
        return [
            name
            for name, stage in STAGES.items()
            if stage.scope == "county" and (not stage.pool or self.pool_counties)
        ]

    @property
    def pool_counties(self) -> list[str]:
        """Counties that provincial stages read: all, or those of the pack where a part was allowed."""
        held = _held(self.pack)
        whole = len(held) == len(counties.read())
        return held if whole or self.request.allow_partial else []

    @property
    def whole_province(self) -> bool:
        """Whether every county is selected."""
        return set(self.counties) == set(counties.read().index)


def _chosen(option: str, text: str, known: tuple[str, ...], problems: list[str]) -> list[str]:
    """Return the words of an option; unknown ones become problems with near names."""
    chosen = words(text)
    problems += [
        f"--{option}: {word!r} is unknown.{near(word, known)} Known: {', '.join(known)}."
        for word in chosen
        if word not in known
    ]
    return chosen


def _years(text: str, pack: Pack, problems: list[str]) -> list[int]:
    """Return the years of `2022,2023` or `2020-2023`; the pack's latest when empty."""
    if not text:
        return [pack.years[-1]]
    found = years(text, problems)
    problems += [
        f"--years: pack {pack.name} has no year {year}; it holds {', '.join(map(str, pack.years))}."
        for year in found
        if year not in pack.years
    ]
    return found


def _counties(request: Request, pack: Pack, year: int, problems: list[str]) -> list[str]:
    """Return the selected codes: named counties and groups together, all when neither is given."""
    held = _held(pack)
    codes: set[str] = set()
    for word in words(request.counties):
        try:
            codes.add(counties.find(word))
        except CodeError as error:
            problems += [f"--counties: {p}" for p in error.problems]
    for word in words(request.group):
        try:
            codes |= set(counties.group(word, year))
        except CodeError as error:
            problems += [f"--group: {p}" for p in error.problems]
    lacking = sorted(codes - set(held))
    problems += [
        f"--counties: pack {pack.name} has no polygon of {counties.name_zh(code)} ({code}). "
        "Choose a county of the pack, or add its polygon."
        for code in lacking
    ]
    if request.counties or request.group:
        return sorted(codes)
    return held


def _held(pack: Pack) -> list[str]:
    """Return the counties that the pack has a polygon of; all where its file is spoilt."""
    try:
        held = set(pack.boundaries.index)
    except (OSError, ValueError, RuntimeError, KeyError):
        return list(counties.read().index)
    return [code for code in counties.read().index if code in held]


def check(request: Request, outputs: Path = paths.OUTPUTS) -> Options:
    """Return the checked request.

    Raises
    ------
    GepbookError
        Every problem of the command line and the pack's manifest at once.
    """
    problems: list[str] = []
    try:
        pack = open_pack(request.pack or default_pack())
    except GepbookError as error:
        raise GepbookError([f"--pack: {p}" for p in error.problems]) from error
    wanted_years = _years(request.years, pack, problems)
    codes = _counties(request, pack, max(wanted_years, default=pack.years[-1]), problems)
    stages = _chosen("stages", request.stages, (*STAGES, REPORT, FORMS), problems)
    wanted = _chosen("standard", request.standard, tuple(standards.names()), problems)
    if not wanted:
        problems.append("--standard: names none. Give one of params/standards/, or several: a,b.")
    formats = _chosen("formats", request.formats, FORMATS, problems)
    if request.renderer not in RENDERERS:
        _chosen("renderer", request.renderer, RENDERERS, problems)
    elif request.renderer == "quarto" and shutil.which("quarto") is None:
        problems.append(
            "--renderer quarto: no quarto on PATH. Install Quarto 1.4 or later, or choose builtin."
        )
    release = request.release or pack.name
    if not re.fullmatch(r"[\w.-]+", release) or release.startswith("."):
        problems.append(
            f"--release: {release!r} must be letters, digits, '.', '_' or '-', as it names a folder."
        )
    if request.workers is not None and request.workers < 1:
        problems.append(f"--workers: must be 1 or more, got {request.workers}.")
    if problems:
        raise GepbookError(problems)
    options = Options(
        request=request,
        pack=pack,
        counties=codes,
        years=wanted_years,
        stages=stages,
        renderer=request.renderer,
        formats=formats or ["html"],
        release=release,
        standard=wanted[0],
        compared=tuple(dict.fromkeys(name for name in wanted[1:] if name != wanted[0])),
        release_dir=outputs / release,
    )
    if not stages:
        return replace(options, stages=_default_stages(options))
    pooled = [s for s in stages if s == FORMS or (s in STAGES and STAGES[s].pool)]
    if pooled and not options.pool_counties:
        raise GepbookError(
            f"--stages: {', '.join(pooled)} read the accounts of the whole province, but pack "
            f"{pack.name} holds {len(_held(pack))} of {len(counties.read())} counties. Leave these "
            "stages out, or take the pack's counties for the province with --allow-partial."
        )
    return options


def _default_stages(options: Options) -> list[str]:
    """Return the stages of a run that names none: those that its counties and its pack allow."""
    if options.whole_province:
        return [*STAGES, REPORT, FORMS]
    return [*options.chapters, REPORT]
