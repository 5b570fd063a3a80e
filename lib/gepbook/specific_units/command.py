"""The command that accounts for specific units and publishes their reports (单元核算命令)."""

from __future__ import annotations

from rich.console import Console

from gepbook import paths
from gepbook.command import EXIT_BAD_INPUT, EXIT_OK, show_problems
from gepbook.errors import GepbookError
from gepbook.publish.site import write_site
from gepbook.run import default_pack, open_pack
from gepbook.specific_units.publishing import publish_units


def publish(
    ids: list[str], year: int | None, pack: str, release: str, renderer: str, formats: str
) -> int:
    """Publish the reports of some units and return the exit code: 0 all done, 2 a problem.

    Parameters
    ----------
    ids : list of str
        Folders in `params/units/`.
    year : int or None
        The pack's latest when None.
    pack, release : str
        The open pack, and the pack's name, when empty.
    renderer, formats : str
        As of the reports; formats separated by commas.
    """
    console = Console(stderr=True)
    folder = pack or default_pack()
    try:
        opened = open_pack(folder)
        release_dir = paths.OUTPUTS / (release or opened.name)
        release_dir.mkdir(parents=True, exist_ok=True)
        made = publish_units(
            ids, year or opened.years[-1], folder, release_dir, renderer, formats.split(",")
        )
        write_site(release_dir, opened)
    except GepbookError as error:
        show_problems(console, error)
        return EXIT_BAD_INPUT
    for path in made:
        console.print(str(path), soft_wrap=True, markup=False)
    return EXIT_OK
