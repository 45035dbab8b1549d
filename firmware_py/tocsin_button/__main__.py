"""tocsin-button: run a button's agent, press it, test it, ask what is wrong with it."""

import argparse
import asyncio
import contextlib
import dataclasses
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import msgspec

from tocsin_button import config as configs
from tocsin_button import releases, state_folder, wording
from tocsin_button.control import AgentState, Caller, Finding, PressAnswer
from tocsin_button.errors import (
    AgentAbsent,
    BadConfig,
    ButtonError,
    ClaimRefused,
    ServerUnreached,
)

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
        return EXIT_FAILED if isinstance(error, ServerUnreached) else EXIT_UNUSABLE
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
    _add_claim(commands)
    _add_set_up(commands)
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


def _add_claim(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "make this board a button, by a claim code"
    parser = commands.add_parser(
        "claim",
        help=what,
        description=f"{what[0].upper()}{what[1:]}. Its keys are made here and never leave it. Cut "
        "off, it can be given again with the same code.",
        epilog="example: sudo tocsin-button claim 7K2M-X9QR --server https://tocsin.county.example",
    )
    parser.add_argument("code", nargs="?", metavar="CODE", help="as it was shown, 7K2M-X9QR")
    parser.add_argument("--server", metavar="URL", help="the server's address, https://…")
    parser.add_argument(
        "--from",
        dest="file",
        type=Path,
        metavar="FILE",
        help="read both from a file with the two lines `server = …` and `code = …`, and take the "
        "code out of it afterwards",
    )
    _add_claiming(parser)
    parser.add_argument(
        "--insecure-http",
        action="store_true",
        help="in a lab: send the code without encryption, where anybody can take it",
    )
    parser.add_argument(
        "--patience",
        type=float,
        metavar="SECONDS",
        help="how long a server that doesn't answer is asked again (default: 120)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_claim)


def _add_claiming(parser: argparse.ArgumentParser) -> None:
    """Where a button is made, and by whose word."""
    parser.add_argument(
        "--folder",
        type=Path,
        default=configs.DEFAULT_FILE.parent,
        metavar="DIR",
        help="the button's folder (default: %(default)s)",
    )
    parser.add_argument(
        "--state-dir", metavar="DIR", help="where the agent keeps its state, if not as usual"
    )
    parser.add_argument(
        "--ca-file", type=Path, metavar="PEM", help="the authority of the server's own certificate"
    )


def _add_set_up(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "serve one page on this board's own address, on which a claim code can be typed"
    parser = commands.add_parser(
        "set-up",
        help=what,
        description=f"{what[0].upper()}{what[1:]}. It ends by itself: once the board is a button,"
        " or when its time is over.",
        epilog="example: sudo tocsin-button set-up --minutes 30",
    )
    _add_claiming(parser)
    parser.add_argument("--port", type=int, default=80, help="default: %(default)s")
    parser.add_argument(
        "--minutes", type=float, default=60, help="how long it is open (default: %(default)s)"
    )
    parser.set_defaults(command=_set_up)


def _set_up(options: argparse.Namespace) -> int:
    from tocsin_button import setting_up, setup_site  # noqa: PLC0415

    board = setting_up.SettingUp(
        folder=options.folder, state_dir=options.state_dir, ca_file=options.ca_file
    )
    if not setup_site.serve(board, port=options.port, minutes=options.minutes):
        _say("the time is over, and this board is no button: start it again to open the page anew")
    return EXIT_DONE


def _claim(options: argparse.Namespace) -> int:
    from tocsin_button import asking, claim  # noqa: PLC0415

    if (options.file is None) != bool(options.code and options.server):
        raise ClaimRefused("give a code and --server, or --from FILE, as the claim was shown")
    server, code = options.server, options.code
    if options.file is not None:
        server, code = claim.read_claim_file(options.file)
    wanted = claim.Wanted(
        code=code,
        server=asking.Server(server, options.ca_file, options.insecure_http),
        folder=options.folder,
        state_dir=options.state_dir,
    )
    if options.patience is not None:
        wanted = dataclasses.replace(wanted, patience_s=options.patience)
    answer = claim.claim(wanted, say=_say)
    if options.file is not None:
        claim.consume(options.file, server=server, device_id=answer.device_id)
    if options.json:
        told = {
            "device_id": answer.device_id,
            "jurisdiction": answer.jurisdiction,
            "folder": str(options.folder),
            "site": answer.site,
            "place": answer.place,
        }
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        return EXIT_DONE
    where = ", ".join(filter(None, (answer.site, answer.place))) or "nobody has said where"
    sys.stdout.write(
        f"this board is {answer.device_id} now: {where}\n"
        f"its folder is {options.folder}; start its agent: sudo systemctl enable --now"
        " tocsin-button\n"
        "then wait until the lamp turns over every 4 s (a drill, for 5 minutes: it pages nobody),"
        " press,\nand have somebody acknowledge on the console. Only then is it armed.\n"
    )
    return EXIT_DONE


def _say(text: str) -> None:
    sys.stderr.write(f"tocsin-button: {text}\n")


def _run(options: argparse.Namespace) -> int:
    releases.enter(configs.load(configs.find(options.config)).state_path)
    # Only this command needs pins, MQTT and cryptography in memory.
    from tocsin_button import agent, logs, materials  # noqa: PLC0415

    config = _in_force(options)
    loaded = materials.load(config)
    with state_folder.hold_state(config.state_path):
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


def _in_force(options: argparse.Namespace) -> configs.Config:
    """Read the configuration, with the brokers that the offline key put in place of its own."""
    from tocsin_button import reconfigured  # noqa: PLC0415

    return reconfigured.applied(configs.load(configs.find(options.config)))


def _selftest(options: argparse.Namespace) -> int:
    config = _in_force(options)
    return _tell(_examine(config), options, only_bad=False)


def _doctor(options: argparse.Namespace) -> int:
    from tocsin_button import doctor  # noqa: PLC0415

    try:
        config = _in_force(options)
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
    begin = f"Begin with '{first.check}': {first.detail}.{follows}\n"
    asks = dict.fromkeys(each.ask.removeprefix(wording.ASK) for each in bad if each.ask)
    if not asks:
        return begin
    return "\n  ".join([f"{begin}{wording.ASK.strip()}:", *asks]) + f"\n{wording.SHEET}\n"


def _examine(config: configs.Config) -> list[Finding]:
    """Have the running agent test itself; without one, test everything from here."""
    with contextlib.suppress(AgentAbsent), Caller(config.control_path) as caller:
        return caller.selftest()
    from tocsin_button import logs, materials, selftest  # noqa: PLC0415

    loaded = materials.load(config)
    with state_folder.hold_state(config.state_path):
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
