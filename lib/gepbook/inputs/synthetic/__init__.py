"""A made-up province whose true totals are known (合成数据包): for tests, and for trials of scale.

``python -m gepbook.inputs.synthetic OUT --cell-m 30`` writes a ready data pack at any cell that divides
the block, ``--originals`` the same content as a county would deliver it. Counties and ecosystems are
made of whole blocks; fields are constants, planes and whole waves, whose mean over a block is their value
at its centre. The truth is therefore the same at every cell.

`province` lays out the blocks, `fields` and `tables` fill them, `truth` sums them up; `pack` and
`originals` write them, with `rasters`. The numbers, with their reasons, are in `synthetic.yaml`.
"""

from gepbook.inputs.synthetic.originals import (
    HEADER_ROW,
    RASTER_FOLDER,
    TABLE_FOLDER,
    VECTOR_FOLDER,
    WORKBOOK,
    write_originals,
)
from gepbook.inputs.synthetic.pack import write_pack
from gepbook.inputs.synthetic.province import Place, Province, make_province, read_config
from gepbook.inputs.synthetic.tables import make_tables, make_vectors
from gepbook.inputs.synthetic.truth import Truth, make_truth

__all__ = [
    "HEADER_ROW",
    "RASTER_FOLDER",
    "TABLE_FOLDER",
    "VECTOR_FOLDER",
    "WORKBOOK",
    "Place",
    "Province",
    "Truth",
    "make_province",
    "make_tables",
    "make_truth",
    "make_vectors",
    "read_config",
    "write_originals",
    "write_pack",
]
