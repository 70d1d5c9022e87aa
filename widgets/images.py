"""Pictures: checked, turned upright, freed of metadata, and stored in a few widths.

A photograph can tell where and with whose camera it was taken, and so endanger the people in it.
Only pixels are kept: every stored file is encoded anew.
"""

import contextlib
import hashlib
import io
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF")
LARGEST_FILE = 25_000_000  # bytes
MOST_PIXELS = 60_000_000
TALLEST = 16_000  # pixels, a little less than WebP can hold
WIDTHS = (480, 800, 1200, 1600)  # pixels
SUFFIXES = {"webp": "image/webp", "jpg": "image/jpeg"}  # the modern one first, then the fallback
_RECIPE = b"1"  # to be changed with the way pictures are made, so that they are made again


class BadImage(ValueError):
    """Not a picture we can show; the text says why."""


@dataclass(frozen=True)
class StoredImage:
    """A picture on disk: its name and its widths in pixels, ascending."""

    digest: str
    width: int
    height: int
    widths: list[int]


def file(folder: Path, digest: str, width: int, suffix: str) -> Path:
    return folder / "pictures" / f"{digest}-{width}.{suffix}"


def scaled_height(width: int, height: int, to: int) -> int:
    """How high a picture of this width and height is at another width. All in pixels."""
    return max(1, round(height * to / width))


def remove(folder: Path, digest: str) -> None:
    """Deletes every file of a picture."""
    for path in (folder / "pictures").glob(f"{digest}-*"):
        path.unlink(missing_ok=True)


def store(folder: Path, data: bytes) -> StoredImage:
    """Stores a picture below the instance folder; the same bytes twice are stored once.

    Raises BadImage for anything that is not a whole picture of a common format.
    """
    if len(data) > LARGEST_FILE:
        raise BadImage(f"it is larger than {LARGEST_FILE // 1_000_000} MB")
    if b"<svg" in data[:4096].lower():
        raise BadImage("SVG can carry scripts; give a JPEG, PNG or WebP")
    picture = _upright(_opened(data))
    digest = hashlib.sha256(_RECIPE + data).hexdigest()[:32]
    widths = [width for width in WIDTHS if width < picture.width]
    if picture.width <= WIDTHS[-1]:
        widths.append(picture.width)
    if picture.height * widths[-1] / picture.width > TALLEST:
        raise BadImage("it is far too tall for its width")
    for width in widths:
        height = scaled_height(picture.width, picture.height, width)
        scaled: Image.Image | None = None
        for suffix in SUFFIXES:
            path = file(folder, digest, width, suffix)
            if not path.exists():
                scaled = scaled or picture.resize((width, height), Image.Resampling.LANCZOS)
                _write(path, _encoded(scaled, suffix))
    largest = widths[-1]
    return StoredImage(digest, largest, scaled_height(*picture.size, largest), widths)


def _opened(data: bytes) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
        if picture.width * picture.height > MOST_PIXELS:  # known before a pixel is read
            raise BadImage(
                f"it has {picture.width}×{picture.height} pixels; "
                f"{MOST_PIXELS // 1_000_000} million are the most"
            )
        if picture.format == "JPEG":
            picture.draft("RGB", (WIDTHS[-1] * 2, WIDTHS[-1] * 2))
        picture.load()
    except UnidentifiedImageError:
        raise BadImage("it is not a JPEG, PNG, WebP, AVIF, GIF or TIFF picture") from None
    except Image.DecompressionBombError:
        raise BadImage("it has too many pixels") from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        if isinstance(error, BadImage):
            raise
        raise BadImage("it is cut off or damaged") from None
    return picture


def _upright(picture: Image.Image) -> Image.Image:
    """The picture as it was meant to be seen: turned, in sRGB, on white, without metadata."""
    profile = picture.info.get("icc_profile")
    turned = ImageOps.exif_transpose(picture)
    if turned.mode in ("I", "I;16", "I;16B", "I;16L"):
        # 16 bits of grey: Pillow would cut off what is above 255, not scale it
        turned = turned.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    if turned.mode not in ("RGB", "RGBA") or "transparency" in turned.info:
        profile = profile if turned.mode == "RGB" else None  # it described the other mode
        see_through = "transparency" in turned.info or turned.mode in ("LA", "PA", "P")
        turned = turned.convert("RGBA" if see_through else "RGB")
    if turned.mode == "RGBA":
        paper = Image.new("RGBA", turned.size, "white")
        turned = Image.alpha_composite(paper, turned).convert("RGB")
    if profile:
        # with an unreadable profile, the plain numbers are the best guess
        with contextlib.suppress(ImageCms.PyCMSError, OSError):
            turned = (
                ImageCms.profileToProfile(
                    turned,
                    ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                    ImageCms.createProfile("sRGB"),
                    outputMode="RGB",
                )
                or turned
            )
    bare = Image.new("RGB", turned.size)
    bare.paste(turned)
    return bare


def _encoded(picture: Image.Image, suffix: str) -> bytes:
    out = io.BytesIO()
    if suffix == "webp":
        picture.save(out, "WEBP", quality=78, method=5)
    else:
        picture.save(out, "JPEG", quality=80, optimize=True, progressive=True)
    return out.getvalue()


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: a crash leaves no half picture under the name."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with draft.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    draft.rename(path)
