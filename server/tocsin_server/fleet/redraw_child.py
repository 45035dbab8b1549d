"""Draw a picture anew: the program that alone opens what somebody uploaded.

Promise: a PNG, JPEG, SVG or page of a PDF comes in on standard input, and a WebP of at most
SIDE_MAX pixels goes out, with nothing in it but what the eye sees. The kernel holds it to
MEMORY_BYTES_MAX and CPU_S_MAX, and to no file and no socket once it has read what came (our fonts
apart, where that is an SVG). It has none of our code, our environment or our secrets in it.
Whoever took over the drawing of an SVG could still read files, as it reads our fonts; it has no way
to send them but as a picture.

Refused, with a sentence on standard output and EX_DATAERR as its exit code: whatever else it is, by
what it holds and not by its name; scripts; whatever would have to be fetched from elsewhere.
"""

import io
import json
import os
import re
import resource
import sys
from pathlib import Path
from typing import Never
from xml.parsers import expat

import pypdfium2
import resvg_py
from PIL import (
    Image,
    ImageOps,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

SIDE_MAX = 2400  # a sheet of paper at 200 dots per inch, and enough to read the number on a door
SIDE_MIN = 100  # nobody could find a room on less
PIXELS_MAX = 20_000_000  # A3 at 300 dots per inch is 17 million
PICTURE_BYTES_MAX = 3 * 1024 * 1024  # a dispatcher's screen must have it at once
QUALITIES = (85, 60, 30)  # the first that fits
MEMORY_BYTES_MAX = 300_000_000
CPU_S_MAX = 10
FONT_FILES_MAX = 16  # open at once, while an SVG with text is drawn
NICE = 10  # an alert on the same machine goes first

FONTS = Path(__file__).with_name("fonts")
FONT = "IBM Plex Sans"
SVG_UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.795, "mm": 3.7795}
PDF_SCRIPT = b"/JavaScript"  # ISO 32000-1, 12.6.4.16

# Each loads others when it is first used, and then no file can be opened any more.
_PLUGINS = (JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)
_OTHERS = {
    b"PK\x03\x04": "a ZIP archive, or a file of Word, Excel or Visio",
    b"\x1f\x8b": "a compressed file (gzip, or .svgz)",
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"II*\x00": "a TIFF",
    b"MM\x00*": "a TIFF",
    b"RIFF": "a WebP or a film",
    b"AC10": "a drawing of AutoCAD (.dwg)",
    b"{\\rtf": "a text document",
    b"\xd0\xcf\x11\xe0": "an old file of Word, Excel or Visio",
}
_HEIC = re.compile(rb".{4}ftyp(heic|heix|mif1|avif)", re.DOTALL)
_DRAWING = re.compile(r"\s*<")
_LENGTH = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([a-z]*)\s*")
_EMBEDDED = re.compile(r"\s*data:image/(png|jpe?g);", re.IGNORECASE)


def refuse(sentence: str) -> Never:
    """End, and say why."""
    sys.stdout.buffer.write(sentence.encode())
    sys.stdout.flush()
    sys.exit(os.EX_DATAERR)


def refuse_script(kind: str, instead: str) -> Never:
    """End, because of something that would run."""
    refuse(f"This {kind} holds a script, which no floor plan needs: {instead}, and choose that.")


def main() -> None:
    """Read a file from standard input; the page of a PDF is the argument."""
    os.nice(NICE)
    Image.preinit()
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES_MAX,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX + 1))  # a word, then the end
    content = sys.stdin.buffer.read()
    try:
        picture = drawn(content, page=int(sys.argv[1]))
        encoded = encode(picture)
    except MemoryError:
        refuse(
            "Drawing this takes more memory than a floor plan should: save it as a PNG of at most"
            f" {SIDE_MAX} pixels each way, and choose that."
        )
    head = json.dumps({"width": picture.width, "height": picture.height})
    sys.stdout.buffer.write(head.encode() + b"\n" + encoded)
    sys.stdout.flush()


