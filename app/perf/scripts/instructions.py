# SPDX-License-Identifier: BSD-3-Clause
"""Instructions a frame on each path, counted under callgrind with the host on
the same core: they do not depend on what else the machine does. What libc
executes is left out, since it chooses its code by the processor."""

import dataclasses
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import cases
import machine
import options
import rounds

FRAMES = 60000
FLOOR_ROUNDS, FLOOR_BURST = 600, 32
# The floor is what it is called only as long as it stays below these.
FLOOR_LIMITS = {"floor_rx": 75, "floor_tx": 55}
SECONDS_MAX = 300
# What exceeds its budget is counted again, and the least counts: on a busy machine host and
# guest take turns elsewhere, and transmit finds other completions (up to 6 % more were seen).
# What costs more each time exceeds it each time.
TRIES = 3


@dataclasses.dataclass(frozen=True)
class Path64:
    """One path: which function is counted while which work is done."""
    name: str
    function: str
    case: cases.Case


def paths():
    def few(case, frames=FRAMES):
        case = case.with_frames(frames, warmup=0)
        return dataclasses.replace(case, work=case.work + ("--seconds", "100"))

    by_name = {case.name: case for case in cases.GATED}
    # The host says of each frame its checksums, its hash and the hash's kind.
    said = {"work": ("--offload", "hash,csum")}
    return [
        Path64("idle_poll", "netvsc_rx_burst", few(by_name["idle_poll"], 100000)),
        Path64("rx64_warm", "netvsc_rx_burst", few(by_name["rx64_warm"])),
        Path64("rx64_single", "netvsc_rx_burst", few(by_name["rx64_single"])),
        Path64("rx64_rss", "netvsc_rx_burst", few(cases.receive(
            "rx64_rss", "receive 64 B with RSS", 64, **said))),
        Path64("rx64_single_rss", "netvsc_rx_burst", few(cases.receive(
            "rx64_single_rss", "receive 64 B with RSS, one frame a transfer", 64, 1, **said))),
        Path64("rx1500", "netvsc_rx_burst", few(by_name["rx1500"])),
        Path64("tx64", "netvsc_tx_burst", few(by_name["tx64"])),
        Path64("tx64_single", "netvsc_tx_burst", few(by_name["tx64_single"], 20000)),
        Path64("tx1500", "netvsc_tx_burst", few(by_name["tx1500"])),
    ]


def arguments(parser):
    options.common(parser)
    names = [path.name for path in paths()] + list(FLOOR_LIMITS)
    parser.add_argument("--budget", metavar="FILE", help="compare with the budgets in this file")
    parser.add_argument("--update", metavar="FILE",
                        help="write what was counted into this file of budgets")
    parser.add_argument("--only", type=options.listed(options.one_of(*names)), metavar="LIST",
                        default=tuple(names), help="of " + ", ".join(names))


def counted(file):
    """All instructions of a callgrind file but libc's."""
    names, current, total, of_call = {}, "", 0, False
    for line in file.read_text().splitlines():
        if line.startswith("ob="):
            number, name = re.match(r"ob=\((\d+)\)(?: (.*))?", line).groups()
            current = names.setdefault(number, name or "")
        elif line.startswith("cob="):
            number, name = re.match(r"cob=\((\d+)\)(?: (.*))?", line).groups()
            names.setdefault(number, name or "")    # may be told here first
        elif line.startswith("calls="):
            of_call = True          # the next line is what the callee took
        elif re.match(r"[0-9+*-]", line):
            if not of_call and not re.search(r"/(libc|ld-linux[^/]*)\.so", current):
                total += int(line.split()[-1])
            of_call = False
    return total


def callgrind(function, out):
    return ["valgrind", "--tool=callgrind", f"--toggle-collect={function}",
            f"--callgrind-out-file={out}"]


def count(setup, path):
    """Instructions in all, and what the work says about itself."""
    with tempfile.TemporaryDirectory(prefix="netvsc-perf-") as folder:
        out = Path(folder) / "callgrind.out"
        result = machine.finished([
            "taskset", "-c", setup.guest_cpu, setup.hvsim, "run", "--check", "fast",
            "--cpus", setup.guest_cpu, "--nic", path.case.nics[0], "--",
            *callgrind(path.function, out), machine.PERF, "work",
            *machine.eal(setup, setup.guest_cpu, f"perf{os.getpid()}", ["-d", setup.plugin]),
            "--", path.case.kind, "--yield", *path.case.work],
            process_env={**os.environ, "LD_BIND_NOW": "1"}, seconds=SECONDS_MAX)
        return counted(out), result


