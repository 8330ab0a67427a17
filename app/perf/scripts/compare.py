# SPDX-License-Identifier: BSD-3-Clause
"""The same work on this driver and on the built-in one, by turns on the same
cores, as ratios. Emulator figures: they are no figures of Hyper-V or Azure."""

import json
import statistics
import sys
import time

import cases
import machine
import numbers_of

ATTEMPTS = 3


def arguments(parser):
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under two minutes")
    parser.add_argument("--rounds", type=int, help="pairs of each case (default 9; quick 3)")
    parser.add_argument("--only", help="cases by name, comma-separated")
    parser.add_argument("--json", metavar="FILE", help="all figures, machine-readable")


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)


class Round:
    """One run that was not disturbed, or the best that could be had."""

    def __init__(self, setup, driver, case):
        self.repeated = -1
        best = None
        while self.repeated < ATTEMPTS - 1:
            self.repeated += 1
            result = machine.netvsc(setup, driver, case)
            spread = numbers_of.spread(case.slices(result))
            if best is None or spread < best[0]:
                best = (spread, result)
            if spread <= numbers_of.SPREAD_MAX:
                break
        self.spread, self.result = best
        self.value = case.value(self.result)


def measure(setup, case, pairs, told):
    """Rounds of both drivers, in turn; which goes first alternates."""
    rounds = {"ours": [], "builtin": []}
    for pair in range(pairs):
        order = ("ours", "builtin") if pair % 2 == 0 else ("builtin", "ours")
        for driver in order:
            told(f"{case.name}: pair {pair + 1} of {pairs}, {driver}")
            rounds[driver].append(Round(setup, driver, case))
    return rounds


def summary(case, rounds):
    ratios = [ours.value / theirs.value for ours, theirs in zip(rounds["ours"], rounds["builtin"])]
    low, high = numbers_of.confidence(ratios)
    return {"ratio": statistics.median(ratios), "low": low, "high": high, "limit": case.limit,
            "more_is_better": case.metric == "mpps"}


def rows(case, rounds, ids):
    for driver, runs in rounds.items():
        values = [run.value for run in runs]
        yield {"case": case.name, "what": case.what, "driver": driver, "build_id": ids[driver],
               "metric": case.metric, "median": statistics.median(values),
               "min": min(values), "max": max(values), "values": values,
               "bursts": sum(run.result[case.side]["bursts"] for run in runs),
               "spread": statistics.median(run.spread for run in runs),
               "repeated": sum(run.repeated for run in runs)}


def ok(entry):
    if entry["limit"] is None:
        return True
    if entry["more_is_better"]:
        return entry["ratio"] >= entry["limit"]
    return entry["ratio"] <= entry["limit"]


def table(report):
    print(f"{'case':<14}{'ours':>9}{'built-in':>10}{'ratio':>8}  {'95 % of it':<15}{'wanted':>8}")
    by_case = {}
    for row in report["rows"]:
        by_case.setdefault(row["case"], {})[row["driver"]] = row
    for name, drivers in by_case.items():
        entry = report["details"][name]
        sign = "≥" if entry["more_is_better"] else "≤"
        interval = f"{entry['low']:.2f} to {entry['high']:.2f}"
        wanted = f"{sign} {entry['limit']:.2f}" if entry["limit"] is not None else ""
        print(f"{name:<14}{drivers['ours']['median']:9.1f}{drivers['builtin']['median']:10.1f}"
              f"{entry['ratio']:8.2f}  {interval:<15}{wanted:>8}"
              f"{'' if ok(entry) else '  not reached'}")
    repeated = sum(row["repeated"] for row in report["rows"])
    print(f"cycles a frame (loop64_mpps: million frames a second); {repeated} disturbed rounds "
          f"repeated\ncores' round trip {report['cores_before']} cycles before, "
          f"{report['cores_after']} after; figures of an emulated host")


def chosen(only):
    names = only.split(",") if only else [case.name for case in cases.GATED]
    by_name = {case.name: case for case in cases.GATED}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise machine.Failed(f"there is no case '{unknown[0]}'; there are {', '.join(by_name)}")
    return [by_name[name] for name in names]


def run(setup, args):
    pairs = args.rounds or (3 if args.quick else 9)
    ids = {"ours": machine.build_id(setup.plugin),
           "builtin": machine.build_id(machine.builtin_driver())}
    report = {"rows": [], "ratios": {}, "details": {}, "pairs": pairs,
              "cores_before": machine.cores(setup)}
    start = time.monotonic()
    for case in chosen(args.only):
        rounds = measure(setup, case, pairs,
                         lambda text: progress(f"{time.monotonic() - start:4.0f} s  {text}"))
        report["rows"].extend(rows(case, rounds, ids))
        report["details"][case.name] = summary(case, rounds)
        report["ratios"][case.name] = report["details"][case.name]["ratio"]
    report["cores_after"] = machine.cores(setup)
    progress("")
    table(report)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as out:
            json.dump(report, out, indent=1)
    return 0
