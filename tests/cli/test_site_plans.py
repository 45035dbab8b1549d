"""`tocsin site plan` and `tocsin site plans`, as facilities staff type them."""

import msgspec

from tests import drawings
from tests.cli.terminal import Terminal


class Plan(msgspec.Struct):
    title: str
    width: int
    height: int
    added_by: str
    ended_by: str | None


class Plans(msgspec.Struct):
    plans: list[Plan]


async def test_a_plan_is_added_replaced_and_listed(terminal: Terminal) -> None:
    await terminal.good("site", "add", "County Clerk")
    listing = ("site", "plans", "County Clerk")
    assert "has no plan yet" in await terminal.good(*listing)
    (terminal.folder / "plans.pdf").write_bytes(drawings.pdf(pages=2))
    add = ("site", "plan", "County Clerk", "plans.pdf", "--floor", "Ground floor")
    added = await terminal.good(*add, "--page", "2", "--by", "Sam Novak")
    assert "the plan of Ground floor at County Clerk is there" in added
    first = (await terminal.run(*listing, "--json")).read(Plans)
    (terminal.folder / "bad.svg").write_bytes(drawings.svg("<script/>"))
    for words, said in (
        ((*add, "--page", "3"), "no page 3: its pages are 1 to 2"),
        ((*add[:3], "bad.svg", *add[4:]), "holds a script"),
        ((*add[:3], "none.png", *add[4:]), "none.png: No such file"),
        ((*add[:3], "/dev/zero", *add[4:]), "larger than 20 MiB"),
        (("site", "plan", "Nowhere", "plans.pdf", "--floor", "1"), "County Clerk"),
    ):
        (await terminal.run(*words)).refused(said)
    assert (await terminal.run(*listing, "--json")).read(Plans) == first
    (terminal.folder / "new.png").write_bytes(drawings.pixels())
    await terminal.good(*add[:3], "new.png", "--floor", "ground floor", "--by", "Ana Ruiz")
    plans = (await terminal.run(*listing, "--json")).read(Plans).plans
    assert [(plan.added_by, plan.ended_by) for plan in plans] == [
        ("Ana Ruiz", None),
        ("Sam Novak", "Ana Ruiz"),
    ]
    assert "Sam Novak" in await terminal.good(*listing)
