"""Users' rasters as they are opened and decoded."""

import numpy as np
import rasterio
from affine import Affine

from gepbook.inputs.own_data.declaration import FileEntry
from gepbook.inputs.own_data.rasters import Decoder, opened


def write(path, values, **changes):
    profile = {
        "driver": "GTiff", "count": 1, "height": values.shape[0], "width": values.shape[1],
        "dtype": values.dtype.name, "crs": "EPSG:4549",
        "transform": Affine(100, 0, 590_000, 0, -100, 3_150_000), **changes,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        target.write(values[None])


def test_the_decoder_gives_units_types_and_gaps(tmp_path):
    write(tmp_path / "a.tif", np.array([[270, 280, -1]], dtype="int16"), nodata=-1)
    file = FileEntry(path="a.tif", layer="slope", unit="0.1 degree")
    with opened(tmp_path, file) as source:
        decoder = Decoder.of(source, file)
        raw, missing = decoder.read(source, rasterio.windows.Window(0, 0, 3, 1))
        np.testing.assert_allclose(decoder.values(raw[0], missing[0], 0), [[27.0, 28.0, np.nan]])
    file = FileEntry(path="a.tif", layer="land_cover", classes="igbp", nodata=[2.0])
    write(tmp_path / "a.tif", np.array([[0, 1, 2, 99]], dtype="uint8"))
    with opened(tmp_path, file) as source:
        decoder = Decoder.of(source, file)
        raw, missing = decoder.read(source, rasterio.windows.Window(0, 0, 4, 1))
        # igbp 0 water = 52, 1 evergreen needleleaf forest = 13, 2 marked missing, 99 unknown
        assert decoder.types(raw[0], missing[0], 255).tolist() == [[52, 13, 255, 255]]
