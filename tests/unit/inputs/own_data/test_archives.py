"""Archives: what is refused before it is unpacked, what is stopped while it is, and what comes out."""

import stat
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gepbook.inputs.own_data.archives import (
    RefusedError,
    archive_of,
    check_archive,
    members_of,
    opened,
)
from gepbook.inputs.own_data.limits import limits

CENTRAL = b"PK\x01\x02"  # header of an entry in a zip's directory


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "数据 folder"
    made.mkdir()
    return made


def noise(size):
    return np.random.default_rng(7).bytes(size)


def pack(folder, members, name="data.zip"):
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return name


def patch(folder, at, form, value, name="data.zip"):
    """Overwrite a number in the first entry of the zip's directory (APPNOTE.TXT 4.3.12)."""
    content = bytearray((folder / name).read_bytes())
    struct.pack_into(form, content, content.index(CENTRAL) + at, value)
    (folder / name).write_bytes(content)


def rules(problems):
    return {problem.rule: problem.severity for problem in problems}


def check(folder, name="data.zip"):
    return check_archive(folder, name, limits())


def test_only_the_declared_file_and_its_companions_are_unpacked(folder):
    parts = {f"in/县.{e}": e for e in ("shp", "dbf", "shx", "shp.xml")}
    pack(folder, {**parts, "in/other.shp": "no", "县.prj": "elsewhere"})
    assert check(folder) == []
    before = sorted(folder.rglob("*"))
    with opened(folder, "data.zip/in/县.shp") as path:
        assert path.read_text() == "shp"
        assert sorted(p.name for p in path.parent.iterdir()) == sorted(
            Path(name).name for name in parts
        )
        assert [p.name for p in path.parents[1].iterdir()] == ["in"]
        assert folder not in path.parents
        assert sorted(folder.rglob("*")) == before
    assert not path.exists()


def test_a_geodatabase_comes_out_whole(folder):
    pack(folder, {"x.gdb/a0001.gdbtable": "1", "x.gdb/a0001.gdbtablx": "2", "x.gdb2/no": "3"})
    with opened(folder, "data.zip/x.gdb") as path:
        assert sorted(p.name for p in path.iterdir()) == ["a0001.gdbtable", "a0001.gdbtablx"]


def test_files_of_the_folder_itself_are_given_as_they_are(folder):
    with opened(folder, "a/b.shp") as path:
        assert path == folder / "a/b.shp"
    assert archive_of("a/b.shp") == ""
    assert archive_of("a/b.ZIP/c/d.shp") == "a/b.ZIP"


@pytest.mark.parametrize(
    "name", ["../x.shp", "a/../../x.shp", "/etc/x.shp", "C:/x.shp", "a\\..\\x.shp", "a\nb.shp"]
)
def test_names_that_lead_out_of_the_archive_are_refused(folder, name):
    pack(folder, {name: "x", "good.shp": "x"})
    assert rules(check(folder)) == {"path_escape": "error"}
    with (
        pytest.raises(RefusedError, match="points outside"),
        opened(folder, "data.zip/good.shp"),
    ):
        pass
    assert sorted(p.name for p in folder.parent.iterdir()) == [folder.name]


def test_links_are_refused(folder):
    link = zipfile.ZipInfo("link.shp")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    pack(folder, {link: "/etc/passwd"})
    assert rules(check(folder)) == {"path_escape": "error"}


def test_an_archive_that_unpacks_to_far_too_much_is_refused(folder):
    pack(folder, {"zeros.tif": bytes(2_000_000)})  # deflate makes about 2 kB of it: a thousandth
    assert rules(check(folder)) == {"zip_bomb": "error"}
    pack(folder, {"noise.tif": noise(10_000)})
    assert check(folder) == []
    small = limits().model_copy(update={"archive_size_gb": 9e-6})  # 9 kB
    assert rules(check_archive(folder, "data.zip", small)) == {"zip_bomb": "error"}


