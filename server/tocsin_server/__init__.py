"""The server: from the broker to a human, and on record."""

__version__ = "0.1.0"
