"""What somebody brings as a floor plan becomes a picture of our own, or gets one sentence."""

import asyncio
import base64
import hashlib
import io
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests import drawings
from tests.drawings import GOOD, HOSTILE, RED
from tocsin_server.errors import Busy, Invalid
from tocsin_server.fleet import redraw, redraw_child
from tocsin_server.fleet.redraw import Picture

MEMORY_MB_MAX = 300
NEAR = 40  # of 255: JPEG, CMYK and WebP each move a colour a little

# Our own memory would count as the child's: it is started from a process that has none.
_MEASURE = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdin=sys.stdin.buffer, capture_output=True, env={})
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def opened(picture: Picture) -> Image.Image:
    image = Image.open(io.BytesIO(picture.content))
    assert (image.format, image.size) == ("WEBP", (picture.width, picture.height))
    return image.convert("RGB")


def is_near(pixel: object, wanted: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(one - other) <= NEAR for one, other in zip(pixel, wanted, strict=True))


@pytest.mark.parametrize("kind", GOOD)
async def test_what_people_have_as_a_plan_is_drawn_anew(kind: str) -> None:
    picture = await redraw.redraw(GOOD[kind](), page=1)
    image = opened(picture)
    assert max(image.size) <= redraw_child.SIDE_MAX
    assert len(picture.content) <= redraw_child.PICTURE_BYTES_MAX
    upper_left = image.getpixel((image.width // 8, image.height // 8))
    lower_right = image.getpixel((image.width * 7 // 8, image.height * 7 // 8))
    assert is_near(lower_right, (255, 255, 255)), lower_right
    if "grey" in kind or "black" in kind or "16 bits" in kind:
        assert not is_near(upper_left, (255, 255, 255)), upper_left
    else:
        assert is_near(upper_left, RED), upper_left


async def test_an_svg_s_words_are_drawn_with_our_own_font() -> None:
    words = '<text x="320" y="380" font-family="Arial" font-size="90">Gymnasium</text>'
    with_words = opened(await redraw.redraw(drawings.svg(words), page=1))
    without = opened(await redraw.redraw(drawings.svg(), page=1))
    assert with_words.tobytes() != without.tobytes()


async def test_the_page_of_a_pdf_is_the_one_that_was_asked_for() -> None:
    content = drawings.pdf(pages=3)
    for page, wanted in ((2, (255, 255, 255)), (3, RED)):
        image = opened(await redraw.redraw(content, page=page))
        assert is_near(image.getpixel((image.width // 4, image.height // 4)), wanted)
    with pytest.raises(Invalid, match="This PDF has no page 4: its pages are 1 to 3"):
        await redraw.redraw(content, page=4)


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_is_no_plan_gets_one_sentence(name: str) -> None:
    hostile = HOSTILE[name]
    with pytest.raises(Invalid, match=r"Nothing was changed\.$") as refused:
        await redraw.redraw(hostile.content(), page=1)
    assert hostile.said in str(refused.value)


async def test_what_is_too_large_is_refused_before_anybody_opens_it() -> None:
    with pytest.raises(Invalid, match="larger than 20 MiB"):
        await redraw.redraw(b"\x89PNG" + bytes(redraw.FILE_BYTES_MAX), page=1)


async def test_base64_of_a_file_is_the_file_to_its_last_byte() -> None:
    start = drawings.pixels()
    for size in (*range(len(start), len(start) + 4), redraw.PART_BYTES * 3, redraw.FILE_BYTES_MAX):
        content = start + bytes(size - len(start))
        text = base64.b64encode(content)
        for written in (text, text.replace(b"/", b"\\/")) if size < 2**20 else (text,):
            picture = await redraw.redraw_base64(memoryview(written), page=1)
            assert picture.file_digest == hashlib.sha256(content).digest()
            assert picture == await redraw.redraw(content, page=1)


async def test_nothing_of_the_file_but_what_the_eye_sees_is_kept() -> None:
    """A file that is two: a picture, and an archive behind it; and notes within."""
    marks = {b"<script>hidden</script>", b"PK\x03\x04 hidden"}
    png = drawings.pixels()
    note = drawings.chunk(b"tEXt", b"Comment\0<script>hidden</script>")
    exif = Image.Exif()
    exif[0x010E] = "<script>hidden</script>"
    jpeg = drawings.pixels(kind="JPEG", exif=exif, comment=b"<script>hidden</script>")
    for content in (png[:33] + note + png[33:] + b"PK\x03\x04 hidden", jpeg + b"PK\x03\x04 hidden"):
        assert marks == {mark for mark in marks if mark in content}
        picture = await redraw.redraw(content, page=1)
        assert not any(mark in picture.content for mark in marks)
        assert not Image.open(io.BytesIO(picture.content)).getexif()


def memory_of(content: bytes) -> tuple[int, float]:
    """The child's exit code, and the most memory that it ever held, in MB."""
    assert redraw._CHILD.is_file()
    command = [sys.executable, "-I", "-c", _MEASURE, sys.executable, "-I", str(redraw._CHILD), "1"]
    said = subprocess.run(command, input=content, capture_output=True, check=True).stdout
    code, most = said.split()
    return int(code), int(most) / 1e6


@pytest.mark.parametrize(
    "content",
    [
        lambda: drawings.blank((drawings.SIDE_PX, drawings.SIDE_PX), mode="RGBA"),
        lambda: drawings.blank((drawings.SIDE_PX, drawings.SIDE_PX), kind="JPEG", mode="RGB"),
        lambda: drawings.pixels((5000, 4000), mode="RGBA"),
        drawings.text_bomb,
        drawings.ten_times_ten,
        drawings.billion_laughs,
        lambda: drawings.svg('<g filter="url(#f)"><filter id="f" width="900"/></g>' * 2000),
        lambda: drawings.svg("<g>" * 100_000 + "</g>" * 100_000),
        lambda: drawings.svg(f'<path d="{"L9 9" * 2_000_000}"/>'),
        lambda: b"%PDF-1.7\n" + b"[" * 5_000_000,
        drawings.large_picture_in_an_svg,
        drawings.large_picture_in_a_pdf,
    ],
    ids=[
        *("100 megapixels", "100 megapixels as JPEG", "20 megapixels", "a packed note"),
        *("a billion shapes", "laughs", "filters", "depth", "a long path", "a PDF of brackets"),
        *("a large picture in an SVG", "a large picture in a PDF"),
    ],
)
async def test_no_file_takes_more_memory_than_it_may(content: object) -> None:
    assert callable(content)
    _, most_mb = await asyncio.to_thread(memory_of, content())
    assert 10 < most_mb < MEMORY_MB_MAX


async def test_a_drawing_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraw, "REDRAW_S_MAX", 0.01)
    with pytest.raises(Invalid, match="takes longer than a floor plan should"):
        await redraw.redraw(drawings.pixels(), page=1)
    monkeypatch.undo()
    await redraw.redraw(drawings.pixels(), page=1)


async def test_two_at_once_are_one_after_the_other() -> None:
    one, other = await asyncio.gather(
        *(redraw.redraw(drawings.svg(), page=1) for _ in range(2)), return_exceptions=True
    )
    assert isinstance(one, Picture)
    assert isinstance(other, Busy)


def test_once_a_file_is_read_no_other_is_opened_and_no_line_to_anywhere() -> None:
    script = (
        "import importlib.util, socket, sys\n"
        "spec = importlib.util.spec_from_file_location('child', sys.argv[1])\n"
        "child = importlib.util.module_from_spec(spec); spec.loader.exec_module(child)\n"
        "child.only_files_that_are_open(0)\n"
        "for opens in (lambda: open('/etc/hostname'), socket.socket):\n"
        "    try: opens(); print('opened')\n"
        "    except OSError as error: print(error.errno)\n"
    )
    command = [sys.executable, "-I", "-c", script, str(redraw._CHILD)]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert said.split() == ["24", "24"]  # EMFILE


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import os, sys; print(dict(os.environ)); sys.exit(os.EX_DATAERR)", "{"),
        ("while True: print('x' * 9999)", "can't be drawn"),
        ("print('{}'); print('<script>')", "can't be drawn"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "can't be drawn"),
        (
            "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass",
            "longer",
        ),
    ],
    ids=["tells its environment", "never ends", "gives a page", "crashes", "turns for ever"],
)
async def test_whatever_becomes_of_the_child_the_server_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, program: str, said: str
) -> None:
    child = folder / "child.py"
    child.write_text(program)
    monkeypatch.setattr(redraw, "_CHILD", child)
    monkeypatch.setenv("TOCSIN_SECRET", "a secret")
    began = time.monotonic()
    with pytest.raises(Invalid) as refused:
        await redraw.redraw(drawings.pixels(), page=1)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value).lower()
    assert time.monotonic() - began < redraw.REDRAW_S_MAX
