"""The API is asked of a whole system, as a console would."""

from tests.walk.conftest import house, pytest_runtest_makereport, whole_house

__all__ = ["house", "pytest_runtest_makereport", "whole_house"]
