"""Derived layers: one file each, found by `gepbook.accounting.registry`."""
