"""Pictures: only pixels are kept, upright, on white; what is no picture is refused."""

import contextlib
import io
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from widgets import images
from widgets.images import BadImage

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255)
MARK = "a place that must not be known"

Pixel = tuple[int, ...]


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def plain(colour: Any, mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    return Image.new(mode, size, colour)


def noise(width: int = 300, height: int = 200) -> Image.Image:
    return Image.radial_gradient("L").resize((width, height)).convert("RGB")


def quarters() -> Image.Image:
    """60×40, another colour in each corner."""
    picture = Image.new("RGB", (60, 40), WHITE)
    picture.paste(RED, (0, 0, 30, 20))
    picture.paste(GREEN, (30, 0, 60, 20))
    picture.paste(BLUE, (0, 20, 30, 40))
    return picture


def files(folder: Path) -> list[Path]:
    return sorted((folder / "pictures").iterdir())


def shown(folder: Path, data: bytes) -> list[Image.Image]:
    """The picture as it is stored, in each format."""
    stored = images.store(folder, data)
    return [
        Image.open(images.file(folder, stored.digest, stored.width, suffix)).convert("RGB")
        for suffix in images.SUFFIXES
    ]


def refusal(folder: Path, data: bytes) -> str:
    with pytest.raises(BadImage) as refused:
        images.store(folder, data)
    assert not (folder / "pictures").exists()
    return str(refused.value)


def close(pixel: Any, expected: Pixel, by: int = 12) -> bool:
    return all(abs(one - other) <= by for one, other in zip(pixel, expected, strict=True))


# Upright


@pytest.mark.parametrize(
    ("orientation", "lying"),
    [
        (1, None),
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_90),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_270),
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_photograph_is_turned_as_its_camera_says(
    tmp_path: Path, orientation: int, lying: Image.Transpose | None, form: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = quarters() if lying is None else quarters().transpose(lying)

    for one in shown(tmp_path, encoded(picture, form, exif=exif, quality=95)):
        assert one.size == (60, 40)
        corners = [one.getpixel(place) for place in ((5, 5), (55, 5), (5, 35), (55, 35))]
        assert all(map(close, corners, [RED, GREEN, BLUE, WHITE], [30] * 4)), corners


# Nothing but pixels


def telling() -> dict[str, Any]:
    """Metadata of every kind, each with the mark in it."""
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = exif[0x8298] = MARK  # description, artist, copyright
    exif.get_ifd(0x8825).update({1: "N", 2: (59.0, 54.0, 50.0), 29: MARK})  # GPS
    exif.get_ifd(0x8769)[0x9286] = MARK  # the user's comment
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{MARK}</x:xmpmeta>".encode()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return {"exif": exif, "xmp": xmp, "icc_profile": profile}


def told_jpeg() -> bytes:
    return encoded(noise(900, 600), "JPEG", comment=MARK.encode(), **telling())


def told_png() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", MARK)
    text.add_itxt("XML:com.adobe.xmp", f"<x>{MARK}</x>")
    told = telling()
    return encoded(noise(), "PNG", pnginfo=text, exif=told["exif"], icc_profile=told["icc_profile"])


@pytest.mark.parametrize(
    "data",
    [
        told_jpeg,
        told_png,
        lambda: encoded(noise(), "WEBP", **telling()),
        lambda: encoded(noise(), "AVIF", **telling()),
        lambda: encoded(noise(), "TIFF", exif=telling()["exif"], description=MARK),
        lambda: encoded(noise().quantize(), "GIF", comment=MARK.encode()),
        lambda: encoded(noise(), "PNG") + MARK.encode(),
    ],
)
def test_nothing_that_a_camera_or_program_wrote_is_kept(
    tmp_path: Path, data: Callable[[], bytes]
) -> None:
    written = data()
    assert MARK.encode() in written
    images.store(tmp_path, written)

    for path in files(tmp_path):
        kept = path.read_bytes()
        for trace in (MARK.encode(), b"Exif", b"EXIF", b"XMP", b"xmp", b"ICC", b"acsp", b"adobe"):
            assert trace not in kept, (path.name, trace)
        with Image.open(path) as picture:
            assert not picture.getexif()
            assert set(picture.info) <= {
                "jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression",
                "loop", "background", "timestamp", "duration",
            }  # fmt: skip


def test_every_width_is_free_of_it(tmp_path: Path) -> None:
    images.store(tmp_path, told_jpeg())
    assert len(files(tmp_path)) == 6


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_colours_are_turned_into_those_of_the_web(tmp_path: Path, form: str) -> None:
    """A profile says what the numbers mean; where it goes, they must change."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"----").replace(b"bXYZ", b"rXYZ").replace(b"----", b"bXYZ")
    data = encoded(plain((200, 100, 50)), form, icc_profile=swapped, quality=95)
    for picture in shown(tmp_path, data):
        assert close(picture.getpixel((30, 20)), (50, 100, 200))


def test_with_a_profile_that_cannot_be_used_the_numbers_stay(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (lab, b"not a profile"):
        data = encoded(plain((200, 100, 50)), "PNG", icc_profile=profile)
        assert all(close(one.getpixel((9, 9)), (200, 100, 50)) for one in shown(tmp_path, data))


# Of every kind


def transparent_palette() -> bytes:
    picture = Image.new("P", (60, 40), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    return encoded(picture, "PNG", transparency=0)


def two_frames(form: str) -> bytes:
    return encoded(plain(RED), form, save_all=True, append_images=[plain(BLUE)], duration=100)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encoded(plain(RED), "JPEG"), RED),
        (encoded(plain(RED), "PNG"), RED),
        (encoded(plain(RED), "WEBP", lossless=True), RED),
        (encoded(plain(RED), "AVIF", quality=100), RED),
        (encoded(plain(RED), "TIFF"), RED),
        (encoded(plain(RED).quantize(), "GIF"), RED),
        (encoded(plain(RED).quantize(), "PNG"), RED),
        (encoded(plain(100, "L"), "PNG"), (100, 100, 100)),
        (encoded(plain(1, "1"), "PNG"), WHITE),
        (encoded(plain(0, "1"), "TIFF"), (0, 0, 0)),
        (encoded(plain((0, 255, 255, 0), "CMYK"), "JPEG"), RED),
        (encoded(plain((0, 255, 255, 0), "CMYK"), "TIFF"), RED),
        (encoded(plain((*BLUE, 0), "RGBA"), "PNG"), WHITE),
        (encoded(plain((*BLUE, 0), "RGBA"), "WEBP", lossless=True, exact=True), WHITE),
        (encoded(plain((0, 0, 255, 128), "RGBA"), "PNG"), (127, 127, 255)),
        (encoded(plain((0, 0), "LA"), "PNG"), WHITE),
        (encoded(plain(9, "L"), "PNG", transparency=9), WHITE),
        (encoded(plain((9, 9, 9)), "PNG", transparency=(9, 9, 9)), WHITE),
        (transparent_palette(), WHITE),
        (encoded(plain(RED).quantize(), "GIF", transparency=0), WHITE),
        (encoded(plain(0x8000, "I;16"), "PNG"), (128, 128, 128)),
        (encoded(plain(0x4000, "I;16"), "TIFF"), (64, 64, 64)),
        (two_frames("GIF"), RED),
        (two_frames("WEBP"), RED),
        (two_frames("PNG"), RED),
        (two_frames("AVIF"), RED),
        (two_frames("TIFF"), RED),
        (two_frames("MPO"), RED),
    ],
    ids=[
        "jpeg", "png", "webp", "avif", "tiff", "gif", "palette", "grey", "one bit", "one black bit",
        "cmyk jpeg", "cmyk tiff", "transparent", "transparent webp", "half transparent",
        "transparent grey", "a grey that is transparent", "a colour that is transparent",
        "transparent palette", "transparent gif", "16 bits", "16 bits tiff", "moving gif",
        "moving webp", "moving png", "moving avif", "two pages", "two photographs",
    ],
)  # fmt: skip
def test_it_looks_as_it_was_meant(tmp_path: Path, data: bytes, expected: Pixel) -> None:
    for picture in shown(tmp_path, data):
        assert picture.size == (60, 40)
        assert close(picture.getpixel((30, 20)), expected), picture.getpixel((30, 20))


# Stored


@pytest.mark.parametrize(
    ("size", "widths", "largest"),
    [
        ((60, 40), [60], (60, 40)),
        ((480, 100), [480], (480, 100)),
        ((481, 100), [480, 481], (481, 100)),
        ((1000, 500), [480, 800, 1000], (1000, 500)),
        ((1600, 900), [480, 800, 1200, 1600], (1600, 900)),
        ((2000, 1000), [480, 800, 1200, 1600], (1600, 800)),
        ((3000, 1), [480, 800, 1200, 1600], (1600, 1)),
        ((1, 1), [1], (1, 1)),
    ],
)
def test_it_is_kept_in_widths_up_to_its_own(
    tmp_path: Path, size: tuple[int, int], widths: list[int], largest: tuple[int, int]
) -> None:
    stored = images.store(tmp_path, encoded(plain(RED, size=size), "PNG"))
    assert stored.widths == widths
    assert (stored.width, stored.height) == largest
    assert {path.name for path in files(tmp_path)} == {
        f"{stored.digest}-{width}.{suffix}" for width in widths for suffix in ("webp", "jpg")
    }
    for width in widths:
        for suffix, form in (("webp", "WEBP"), ("jpg", "JPEG")):
            with Image.open(images.file(tmp_path, stored.digest, width, suffix)) as picture:
                assert (picture.format, picture.width) == (form, width)


def test_the_height_of_a_turned_picture_is_that_of_the_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = images.store(tmp_path, encoded(plain(RED, size=(90, 30)), "JPEG", exif=exif))
    assert (stored.width, stored.height) == (30, 90)


def test_the_same_bytes_are_the_same_picture_and_are_written_once(tmp_path: Path) -> None:
    data = encoded(noise(), "PNG")
    first = images.store(tmp_path, data)
    before = [(path.name, path.stat().st_ino) for path in files(tmp_path)]
    assert images.store(tmp_path, data) == first
    assert [(path.name, path.stat().st_ino) for path in files(tmp_path)] == before
    assert images.store(tmp_path / "elsewhere", data).digest == first.digest


def test_the_name_tells_nothing_but_the_content(tmp_path: Path) -> None:
    one = images.store(tmp_path, encoded(plain(RED), "PNG"))
    other = images.store(tmp_path, encoded(plain(BLUE), "PNG"))
    assert one.digest != other.digest
    assert len(one.digest) == 32
    assert set(one.digest) <= set("0123456789abcdef")


def test_a_file_that_was_lost_is_made_again(tmp_path: Path) -> None:
    data = encoded(noise(900, 600), "PNG")
    stored = images.store(tmp_path, data)
    before = {path.name: path.read_bytes() for path in files(tmp_path)}
    images.file(tmp_path, stored.digest, 480, "jpg").unlink()
    images.store(tmp_path, data)
    assert {path.name: path.read_bytes() for path in files(tmp_path)} == before


def test_what_is_stored_can_be_read_by_nobody_else(tmp_path: Path) -> None:
    images.store(tmp_path, encoded(plain(RED), "PNG"))
    assert (tmp_path / "pictures").stat().st_mode & 0o077 == 0


def test_two_can_store_the_same_picture_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_are_writing = threading.Barrier(2)
    data, problems = encoded(plain(RED), "PNG"), []
    sync = images.os.fsync

    def wait_for_the_other(file: int) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):  # it had nothing left to write
            both_are_writing.wait(1)
        sync(file)

    def store() -> None:
        try:
            images.store(tmp_path, data)
        except Exception as problem:
            problems.append(problem)

    monkeypatch.setattr(images.os, "fsync", wait_for_the_other)
    threads = [threading.Thread(target=store) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    assert [path.suffix for path in files(tmp_path)] == [".jpg", ".webp"]
    assert all(Image.open(path).size == (60, 40) for path in files(tmp_path))


def test_what_is_removed_is_gone_in_every_width_and_nothing_else(tmp_path: Path) -> None:
    one = images.store(tmp_path, encoded(noise(900, 600), "PNG"))
    other = images.store(tmp_path, encoded(plain(BLUE), "PNG"))
    images.remove(tmp_path, one.digest)
    assert {path.name.split("-")[0] for path in files(tmp_path)} == {other.digest}
    images.remove(tmp_path, one.digest)
    assert len(files(tmp_path)) == 2


def test_removing_where_nothing_was_ever_stored_is_no_error(tmp_path: Path) -> None:
    images.remove(tmp_path, "0" * 32)
    assert list(tmp_path.iterdir()) == []


# Refused


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a picture -->\n<SVG/>",
    ],
)
def test_svg_is_refused_because_it_can_act(tmp_path: Path, data: bytes) -> None:
    assert refusal(tmp_path, data) == "SVG can carry scripts; give a JPEG, PNG or WebP"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 1000,
        b"a text",
        b"%PDF-1.7",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"<html><img src=x></html>",
        encoded(plain(RED), "BMP"),
        encoded(plain(RED), "ICO"),
        encoded(plain(RED), "PPM"),
        encoded(plain(RED), "TGA"),
    ],
    ids=["nothing", "zeros", "text", "pdf", "postscript", "html", "bmp", "ico", "ppm", "tga"],
)
def test_what_is_no_picture_of_a_common_format_is_refused(tmp_path: Path, data: bytes) -> None:
    assert refusal(tmp_path, data).startswith("it is not a JPEG, PNG, WebP, AVIF, GIF or TIFF")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_half_a_picture_is_refused(tmp_path: Path, form: str, part: float) -> None:
    whole = encoded(Image.effect_noise((120, 90), 60).convert("RGB"), form)
    assert refusal(tmp_path, whole[: int(len(whole) * part)]) in (
        "it is cut off or damaged",
        "it is not a JPEG, PNG, WebP, AVIF, GIF or TIFF picture",  # AVIF has its end in its head
    )


def test_a_damaged_picture_is_refused(tmp_path: Path) -> None:
    whole = bytearray(encoded(noise(), "PNG"))
    middle = len(whole) // 2
    whole[middle : middle + 40] = b"\0" * 40
    assert refusal(tmp_path, bytes(whole)) == "it is cut off or damaged"


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ((8000, 8000), "it has 8000×8000 pixels; 60 million are the most"),
        ((60_000_001, 1), "it has 60000001×1 pixels; 60 million are the most"),
        ((30_000, 30_000), "it has too many pixels"),
        ((2**31 - 1, 2**31 - 1), "it has too many pixels"),
    ],
)
def test_a_bomb_is_refused_by_what_its_head_claims(
    tmp_path: Path, size: tuple[int, int], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> None:
        raise AssertionError("a pixel was read")

    monkeypatch.setattr(ImageFile.ImageFile, "load", explode)
    assert refusal(tmp_path, png_that_claims(*size)) == reason


def test_a_picture_far_too_tall_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, encoded(plain(RED, size=(1, 17_000)), "PNG")) == (
        "it is far too tall for its width"
    )


def test_a_file_too_large_is_refused(tmp_path: Path) -> None:
    data = encoded(plain(RED), "PNG")
    assert refusal(tmp_path, data + b"\0" * (25_000_001 - len(data))) == "it is larger than 25 MB"
