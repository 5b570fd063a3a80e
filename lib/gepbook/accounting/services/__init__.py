"""Ecosystem services: one file each, found by `gepbook.accounting.registry`."""
