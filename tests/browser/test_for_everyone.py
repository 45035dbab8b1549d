"""Every page and state, held against WCAG 2.2 AA: at a desk by day, and on a phone in the dark."""

from contextlib import aclosing

import pytest
from playwright.async_api import Browser, Page

from tests import vendored
from tests.browser.desk import PHONE_PX, SCREEN_PX
from tests.browser.tour import tour
from tests.walk.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

AXE = (vendored.FOLDER / "axe" / "axe.min.js").read_text()
AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
BY_LOOKS = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]
STOPS_MIN = 40

# What breaks a rule: the rule, where, and why.
JUDGE = """async (only) => {
  const rules = { "target-size": { enabled: true } };
  const { violations } = await axe.run({ runOnly: only, rules, resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
}"""


async def judged(page: Page, kind: str, values: list[str]) -> list[str]:
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    found: list[str] = await page.evaluate(JUDGE, {"type": kind, "values": values})
    return found


async def test_no_page_breaks_a_rule_of_wcag_in_either_theme(house: House, chrome: Browser) -> None:
    seen, broken = 0, []
    async with aclosing(tour(house, chrome)) as stops:
        async for stop in stops:
            page = stop.page
            found = await judged(page, "tag", AA)
            await page.set_viewport_size(PHONE_PX)
            await page.emulate_media(color_scheme="dark")
            found += [f"dark: {each}" for each in await judged(page, "rule", BY_LOOKS)]
            await page.emulate_media(color_scheme="light")
            await page.set_viewport_size(SCREEN_PX)
            broken += [f"{stop.name}: {each}" for each in found]
            seen += 1
    assert not broken, "\n".join(broken)
    assert seen >= STOPS_MIN
