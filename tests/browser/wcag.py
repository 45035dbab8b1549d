"""Holds a page against WCAG 2.2 AA: at a desk by day, and on a phone in the dark."""

from playwright.async_api import Page

from tests import vendored
from tests.browser.desk import PHONE_PX, SCREEN_PX

AXE = (vendored.FOLDER / "axe" / "axe.min.js").read_text()
AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
BY_LOOKS = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]

# What breaks a rule: the rule, where, and why.
JUDGE = """async (only) => {
  const rules = { "target-size": { enabled: true } };
  const { violations } = await axe.run({ runOnly: only, rules, resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
}"""


async def broken_rules(page: Page) -> list[str]:
    """Give what breaks a rule, in the light on a desk and in the dark on a phone."""
    found = await _judged(page, "tag", AA)
    await page.set_viewport_size(PHONE_PX)
    await page.emulate_media(color_scheme="dark")
    found += [f"dark: {each}" for each in await _judged(page, "rule", BY_LOOKS)]
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(SCREEN_PX)
    return found


async def _judged(page: Page, kind: str, values: list[str]) -> list[str]:
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    found: list[str] = await page.evaluate(JUDGE, {"type": kind, "values": values})
    return found
