"""What can keep the benchmark from measuring. The text is the one line a person gets to read."""


class BenchFailed(Exception):
    """Something didn't come, didn't start, or didn't answer: there is no figure to print."""