def test_members_larger_than_they_declare_are_stopped(folder):
    pack(folder, {"noise.tif": noise(3_000_000)})
    patch(folder, 24, "<I", 1_000)  # uncompressed size
    assert check(folder) == []
    with pytest.raises(RefusedError) as refused, opened(folder, "data.zip/noise.tif"):
        pass
    assert rules(refused.value.found) == {"zip_bomb": "error"}
    assert refused.value.found[0].value == "noise.tif"


def test_members_smaller_than_they_declare_are_refused(folder):
    pack(folder, {"noise.tif": noise(1_000)})
    patch(folder, 24, "<I", 2_000)
    with pytest.raises(RefusedError, match="cut short"), opened(folder, "data.zip/noise.tif"):
        pass


def test_nothing_is_left_behind_when_unpacking_stops(folder, tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    pack(folder, {"noise.tif": noise(1_000)})
    patch(folder, 16, "<I", 12345)  # checksum
    with pytest.raises(RefusedError, match="CRC"), opened(folder, "data.zip/noise.tif"):
        pass
    assert list(place.iterdir()) == []


def test_encrypted_members_are_named(folder):
    pack(folder, {"a.shp": "x"})
    patch(folder, 8, "<H", 1)
    (problem,) = check(folder)
    assert (problem.rule, problem.value) == ("encrypted", "a.shp")


def test_a_compression_that_is_not_read_is_named(folder):
    pack(folder, {"a.shp": "x"})
    patch(folder, 10, "<H", 9)  # Deflate64, which Windows takes for large files
    (problem,) = check(folder)
    assert problem.rule == "archive_kind"
    assert "method 9" in problem.message


@pytest.mark.parametrize("name", ["a.rar", "a.7z", "a.tar.gz", "a.tgz"])
def test_other_kinds_are_named_with_what_to_do(folder, name):
    (folder / name).write_bytes(b"Rar!")
    assert rules(check(folder, name)) == {"archive_kind": "error"}
    with pytest.raises(RefusedError, match="ordinary zip"), opened(folder, f"{name}/b.shp"):
        pass


def test_damaged_and_missing_archives_are_unreadable(folder):
    assert rules(check(folder)) == {"unreadable": "error"}
    pack(folder, {"a.tif": noise(5_000)})
    whole = (folder / "data.zip").read_bytes()
    (folder / "data.zip").write_bytes(whole[:3_000])
    assert rules(check(folder)) == {"unreadable": "error"}
    with pytest.raises(RefusedError, match="no whole zip"), opened(folder, "data.zip/a.tif"):
        pass


def test_archives_inside_are_left_unread_and_said(folder):
    pack(folder, {"inner.zip": noise(100), "a.shp": "x"})
    assert rules(check(folder)) == {"nested_archive": "note"}


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_names_without_flag_are_read_as_gb18030_or_utf_8(folder, encoding):
    # 乗 ends in the byte of a backslash in GB18030 (0x81 0x5C)
    name = "县界/丽水乗.shp".encode(encoding)
    plain = "A" * 6 + "/" + "B" * (len(name) - 7)
    pack(folder, {plain: "found"})
    content = (folder / "data.zip").read_bytes().replace(plain.encode(), name)
    (folder / "data.zip").write_bytes(content)
    assert members_of(folder, "data.zip") == ["县界/丽水乗.shp"]
    assert check(folder) == []
    with opened(folder, "data.zip/县界/丽水乗.shp") as path:
        assert path.read_text() == "found"


def test_two_members_of_one_name_are_refused(folder):
    pack(folder, {"a.shp": "x", "b.shp": "y"})
    content = (folder / "data.zip").read_bytes().replace(b"b.shp", b"A.SHP")
    (folder / "data.zip").write_bytes(content)
    assert rules(check(folder)) == {"duplicate_member": "error"}


@pytest.mark.parametrize("inner", ["/b.shp", ""])
def test_a_file_that_is_not_in_it_is_named_with_those_that_are(folder, inner):
    pack(folder, {"dir/a.shp": "x"})
    with (
        pytest.raises(RefusedError, match=r"it holds dir/a\.shp"),
        opened(folder, f"data.zip{inner}"),
    ):
        pass
