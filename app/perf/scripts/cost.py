# SPDX-License-Identifier: BSD-3-Clause
"""Cycles a frame inside rte_eth_rx_burst and rte_eth_tx_burst for one setting:
the timer's own cost is taken off. Emulator figures."""

import dataclasses
import json
import statistics

import cases
import compare
import machine
import numbers_of


def arguments(parser):
    parser.add_argument("--driver", choices=("ours", "builtin"), default="ours")
    parser.add_argument("--direction", choices=("rx", "tx"), default="rx")
    parser.add_argument("--bytes", default="64", help="60 to 9014, or imix (default 64)")
    parser.add_argument("--burst", type=int, default=32, help="1 to 64 (default 32)")
    parser.add_argument("--transfer", type=int, default=32,
                        help="most frames in one transfer of the host's (default 32)")
    parser.add_argument("--queues", type=int, default=1, help="1 to 64 (default 1)")
    parser.add_argument("--offload", default="", help="of hash, csum, vlan, rsc")
    parser.add_argument("--cold", action="store_true",
                        help="all sections and mbufs in turn, not a few")
    parser.add_argument("--two-cores", action="store_true",
                        help="the host on a core of its own (default: by turns on one)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")


def case_of(args):
    jumbo = args.bytes != "imix" and int(args.bytes) > 1514
    work = ["--burst", str(args.burst), "--queues", str(args.queues), "--warmup", "100000",
            "--frames", "1000000", "--slice", "256"]
    work += ["--mbufs", "16384" if args.cold else str(1024 + 512 * args.queues)]
    work += ["--mtu", "9000"] if jumbo else []
    work += ["--offload", args.offload] if args.offload else []
    warm = "" if args.cold else f"recv-sections={64 * args.queues},"
    if args.direction == "rx":
        port = f"gen:size={args.bytes},rate=max,flows={1 if args.queues == 1 else 1024}"
    else:
        port, work = "sink:verify=no", work + ["--bytes", args.bytes]
    nic = f"queues={args.queues},{warm}frames-per-transfer={args.transfer},port={port}"
    return cases.Case("cost", "", args.direction, (nic,), tuple(work), side=args.direction,
                      same_core=not args.two_cores)


def run(setup, args):
    case = case_of(args)
    before = machine.cores(setup) if args.two_cores else None
    rounds = []
    for number in range(args.rounds):
        compare.progress(f"round {number + 1} of {args.rounds}")
        rounds.append(compare.Round(setup, args.driver, case))
    compare.progress("")
    values = [r.value for r in rounds]
    low, high = numbers_of.confidence(values)
    after = machine.cores(setup) if args.two_cores else None
    if args.json:
        print(json.dumps({"case": dataclasses.asdict(case), "driver": args.driver,
                          "cycles": statistics.median(values), "low": low, "high": high,
                          "values": values, "cores": [before, after]}))
    else:
        print(f"{args.driver} {args.direction}: {statistics.median(values):.1f} cycles a frame "
              f"({low:.1f} to {high:.1f}), {args.bytes} B, burst {args.burst}")
        if args.two_cores:
            print(f"cores' round trip {before} cycles before, {after} after")
    return 0
