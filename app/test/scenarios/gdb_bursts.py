# SPDX-License-Identifier: BSD-3-Clause
"""Runs inside gdb: counts what a burst executes of locked instructions and
fences, every one of them, by a breakpoint on each in the plugin. Writes JSON.

  BURSTS_PLUGIN   the plugin's file        BURSTS_OUT   where the counts go
  BURSTS_ENOUGH   end after so many bursts that did something
"""

import json
import os
import subprocess
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from burst_code import entries_and_ends, locked      # pylint: disable=wrong-import-position

PLUGIN, OUT = os.environ["BURSTS_PLUGIN"], os.environ["BURSTS_OUT"]
ENOUGH = int(os.environ["BURSTS_ENOUGH"])
BURSTS = ("netvsc_rx_burst", "netvsc_tx_burst")
# What is left to do of a burst that has jumped here.
PARTS = ("rx_work",)

inside = {}             # thread -> [burst, what it executed]
seen = {name: [] for name in BURSTS}
calls = {name: 0 for name in BURSTS}


def thread():
    return gdb.selected_thread().num


def leave():
    burst = inside.pop(thread(), None)
    if burst and burst[1]:
        seen[burst[0]].append(burst[1])


class Enter(gdb.Breakpoint):
    def __init__(self, address, name):
        super().__init__(f"*{address:#x}", internal=True)
        self.name = name

    def stop(self):
        leave()
        calls[self.name] += 1
        inside[thread()] = [self.name, []]
        return sum(len(s) for s in seen.values()) >= ENOUGH


class Leave(gdb.Breakpoint):
    def stop(self):
        leave()
        return False


class Locked(gdb.Breakpoint):
    def __init__(self, address, what):
        super().__init__(f"*{address:#x}", internal=True)
        self.what = what

    def stop(self):
        burst = inside.get(thread())
        if burst:
            burst[1].append(self.what)
        return False


def base():
    pid = gdb.selected_inferior().pid
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        for line in maps:
            if line.rstrip().endswith(PLUGIN) and line.split()[2] == "00000000":
                return int(line.split("-")[0], 16)
    raise gdb.GdbError(f"{PLUGIN} is not loaded")


def main():
    code = subprocess.run(["objdump", "-dl", "--no-show-raw-insn", PLUGIN],
                          capture_output=True, text=True, check=True).stdout
    gdb.execute("set pagination off")
    gdb.execute("set breakpoint pending on")
    gdb.execute("tbreak rte_eth_promiscuous_enable")
    gdb.execute("run")
    start = base()
    for address, what in locked(code):
        Locked(start + address, what)
    enters, ends = entries_and_ends(code, BURSTS, PARTS)
    for address, name in enters:
        Enter(start + address, name)
    for address in ends:
        Leave(f"*{start + address:#x}", internal=True)
    gdb.execute("continue")
    with open(OUT, "w", encoding="ascii") as out:
        json.dump({"bursts": seen, "calls": calls}, out)
    gdb.execute("kill")


main()
