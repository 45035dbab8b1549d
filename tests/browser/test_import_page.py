"""A list of sites on the page: saved, changed, looked through, taken in; and what may be wrong."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Page, expect

from tests.browser.desk import open_desk
from tests.browser.keeper import Keeper, keeper
from tests.parts import DANA, SAM
from tests.walk.house import House
from tests.web.client import client
from tocsin_server.demo import example

pytestmark = pytest.mark.asyncio(loop_scope="session")

CSV = "sites.csv"


@pytest_asyncio.fixture(loop_scope="session")
async def sam(house: House, chrome: Browser) -> AsyncIterator[Keeper]:
    async with keeper(house, chrome) as sam:
        await sam.said("import").click()
        await expect(sam.said("export-csv")).to_be_enabled()
        yield sam


async def saved(page: Page, testid: str) -> tuple[str, str]:
    """The file that a button gives: its name, and what is in it."""
    async with page.expect_download() as download:
        await page.get_by_test_id(testid).click()
    file = await download.value
    content = await asyncio.to_thread(Path(await file.path()).read_bytes)
    return file.suggested_filename, content.decode("utf-8-sig")


async def choose(sam: Keeper, content: str | bytes, name: str = CSV) -> None:
    buffer = content.encode() if isinstance(content, str) else content
    file = FilePayload(name=name, mimeType="", buffer=buffer)
    await sam.page.locator("input[name=list]").set_input_files(file)


async def mistakes(sam: Keeper) -> list[str]:
    """Each line of the table of them, once there is one."""
    table = sam.said("list-mistakes")
    await expect(table).to_be_visible()
    return [" | ".join(line.split("\t")) for line in await table.locator("tbody").all_inner_texts()]


async def names(house: House) -> set[str]:
    async with client(house.walk.server.url, email=SAM.email) as asker:
        listed = (await asker.ask("GET", "/api/v1/sites")).json()["sites"]
    assert isinstance(listed, list)
    return {each["name"] for each in listed}


async def test_the_table_is_saved_changed_and_taken_in(house: House, sam: Keeper) -> None:
    for testid, name in (("export-geojson", "sites.geojson"), ("export-csv", CSV)):
        suggested, text = await saved(sam.page, testid)
        assert suggested == name
        await choose(sam, text, name)
        await expect(sam.said("list-found")).to_contain_text(name)
        await expect(sam.said("take-list")).to_contain_text("There is nothing to change")
        await expect(sam.said("take-list")).to_be_disabled()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {each["site_name"] for each in rows} == {site.name for site in example.SITES}
    out = io.StringIO()
    written = csv.DictWriter(out, rows[0].keys())
    written.writeheader()
    written.writerows(
        [*rows, {"site_name": "Fire Station 4", "room": "Bay", "spot": "By the door"}]
    )
    await choose(sam, out.getvalue())
    await expect(sam.said("list-counts")).to_contain_text("Sites: 1 will be added, 0 changed")
    assert "Fire Station 4" not in await names(house)
    assert await sam.desk.fits_its_width()
    await sam.said("take-list").click()
    await expect(sam.said("list-counts")).to_contain_text("Sites: 1 added, 0 changed")
    await expect(sam.said("take-list")).to_have_count(0)
    await sam.page.get_by_role("link", name="Sites").first.click()
    await expect(sam.said("site-line").filter(has_text="Fire Station 4")).to_be_visible()


async def test_every_mistake_is_named_and_the_mended_file_of_the_same_name_is_taken(
    house: House, sam: Keeper
) -> None:
    await choose(sam, "site_name,state,latitude,stat\nFire Station 5,Texas,north,x\n")
    found = "\n".join(await mistakes(sam))
    for said in ("Line 2", "state", "Texas", "latitude", "'north' is no number of degrees"):
        assert said.lower() in found.lower(), found
    assert "did you mean state?" in found
    await expect(sam.said("take-list")).to_have_count(0)
    assert await sam.desk.fits_its_width()
    await choose(sam, "site_name,state,latitude,longitude\nFire Station 5,TX,30.27,97.74\n")
    await expect(sam.said("list-doubts")).to_contain_text("in no county of the United States")
    await sam.said("take-list").click()  # a doubt keeps nothing out
    await expect(sam.said("list-found")).to_contain_text("It is taken in")
    assert "Fire Station 5" in await names(house)


OTHER_KINDS = {
    b"": "the file is empty",
    b"PK\x03\x04" + bytes(100): "a ZIP archive or an Excel workbook (.xlsx), not CSV",
    "site_name\nPeña\n".encode("latin-1"): "save it anew from where they are whole",
    b"room\nVault\n": "no column says what a row is about",
    b'{"type": "Feature"}': "this is no GeoJSON FeatureCollection",
    b"site_name\n=SUM(A1)\n": "which a spreadsheet takes for a formula",
}


async def test_a_file_of_another_kind_is_called_what_it_is(house: House, sam: Keeper) -> None:
    before = await names(house)
    for content, said in OTHER_KINDS.items():
        await choose(sam, content)
        await expect(sam.said("list-mistakes")).to_contain_text(said)
    await choose(sam, b"x" * (8 * 1024 * 1024 + 1))
    await expect(sam.page.locator(".problem")).to_contain_text("larger than 8 MiB: split it")
    sent = [each for each in sam.desk.requests if each.url.endswith("/sites/import")]
    assert len(sent) == len(OTHER_KINDS), "what is too large is not even sent"
    assert await names(house) == before


async def test_a_line_that_breaks_is_said_and_the_file_can_be_chosen_again(
    house: House, sam: Keeper
) -> None:
    await sam.desk.until_it_has_its_worker()
    await sam.page.route("**/api/v1/sites/import", lambda route: route.abort())
    await choose(sam, "site_name\nFire Station 7\n")
    await expect(sam.page.locator(".problem")).to_contain_text("Nothing was changed.")
    await sam.page.unroute("**/api/v1/sites/import")
    await choose(sam, "site_name\nFire Station 7\n")
    await expect(sam.said("take-list")).to_be_enabled()
    assert "Fire Station 7" not in await names(house)


async def test_whoever_does_not_keep_the_buttons_has_no_such_page(
    house: House, chrome: Browser
) -> None:
    async with open_desk(chrome, house.walk.server.url) as desk:
        dana = Keeper(desk)
        await dana.sign_in(DANA.email)
        await expect(dana.said("site-line").first).to_be_visible()
        await desk.go("#/import")
        await expect(dana.said("site-line").first).to_be_visible()
        await expect(dana.page.locator("input[name=list]")).to_have_count(0)
