"""Figures: what a pile of durations comes to, decided without clock, socket or process.

Promise: a percentile is a duration that was really measured (nearest rank), a ratio is taken
between blocks that ran side by side, and a limit that is missed is said to be missed.

Refused: averages. One slow press in a hundred is somebody's press.
"""

import math
from collections.abc import Sequence
from statistics import median

import msgspec


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How durations lie, in milliseconds."""

    count: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


class Ratios(msgspec.Struct, frozen=True, kw_only=True):
    """Product over floor: one ratio for each pair of blocks, their median, and the pool's."""

    p50: float
    p99: float
    p50_of_blocks: tuple[float, ...]
    p99_of_blocks: tuple[float, ...]
    p50_of_pool: float
    p99_of_pool: float


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One figure beside the limit it has to keep."""

    what: str
    got: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def kept(self) -> bool:
        """Say whether it is within its limit."""
        return self.got >= self.limit if self.at_least else self.got <= self.limit


def percentile(values: Sequence[float], percent: float) -> float:
    """Give the smallest value that at least so many percent of all don't exceed."""
    if not values or not 0 < percent <= 100:
        raise ValueError(f"no {percent} % of {len(values)} values")
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def spread(values_ms: Sequence[float]) -> Spread:
    """Sum durations up. Raises ValueError where there are none."""
    return Spread(
        count=len(values_ms),
        p50_ms=percentile(values_ms, 50),
        p90_ms=percentile(values_ms, 90),
        p99_ms=percentile(values_ms, 99),
        max_ms=max(values_ms),
    )


def ratios(floor: Sequence[Sequence[float]], product: Sequence[Sequence[float]]) -> Ratios:
    """Compare block by block; the n-th block of one ran beside the n-th of the other."""
    pairs = list(zip(floor, product, strict=True))
    p50 = [percentile(above, 50) / percentile(below, 50) for below, above in pairs]
    p99 = [percentile(above, 99) / percentile(below, 99) for below, above in pairs]
    pooled_floor = [value for block in floor for value in block]
    pooled_product = [value for block in product for value in block]
    return Ratios(
        p50=median(p50),
        p99=median(p99),
        p50_of_blocks=tuple(p50),
        p99_of_blocks=tuple(p99),
        p50_of_pool=percentile(pooled_product, 50) / percentile(pooled_floor, 50),
        p99_of_pool=percentile(pooled_product, 99) / percentile(pooled_floor, 99),
    )
