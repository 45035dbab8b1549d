"""One row of the table: one fault, injected again and again while people press, and then judged.

A round: all buttons are pressed at about the same moment and the fault hits in the middle of it;
people go on pressing while it stands; once it is over, a new press shows how soon; then everything
must come to rest (receipts, screens, phones), and most alerts are answered, some are left open for
the next round's presses to join.
"""

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import msgspec

from tests.faults import fault as faults
from tests.faults import judge, oracle
from tests.faults.fault import Fault, Probe
from tests.faults.ledger import Press
from tests.faults.stand import Stand, standing
from tests.parts import ASK_AGAIN_S, DANA, LUIS, MAYA, Alert, Screen
from tocsin_server.demo.postgres import EmbeddedPostgres
from tocsin_server.demo.virtual_button import VirtualButton

BURST_S = 0.02  # within which all buttons are pressed; a receipt takes about as long
STRIKE_S = 0.008  # after some of them, within which the fault hits
PRESSED_S_MAX = 2.0  # an agent that is away may leave too few presses to wait for
LONG_FAULT_S = 15.0  # of which a quarter of the injections is made, and caught at least as much:
BUTTONS_OF_LONG = 42  # are pressed
CAUGHT_MIN = 200  # presses without a receipt when the fault hits; a row goes on until it has them,
GOES_ON_FOR = 2  # but not for more than so many times its injections
FINGER_S = 0.3  # a finger that has pressed is up again after this
PRESSES_UNDER_IT = 3  # of each button, while a fault stands
REST_S_MAX = 60.0  # after a fault's end until everything has come to rest
RECOVERY_S_MAX = 60.0  # when nobody waits any more for a press to come onto a screen
ORDINARY_S = 0.5  # what telling takes when nothing is broken, on a busy machine
LEFT_OPEN = 0.2  # of the alerts, for the next presses to join
LEFT_ACKNOWLEDGED = 0.3  # of those answered, so that the next press begins another alert
ANSWERS_AT_ONCE = 8
FIRST_TIER = tuple(str(person.phone) for person in (DANA, LUIS))
SECOND_TIER = str(MAYA.phone)
NAMED_MAX = 4


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one fault. Times in seconds; None where nothing was to be measured.

    `wrong` is what the oracle condemns, `late` what took longer than it may.
    """

    slug: str
    fault: str
    seed: int
    injections: int
    presses: int
    caught: int
    alerts: int
    lost: int
    doubled: int
    unreceipted: int
    second_texts: int
    from_memory: int
    recovery_s: tuple[float, ...]
    recovery_s_max: float
    shown_s: float | None
    told_late_s: float | None
    took_s: float
    wrong: tuple[str, ...]
    late: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.wrong and not self.late

    @property
    def recovered_median_s(self) -> float | None:
        return statistics.median(self.recovery_s) if self.recovery_s else None

    @property
    def recovered_max_s(self) -> float | None:
        return max(self.recovery_s, default=None)


class Rounds:
    """The rounds of one row on its stand."""

    def __init__(self, fault: Fault, stand: Stand, chance: random.Random) -> None:
        self.fault = fault
        self.stand = stand
        self.chance = chance
        self.injections = 0
        self.caught = 0
        self.recovery_s: list[float] = []
        self.shown_s: dict[str, float] = {}  # by press
        self.told_late_s: list[float] = []
        self.findings = stand.findings
        self._settled = 0  # this many presses came to rest in earlier rounds

    async def one(self) -> bool:
        """One injection; False where things did not come to rest, and another makes no sense."""
        stand, fault = self.stand, self.fault
        had_an_alert = {alert.device_id for alert in self._open()}
        fault.before()
        pressing = [asyncio.create_task(self._press_around(each)) for each in stand.every_button]
        struck_s = await self._middle_of_a_press()
        stand.ledger.faults_s.append(struck_s)
        await fault.inject()
        self.injections += 1
        await asyncio.sleep(max(0.0, struck_s + fault.lasts_s - time.monotonic()))
        probing = [
            asyncio.create_task(self._recover(probe)) async for probe in fault.end_one_by_one()
        ]
        await asyncio.gather(*probing, *pressing)
        rests = await stand.ledger.until(lambda: not any(self._unrest()), timeout_s=REST_S_MAX)
        if not rests:
            missing = list(islice(self._unrest(), NAMED_MAX))
            self.findings.append(f"{REST_S_MAX:.0f} s after injection {self.injections}: {missing}")
        caught = stand.ledger.unreceipted(at_s=struck_s)
        self.caught += sum(fault.concerns(press.device_id) for press in caught)
        self._measure(had_an_alert)
        self._settled = len(stand.ledger.presses)
        if rests:
            await self._answer()
        return rests

    async def last(self) -> None:
        """Answer all that is open, until every lamp is dark."""
        await self._answer(everything=True)
        ledger = self.stand.ledger
        if not await ledger.until(lambda: not any(ledger.on_lamp.values()), timeout_s=REST_S_MAX):
            lit = {device: each for device, each in ledger.on_lamp.items() if each}
            self.findings.append(f"lamps that did not go out when all was resolved: {lit}")

    async def _middle_of_a_press(self) -> float:
        """The moment to strike: receipts of what some buttons sent are on the way."""
        ledger = self.stand.ledger
        enough = self._settled + self.chance.randint(1, len(self.stand.buttons))
        await ledger.until(lambda: len(ledger.presses) >= enough, timeout_s=PRESSED_S_MAX)
        await asyncio.sleep(self.chance.uniform(0, STRIKE_S))
        await asyncio.sleep(0)  # what lamps have shown by now is in the ledger
        return time.monotonic()

    async def _press_around(self, button: VirtualButton) -> None:
        """Once about when the fault hits, and on while it stands, or soon after it."""
        await asyncio.sleep(self.chance.uniform(0, BURST_S))
        await self.stand.press(button)
        lasts_s = self.fault.lasts_s
        for _ in range(PRESSES_UNDER_IT if lasts_s else self.chance.choice([0, 1])):
            gap_s = max(FINGER_S, lasts_s / (PRESSES_UNDER_IT + 1))
            await asyncio.sleep(self.chance.uniform(0.5, 1.0) * gap_s)
            await self.stand.press(button)

    async def _recover(self, probe: Probe) -> None:
        """How long a new press of this button takes from now until it is on this screen."""
        ledger, button = self.stand.ledger, probe.button
        ready_s = time.monotonic()
        earlier = ledger.of_device[button.device_id]
        finger_up_s = earlier[-1].edge_s + FINGER_S if earlier else 0.0
        while (press := await self.stand.press(button)) is None:
            if time.monotonic() > ready_s + RECOVERY_S_MAX:
                self.findings.append(f"{button.device_id} could not be pressed any more")
                return
            await asyncio.sleep(ASK_AGAIN_S)
        seen = self._seen_on(probe.screen, press)
        await ledger.until(lambda: seen() is not None, timeout_s=RECOVERY_S_MAX)
        # Where the finger was still down from the press before, it is not what is measured.
        from_s = max(ready_s, min(finger_up_s, press.edge_s))
        self.recovery_s.append(self.stand.machine.took_s(from_s, seen() or time.monotonic()))

    def _seen_on(self, screen: Screen, press: Press) -> Callable[[], float | None]:
        name = next(name for name, each in self.stand.screens.items() if each is screen)
        return lambda: self.stand.ledger.shown_s(name, press)

    def _new_presses(self) -> list[Press]:
        return list(islice(self.stand.ledger.presses.values(), self._settled, None))

    def _open(self) -> list[Alert]:
        screen = next(iter(self.stand.screens.values()))
        return [alert for alert in screen.alerts.values() if alert.state == "open"]

    def _unrest(self) -> Iterator[str]:
        """What is still to come before the round is over, in words."""
        yield from self._without_receipt()
        for name, screen in self.stand.screens.items():
            yield from self._not_shown(name, screen)
        for alert in self._open():
            for number in (*FIRST_TIER, *([SECOND_TIER] if self.fault.climbs else [])):
                if not self.stand.ledger.paged_s(number, alert.alert_id):
                    yield f"{number} was not told of {alert.alert_id}"

    def _without_receipt(self) -> Iterator[str]:
        ledger = self.stand.ledger
        for press in self._new_presses():
            excused = ledger.is_forgotten(press) or ledger.is_too_young(press)
            if press.receipted_s is None and not excused:
                yield f"no receipt for {press.press_id} of {press.device_id}"
        for device_id, lamp in ledger.on_lamp.items():
            if "pressed" in lamp.values():
                yield f"the lamp of {device_id} waits for a receipt"

    def _not_shown(self, name: str, screen: Screen) -> Iterator[str]:
        ledger = self.stand.ledger
        if not screen.live:
            yield f"the screen of {name} is away"
        if screen.held:
            yield f"presses are NOT YET STORED on the screen of {name}"
        for device_id, made in ledger.of_device.items():
            certain = sum(not ledger.is_too_young(press) for press in made)
            if ledger.count(name, device_id) < certain:
                yield f"presses of {device_id} are not on the screen of {name}"

    def _measure(self, had_an_alert: set[str]) -> None:
        """How late presses came onto the screens that should not have noticed, and onto phones."""
        ledger, fault, took_s = self.stand.ledger, self.fault, self.stand.machine.took_s
        alone = {button.device_id for button in self.stand.singles}
        unharmed = fault.unharmed()
        first: dict[str, Press] = {}
        for press in self._new_presses():
            first.setdefault(press.device_id, press)
            if fault.shown_s_max is None or press.device_id in alone:
                continue
            shown = [ledger.shown_s(name, press) for name in unharmed]
            at_s = max((each or time.monotonic() for each in shown), default=press.edge_s)
            at_s = min(at_s, ledger.held_s.get(press.press_id, at_s))
            self.shown_s[press.press_id] = took_s(press.edge_s, at_s)
        if fault.told_late_s_max is None:
            return
        patience_s = self.stand.arrangement.patience_s[0]
        for alert in self._open():
            pressed = first.get(alert.device_id)
            if pressed is None or alert.device_id in had_an_alert | alone:
                continue
            due_s = pressed.edge_s
            times = [ledger.paged_s(number, alert.alert_id) for number in FIRST_TIER]
            self.told_late_s += [took_s(due_s, each[0]) for each in times if each]
            if fault.climbs and (second := ledger.paged_s(SECOND_TIER, alert.alert_id)):
                self.told_late_s.append(took_s(due_s, second[0]) - patience_s)

    async def _answer(self, *, everything: bool = False) -> None:
        """Acknowledge and resolve, at any replica; some are left for the next press to find."""
        screens = list(self.stand.screens.values())
        at_once = asyncio.Semaphore(ANSWERS_AT_ONCE)
        expected: dict[str, str] = {}

        async def answer(alert: Alert, *, resolve: bool) -> None:
            async with at_once:
                if alert.state == "open":
                    taken = await self.chance.choice(screens).acknowledge(alert)
                    if taken.status != 200 or taken.json()["won"] is not True:
                        self.findings.append(f"{alert.alert_id} can't be taken: {taken.body!r}")
                    self.stand.ledger.ended_s.setdefault(alert.alert_id, time.monotonic())
                    expected[alert.alert_id] = "acknowledged"
                if resolve:
                    resolved = await self.chance.choice(screens).resolve(alert)
                    if resolved.status != 200:
                        self.findings.append(f"{alert.alert_id} can't be resolved")
                    expected[alert.alert_id] = "resolved"

        answering = []
        for alert in list(screens[0].alerts.values()):
            left = alert.state == "open" and self.chance.random() < LEFT_OPEN
            if alert.state == "resolved" or (left and not everything):
                continue
            kept = alert.state == "open" and self.chance.random() < LEFT_ACKNOWLEDGED
            answering.append(answer(alert, resolve=everything or not kept))
        await asyncio.gather(*answering)

        def shown(screen: Screen) -> bool:
            states = {alert_id: alert.state for alert_id, alert in screen.alerts.items()}
            return all(states.get(alert_id) == state for alert_id, state in expected.items())

        for name, screen in self.stand.screens.items():
            try:
                await screen.until(shown, timeout_s=REST_S_MAX)
            except TimeoutError:
                self.findings.append(f"the screen of {name} does not show who has what")


async def read_evidence(stand: Stand) -> oracle.Evidence:
    """All that screens, phones and lamps say at the end; of each alert what its own page says."""
    ledger = stand.ledger
    screen = next(iter(stand.screens.values()))
    alert_ids = {alert_id for shown in ledger.shown.values() for alert_id in shown}
    listed = await screen.get("alerts?state=all&limit=1000")
    alert_ids |= {alert.alert_id for alert in msgspec.json.decode(listed.body, type=_List).alerts}
    records = [await judge.read_record(screen, alert_id) for alert_id in sorted(alert_ids)]
    made = [
        oracle.Made(
            device_id=press.device_id,
            press_id=press.press_id,
            receipted=press.receipted_s is not None,
            forgotten=ledger.is_forgotten(press),
            too_young=ledger.is_too_young(press),
        )
        for press in ledger.presses.values()
    ]
    only_on_lamp = [
        oracle.Made(device_id=device_id, press_id=press_id, receipted=state != "pressed")
        for press_id, (device_id, state) in ledger.seen_on_lamp.items()
        if press_id not in ledger.presses
    ]
    found = Counter(each.device_id for each in only_on_lamp)
    pages: dict[str, Counter[str]] = {}
    for page in ledger.pages:
        pages.setdefault(page.number, Counter())[page.alert_id] += 1
    return oracle.Evidence(
        made=(*made, *only_on_lamp),
        alerts=tuple(
            oracle.OnRecord(
                alert_id=record.alert.alert_id,
                device_id=record.alert.device_id,
                presses=tuple(press.press_id for press in record.presses),
                counted=record.alert.presses,
                faults_lived=ledger.faults_lived(record.alert.alert_id),
            )
            for record in records
        ),
        screens={
            name: {alert_id: shown.presses for alert_id, shown in ledger.shown[name].items()}
            for name in stand.screens
        },
        first_tier=FIRST_TIER,
        pages=pages,
        unanswered={device_id: n - found[device_id] for device_id, n in ledger.unanswered.items()},
        left_over=tuple(_left_over(stand)),
        verified=await stand.verify(),
    )


class _List(msgspec.Struct, frozen=True):
    alerts: tuple[Alert, ...]


def _left_over(stand: Stand) -> Iterator[str]:
    for name, screen in stand.screens.items():
        yield from (f"{press} NOT YET STORED on the screen of {name}" for press in screen.held)
        yield from (f"{each.reason} on the screen of {name}" for each in screen.doubtful.values())


def limits_broken(fault: Fault, rounds: Rounds) -> Iterator[str]:
    """What took longer than it may."""
    if (slowest := max(rounds.recovery_s, default=0.0)) > fault.recovery_s_max:
        yield f"recovered in {slowest:.2f} s; {fault.recovery_s_max:g} s are allowed"
    if fault.shown_s_max is not None:
        late = {press: s for press, s in rounds.shown_s.items() if s > fault.shown_s_max}
        for press_id, shown_s in islice(late.items(), NAMED_MAX):
            yield (
                f"{press_id} was on a screen after {shown_s:.2f} s, as one of {len(late)};"
                f" {fault.shown_s_max:g} s are allowed"
            )
    if fault.told_late_s_max is not None:
        told_late_s = max(rounds.told_late_s, default=0.0)
        if told_late_s > fault.told_late_s_max + ORDINARY_S:
            yield f"told {told_late_s:.2f} s late; {fault.told_late_s_max:g} s are allowed"


def is_long(fault: Fault | type[Fault]) -> bool:
    """Whether fewer injections are made of it, with more buttons."""
    return fault.takes_s + fault.lasts_s >= LONG_FAULT_S


async def run_row(
    slug: str,
    *,
    injections: int,
    seed: int,
    folder: Path,
    postgres: EmbeddedPostgres | None = None,
    until_s: float = float("inf"),
    caught_min: int = 0,
    buttons: int | None = None,
    lasts_s: float | None = None,
) -> Row:
    """Run one row on a stand of its own. `until_s` (monotonic): no injection begins after it.

    It goes on after its injections until it has caught `caught_min` presses, if its fault can.
    `buttons` and `lasts_s` make it a smaller or shorter one, for a test.
    """
    fault = faults.every()[slug]()
    if buttons is None and is_long(fault):
        buttons = BUTTONS_OF_LONG
    if buttons is not None:
        fault.arrangement = replace(fault.arrangement, buttons=buttons)
    if lasts_s is not None:
        fault.lasts_s = lasts_s
    wanted = caught_min if fault.catches else 0
    began_s = time.monotonic()
    fault.chance = random.Random(f"{slug} {seed}")

    async def arrange(stand: Stand) -> None:
        fault.stand = stand
        await fault.arrange()

    async with standing(fault.arrangement, folder, postgres=postgres, arrange=arrange) as stand:
        await fault.prepare()
        rounds = Rounds(fault, stand, fault.chance)
        while rounds.injections < injections or (
            rounds.caught < wanted and rounds.injections < GOES_ON_FOR * injections
        ):
            if time.monotonic() > until_s or not await rounds.one():
                break
        await rounds.last()
        verdict = oracle.decide(evidence := await read_evidence(stand))
        return Row(
            slug=slug,
            fault=fault.name,
            seed=seed,
            injections=rounds.injections,
            presses=len(evidence.made),
            caught=rounds.caught,
            alerts=len(evidence.alerts),
            lost=len(verdict.lost),
            doubled=len(verdict.doubled),
            unreceipted=len(verdict.unreceipted),
            second_texts=verdict.second_texts,
            from_memory=stand.ledger.from_memory,
            recovery_s=_rounded(rounds.recovery_s),
            recovery_s_max=fault.recovery_s_max,
            shown_s=max(_rounded([*rounds.shown_s.values()]), default=None),
            told_late_s=max(_rounded(rounds.told_late_s), default=None),
            took_s=round(time.monotonic() - began_s, 1),
            wrong=(*verdict.sentences(), *stand.findings),
            late=tuple(limits_broken(fault, rounds)),
        )


def _rounded(times_s: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(each, 3) for each in times_s)
