# SPDX-License-Identifier: BSD-3-Clause
"""Medians, their confidence, and whether a round was disturbed."""

import random
import statistics

# The slices of an undisturbed round lie closer together than this.
SPREAD_MAX = 1.6
# Two readings of the cores' round trip that differ by more: a core has moved.
CORES_MAX = 1.25


def percentile(values, percent):
    values = sorted(values)
    return values[round((len(values) - 1) * percent / 100)]


def spread(values):
    """How far the tenth and the ninetieth percentile are apart, as a ratio."""
    low = percentile(values, 10) if values else 0
    return percentile(values, 90) / low if low > 0 else float("inf")


def confidence(values, seed=1, resamples=2000):
    """The 95 % confidence interval of the median, by bootstrap; of fewer than
    three values, their range."""
    if len(values) < 3:
        return min(values), max(values)
    rng = random.Random(seed)
    medians = [statistics.median(rng.choices(values, k=len(values))) for _ in range(resamples)]
    return percentile(medians, 2.5), percentile(medians, 97.5)


def moved(cores):
    """Whether the cores' round trips tell of a move: they, or one, are too far
    apart. Zeros are no readings."""
    cores = [value for value in cores if value]
    return bool(cores) and max(cores) > CORES_MAX * min(cores)


def paired(ours, theirs):
    """The ratio of each pair, its median and the interval of that."""
    ratios = [a / b for a, b in zip(ours, theirs) if b > 0]
    if not ratios:
        return None
    low, high = confidence(ratios)
    return {"ratio": statistics.median(ratios), "low": low, "high": high, "pairs": len(ratios)}
