"""What can be wrong with something that came over the wire."""


class WireError(Exception):
    """Something on the wire is not what the contract says."""


class MalformedTopic(WireError):
    """The topic is none of the contract's."""


class MalformedMessage(WireError):
    """The body can't be read as the message it should be."""


class BadSignature(WireError):
    """Nobody whose key we know signed this."""
