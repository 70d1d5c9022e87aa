"""The files of our fonts: each opened once, and asked which letters it has."""

from functools import cache, lru_cache
from pathlib import Path

import uharfbuzz as hb

FONTS = Path(__file__).parent / "fonts"


@cache
def opened(font: str) -> hb.Font:
    """A font by the name of its file. Its scale is that of the font's own units; nobody changes
    it."""
    return hb.Font(hb.Face(hb.Blob.from_file_path(str(FONTS / f"{font}.ttf"))))


@lru_cache(maxsize=20_000)
def has(font: str, character: str) -> bool:
    """Whether the font has a glyph for the character."""
    return opened(font).get_nominal_glyph(ord(character)) is not None
