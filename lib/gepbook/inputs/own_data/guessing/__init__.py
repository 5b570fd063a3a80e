"""A first declaration for a folder of files as they are (猜测): what may be which table or layer.

Headers, names, units, years and values are compared with the data dictionary and
params/pack/synonyms.yaml. Nothing is changed, large files are looked at in part, archives by their names
only. Each guess says in a remark what it rests on; what could not be placed is listed.
"""

from __future__ import annotations

from pathlib import Path

from gepbook.errors import PackError
from gepbook.inputs.own_data import declaration, templates
from gepbook.inputs.own_data.guessing import words, writing
from gepbook.inputs.own_data.guessing.files import look_at_all
from gepbook.inputs.own_data.problems import Problem


def guess(existing: Path) -> tuple[str, list[Problem]]:
    """Return a first declaration for a folder as it is, and what could not be placed.

    Parameters
    ----------
    existing : Path
        Folder of the originals, which are only read. The declaration names it under `originals`.

    Returns
    -------
    str
        YAML with remarks; complete but for what nothing in the folder says.
    list of Problem
        Notes of rule `guess`.

    Raises
    ------
    PackError
        When there is no such folder.
    """
    if not existing.is_dir():
        raise PackError(f"{existing}: is no folder. Name the folder that holds the files.")
    words.thresholds()  # a fault in the synonyms is none of the files
    found, problems = look_at_all(existing)
    return writing.declaration_text(existing, found, problems), problems


def write_guess(existing: Path, new: Path) -> list[Problem]:
    """Write a first declaration and a README into a new folder; return what could not be placed.

    Raises
    ------
    PackError
        When there is no folder `existing`, or the new one lies inside it or holds something.
    """
    if new.resolve().is_relative_to(existing.resolve()):
        raise PackError(
            f"{new}: lies inside {existing}, which stays as it is. Name another folder."
        )
    templates.refuse_unless_empty(new)
    text, problems = guess(existing)
    new.mkdir(parents=True, exist_ok=True)
    (new / declaration.FILE_NAME).write_text(text, encoding="utf-8")
    (new / "README.md").write_text(writing.readme(existing), encoding="utf-8")
    return problems
