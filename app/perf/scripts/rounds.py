# SPDX-License-Identifier: BSD-3-Clause
"""Rounds that can be trusted: disturbed ones are repeated and counted, those
during which a core moved are dropped; and all of it within a time."""

import math
import statistics
import sys
import time

import machine
import numbers_of

ATTEMPTS = 3


class Budget:
    """The time that there is for all; says on standard error what goes on."""

    def __init__(self, seconds):
        self.begun = time.monotonic()
        self.end = self.begun + seconds

    def left(self):
        return self.end - time.monotonic()

    def part(self, parts):
        """A budget for one of so many that are still to come."""
        part = Budget(max(self.left(), 0) / max(parts, 1))
        part.begun = self.begun
        return part

    def told(self, text):
        line = f"{time.monotonic() - self.begun:4.0f} s  {text}"
        if sys.stderr.isatty():
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def done(self):
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)


class Round:
    """One run that was not disturbed, or the best that could be had.

    run() gives a result, slices(result) its readings. `dropped` is true if the
    cores moved in every attempt: then its figures are of no two known cores."""

    def __init__(self, setup, run, slices, same_core, budget):
        self.repeated, self.dropped, self.cores, best = -1, False, [], None
        while self.repeated < ATTEMPTS - 1 and (best is None or budget.left() > 0):
            self.repeated += 1
            cores = [] if same_core else [machine.cores(setup)]
            result = run()
            cores += [] if same_core else [machine.cores(setup)]
            moved, spread = numbers_of.moved(cores), numbers_of.spread(slices(result))
            if best is None or (moved, spread) < best[:2]:
                best = (moved, spread, result, cores)
            if not moved and spread <= numbers_of.SPREAD_MAX:
                break
        self.dropped, self.spread, self.result, self.cores = best


def netvsc(setup, driver, case, budget):
    """A Round of a case, with its figure in `value`."""
    one = Round(setup, lambda: machine.netvsc(setup, driver, case), case.slices, case.same_core,
                budget)
    one.value = case.value(one.result)
    return one


def kept(pairs):
    """Those of the pairs of rounds in which no core moved, also not between
    the two."""
    return [pair for pair in pairs
            if not any(one.dropped for one in pair) and
            not numbers_of.moved([value for one in pair for value in one.cores])]


def pairs(run_one, names, wanted, budget, least=1):
    """Rounds of each of the names by turns; which goes first alternates. As many
    as wanted while there is time, but at least so many. run_one(name, number)."""
    got = []
    while len(got) < wanted and (len(got) < least or budget.left() > 0):
        number = len(got)
        order = names if number % 2 == 0 else tuple(reversed(names))
        rounds = {name: run_one(name, number) for name in order}
        got.append(tuple(rounds[name] for name in names))
    return got


def tried(what, budget, measure):
    """A row: what measure() says, or why it could not."""
    if budget.left() <= 0:
        return what | {"error": "no time was left"}
    try:
        return what | measure()
    except machine.Failed as error:
        return what | {"error": str(error)}


def finite(value):
    """JSON has no infinity."""
    return value if math.isfinite(value) else None


def row(case, driver, build_id, runs, floor=None):
    """What a table and the JSON say of the rounds of one case on one driver."""
    values = [run.value for run in runs]
    median = statistics.median(values)
    side = [run.result[case.side] for run in runs]
    mine = {"case": case.name, "what": case.what, "driver": driver, "build_id": build_id,
            "metric": case.metric, "median": median, "min": min(values), "max": max(values),
            "values": values, "frames": sum(one["frames"] for one in side),
            "cycles": sum(one["cycles"] for one in side),
            "bursts": sum(one["bursts"] for one in side),
            "spread": finite(statistics.median(run.spread for run in runs)),
            "repeated": sum(run.repeated for run in runs),
            "dropped": sum(run.dropped for run in runs),
            "cores": [run.cores for run in runs if run.cores]}
    mine["floor"] = floor
    mine["times_floor"] = median / floor if floor and case.metric == "cycles" else None
    return mine
