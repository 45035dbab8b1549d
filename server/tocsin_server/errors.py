"""What the server's parts say when something can't be done."""


class TocsinError(Exception):
    """Something asked of Tocsin can't be done; the text says what to do instead."""


class NotFound(TocsinError):
    """There is no such thing in the reader's jurisdiction."""


class Refused(TocsinError):
    """It is there, but this may not be done to it now."""


class Invalid(TocsinError):
    """What was given can't be right; the text says what to write."""


class Busy(TocsinError):
    """Too much of the same is asked at once."""


def because(error: BaseException) -> str:
    """Say why in a log line: a TimeoutError says nothing but its name."""
    return str(error) or type(error).__name__
