"""What can keep the demo from running. The text of each is the one line a person gets to read."""


class DemoFailed(Exception):
    """The demo can't start, or can't go on."""


class ChildFailed(DemoFailed):
    """A program the demo depends on would not start, or ended by itself."""


class PostgresFailed(ChildFailed):
    """The embedded PostgreSQL would not start, or its data folder isn't usable."""
