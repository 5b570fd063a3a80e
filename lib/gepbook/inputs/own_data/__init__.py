"""Users' own data (自有数据): from a folder of yearbooks, shapefiles and rasters to a checked data pack.

`templates` and `guessing` lay a folder out, `declaration` says how each file is to be read, `checking`
lists every problem of every file, `building` converts to the form that `gepbook.inputs.pack` reads.
The originals are only ever read.
"""