def drawn(content: bytes, *, page: int) -> Image.Image:
    """Give the picture of a file: RGB, at most SIDE_MAX each way."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return of_pixels(content, "PNG")
    if content.startswith(b"\xff\xd8\xff"):
        return of_pixels(content, "JPEG")
    if content.startswith(b"%PDF-"):
        return of_pdf(content, page=page)
    others = (what for start, what in _OTHERS.items() if content.startswith(start))
    what = next(others, "an iPhone's HEIC photo" if _HEIC.match(content) else None)
    if what is not None:
        refuse(f"This is {what}. Save the plan as PNG, JPEG, SVG or PDF, and choose that file.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = ""
    if not _DRAWING.match(text):
        refuse("This is no PNG, JPEG, SVG or PDF: save the plan as one of these, and choose that.")
    return of_svg(text)


def of_pixels(content: bytes, kind: str) -> Image.Image:
    """Draw a PNG or a JPEG."""
    only_files_that_are_open(0)
    try:
        image = Image.open(io.BytesIO(content), formats=(kind,))
        image.draft("RGB", (SIDE_MAX, SIDE_MAX))  # a large JPEG is read at a half, quarter, eighth
        width, height = image.size
        if width * height > PIXELS_MAX:
            refuse(
                f"The picture has {width:,} by {height:,} pixels;"
                f" {PIXELS_MAX // 1_000_000} million in all are the most. Save it smaller:"
                f" {SIDE_MAX} pixels each way are enough."
            )
        check_shape(width, height)
        image.load()
        return flat(ImageOps.exif_transpose(image))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 (a decoder that is given nonsense raises whatever it likes)
        refuse(
            f"This {kind} is damaged, or was cut off on its way: open it, save it anew, and choose"
            " the new file."
        )


def check_shape(width: float, height: float) -> None:
    """Refuse what would be a stamp or a ribbon."""
    shrunk = min(1.0, SIDE_MAX / max(width, height))
    if min(width, height) * shrunk < SIDE_MIN:
        refuse(
            f"The picture would be {width * shrunk:.0f} by {height * shrunk:.0f} pixels: nothing"
            f" could be found on it. Choose one of at least {SIDE_MIN} pixels each way."
        )


def flat(image: Image.Image) -> Image.Image:
    """Make it small, then opaque on white paper."""
    if image.mode.startswith("I;16"):  # its white would be lost: 16 bits are cut to 8, not shifted
        image = image.convert("I").point(lambda level: level / 256).convert("L")
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA")
    times = max(image.size) // SIDE_MAX
    if times > 1:
        image = image.reduce(times)
    image.thumbnail((SIDE_MAX, SIDE_MAX))
    if image.mode in {"RGBA", "LA", "PA"}:
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
        image = paper
    return image.convert("RGB")


def of_pdf(content: bytes, *, page: int) -> Image.Image:
    """Draw one page; this PDFium has no engine for scripts, and forms are not drawn."""
    only_files_that_are_open(0)
    if PDF_SCRIPT in content:
        refuse_script("PDF", "print it into a new PDF")
    try:
        document = pypdfium2.PdfDocument(content)
        pages = len(document)
        scripts = pypdfium2.raw.FPDFDoc_GetJavaScriptActionCount(document)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            refuse("This PDF is locked with a password: save it without one, and choose that.")
        refuse("This PDF is damaged, or was cut off on its way: save it anew, and choose that.")
    if scripts > 0:
        refuse_script("PDF", "print it into a new PDF")
    if not 1 <= page <= pages:
        refuse(f"This PDF has no page {page}: its pages are 1 to {pages}. Say which one it is.")
    try:
        sheet = document[page - 1]
        longest = max(sheet.get_size())
        check_shape(*(SIDE_MAX / longest * side for side in sheet.get_size()))
        bitmap = sheet.render(scale=SIDE_MAX / longest, may_draw_forms=False)
        image: Image.Image = bitmap.to_pil()
        return image.convert("RGB")
    except (pypdfium2.PdfiumError, ValueError, ZeroDivisionError, OverflowError):
        refuse(f"Page {page} of this PDF can't be drawn: save it as PNG, and choose that.")


def of_svg(text: str) -> Image.Image:
    """Draw an SVG, once it is seen that it wants nothing from elsewhere."""
    only_files_that_are_open(FONT_FILES_MAX)
    width, height = checked_svg(text)
    is_tall = height > width
    try:
        drawing = resvg_py.svg_to_bytes(
            svg_string=text,
            background="#ffffff",
            dpi=96.0,  # CSS 2, 4.3.2; without it whatever is said in inches is nothing
            width=None if is_tall else SIDE_MAX,
            height=SIDE_MAX if is_tall else None,
            skip_system_fonts=True,
            font_files=[str(file) for file in sorted(FONTS.glob("IBMPlexSans*.ttf"))],
            font_family=FONT,
            serif_family=FONT,
            sans_serif_family=FONT,
            cursive_family=FONT,
            fantasy_family=FONT,
            monospace_family=FONT,
        )
    except ValueError:
        refuse("This SVG can't be drawn: save it as PNG, and choose that.")
    return of_pixels(drawing, "PNG")


def checked_svg(text: str) -> tuple[float, float]:
    """Read through an SVG, and give its width and height; only how they relate is of use.

    Its text is given to this reader and to the one that draws alike, as UTF-8, whatever it says.
    """
    size: list[tuple[float, float]] = []

    def entity(*_said: object) -> None:
        refuse(
            "This SVG defines entities, by which a small file becomes an endless one: save it as"
            " plain SVG, or as PNG, and choose that."
        )

    def element(name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2].lower()
        if not size:
            if kind != "svg":
                refuse(f"This is no SVG but a document of <{kind[:40]}>: save the plan as SVG.")
            size.append(_size_of(attributes))
        if kind == "script":
            refuse_script("SVG", "save it as plain SVG, or as PNG")
        for attribute, value in attributes.items():
            check_attribute(kind, attribute.rpartition(":")[2].lower(), value)

    reader = expat.ParserCreate("utf-8")
    reader.EntityDeclHandler = entity
    reader.StartElementHandler = element
    try:
        reader.Parse(text.encode(), True)
    except expat.ExpatError as error:
        refuse(
            f"This SVG is damaged, or was cut off on its way, at line {error.lineno}: save it anew,"
            " and choose that."
        )
    return size[0]


def check_attribute(kind: str, name: str, value: str) -> None:
    """Refuse what would run, and what would be fetched."""
    if name.startswith("on") or value.strip().lower().startswith("javascript:"):
        refuse_script("SVG", "save it as plain SVG, or as PNG")
    fetches = kind in {"image", "feimage", "use"} and name == "href"
    if fetches and not (value.strip().startswith("#") or _EMBEDDED.match(value)):
        refuse(
            "This SVG shows a picture that is in another file: save it with its pictures embedded,"
            " or as PNG, and choose that."
        )


def _size_of(attributes: dict[str, str]) -> tuple[float, float]:
    lengths = [_LENGTH.fullmatch(attributes.get(name, "")) for name in ("width", "height")]
    known = [
        float(length[1]) * SVG_UNITS[length[2]]
        for length in lengths
        if length and length[2] in SVG_UNITS
    ]
    if len(known) == len(lengths):
        return known[0], known[1]
    box = re.findall(r"[0-9.eE+-]+", attributes.get("viewBox", ""))
    try:
        return float(box[2]), float(box[3])
    except (IndexError, ValueError):
        return 1.0, 1.0


def encode(picture: Image.Image) -> bytes:
    """Write the WebP, with no word about the picture in it."""
    for quality in QUALITIES:
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=quality, method=4, exif=b"", icc_profile=b"", xmp=b"")
        if out.tell() <= PICTURE_BYTES_MAX:
            return out.getvalue()
    refuse(
        "The picture is too full of detail to be sent to screens in a moment: save it smaller, or"
        " choose a drawing instead of a photo."
    )


def only_files_that_are_open(more: int) -> None:
    """From now on the kernel opens no more files or sockets than these for us.

    None at all: also not in the place of one of our three, were it closed.
    """
    most = 3 + more if more else 0
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
