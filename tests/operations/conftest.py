"""Whatever is done to an installation in here, nothing is told to a second tier meanwhile."""

import pytest


@pytest.fixture
def patience_s() -> tuple[float, ...]:
    """Longer than any test in here."""
    return (600.0, 600.0, 600.0)
