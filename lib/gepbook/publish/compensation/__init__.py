"""The compensation chapter: an overview of who pays whom, and one module a scheme (补偿篇)."""

from gepbook.publish.compensation import (
    charges,
    damage,
    enclave,
    horizontal,
    offset,
    overview,
    resource_bank,
    trading,
    vertical,
)

__all__ = [
    "charges",
    "damage",
    "enclave",
    "horizontal",
    "offset",
    "overview",
    "resource_bank",
    "trading",
    "vertical",
]
