# SPDX-License-Identifier: BSD-3-Clause
"""The same work on this driver and on the built-in one, by turns on the same
cores, as ratios; and the closed loop beside virtio_user with vhost, memif and
af_packet. Emulator figures: they are no figures of Hyper-V or Azure."""

import dataclasses
import os
import statistics
import time

import cases
import machine
import numbers_of
import options
import peers
import report_html
import rounds
import sweeps

QUICK_SECONDS, FULL_SECONDS = 95, 1680


def arguments(parser):
    options.common(parser)
    parser.add_argument("--quick", action="store_true",
                        help="fewer and shorter rounds: under two minutes (else under thirty)")
    parser.add_argument("--rounds", type=options.number(1, 99), metavar="N",
                        help="pairs of each case, while there is time (default 15; quick 3)")
    parser.add_argument("--only", type=options.listed(options.one_of(*cases.NAMES)),
                        default=cases.NAMES, metavar="LIST",
                        help="cases by name: " + ", ".join(cases.NAMES))
    parser.add_argument("--frames", type=options.number(1000, 10 ** 8), metavar="N",
                        help="in each round (default: as the case wants it)")
    parser.add_argument("--html", metavar="FILE",
                        help="a report with plots in one file: also measures by size, burst, "
                             "load and queues")
    parser.add_argument("--plots", metavar="DIR", help="the same plots, a file each")


# ---- ours and the built-in driver ----

def measure(setup, case, wanted, budget):
    """Pairs of rounds, and the floor beside them."""
    floors = []

    def one(driver, number):
        budget.told(f"{case.name}: pair {number + 1} of {wanted}, {driver}")
        if driver == "ours":
            floors.append(case.times_floor(setup))
        return rounds.netvsc(setup, driver, case, budget)

    return rounds.pairs(one, options.DRIVERS, wanted, budget), \
        statistics.median(floors) if floors and floors[0] else None


def summary(case, kept):
    """None if a core moved in each pair."""
    found = numbers_of.paired(*([one.value for one in side] for side in zip(*kept))) \
        if kept else None
    if found is not None:
        found |= {"limit": case.limit, "more_is_better": case.metric == "mpps"}
    return found


def add(report, setup, case, wanted, budget):
    pairs, floor = measure(setup, case, wanted, budget)
    kept = rounds.kept(pairs)
    for driver, runs in zip(options.DRIVERS, zip(*(kept or pairs))):
        report["rows"].append(rounds.row(case, driver, report["ids"][driver], runs, floor))
    report["repeated"] += sum(one.repeated for pair in pairs for one in pair)
    report["dropped_pairs"] += len(pairs) - len(kept)
    enter(report, case.name, summary(case, kept))


def enter(report, name, detail):
    report["details"][name] = detail
    report["ratios"][name] = detail["ratio"] if detail else None


# ---- the closed loop of others ----

LOOP_WORDS = ("--frames", "1000000000", "--warmup", "300000")


def loop_cycles(result):
    """Both directions: what a core spends on a frame."""
    sides = [result[side]["per_frame"] for side in ("rx", "tx")]
    return sum(statistics.median(side) for side in sides) if all(sides) else 0.0


def loop_round(setup, name, seconds, budget):
    words = (*LOOP_WORDS, "--slice", "256")

    def run():
        if name not in options.DRIVERS:
            return peers.loop(setup, name, words, seconds)
        return machine.netvsc(setup, name, dataclasses.replace(
            cases.LOOP, work=(*words, "--seconds", str(seconds))))

    one = rounds.Round(setup, run, lambda result: result["rx"]["per_frame"], False, budget)
    one.value = loop_cycles(one.result)
    return one


def loop_case(name):
    what = "closed loop 64 B on two cores: the guest's cycles a frame, receive and transmit"
    return dataclasses.replace(cases.LOOP, name=f"loop64_{name}", what=what, metric="cycles")


def peers_add(report, setup, name, wanted, budget, seconds):
    """Pairs with one of the others: the loop of ours runs beside each of them."""
    def one(which, number):
        budget.told(f"loop64: pair {number + 1} of {wanted} with {name}, {which}")
        return loop_round(setup, which, seconds, budget)

    pairs = rounds.pairs(one, ("ours", name), wanted, budget)
    kept = rounds.kept(pairs)
    for which, runs in zip(("ours", name), zip(*(kept or pairs))):
        row = rounds.row(loop_case(name), which, report["ids"].get(which, ""), runs)
        row["mpps"] = statistics.median(run.result["rx"]["frames"] / run.result["seconds"] / 1e6
                                        for run in runs)
        if which == name:
            row["peer_cycles"] = statistics.median(loop_cycles(r.result["peer"]) for r in runs)
        report["rows"].append(row)
    report["repeated"] += sum(one.repeated for pair in pairs for one in pair)
    report["dropped_pairs"] += len(pairs) - len(kept)
    detail = summary(dataclasses.replace(loop_case(name), limit=None), kept)
    if name == "virtio":
        enter(report, cases.VS_VIRTIO, detail and detail | {"limit": cases.VS_VIRTIO_LIMIT})
    else:
        report["details"][f"loop64_vs_{name}"] = detail


