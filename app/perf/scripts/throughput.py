# SPDX-License-Identifier: BSD-3-Clause
"""Frames and bits a second that one core of the guest's moves, the host on
another, and who was the bottleneck. Emulator figures."""

import cases
import machine
import options
import rounds

# Who is busy for so much of the time is taken to be the bottleneck.
BUSY_PERCENT = 90
# Preamble, FCS and gap: what a frame takes on a wire beside itself.
WIRE_BYTES = 24
SINK = "queues={queues},name=nic1,port=sink:verify=no"
GEN = "queues={queues},port=gen:size={size},rate=max,flows={flows}"
WORKS = {
    "rx": ("rx", "rx", (GEN,), ()),
    "tx": ("tx", "tx", ("queues={queues},port=sink:verify=no",), ()),
    "forward-io": ("forward", "rx", (GEN, SINK), ()),
    "forward-macswap": ("forward", "rx", (GEN, SINK), ("--macswap",)),
    "loop": ("loop", "rx", ("queues={queues},port=echo",), ("--window", "1024")),
}


def arguments(parser):
    options.common(parser)
    options.drivers(parser)
    parser.add_argument("--work", type=options.listed(options.one_of(*WORKS)),
                        default=tuple(WORKS), metavar="LIST",
                        help="of " + ", ".join(WORKS) + " (default all)")
    parser.add_argument("--bytes", type=options.listed(options.frame_bytes), default=(64, 1514),
                        metavar="LIST", help="60 to 1514 or imix (default 64,1514)")
    parser.add_argument("--queues", type=options.number(1, 64), default=1, metavar="N",
                        help="of each kind, all polled by one core (default 1)")
    parser.add_argument("--seconds", type=options.real(0.05, 60), default=2, metavar="S",
                        help="of each run (default 2)")
    parser.add_argument("--rounds", type=options.number(1, 20), default=3, metavar="N",
                        help="of each; the median is told (default 3)")


def case_of(work, size, queues, seconds):
    kind, side, nics, more = WORKS[work]
    fill = {"queues": queues, "size": size, "flows": 1 if queues == 1 else 1024}
    return cases.Case(work, "", kind, tuple(nic.format(**fill) for nic in nics),
                      ("--bytes", str(size), "--queues", str(queues), "--seconds", str(seconds),
                       "--frames", "1000000000000", "--warmup", "10000", *more),
                      side=side, metric="mpps", same_core=False)


def guest_busy_percent(result):
    """The share of the time that is not spent in polls that found nothing: with
    what reading the clock adds to each."""
    side = result["tx" if result["kind"] == "tx" else "rx"]
    idle = side["empty_cycles"] + 2 * result["timer_cycles"] * side["empty_bursts"]
    return max(0.0, 100 * (1 - idle / (result["seconds"] * result["tsc_hz"])))


def bottleneck(guest, host):
    """A generator that makes as much as it can is always busy: so the guest is
    asked first."""
    if guest >= BUSY_PERCENT:
        return "guest"
    return "host" if host >= BUSY_PERCENT else "neither: the way between them"


def measure(setup, driver, case, count, budget):
    runs = [rounds.netvsc(setup, driver, case, budget) for _ in range(count)]
    kept = [run for run in runs if not run.dropped] or runs
    middle = sorted(kept, key=lambda run: run.value)[len(kept) // 2]
    result, moved = middle.result, middle.result[case.side]
    guest, host = guest_busy_percent(result), min(result["host"]["host"]["busy_percent"], 100)
    bits = 8 * (moved["bytes"] + WIRE_BYTES * moved["frames"]) / result["seconds"]
    return {"mpps": middle.value, "gbps": bits / 1e9,
            "guest_busy_percent": guest, "host_busy_percent": host,
            "bottleneck": bottleneck(guest, host), "values": [run.value for run in kept],
            "repeated": sum(run.repeated for run in runs),
            "dropped": sum(run.dropped for run in runs), "cores": middle.cores}


def table(report):
    print(f"{'work':<17}{'bytes':>6} {'driver':<9}{'Mpps':>8}{'Gbit/s':>8}{'guest':>7}{'host':>6}"
          f"  bottleneck")
    for row in report["rows"]:
        print(f"{row['work']:<17}{row['bytes']:>6} {row['driver']:<9}", end="")
        if "error" in row:
            print(f" {row['error']}")
            continue
        print(f"{row['mpps']:8.2f}"
              f"{row['gbps']:8.2f}{row['guest_busy_percent']:6.0f}%{row['host_busy_percent']:5.0f}%"
              f"  {row['bottleneck']}")
    print("Gbit/s with preamble, FCS and gap; busy per cent of each core. Figures of an emulated\n"
          "host, none of Hyper-V or Azure.")


def run(setup, args):
    setup.two_cores()
    options.check_outputs(args.json)
    if any(size != "imix" and size > 1514 for size in args.bytes):
        raise machine.BadOption("--bytes: 60 to 1514 or imix")
    budget, rows = rounds.Budget(1500), []
    for work in args.work:
        for size in args.bytes:
            for driver in args.driver:
                budget.told(f"{work}, {size} B, {driver}")
                case = case_of(work, size, args.queues, args.seconds)
                rows.append(rounds.tried(
                    {"work": work, "bytes": size, "driver": driver}, budget,
                    lambda d=driver, c=case: measure(setup, d, c, args.rounds, budget)))
    budget.done()
    options.tell({"queues": args.queues, "place": setup.place(), "rows": rows,
                  "ids": {d: machine.build_id(setup.driver_file(d)) for d in args.driver}},
                 table, args.json)
    return options.status(rows)
