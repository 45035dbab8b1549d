"""What can go wrong on a button, told so that whoever reads it knows what to do."""


class ButtonError(Exception):
    """Something about this button keeps a command from doing its work."""


class BadConfig(ButtonError):
    """The configuration can't be used; one line for each bad value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class PinsUnusable(ButtonError):
    """The board's pins can't be opened."""


class StateTaken(ButtonError):
    """Another agent works on this state folder."""


class AgentAbsent(ButtonError):
    """No running agent answers on the control socket."""


class ControlRefused(ButtonError):
    """The running agent understood the request and refused it."""


class ClaimRefused(ButtonError):
    """This board can't become a button like this; trying the same again is of no use."""


class ServerUnreached(ButtonError):
    """The server gave no answer yet; the same can be tried again."""


class SetUpRefused(ButtonError):
    """The set-up page can't be served from here."""