def peers_all(report, setup, args, wanted, budget):
    names = ("virtio",) if args.quick else tuple(peers.PEERS)
    for number, name in enumerate(names):
        try:
            peers_add(report, setup, name, wanted, budget.part(len(names) - number),
                      0.7 if args.quick else 3)
        except machine.Failed as error:
            report["skipped"][f"loop64_vs_{name}"] = str(error)
            if name == "virtio":
                enter(report, cases.VS_VIRTIO, None)


# ---- what it says ----

def reached(entry):
    if entry is None or entry["limit"] is None:
        return True
    if entry["more_is_better"]:
        return entry["ratio"] >= entry["limit"]
    return entry["ratio"] <= entry["limit"]


def line(name, ours, other, entry):
    if entry is None:
        return f"{name:<18}{ours:9.1f}{other:10.1f}       – a core moved in every pair"
    sign = "≥" if entry["more_is_better"] else "≤"
    interval = f"{entry['low']:.2f} to {entry['high']:.2f}"
    wanted = f"{sign} {entry['limit']:.2f}" if entry["limit"] is not None else ""
    return (f"{name:<18}{ours:9.1f}{other:10.1f}{entry['ratio']:8.2f}  {interval:<14}{wanted:>8}"
            f"{'' if reached(entry) else '  not reached'}")


def table(report):
    by_case = {}
    for row in report["rows"]:
        by_case.setdefault(row["case"], {})[row["driver"]] = row
    print(f"{'case':<18}{'ours':>9}{'other':>10}{'ratio':>8}  {'95 % of it':<14}{'wanted':>8}"
          f"  × floor")
    for name, drivers in by_case.items():
        other = next(row for driver, row in drivers.items() if driver != "ours")
        detail = name.replace("loop64_", "loop64_vs_") if other["driver"] in peers.PEERS else name
        times = drivers["ours"]["times_floor"]
        print(line(detail, drivers["ours"]["median"], other["median"], report["details"][detail]) +
              (f"  {times:.2f}" if times else ""))
        if "peer_cycles" in other:
            print(f"{'':<18}other side of {other['driver']} {other['peer_cycles']:.0f} cycles; "
                  f"{drivers['ours']['mpps']:.2f} and {other['mpps']:.2f} Mpps")
    for name, why in report["skipped"].items():
        print(f"{name}: left out: {why}")
    print(f"Cycles a frame (loop64_mpps: million frames a second), against the built-in driver or "
          f"the named one.\n{report['repeated']} disturbed rounds repeated, "
          f"{report['dropped_pairs']} pairs dropped because a core moved; cores' round trip "
          f"{report['cores_before']} cycles\nbefore, {report['cores_after']} after; "
          f"{report['seconds']:.0f} s. Figures of an emulated host, none of Hyper-V or Azure.")


# ---- all ----

def begin(setup, args):
    report = {"ids": {driver: machine.build_id(setup.driver_file(driver))
                      for driver in options.DRIVERS},
              "quick": args.quick, "place": setup.place(), "rows": [], "ratios": {},
              "details": {}, "skipped": {}, "repeated": 0, "dropped_pairs": 0}
    report["cores_before"] = machine.cores(setup)
    return report


def cases_all(report, setup, args, budget, shares):
    wanted = args.rounds or (3 if args.quick else 15)
    for case in cases.GATED:
        if case.name not in args.only:
            continue
        if args.frames or args.quick:
            case = case.with_frames(args.frames or case.frames() // 3)
        try:
            add(report, setup, case, wanted, budget.part(shares))
        except machine.Failed as error:
            report["skipped"][case.name] = str(error)
            enter(report, case.name, None)
        shares -= 1
    if cases.VS_VIRTIO in args.only:
        peers_all(report, setup, args, wanted, budget.part(shares))


def run(setup, args):
    if any(name.startswith("loop64") for name in args.only) or args.html or args.plots:
        setup.two_cores()
    options.check_outputs(args.json, args.html)
    if args.plots and not os.path.isdir(args.plots):
        raise machine.BadOption(f"{args.plots} is no folder")
    if args.html or args.plots:
        report_html.pyplot()
    budget = rounds.Budget(QUICK_SECONDS if args.quick else FULL_SECONDS)
    report = begin(setup, args)
    # The sweeps of the plots, and the peers, take as much as three cases.
    cases_all(report, setup, args, budget, len(args.only) + (3 if args.html or args.plots else 0))
    if args.html or args.plots:
        report["sweeps"] = sweeps.all_of(setup, args.quick, args.frames, budget)
    report["cores_after"] = machine.cores(setup)
    report["seconds"] = time.monotonic() - budget.begun
    budget.done()
    drawn = list(report_html.plots(report)) if args.html or args.plots else []
    if args.html:
        with options.open_output(args.html) as out:
            out.write(report_html.page(report, drawn))
    if args.plots:
        report_html.save(drawn, args.plots)
    options.tell(report, table, args.json)
    return 0 if report["rows"] else 1
