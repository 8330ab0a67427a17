# SPDX-License-Identifier: BSD-3-Clause
"""What the plots of the report show: cost by size, by burst and by queues, and
what is delivered under overload. One round for a point."""

import cases
import machine
import options
import overload
import rounds

POINTS = {
    "size": ((64, 256, 512, 1024, 1514), (64, 512, 1514)),
    "burst": ((1, 4, 8, 16, 32, 64), (1, 8, 32)),
    "queues": ((1, 2, 4, 8, 16, 32, 64), (1, 4, 16)),
}
LOADS = ((0.1, 0.25, 0.5, 0.8, 1.0, 1.5, 2.0, 4.0, 10.0), (0.25, 1.0, 4.0))


def case_at(dimension, value, side, frames):
    """The ordinary setting, but for one dimension."""
    make = cases.receive if side == "rx" else cases.transmit
    setting = {"size": 64, "burst": 32, "queues": 1, "frames": frames} | {dimension: value}
    if dimension == "queues":
        setting["most"] = max(POINTS["queues"][0])
    size = setting.pop("size")
    return make(f"{side} {dimension}", "", size, **setting)


def points(setup, dimension, values, frames, budget):
    """One series of points; those for which no time is left are left out."""
    for value in values:
        for side in ("rx", "tx"):
            case = case_at(dimension, value, side, frames)
            for driver in options.DRIVERS:
                if budget.left() <= 0:
                    return
                budget.told(f"{side} by {dimension}: {value}, {driver}")
                try:
                    run = rounds.netvsc(setup, driver, case, budget)
                except machine.Failed as error:
                    yield {"side": side, "driver": driver, "at": value, "error": str(error)}
                    continue
                yield {"side": side, "driver": driver, "at": value, "cycles": run.value,
                       "repeated": run.repeated}
            if dimension != "queues" and budget.left() > 0:
                floor = case.times_floor(setup)
                if floor:
                    yield {"side": side, "driver": "floor", "at": value, "cycles": floor}


def all_of(setup, quick, frames, budget):
    which = 1 if quick else 0
    found = {}
    for number, (dimension, values) in enumerate(POINTS.items()):
        found[dimension] = list(points(setup, dimension, values[which],
                                       frames or (200000 if quick else 1000000),
                                       budget.part(len(POINTS) + 1 - number)))
    found["overload"] = []
    for number, driver in enumerate(options.DRIVERS):
        found["overload"] += overload.curve(setup, driver, LOADS[which], 0.4 if quick else 2,
                                            budget.part(len(options.DRIVERS) - number))["points"]
    return found
