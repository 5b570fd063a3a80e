"""Data packs: manifest, readers, the open pack and how it is made."""
