"""Kinds of files (文件种类) by their endings, and what to do with those that are not read."""

from __future__ import annotations

from gepbook.inputs.own_data.sheets import WORKBOOKS as WORKBOOKS

TEXTS = (".csv", ".tsv")
VECTORS, RASTERS = (".shp", ".gpkg", ".geojson", ".gdb"), (".tif", ".tiff", ".img", ".asc")
FOLDERS = (".gdb", ".zarr")  # folders that are one file
#: Files that go with another one of the same name.
COMPANIONS = (
    ".shx", ".dbf", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qpj", ".qmd", ".fix", ".idx", ".lock",
    ".tfw", ".tifw", ".ovr", ".aux", ".xml", ".rrd", ".vat", ".gpkg-wal", ".gpkg-shm", ".clr",
)  # fmt: skip
SKIPPED = ("~$", ".", "__MACOSX", "Thumbs.db")
REMEDIES = {
    ".xls": "Save it as .xlsx",
    ".et": "Save it as .xlsx",
    ".xlsb": "Save it as .xlsx",
    ".txt": "If it is a table, save it as .csv",
    ".nc": "Convert it to GeoTIFF",
    ".hdf": "Convert it to GeoTIFF",
    ".h5": "Convert it to GeoTIFF",
    ".vrt": "Convert it to GeoTIFF",
    ".grd": "Convert it to GeoTIFF",
    ".zarr": "Convert it to GeoTIFF",
    ".mdb": "Export its layers to GeoPackage",
    ".rar": "Unpack it, or pack it as .zip",
    ".7z": "Unpack it, or pack it as .zip",
}
