"""Run the workbook: every notebook for every county, then reports, bulletin, forms and site.

``python run_all.py`` does everything for the pack's latest year; ``--help`` lists the rest, and the
commands for forms that come back from counties and for specific units.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gepbook import batch
from gepbook.forms import command as forms
from gepbook.inputs.own_data import command as own_data
from gepbook.run import DEFAULT_STANDARD
from gepbook.specific_units import command as units

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    counties: Annotated[str, typer.Option(help="Codes or names: 龙泉市,330825. Default all.")] = "",
    group: Annotated[str, typer.Option(help="County group: mountain26, coastal_pilot …")] = "",
    years: Annotated[
        str, typer.Option(help="2023 or 2022,2023 or 2020-2023. Default latest.")
    ] = "",
    stages: Annotated[
        str,
        typer.Option(help="Of inventory,accounting,compensation,assessment,bulletin,report,forms."),
    ] = "",
    pack: Annotated[str, typer.Option(help="Folder of a data pack. Default the open pack.")] = "",
    standard: Annotated[
        str,
        typer.Option(help="Profile in params/standards/; a,b counts a and shows b beside it."),
    ] = DEFAULT_STANDARD,
    release: Annotated[str, typer.Option(help="Name of the folder in outputs/.")] = "",
    workers: Annotated[int | None, typer.Option(help="Processes. Default one per core.")] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="A Dask scheduler, tcp://…; its workers share this file system."),
    ] = None,
    renderer: Annotated[str, typer.Option(help="auto, quarto or builtin.")] = "auto",
    formats: Annotated[str, typer.Option(help="Of html,pdf,docx for the reports.")] = "html",
    force: Annotated[bool, typer.Option("--force", help="Redo what is current too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run.")] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going/--fail-fast", help="Go on after a failed county.")
    ] = True,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Publish a province that lacks counties.")
    ] = False,
) -> None:
    """Run inventory, accounting, compensation and assessment, and publish the reports."""
    if context.invoked_subcommand is not None:
        return
    request = batch.Request(
        counties=counties, group=group, years=years, stages=stages, pack=pack, standard=standard,
        release=release, workers=workers, scheduler=scheduler, renderer=renderer, formats=formats,
        force=force, dry_run=dry_run, keep_going=keep_going, allow_partial=allow_partial,
    )  # fmt: skip
    raise typer.Exit(batch.main(request))


@app.command("roll-up")
def roll_up(
    folder: Annotated[Path, typer.Argument(help="Folder of county forms that came back (XLSX).")],
    out: Annotated[Path, typer.Argument(help="Folder for the sums and the reconciliation.")],
    year: Annotated[int, typer.Option(help="Accounting year of the forms.")],
    release: Annotated[str, typer.Option(help="Release in outputs/ to check against.")] = "",
) -> None:
    """Sum statistical forms of counties to prefectures and the province, and reconcile the levels."""
    raise typer.Exit(forms.roll_up(folder, out, year, release))


@app.command("unit")
def unit(
    ids: Annotated[list[str], typer.Argument(help="Units under params/units/.")],
    year: Annotated[int | None, typer.Option(help="Accounting year. Default latest.")] = None,
    pack: Annotated[str, typer.Option(help="Folder of a data pack. Default the open pack.")] = "",
    release: Annotated[str, typer.Option(help="Name of the folder in outputs/.")] = "",
    renderer: Annotated[str, typer.Option(help="auto, quarto or builtin.")] = "auto",
    formats: Annotated[str, typer.Option(help="Of html,pdf,docx.")] = "html",
) -> None:
    """Account for specific units, such as a reservoir, and publish a report of each."""
    raise typer.Exit(units.publish(ids, year, pack, release, renderer, formats))


@app.command("init-pack")
def init_pack(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    existing: Annotated[
        Path | None, typer.Option("--from", help="Guess the declaration of this folder of files.")
    ] = None,
    years: Annotated[str, typer.Option(help="2022,2023 or 2020-2023.")] = "",
    counties: Annotated[str, typer.Option(help="Codes or names. Default all.")] = "",
    name: Annotated[str, typer.Option(help="Name of the pack.")] = "own-data",
    cell: Annotated[float, typer.Option(help="Cell of the grid, m.")] = 1000.0,
) -> None:
    """Lay out an empty data pack with templates, or guess how an existing folder is to be read."""
    raise typer.Exit(own_data.init_pack(folder, existing, years, counties, name, cell))


@app.command("check-pack")
def check_pack(
    folder: Annotated[Path, typer.Argument(help="Folder with a declaration.yaml.")],
    xlsx: Annotated[Path | None, typer.Option(help="Also write the list as a workbook.")] = None,
) -> None:
    """List every problem of every file of a folder at once; nothing is changed."""
    raise typer.Exit(own_data.check_pack(folder, xlsx))


@app.command("build-pack")
def build_pack(
    folder: Annotated[Path, typer.Argument(help="Folder with a declaration.yaml.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the pack. Default FOLDER/pack.")
    ] = None,
) -> None:
    """Convert a checked folder to a data pack; a build that was stopped goes on."""
    raise typer.Exit(own_data.build_pack(folder, out))


if __name__ == "__main__":
    app()
