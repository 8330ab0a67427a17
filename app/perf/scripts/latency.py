# SPDX-License-Identifier: BSD-3-Clause
"""Round trips of a frame in microseconds: alone, with a host that always polls
and with one that sleeps and looks at the monitor page every 50 or 100 us as a
real one does; and under load. Two cores. Emulator figures."""

import cases
import machine
import options
import overload
import rounds

# Longer than the host stays awake without work, shorter than its naps.
PAUSE_US = 300
ALONE = {
    "polling": {"asleep": False, "devargs": ""},
    "monitor-50": {"asleep": True, "devargs": "latency=50"},
    "monitor-100": {"asleep": True, "devargs": "latency=100"},
}


def arguments(parser):
    options.common(parser)
    options.drivers(parser)
    parser.add_argument("--bytes", type=options.number(60, 1514), default=64, metavar="N",
                        help="60 to 1514 (default 64)")
    parser.add_argument("--host", type=options.listed(options.one_of(*ALONE)),
                        default=tuple(ALONE), metavar="LIST",
                        help="of " + ", ".join(ALONE) + " (default all)")
    parser.add_argument("--trips", type=options.number(1, 1000000), default=10000, metavar="N",
                        help="round trips of a frame alone (default 10000)")
    parser.add_argument("--loads", type=options.listed(options.real(0.01, 0.99)),
                        default=(0.1, 0.5, 0.8), metavar="LIST",
                        help="shares of the capacity (default 0.1,0.5,0.8)")
    parser.add_argument("--seconds", type=options.real(0.05, 60), default=2, metavar="S",
                        help="for each load, and at most ten times that for the trips (default 2)")


def alone(setup, driver, host, args):
    setting = ALONE[host]
    case = cases.Case("rtt", "", "rtt",
                      (f"queues=1,guid={machine.GUID},port=echo",),
                      ("--bytes", str(args.bytes), "--frames", str(args.trips), "--seconds",
                       str(min(10 * args.seconds, 60)),
                       *(("--pause", str(PAUSE_US)) if setting["asleep"] else ())),
                      same_core=False, asleep=setting["asleep"], devargs=setting["devargs"])
    result = machine.netvsc(setup, driver, case)
    return {"trips": result["trips"], "latency_us": result["rtt_us"]}


def loaded(setup, driver, args, budget):
    curve = overload.curve(setup, driver, args.loads, args.seconds, budget, args.bytes)
    for point in curve["points"]:
        yield {"driver": driver, "host": "polling", "load": point["load"],
               "delivered_mpps": point["delivered_mpps"], "latency_us": point["latency_us"]}


def table(report):
    print(f"{'driver':<9}{'host':<12}{'load':>6}{'p50 us':>10}{'p99':>10}{'p99.9':>10}")
    for row in report["rows"]:
        print(f"{row['driver']:<9}{row['host']:<12}{row['load']:6g}", end="")
        if "error" in row:
            print(f"  {row['error']}")
            continue
        us = row["latency_us"]
        print(f"{us['p50']:10.1f}"
              f"{us['p99']:10.1f}{us['p99.9']:10.1f}")
    print("Load 0: one frame under way, as the guest measures it; else shares of the capacity, from\n"
          "the host's generator to itself. Figures of an emulated host, none of Hyper-V or Azure.")


def run(setup, args):
    setup.two_cores()
    options.check_outputs(args.json)
    budget, rows = rounds.Budget(1500), []
    before = machine.cores(setup)
    for number, driver in enumerate(args.driver):
        for host in args.host:
            budget.told(f"alone, {host}, {driver}")
            rows.append(rounds.tried({"driver": driver, "host": host, "load": 0}, budget,
                                     lambda d=driver, h=host: alone(setup, d, h, args)))
        rows += loaded(setup, driver, args, budget.part(len(args.driver) - number))
    budget.done()
    options.tell({"bytes": args.bytes, "place": setup.place(), "rows": rows,
                  "cores": [before, machine.cores(setup)],
                  "ids": {d: machine.build_id(setup.driver_file(d)) for d in args.driver}},
                 table, args.json)
    return options.status(rows)
