# SPDX-License-Identifier: BSD-3-Clause
"""Medians, their confidence, and whether a round was disturbed."""

import random
import statistics

# The slices of an undisturbed round lie closer together than this.
SPREAD_MAX = 1.6


def percentile(values, percent):
    values = sorted(values)
    return values[round((len(values) - 1) * percent / 100)]


def spread(values):
    """How far the tenth and the ninetieth percentile are apart, as a ratio."""
    low = percentile(values, 10)
    return percentile(values, 90) / low if low > 0 else float("inf")


def confidence(values, seed=1, resamples=2000):
    """The 95 % confidence interval of the median, by bootstrap."""
    if len(values) < 3:
        return min(values), max(values)
    rng = random.Random(seed)
    medians = [statistics.median(rng.choices(values, k=len(values))) for _ in range(resamples)]
    return percentile(medians, 2.5), percentile(medians, 97.5)
