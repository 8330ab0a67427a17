# SPDX-License-Identifier: BSD-3-Clause
"""What is delivered and what is lost, and where, as the offered load grows
from a tenth of the capacity to ten times as much: a generator of the host's,
whose frames the guest sends back, on two cores. Emulator figures."""

import cases
import machine
import options
import rounds

SECTIONS = 4096
LOADS = (0.1, 0.25, 0.5, 0.8, 1.0, 1.5, 2.0, 4.0, 7.0, 10.0)
# Of the host's counters: where a frame can have been lost.
LOST = {"generator_late": ("gen", "gen_missed"), "no_section": ("nic", "rx_drop_no_section"),
        "ring_full": ("nic", "rx_drop_ring_full"), "guest_transmit": ("work", "lost"),
        "host_transmit": ("nic", "tx_failed")}


def arguments(parser):
    options.common(parser)
    options.drivers(parser)
    parser.add_argument("--bytes", type=options.number(60, 1514), default=64, metavar="N",
                        help="60 to 1514 (default 64)")
    parser.add_argument("--loads", type=options.listed(options.real(0.01, 100)), default=LOADS,
                        metavar="LIST", help="multiples of the capacity (default 0.1 ... 10)")
    parser.add_argument("--seconds", type=options.real(0.05, 60), default=2, metavar="S",
                        help="for each load (default 2)")


def case_at(rate, seconds, size=64):
    nic = (f"queues=1,recv-sections={SECTIONS},port=gen:size={size},"
           f"rate={'max' if rate is None else f'{max(int(rate), 1)}pps'}")
    return cases.Case("overload", "", "forward", (nic,),
                      ("--frames", "1000000000000", "--seconds", str(seconds)),
                      metric="mpps", same_core=False)


def losses(result):
    seen = {"gen": machine.port(result, "gen"), "nic": machine.nic(result), "work": result}
    lost = {name: seen[where][counter] for name, (where, counter) in LOST.items()}
    # What the guest did not take when it was not open yet, or no more, is no loss.
    ends = seen["nic"]["rx_drop_not_open"] + seen["nic"]["rx_drop_filter"]
    known = lost["no_section"] + lost["ring_full"] + ends
    lost["host_queue"] = max(seen["gen"]["gen_host_drops"] - known, 0)
    return lost


def point(setup, driver, rate, seconds, size=64):
    """What became of one load (frames a second; None: as much as goes)."""
    result = machine.netvsc(setup, driver, case_at(rate, seconds, size))
    gen = machine.port(result, "gen")
    delivered = result["rx"]["frames"] / result["seconds"]
    return {"driver": driver, "offered_mpps": None if rate is None else rate / 1e6,
            "delivered_mpps": delivered / 1e6,
            "delivered_percent": None if rate is None else min(100 * delivered / rate, 100),
            "lost": losses(result),
            "latency_us": {name: gen[f"latency_{key}_ns"] / 1e3 for name, key in
                           (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"))},
            # A full receive buffer, drained at this rate.
            "latency_bound_us": 1.2e6 * SECTIONS / delivered}


def curve(setup, driver, loads, seconds, budget, size=64):
    """The capacity first, then the loads while there is time."""
    budget.told(f"overload: capacity of {driver}")
    capacity = point(setup, driver, None, seconds, size)["delivered_mpps"] * 1e6
    found = []
    for load in loads:
        if budget.left() <= 0:
            break
        budget.told(f"overload: {load:g} times the capacity, {driver}")
        found.append({"load": load} | point(setup, driver, load * capacity, seconds, size))
    peak = max([one["delivered_mpps"] for one in found] + [capacity / 1e6])
    for one in found:
        one["percent_of_peak"] = 100 * one["delivered_mpps"] / peak
    return {"driver": driver, "capacity_mpps": capacity / 1e6, "peak_mpps": peak,
            "points": found, "left_out": [load for load in loads[len(found):]]}


def table(report):
    for one in report["drivers"]:
        print(f"{one['driver']}: capacity {one['capacity_mpps']:.2f} Mpps ({report['bytes']} B)")
        print(f"{'load':>6}{'offered':>9}{'delivered':>10}{'of peak':>9}{'p50 us':>9}{'p99':>9}"
              f"{'p99.9':>9}  lost at")
        for at in one["points"]:
            lost = ", ".join(f"{name} {count}" for name, count in at["lost"].items() if count)
            us = at["latency_us"]
            print(f"{at['load']:6g}{at['offered_mpps']:9.2f}{at['delivered_mpps']:10.2f}"
                  f"{at['percent_of_peak']:8.0f}%{us['p50']:9.0f}{us['p99']:9.0f}"
                  f"{us['p99.9']:9.0f}  {lost or 'nowhere'}")
        if one["left_out"]:
            print(f"no time for {', '.join(map(str, one['left_out']))}")
    print("Million frames a second there and back; latency from the host's generator to itself.\n"
          "Figures of an emulated host, none of Hyper-V or Azure.")


def run(setup, args):
    setup.two_cores()
    options.check_outputs(args.json)
    budget = rounds.Budget(1500)
    curves = [curve(setup, driver, args.loads, args.seconds,
                    budget.part(len(args.driver) - number), args.bytes)
              for number, driver in enumerate(args.driver)]
    budget.done()
    options.tell({"bytes": args.bytes, "place": setup.place(), "sections": SECTIONS,
                  "ids": {d: machine.build_id(setup.driver_file(d)) for d in args.driver},
                  "drivers": curves}, table, args.json)
    return 0
