# SPDX-License-Identifier: BSD-3-Clause
"""What the steps of a port's life take for so many queues, in milliseconds, and
the memory of a port and of a queue. Two cores; the host sleeps while nobody
speaks to it, so that it answers at once. Emulator figures."""

import dataclasses

import cases
import machine
import options
import rounds

STEPS = ("probe", "configure", "start", "mtu", "stop", "remove")


def arguments(parser):
    options.common(parser)
    options.drivers(parser)
    parser.add_argument("--queues", type=options.listed(options.number(1, 64)),
                        default=(1, 2, 4, 8, 16, 32, 64), metavar="LIST",
                        help="1 to 64 (default 1,2,4,8,16,32,64)")
    parser.add_argument("--rounds", type=options.number(1, 100), default=5, metavar="N",
                        help="of each; the mean is told (default 5)")


def measure(setup, driver, queues, count):
    case = cases.Case("startup", "", "startup", (f"queues={queues},port=echo",),
                      ("--queues", str(queues), "--frames", str(count)), same_core=False,
                      asleep=True)
    result = machine.netvsc(dataclasses.replace(setup, memory_mib=512), driver, case)
    return {"heap_bytes": result["heap_bytes"]} | \
        {f"{step}_ms": result[f"{step}_ms"] for step in STEPS}


def memory(rows):
    """Bytes of the port with the fewest queues, and of each queue that the one
    with the most has beyond those."""
    few, many = min(rows, key=lambda r: r["queues"]), max(rows, key=lambda r: r["queues"])
    more = many["queues"] - few["queues"]
    if not more:
        return None
    queue = (many["heap_bytes"] - few["heap_bytes"]) / more
    return {"queue_bytes": queue, "port_bytes": few["heap_bytes"], "port_queues": few["queues"]}


def table(report):
    print(f"{'driver':<9}{'queues':>6}" + "".join(f"{step:>11}" for step in STEPS) + f"{'KB':>9}")
    for row in report["rows"]:
        if "error" in row:
            print(f"{row['driver']:<9}{row['queues']:6} {row['error']}")
            continue
        ms = ["–" if row[f"{s}_ms"] is None else f"{row[f'{s}_ms']:.1f}" for s in STEPS]
        print(f"{row['driver']:<9}{row['queues']:6}" + "".join(f"{one:>11}" for one in ms) +
              f"{row['heap_bytes'] / 1024:9.0f}")
    for driver, seen in report["memory"].items():
        if seen:
            print(f"{driver}: a port of {seen['port_queues']} has {seen['port_bytes'] / 1024:.0f} "
                  f"KB, each more queue {seen['queue_bytes'] / 1024:.0f} KB; mbufs not counted")
    print("Milliseconds; an MTU change is that of a started port; – is what bus or driver cannot.\n"
          "Figures of an emulated host, none of Hyper-V or Azure.")


def run(setup, args):
    setup.two_cores()
    options.check_outputs(args.json)
    budget, rows = rounds.Budget(1500), []
    for driver in args.driver:
        for queues in args.queues:
            budget.told(f"{queues} queues, {driver}")
            rows.append(rounds.tried({"driver": driver, "queues": queues}, budget,
                                     lambda d=driver, q=queues: measure(setup, d, q, args.rounds)))
    budget.done()
    good = [row for row in rows if "error" not in row]
    per_driver = {d: [r for r in good if r["driver"] == d] for d in args.driver}
    options.tell({"place": setup.place(), "rows": rows,
                  "memory": {d: memory(mine) if mine else None for d, mine in per_driver.items()},
                  "ids": {d: machine.build_id(setup.driver_file(d)) for d in args.driver}},
                 table, args.json)
    return options.status(rows)
