"""gepbook: the assessment workbook for gross ecosystem product (生态系统生产总值核算工作簿)."""

from importlib.metadata import version

__version__ = version("gepbook")