def count_floor(setup, name):
    """Instructions a frame of the floor, which needs no host."""
    with tempfile.TemporaryDirectory(prefix="netvsc-perf-") as folder:
        out = Path(folder) / "callgrind.out"
        machine.finished(["taskset", "-c", setup.guest_cpu, *callgrind(f"{name}_burst", out),
                          machine.PERF, "floor", "--json", "--rounds", FLOOR_ROUNDS],
                         process_env={**os.environ, "LD_BIND_NOW": "1"}, seconds=SECONDS_MAX)
        return counted(out) / (FLOOR_ROUNDS * FLOOR_BURST)


# ---- budgets: lines of "name instructions tolerance-in-per-cent" ----

def budgets(text):
    """name -> (instructions, tolerance in per cent)."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        try:
            if words:
                found[words[0]] = (float(words[1]), float(words[2]))
        except (IndexError, ValueError) as error:
            raise machine.BadOption(f"line {number} of the budgets is no name, number and per "
                                    f"cent: '{line}'") from error
    return found


def updated(text, figures):
    """The same file with the numbers of these figures; the rest of it stays."""
    lines = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if words and words[0] in figures:
            line = line.replace(words[1], f"{figures[words[0]]:.1f}", 1)
        lines.append(line)
    known = budgets(text)
    lines += [f"{name:<14} {spent:7.1f} 3" for name, spent in figures.items() if name not in known]
    return "\n".join(lines) + "\n"


def judged(figures, wanted):
    """What is over its budget, and remarks on what is far below."""
    bad, remarks = [], []
    for name, spent in figures.items():
        limit = FLOOR_LIMITS.get(name)
        if limit is not None and spent > limit:
            bad.append(f"{name}: {spent:.1f} instructions, at most {limit}")
        if name not in wanted:
            bad.append(f"{name}: there is no budget for it")
            continue
        budget, percent = wanted[name]
        if excessive({name: spent}, wanted):
            bad.append(f"{name}: {spent:.1f} instructions exceed the budget of {budget:.1f} "
                       f"+ {percent:.0f} %")
        elif spent < budget * (1 - percent / 100):
            remarks.append(f"{name}: {spent:.1f}, below {budget:.1f} by more than {percent:.0f} %: "
                           f"write the new number down (--update)")
    return bad, remarks


def excessive(figures, wanted):
    """Which of them are over a budget that they have."""
    return tuple(name for name, spent in figures.items() if name in wanted and
                 spent > wanted[name][0] * (1 + wanted[name][1] / 100))


def least(figures, wanted, count_again):
    """The figures, after those that exceed their budgets were counted again."""
    for _ in range(TRIES - 1):
        over = excessive(figures, wanted)
        if not over:
            break
        again = count_again(over)
        figures = {name: min(spent, again.get(name, spent)) for name, spent in figures.items()}
    return figures


# ---- all ----

def read(name):
    try:
        return Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise machine.BadOption(f"{name}: {error.strerror}") from error


def figures_of(setup, only, budget):
    figures, idle = {}, 0.0
    for path in paths():
        # An empty poll is no part of a frame's cost.
        wanted_for_idle = path.name == "idle_poll" and set(only) - set(FLOOR_LIMITS)
        if path.name in only or wanted_for_idle:
            budget.told(f"counting {path.name}")
            total, result = count(setup, path)
            side = result[path.case.side]
            figures[path.name] = (total - idle * side["empty_bursts"]) / side["frames"]
            if path.name == "idle_poll":
                idle = figures[path.name]
    for name in FLOOR_LIMITS:
        if name in only:
            budget.told(f"counting {name}")
            figures[name] = count_floor(setup, name)
    return {name: spent for name, spent in figures.items() if name in only}


def table(report):
    for name, spent in report["figures"].items():
        print(f"{name:<14}{spent:8.1f} instructions a frame")


def run(setup, args):
    if shutil.which("valgrind") is None:
        raise machine.Failed("valgrind is not installed (apt install valgrind)")
    wanted = budgets(read(args.budget)) if args.budget else None
    old = read(args.update) if args.update else None
    options.check_outputs(args.json)
    budget = rounds.Budget(1500)
    figures = least(figures_of(setup, args.only, budget), wanted or {},
                    lambda names: figures_of(setup, names, budget))
    budget.done()
    bad, remarks = judged(figures, wanted) if wanted is not None else ([], [])
    options.tell({"figures": figures, "over": bad, "build_id": machine.build_id(setup.plugin)},
                 table, args.json)
    for line in bad + remarks:
        print(line, file=sys.stderr)
    if old is not None:
        Path(args.update).write_text(updated(old, figures), encoding="utf-8")
    return 1 if bad else 0
