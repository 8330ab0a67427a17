# SPDX-License-Identifier: BSD-3-Clause
"""Cycles a frame inside rte_eth_rx_burst and rte_eth_tx_burst: the timer's own
cost is taken off. Lists are combined with each other. Emulator figures."""

import dataclasses
import itertools
import statistics

import cases
import machine
import numbers_of
import options
import rounds

OFFLOADS = ("hash", "csum", "vlan", "rsc")
ROWS_MAX = 256


def arguments(parser):
    options.common(parser)
    options.drivers(parser)
    lists = (("--direction", options.one_of("rx", "tx"), ("rx", "tx"), "rx, tx (default both)"),
             ("--bytes", options.frame_bytes, (64,), "60 to 9014, or imix (default 64)"),
             ("--burst", options.number(1, 64), (32,), "1 to 64 (default 32)"),
             ("--transfer", options.number(1, 375), (32,),
              "rx: most frames in one transfer of the host's, 1 to 375 (default 32)"),
             ("--queues", options.number(1, 64), (1,), "1 to 64, polled in turn (default 1)"))
    for name, kind, default, text in lists:
        parser.add_argument(name, type=options.listed(kind), default=default, metavar="LIST",
                            help=text)
    parser.add_argument("--offload", type=options.listed(options.one_of(*OFFLOADS)), default=(),
                        metavar="LIST", help="all of these on: " + ", ".join(OFFLOADS))
    parser.add_argument("--cold", action="store_true",
                        help="all sections and many mbufs in turn, not a few")
    parser.add_argument("--two-cores", action="store_true",
                        help="the host on a core of its own (default: by turns on one)")
    parser.add_argument("--freeing", action="store_true",
                        help="rx: giving the mbufs back counts, too: so compare ways to receive")
    parser.add_argument("--devargs", default="", metavar="LIST",
                        help="of the NIC: key=value,... (default none)")
    parser.add_argument("--frames", type=options.number(1000, 10 ** 8), default=1000000,
                        metavar="N", help="of each round (default 1000000)")
    parser.add_argument("--rounds", type=options.number(1, 99), default=5, metavar="N",
                        help="of each setting (default 5)")


def case_of(args, setting):
    case = plain_case_of(args, setting)
    if not args.devargs:
        return case
    # Devargs go to a device by its name.
    return dataclasses.replace(case, devargs=args.devargs,
                               nics=(f"guid={machine.GUID},{case.nics[0]}",))


def plain_case_of(args, setting):
    side, size, burst, transfer, queues = setting
    work = ["--offload", ",".join(args.offload)] if args.offload else []
    if args.freeing and side == "rx":
        work.append("--freeing")
    if size != "imix" and size > 1514:
        work += ["--mtu", "9000"]
    what = f"{side} {size} B, burst {burst}, {queues} queues"
    more = {"burst": burst, "queues": queues, "most": max(args.queues), "frames": args.frames,
            "cold": args.cold, "work": tuple(work), "same_core": not args.two_cores}
    if side == "tx":
        return cases.transmit("cost", what, size, **more)
    gen = (",vlan=100" if "vlan" in args.offload else "") + (",tcp" if "rsc" in args.offload else "")
    return cases.receive("cost", f"{what}, {transfer} a transfer", size, transfer, gen=gen,
                         nic="rsc," if "rsc" in args.offload else "", **more)


def settings(args):
    """The product of the lists; transfers are no matter of transmit."""
    found = []
    if "rsc" in args.offload and any(size != "imix" and size < 70 for size in args.bytes):
        raise machine.BadOption("--offload rsc: TCP frames have at least 70 bytes (--bytes)")
    for side in args.direction:
        transfers = args.transfer if side == "rx" else (32,)
        found += itertools.product((side,), args.bytes, args.burst, transfers, args.queues)
    if len(found) * len(args.driver) > ROWS_MAX:
        raise machine.BadOption(f"{len(found) * len(args.driver)} settings are more than "
                                f"{ROWS_MAX}")
    return found


def measure(setup, args, setting, driver, budget):
    case = case_of(args, setting)
    runs, floors = [], []
    for number in range(args.rounds):
        budget.told(f"{case.what}, {driver}: round {number + 1} of {args.rounds}")
        runs.append(rounds.netvsc(setup, driver, case, budget))
        floors.append(case.times_floor(setup))
    kept = [run for run in runs if not run.dropped] or runs
    floor = statistics.median(floors) if floors[0] else None
    row = rounds.row(case, driver, machine.build_id(setup.driver_file(driver)), kept, floor)
    row["low"], row["high"] = numbers_of.confidence(row["values"])
    return row | {"dropped": sum(run.dropped for run in runs)}


def times_fewest(rows):
    """Adds to each row that has more queues than another of the same setting: how many times
    the cycles of the one with the fewest."""
    def same(row):
        return tuple(row[name] for name in ("direction", "bytes", "burst", "transfer", "driver"))

    for row in rows:
        few = min((one for one in rows if same(one) == same(row)), key=lambda one: one["queues"])
        row["times_fewest"] = row["median"] / few["median"] \
            if few["queues"] < row["queues"] and "error" not in row | few else None


def table(report):
    print(f"{'':<3}{'bytes':>6}{'burst':>6}{'a transfer':>11}{'queues':>7} {'driver':<8}"
          f"{'cycles':>8}  {'95 % of it':<18}{'× floor':>8}{'× fewest queues':>17}")
    for row in report["rows"]:
        transfer = row["transfer"] if row["direction"] == "rx" else ""
        print(f"{row['direction']:<3}{row['bytes']:>6}{row['burst']:>6}{transfer:>11}"
              f"{row['queues']:>7} {row['driver']:<8}", end="")
        if "error" in row:
            print(f"  {row['error']}")
            continue
        times = f"{row['times_floor']:.2f}" if row["times_floor"] else ""
        interval = f"{row['low']:.1f} to {row['high']:.1f}"
        fewest = f"{row['times_fewest']:.2f}" if row["times_fewest"] else ""
        print(f"{row['median']:8.1f}  {interval:<18}{times:>8}{fewest:>17}".rstrip())
    if report["alike"]:
        print("All numbers of queues with the same frames: RSS on and its hash in each, as many "
              "flows,\nas many under way.")
    print(f"TSC cycles a frame, {'cold' if report['cold'] else 'warm'}, "
          f"{'two cores' if report['two_cores'] else 'one core by turns'}; cores' round trip "
          f"{report['cores'][0]} cycles before, {report['cores'][1]} after.\n"
          f"Figures of an emulated host, none of Hyper-V or Azure.")


def run(setup, args):
    if args.two_cores:
        setup.two_cores()
    options.check_outputs(args.json)
    budget, wanted = rounds.Budget(1500), settings(args)
    before = machine.cores(setup)
    names = ("direction", "bytes", "burst", "transfer", "queues")
    rows = [rounds.tried(dict(zip(names, setting)) | {"driver": driver}, budget,
                         lambda s=setting, d=driver: measure(setup, args, s, d, budget))
            for setting in wanted for driver in args.driver]
    budget.done()
    times_fewest(rows)
    options.tell({"rows": rows, "alike": max(args.queues) > 1, "cold": args.cold,
                  "two_cores": args.two_cores, "offload": list(args.offload), "devargs": args.devargs,
                  "freeing": args.freeing, "place": setup.place(),
                  "cores": [before, machine.cores(setup)]}, table, args.json)
    return options.status(rows)
