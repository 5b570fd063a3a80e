"""Users' archives (压缩包), opened safely: checked before, and counted while, they are unpacked.

Only zip is read. Of an archive only what a declared path needs is unpacked, into a temporary folder
outside the user's; names, links and permissions of the archive never reach the disk unchecked.
"""

from __future__ import annotations

import contextlib
import copy
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from gepbook.errors import PackError
from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.limits import Limits, limits
from gepbook.inputs.own_data.problems import Problem, errors

ZIP = ".zip"
OTHER_KINDS = (".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".tbz", ".xz", ".txz")
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
UTF8_FLAG, ENCRYPTED_FLAG = 0x800, 0x1  # APPNOTE.TXT 4.4.4: general purpose bits 11 and 0
GIGABYTE = 1e9
CHUNK = 1 << 20
SHOWN = 20
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError)
PACK_AGAIN = "Pack the files again as an ordinary zip, or put them into the folder unpacked."


class RefusedError(PackError):
    """An archive is not opened; `found` holds the problems as records."""

    def __init__(self, found: Sequence[Problem]) -> None:
        super().__init__([str(problem) for problem in found])
        self.found = list(found)

    def __reduce__(self) -> tuple[type[RefusedError], tuple[list[Problem]]]:  # type: ignore[override]
        return type(self), (self.found,)


def split(path: str) -> tuple[str, str]:
    """Return a declared path as archive and path inside it; no archive gives an empty first part.

    A folder whose name ends in `.gdb.zip` or the like is no archive by its name alone: the first part
    that ends as archives do counts.
    """
    parts = PurePosixPath(path).parts
    for number, part in enumerate(parts, start=1):
        if part.casefold().endswith((ZIP, *OTHER_KINDS)):
            return "/".join(parts[:number]), "/".join(parts[number:])
    return "", path


def archive_of(path: str) -> str:
    """Return the archive that a declared path lies in; empty for a file of the folder itself."""
    return split(path)[0]


def check_archive(folder: Path, name: str, limits: Limits) -> list[Problem]:
    """Return what is wrong with an archive, from its directory alone; nothing is unpacked.

    Parameters
    ----------
    folder : Path
        The user's folder.
    name : str
        The archive, relative to it.
    limits : Limits
        `archive_ratio` and `archive_size_gb`.

    Returns
    -------
    list of Problem
        `archive_kind`, `unreadable`, `path_escape`, `encrypted`, `zip_bomb`, `duplicate_member`
        (errors), `nested_archive` (note).
    """
    if not name.casefold().endswith(ZIP):
        return [
            Problem(
                name,
                "archive_kind",
                "only zip archives are read",
                PACK_AGAIN,
                value=Path(name).suffix,
            )
        ]
    path = folder / name
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        packed = path.stat().st_size
    except DAMAGED as error:
        return [_unreadable(name, str(error))]
    found = [problem for member in members for problem in _member_problems(name, member)]
    return [*found, *_repeated(name, members), *_bomb(name, members, packed, limits)]


@contextlib.contextmanager
def opened(folder: Path, file: FileEntry | str, limit: Limits | None = None) -> Iterator[Path]:
    """Give the path at which a declared file can be read, unpacked where it lies in an archive.

    With the file come its companions (same folder, same name up to the first dot of the ending), or all
    that lies under it when it is a folder (a geodatabase). They are gone after the block.

    Parameters
    ----------
    folder : Path
        The user's folder; nothing is ever written to it.
    file : FileEntry or str
        The declared file or its path: `a/b.shp` or `data.zip/inner/b.shp`.
    limit : Limits, optional
        Those of params/defaults/pack_checks.yaml unless given.

    Raises
    ------
    RefusedError
        For an archive that is no zip, damaged, encrypted or unsafe, for a file that is not in it, or when
        more comes out of it than its directory says. Plain paths are given as they are, there or not.
    """
    declared = file if isinstance(file, str) else file.path
    name, inner = split(declared)
    if not name or (folder / name).is_dir():
        yield folder / declared
        return
    used = limit or limits()
    refused = errors(check_archive(folder, name, used))
    if refused:
        raise RefusedError(refused)
    with tempfile.TemporaryDirectory(prefix="gepbook-") as made:
        target = Path(made)
        try:
            with zipfile.ZipFile(folder / name) as archive:
                _unpack(archive, _needed(archive, name, inner), target, name)
        except DAMAGED as error:
            if isinstance(error, RefusedError):
                raise
            raise RefusedError([_unreadable(name, str(error))]) from error
        yield target / inner


def members_of(folder: Path, name: str) -> list[str]:
    """Return the names of an archive's files, decoded; none when it cannot be read."""
    try:
        with zipfile.ZipFile(folder / name) as archive:
            return [_name(member) for member in archive.infolist() if not _is_folder(member)]
    except DAMAGED:
        return []


