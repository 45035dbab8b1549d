"""tocsin-button: run a button's agent, press it, test it, ask what is wrong with it."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import msgspec

from tocsin_button import config as configs
from tocsin_button.control import AgentState, Caller, Finding, PressAnswer
from tocsin_button.errors import AgentAbsent, BadConfig, ButtonError

WAIT_S = 60.0  # of `press --wait`: by then a dispatcher has it, or somebody must call
SWITCH_S = 0.0005  # Python's own 5 ms would be half of what a press may take to the socket
EXIT_DONE, EXIT_FAILED, EXIT_UNUSABLE = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Run one command: 0 it is done, 1 something is wrong, 2 it can't be done like this."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except ButtonError as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"tocsin-button: {line}\n")
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tocsin-button",
        description="The agent of one Tocsin button, and what its keeper needs.",
        epilog="example: tocsin-button run --config /etc/tocsin/button.toml",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = _add(
        commands,
        "run",
        _run,
        "be the button: watch the pins, send presses until they are receipted, drive the lamp",
        "GPIOZERO_PIN_FACTORY=mock tocsin-button run --config button/button.toml",
        data=False,
    )
    run.description = (
        f"{run.description} GPIOZERO_PIN_FACTORY chooses the pins: lgpio on a Raspberry Pi, "
        "mock for a virtual button. Ctrl-C or SIGTERM end it."
    )
    press = _add(
        commands,
        "press",
        _press,
        "press the button of the running agent; the alert is real",
        "tocsin-button press --wait",
    )
    press.add_argument(
        "--wait",
        nargs="?",
        choices=("stored", "acknowledged"),
        const="stored",
        help="follow the lamp until the press is stored (or acknowledged); fails after "
        f"{WAIT_S:.0f} s",
    )
    _add(
        commands,
        "selftest",
        _selftest,
        "try pins, contacts, lamp, outbox, keys, certificate, brokers and the server's pulse",
        "tocsin-button selftest --json",
    )
    doctor = _add(
        commands,
        "doctor",
        _doctor,
        "say in plain words what is wrong with this button or its network, and what to do",
        "tocsin-button doctor --config button/button.toml",
    )
    doctor.add_argument("--all", action="store_true", help="print what is well, too")
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    command: Callable[[argparse.Namespace], int],
    what: str,
    example: str,
    *,
    data: bool = True,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=what,
        description=what[0].upper() + what[1:] + ".",
        epilog=f"example: {example}",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"the button's config (${configs.ENVIRONMENT}, else {configs.DEFAULT_FILE})",
    )
    if data:
        parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=command)
    return parser


def _run(options: argparse.Namespace) -> int:
    # Only this command needs pins, MQTT and cryptography in memory.
    from tocsin_button import agent, logs, materials  # noqa: PLC0415

    config = configs.load(configs.find(options.config))
    loaded = materials.load(config)
    with agent.hold_state(config.state_path):
        out = logs.configure()
        # The outbox's and the log's threads may hold the loop up for one interval.
        sys.setswitchinterval(SWITCH_S)
        try:
            asyncio.run(_until_told(agent.Agent(config, loaded).run))
        finally:
            out.close()
    return EXIT_DONE


async def _until_told(run: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(stop)


def _press(options: argparse.Namespace) -> int:
    config = configs.load(configs.find(options.config))
    with Caller(config.control_path) as caller:
        answer = caller.press()
    if not options.wait:
        _print_press(answer, options)
        return EXIT_DONE
    reached = _follow(config.control_path, answer, options)
    if reached:
        return EXIT_DONE
    sys.stderr.write(
        f"tocsin-button: press {answer.press_id} was not {options.wait} within {WAIT_S:.0f} s; "
        "the button goes on sending it. In danger call 911 by phone.\n"
    )
    return EXIT_FAILED


def _follow(control: Path, answer: PressAnswer, options: argparse.Namespace) -> bool:
    """Tell each change of the lamp until the press is where it is waited for."""
    order = ("pressed", "stored", "acknowledged", "responding", "resolved")
    wanted = order.index(options.wait)
    if not options.json:
        _print_press(answer, options)
    shown = None
    with Caller(control) as caller:
        for state in caller.watch(for_s=WAIT_S):
            # A press that is no longer open has been resolved.
            known = {each.press_id: each.state for each in state.open}
            now = known.get(answer.press_id, "resolved")
            if (state.pattern, now) != shown and not options.json:
                sys.stdout.write(f"{now:<13} lamp: {_lamp(state)}\n")
                sys.stdout.flush()
            shown = (state.pattern, now)
            if order.index(now) >= wanted:
                if options.json:
                    _print_press(answer, options, state=now)
                return True
    return False


def _lamp(state: AgentState) -> str:
    return state.pattern + " (drill)" * state.drill


def _print_press(
    answer: PressAnswer, options: argparse.Namespace, *, state: str = "pressed"
) -> None:
    if options.json:
        told = msgspec.to_builtins(answer) | {"state": state}
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    elif answer.published_on:
        sys.stdout.write(
            f"pressed: {answer.press_id}, on {len(answer.published_on)} broker(s) after "
            f"{answer.edge_to_publish_ms:.1f} ms\n"
        )
    else:
        sys.stdout.write(
            f"pressed: {answer.press_id}; no broker is reached, it is kept and sent again\n"
        )


def _selftest(options: argparse.Namespace) -> int:
    config = configs.load(configs.find(options.config))
    return _tell(_examine(config), options, only_bad=False)


def _doctor(options: argparse.Namespace) -> int:
    from tocsin_button import doctor  # noqa: PLC0415

    try:
        config = configs.load(configs.find(options.config))
    except BadConfig as error:
        findings = [
            Finding(check="config", ok=False, detail=line, remedy="correct the file")
            for line in error.problems
        ]
    else:
        findings = doctor.examine(config)
    code = _tell(findings, options, only_bad=not options.all)
    if not options.json:
        sys.stdout.write(_summary([each for each in findings if not each.ok and each.tried]))
    return code


def _summary(bad: list[Finding]) -> str:
    if not bad:
        return "nothing is wrong with this button\n"
    first, *later = bad
    follows = " What is listed after it may follow from it." if later else ""
    return f"Begin with '{first.check}': {first.detail}.{follows}\n"


def _examine(config: configs.Config) -> list[Finding]:
    """Have the running agent test itself; without one, test everything from here."""
    with contextlib.suppress(AgentAbsent), Caller(config.control_path) as caller:
        return caller.selftest()
    from tocsin_button import agent, logs, materials, selftest  # noqa: PLC0415

    loaded = materials.load(config)
    with agent.hold_state(config.state_path):
        out = logs.configure()
        try:
            return asyncio.run(selftest.check_alone(config, loaded))
        finally:
            out.close()


def _tell(findings: list[Finding], options: argparse.Namespace, *, only_bad: bool) -> int:
    bad = [finding for finding in findings if not finding.ok]
    if options.json:
        sys.stdout.write(msgspec.json.encode({"ok": not bad, "findings": findings}).decode() + "\n")
    else:
        # A remark may explain what is wrong; where nothing is, it is no news.
        told = [each for each in findings if bad and (not each.ok or each.means)]
        for finding in told if only_bad else findings:
            _print_finding(finding)
    return EXIT_FAILED if bad else EXIT_DONE


def _print_finding(finding: Finding) -> None:
    well = "note" if finding.means else "ok "
    mark = well if finding.ok else "BAD" if finding.tried else "-- "
    sys.stdout.write(f"{mark} {finding.check}: {finding.detail}\n")
    if finding.means:
        sys.stdout.write(f"    means: {finding.means}\n")
    if finding.remedy:
        sys.stdout.write(f"    do: {finding.remedy}\n")
    if finding.ask:
        sys.stdout.write(f"    {finding.ask}.\n")


if __name__ == "__main__":
    sys.exit(main())
