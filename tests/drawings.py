"""Files that people bring as floor plans: good ones, broken ones, and ones made to do harm."""

import base64
import io
import zlib
from collections.abc import Callable, Mapping

import msgspec
from PIL import Image, ImageDraw
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

RED = (200, 0, 0)
PAPER_PT = (612, 792)  # US Letter
NESTED = 12  # how often what is drawn tenfold is drawn tenfold again
SIDE_PX = 10_000  # 100 megapixels


class Hostile(msgspec.Struct, frozen=True):
    """A file, and words of the sentence that it has to get."""

    content: Callable[[], bytes]
    said: str


def pixels(
    size: tuple[int, int] = (600, 400), *, mode: str = "RGB", kind: str = "PNG", **options: object
) -> bytes:
    """A picture on white whose left upper quarter is red, as far as its mode has colours."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2, size[1] // 2), fill=RED)
    out = io.BytesIO()
    image.convert(mode, dither=Image.Dither.NONE).save(out, kind, **options)
    return out.getvalue()


def of_16_bits() -> bytes:
    grey = Image.open(io.BytesIO(pixels(mode="L")))
    levels = bytes(level for one in grey.tobytes() for level in (one, one))
    out = io.BytesIO()
    Image.frombytes("I;16", grey.size, levels).save(out, "PNG")
    return out.getvalue()


def blank(size: tuple[int, int], *, mode: str = "1", kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind)
    return out.getvalue()


def transparent() -> bytes:
    image = Image.new("RGBA", (600, 400), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 300, 200), fill=(*RED, 255))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def turned() -> bytes:
    """A photo that was taken with the phone on its side: its red quarter is the right upper one."""
    exif = Image.Exif()
    exif[0x0112] = 6  # Exif 2.32, Orientation: the first row is the right side
    image = Image.new("RGB", (400, 600), "white")
    ImageDraw.Draw(image).rectangle((0, 300, 200, 600), fill=RED)
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def svg(inside: str = "", *, before: str = "", size: str = 'width="600" height="400"') -> bytes:
    return (
        f'{before}<svg xmlns="http://www.w3.org/2000/svg"'
        f' xmlns:xlink="http://www.w3.org/1999/xlink" {size}>'
        f'<rect width="300" height="200" fill="rgb{RED}"/>{inside}</svg>'
    ).encode()


def pdf(*, pages: int = 1, script: str | None = None, password: str | None = None) -> bytes:
    """The red quarter is on the last page."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=PAPER_PT, encrypt=password, pageCompression=0)
    width, height = PAPER_PT
    for page in range(1, pages + 1):
        canvas.setFillColorRGB(*(each / 255 for each in RED))
        if page == pages:
            canvas.rect(0, height / 2, width / 2, height / 2, stroke=0, fill=1)
        canvas.showPage()
    canvas.save()
    content = out.getvalue()
    if script is not None:
        catalog = b"/Type /Catalog"
        assert catalog in content
        action = f"/OpenAction << /S /JavaScript /JS ({script}) >> ".encode()
        content = content.replace(catalog, action + catalog)
    return content


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG (W3C PNG, 5.3)."""
    check = zlib.crc32(kind + data)
    return len(data).to_bytes(4, "big") + kind + data + check.to_bytes(4, "big")


def text_bomb() -> bytes:
    """A small PNG with a note of 256 MiB, packed."""
    png, note = pixels(), zlib.compress(b"\0" * 256 * 1024**2, 9)
    return png[:33] + chunk(b"zTXt", b"Comment\0\0" + note) + png[33:]


def ten_times_ten() -> bytes:
    """A billion shapes out of a few lines, without any entity."""
    groups = [
        f'<g id="g{n}">' + f'<use xlink:href="#g{n - 1}"/>' * 10 + "</g>" for n in range(1, NESTED)
    ]
    return svg('<g id="g0"><rect width="9" height="9"/></g>' + "".join(groups))


def large_picture_in_an_svg() -> bytes:
    """100 megapixels that take a few kilobytes, until they are unpacked."""
    picture = base64.b64encode(blank((SIDE_PX, SIDE_PX), mode="L")).decode()
    return svg(f'<image width="600" height="400" href="data:image/png;base64,{picture}"/>')


def large_picture_in_a_pdf() -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=PAPER_PT)
    picture = blank((SIDE_PX // 2, SIDE_PX), mode="L")
    canvas.drawImage(ImageReader(io.BytesIO(picture)), 0, 0, *PAPER_PT)
    canvas.save()
    return out.getvalue()


def billion_laughs() -> bytes:
    entities = [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)]
    dtd = f'<!DOCTYPE svg [<!ENTITY l0 "ha">{"".join(entities)}]>'
    return svg("<text>&l9;</text>", before=dtd)


GOOD: Mapping[str, Callable[[], bytes]] = {
    "PNG": pixels,
    "PNG of 256 colours": lambda: pixels(mode="P"),
    "PNG of 16 bits": of_16_bits,
    "grey PNG": lambda: pixels(mode="L"),
    "black and white PNG": lambda: pixels(mode="1"),
    "transparent PNG": transparent,
    "PNG of 19 megapixels": lambda: pixels((5400, 3600), mode="RGBA"),
    "JPEG": lambda: pixels(kind="JPEG"),
    "CMYK JPEG": lambda: pixels(mode="CMYK", kind="JPEG"),
    "JPEG of 48 megapixels": lambda: pixels((8000, 6000), kind="JPEG", progressive=True),
    "JPEG of a turned phone": turned,
    "SVG": svg,
    "SVG of an old editor": lambda: svg(
        before='<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"'
        ' "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n'
    ),
    "SVG by its view box": lambda: svg(size='viewBox="0 0 600 400"'),
    "SVG in inches": lambda: svg(size='width="6in" height="101.6mm" viewBox="0 0 600 400"'),
    "PDF": pdf,
}

HOSTILE: Mapping[str, Hostile] = {
    "nothing": Hostile(lambda: b"", "The file is empty"),
    "text": Hostile(lambda: b"Ground floor", "no PNG, JPEG, SVG or PDF"),
    "binary nonsense": Hostile(lambda: bytes(range(256)) * 40, "no PNG, JPEG, SVG or PDF"),
    "a page": Hostile(
        lambda: b"<html><script>x</script></html>", "no SVG but a document of <html>"
    ),
    "an archive": Hostile(lambda: b"PK\x03\x04" + b"\0" * 999, "This is a ZIP archive"),
    "a packed SVG": Hostile(lambda: b"\x1f\x8b\x08" + b"\0" * 99, "a compressed file"),
    "a GIF": Hostile(lambda: b"GIF89a" + b"\0" * 99, "This is a GIF"),
    "an iPhone's photo": Hostile(lambda: b"\0\0\0\x18ftypheic" + b"\0" * 99, "HEIC"),
    "a drawing of AutoCAD": Hostile(lambda: b"AC1032" + b"\0" * 99, "AutoCAD"),
    "a PNG cut off": Hostile(lambda: pixels()[:-300], "damaged, or was cut off"),
    "a PNG's head alone": Hostile(lambda: pixels()[:33], "damaged, or was cut off"),
    "a JPEG cut off": Hostile(lambda: pixels(kind="JPEG")[:900], "damaged, or was cut off"),
    "100 megapixels": Hostile(lambda: blank((SIDE_PX, SIDE_PX)), "20 million in all are the most"),
    "a mile of one pixel": Hostile(lambda: blank((2_000_000, 1)), "nothing could be found on it"),
    "a stamp": Hostile(lambda: pixels((40, 30)), "40 by 30 pixels: nothing could be found on it"),
    "a PNG with a packed note": Hostile(text_bomb, "damaged, or was cut off"),
    "an SVG cut off": Hostile(lambda: svg()[:-9], "cut off on its way, at line 1"),
    "an SVG in UTF-16": Hostile(
        lambda: svg().decode().encode("utf-16"), "no PNG, JPEG, SVG or PDF"
    ),
    "a script": Hostile(lambda: svg("<script>fetch('/')</script>"), "holds a script"),
    "another's script": Hostile(
        lambda: svg('<s:script xmlns:s="http://www.w3.org/2000/svg">x</s:script>'), "holds a script"
    ),
    "a handler": Hostile(lambda: svg('<g onclick="x()"/>'), "holds a script"),
    "a link that runs": Hostile(
        lambda: svg('<a xlink:href=" JavaScript:x()"><g/></a>'), "holds a script"
    ),
    "laughs": Hostile(billion_laughs, "defines entities"),
    "an outer entity": Hostile(
        lambda: svg(
            "<text>&x;</text>", before='<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        ),
        "defines entities",
    ),
    "a file of this machine": Hostile(
        lambda: svg('<image href="/etc/hostname" width="9" height="9"/>'), "in another file"
    ),
    "a file by its URL": Hostile(
        lambda: svg('<image xlink:href="http://192.0.2.1/x.png" width="9" height="9"/>'),
        "in another file",
    ),
    "a drawing in a drawing": Hostile(
        lambda: svg('<image href="data:image/svg+xml;base64,PHN2Zy8+" width="9" height="9"/>'),
        "in another file",
    ),
    "a billion shapes": Hostile(ten_times_ten, "can't be drawn"),
    "a large picture in a drawing": Hostile(
        large_picture_in_an_svg, "more memory than a floor plan"
    ),
    "a hair of an SVG": Hostile(
        lambda: svg(size='width="100000000" height="1"'), "nothing could be found on it"
    ),
    "a PDF cut off": Hostile(lambda: pdf()[:600], "damaged, or was cut off"),
    "a PDF's head alone": Hostile(lambda: b"%PDF-1.7\n", "damaged, or was cut off"),
    "a PDF with a script": Hostile(lambda: pdf(script="app.alert(1)"), "holds a script"),
    "a locked PDF": Hostile(lambda: pdf(password="x"), "locked with a password"),
}