def _name(member: zipfile.ZipInfo) -> str:
    """Return a member's name; without the UTF-8 flag it is UTF-8 all the same (macOS) or GB18030."""
    if member.flag_bits & UTF8_FLAG:
        return member.orig_filename
    raw = member.orig_filename.encode("cp437")  # what zipfile decoded it by
    for encoding in ("utf-8", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            return raw.decode(encoding)
    return member.orig_filename


def _is_folder(member: zipfile.ZipInfo) -> bool:
    return _name(member).endswith("/")


def _member_problems(archive: str, member: zipfile.ZipInfo) -> list[Problem]:
    """Return what is wrong with one member."""
    name = _name(member)
    found = []
    kind = stat.S_IFMT(member.external_attr >> 16)
    if (
        name.startswith("/")
        or ".." in PurePosixPath(name).parts
        or re.search(r"[\\:\x00-\x1f]", name)
        or kind not in (0, stat.S_IFREG, stat.S_IFDIR)
    ):
        what = "is a link or device" if kind == stat.S_IFLNK else "points outside the archive"
        found.append(
            Problem(archive, "path_escape", f"a member {what}", PACK_AGAIN, value=ascii_safe(name))
        )
    if member.flag_bits & ENCRYPTED_FLAG:
        remedy = "Unpack it with its password and put the files into the folder."
        found.append(Problem(archive, "encrypted", "a member is encrypted", remedy, value=name))
    if member.compress_type not in READABLE:
        message = f"a member is compressed by method {member.compress_type}, which is not read"
        found.append(Problem(archive, "archive_kind", message, PACK_AGAIN, value=name))
    if name.casefold().endswith((ZIP, *OTHER_KINDS)):
        message, remedy = (
            "an archive inside the archive is left unread",
            "Unpack it if it is needed.",
        )
        found.append(
            Problem(archive, "nested_archive", message, remedy, value=name, severity="note")
        )
    return found


def ascii_safe(name: str) -> str:
    """Return a name with its control characters written out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def _repeated(archive: str, members: Sequence[zipfile.ZipInfo]) -> list[Problem]:
    """Return the names that stand twice, of which one file would hide the other."""
    counts = Counter(_name(member).casefold() for member in members)
    twice = [name for name, count in counts.items() if count > 1]
    message = "two members have the same name"
    return [Problem(archive, "duplicate_member", message, PACK_AGAIN, value=n) for n in twice]


def _bomb(
    archive: str, members: Sequence[zipfile.ZipInfo], packed: int, limits: Limits
) -> list[Problem]:
    """Return a problem when the archive unpacks to far more than data do."""
    total = sum(member.file_size for member in members)
    ratio = total / max(packed, 1)
    if total <= limits.archive_size_gb * GIGABYTE and ratio <= limits.archive_ratio:
        return []
    value = f"{packed} bytes packed, {total} unpacked"
    message = (
        f"unpacks to {ratio:.0f} times its size; at most {limits.archive_ratio:g} times and "
        f"{limits.archive_size_gb:g} GB are opened"
    )
    remedy = "Unpack it yourself if you trust it, and put the files into the folder."
    return [Problem(archive, "zip_bomb", message, remedy, value=value)]


def _unreadable(name: str, why: str) -> Problem:
    return Problem(name, "unreadable", f"is no whole zip archive ({why})", PACK_AGAIN)


def _needed(archive: zipfile.ZipFile, name: str, inner: str) -> list[zipfile.ZipInfo]:
    """Return the members that a declared path needs."""
    wanted = PurePosixPath(inner)
    stem = wanted.name.split(".")[0].casefold()
    files = {_name(m): m for m in archive.infolist() if not _is_folder(m)}
    under = [m for n, m in files.items() if inner and n.startswith(f"{inner}/")]
    if under:
        return under
    if inner in files:
        return [
            m
            for n, m in files.items()
            if PurePosixPath(n).parent == wanted.parent
            and PurePosixPath(n).name.split(".")[0].casefold() == stem
        ]
    shown = ", ".join(list(files)[:SHOWN])
    problem = Problem(
        name,
        "missing_file",
        f"holds no such file; it holds {shown}",
        "Declare the path as archive.zip/inner/file.",
        value=inner,
    )
    raise RefusedError([problem])


def _unpack(
    archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo], target: Path, name: str
) -> None:
    """Write members below a folder; stop when more comes than the directory says, or disk has room."""
    size, free = sum(m.file_size for m in members), shutil.disk_usage(target).free
    if size > free:
        message = f"needs {size} bytes of {free} free in {target.parent}"
        raise RefusedError(
            [Problem(name, "disk_space", message, "Make room, or unpack it yourself.")]
        )
    for member in members:
        path = target / _name(member)
        path.parent.mkdir(parents=True, exist_ok=True)
        generous = copy.copy(member)  # zipfile itself stops silently at the declared size
        generous.file_size += 2 * CHUNK
        written = 0
        with archive.open(generous) as source, path.open("wb") as sink:
            while chunk := source.read(CHUNK):
                written += len(chunk)
                if written > member.file_size:
                    message = (
                        f"more than the {member.file_size} bytes it declares come out of a member"
                    )
                    remedy = "Do not trust this archive; ask for another."
                    problem = Problem(name, "zip_bomb", message, remedy, value=_name(member))
                    raise RefusedError([problem])
                sink.write(chunk)
        if written < member.file_size:
            raise zipfile.BadZipFile(f"{_name(member)} is cut short")
