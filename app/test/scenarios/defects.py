# SPDX-License-Identifier: BSD-3-Clause
"""Scenarios in which the built-in driver of DPDK 22.11.11 fails: each is run
on both drivers. What a scenario returns is its outcome in words, made from
what was measured, and must be what its mark says; devtools/gen-defects.py
makes doc/design/defects.md from the marks, so the table cannot say anything
else than what the tests see.
"""

import functools
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import Machine, wait_until
from lines import Died, Hangs, Ops

DRIVERS = ("builtin", "ours")


class Case:
    """One driver in one scenario."""

    def __init__(self, machine, plugin, driver):
        self.machine, self.driver = machine, driver
        self.plugin = plugin if driver == "ours" else None
        self.server = self.ops = None

    @property
    def ours(self):
        return self.driver == "ours"

    def host(self, nic="port=echo", faults=()):
        self.trace_file = self.machine.path("trace")
        options = ["--nic", nic, "--trace", self.trace_file]
        for fault in faults:
            options += ["--fault", fault]
        self.server = self.machine.serve(options)
        return self.server

    def guest(self, nic="port=echo", faults=(), devargs="", wait=60):
        """A host and a program on it; EAL is up, the port not yet configured."""
        if self.server is None:
            self.host(nic, faults)
        self.ops = Ops(self.server, self.plugin, devargs, wait=wait)
        return self.ops

    def up(self, nic="port=echo", devargs="", **conf):
        return self.guest(nic, devargs=devargs).up(**conf)

    # ---- the host ----

    def arm(self, *faults):
        for fault in faults:
            self.server.ctl("fault", "arm", fault)

    def disarm(self):
        self.server.ctl("fault", "disarm", "all")

    def fired(self, name):
        faults = self.server.ctl("faults")["faults"]
        return next(f for f in faults if f["name"] == name)["fired"]

    def has_fired(self, *faults):
        """Waits until each has hit its message."""
        for fault in faults:
            name = fault.split(":")[0]
            wait_until(lambda n=name: self.fired(n) >= 1, 20, f"the fault {name} fires")

    def counter(self, name):
        return self.server.counters().get(name, 0)

    def violations(self):
        return {k: v for k, v in self.server.counters().items()
                if k.startswith("violation_") and v}

    def told(self, word, to="host"):
        """What was said of that in the control conversation, in order."""
        lines = [json.loads(line) for line in Path(self.trace_file).read_text().splitlines()]
        return [line["text"] for line in lines if word in line["text"] and line.get("to") == to]

    # ---- the guest ----

    def all_sent(self, queues=1):
        """Until the host has completed what was sent and the driver knows."""
        def nothing_out():
            for q in range(queues):
                self.ops("reap", q=q, ms=20)
            return self.ops("missing")["tx_mbufs"] == 0
        wait_until(nothing_out, 30, "all that was sent is completed")

    def settle(self):
        """Gives the guest every chance to acknowledge, the host to see it."""
        for _ in range(3):
            self.ops("rx", n=1, ms=100)
        self.settle_host()

    def settle_host(self):
        """A host that has sections out gets five seconds to see them come back."""
        end = time.monotonic() + 5
        while self.counter("sections_out") and time.monotonic() < end:
            time.sleep(0.05)


SLOW = {}


@pytest.fixture(scope="module")
def slow_outcomes(tmp_path_factory, plugin):
    """Futures of all slow scenarios of the module: they sleep most of the time."""
    def run_one(scenario, driver):
        folder = tmp_path_factory.mktemp("slow")
        machine = Machine(folder, {"TMPDIR": str(folder)})
        try:
            return outcome_of(scenario, Case(machine, plugin, driver))
        finally:
            machine.end()

    with ThreadPoolExecutor(max_workers=2 * len(SLOW)) as pool:
        yield {(name, driver): pool.submit(run_one, scenario, driver)
               for name, scenario in SLOW.items() for driver in DRIVERS}


def outcome_of(scenario, case):
    try:
        outcome = scenario(case)
        if case.ours:
            assert case.violations() == {}, case.violations()
        return outcome
    except Died as died:
        where = str(died).splitlines()[1].split()[0]
        return (f"the process dies of a signal in {where}" if died.how.startswith("SIG") else
                f"the process ends itself in {where}")
    except Hangs as hang:
        return f"{str(hang).split()[0].rstrip(':')} never returns"


def write_result(name, driver, outcome):
    folder = os.environ.get("DEFECTS_RESULTS")
    if folder:
        with open(Path(folder) / "defects.jsonl", "a", encoding="utf-8") as out:
            out.write(json.dumps({"defect": name, "driver": driver, "outcome": outcome}) + "\n")


def defect(name, source, builtin, ours, tier="full", slow=False):
    """Marks a scenario. name: as in the table; source: where the defect was
    written down; builtin, ours: the outcomes; equal ones: not seen in 22.11.11.
    slow: it waits for minutes, so all of these run side by side."""
    def make(scenario):
        expected = {"builtin": builtin, "ours": ours}
        if slow:
            SLOW[name] = scenario

        @functools.wraps(scenario)
        def test(request, machine, plugin, driver):
            if slow:
                outcome = request.getfixturevalue("slow_outcomes")[name, driver].result()
            else:
                outcome = outcome_of(scenario, Case(machine, plugin, driver))
            write_result(name, driver, outcome)
            assert outcome == expected[driver], \
                f"seen: {outcome!r}, in the table: {expected[driver]!r}"
        # pytest is to see the arguments of the test, not of the scenario.
        del test.__wrapped__
        # The built-in driver is the distribution's: nothing in it is instrumented.
        test = pytest.mark.parametrize("driver", [
            pytest.param(d, marks=[pytest.mark.sanitized] * (d == "ours")) for d in DRIVERS])(test)
        test = pytest.mark.defect(name)(test)
        return getattr(pytest.mark, tier)(test)
    return make


# What was listed and is not shown: name, source, why.
LEFT_OUT = [
    ("error of a flush other than \"ring full\" keeps the aggregate for ever", "4.3",
     "no scenario was found in which a write to the ring fails in another way"),
    ("HALT request freed while the host may still read it", "4.3, 5.5",
     "this driver takes the buffer back first, and a host stops reading there: HALT is never "
     "looked at (see \"order of the goodbye\")"),
    ("zero-copy mbufs outstanding when the MTU changes", "4.3",
     "22.11.11 has no MTU change; later versions are not run here"),
    ("a transaction id used again while its zero-copy mbuf is out", "4.3",
     "only a host that breaks the protocol does it, and then any reaction is right that keeps "
     "memory safe: part of the fault tables of the trust work"),
    ("secondary process: descriptors and maps leak on errors", "4.3",
     "secondary processes are later work"),
    ("names of extended counters written past the end of the table", "4.3",
     "ethdev compares the sizes before it calls the driver: not reachable by an application"),
    ("ids of extended counters shift where a queue is missing", "4.3",
     "a port does not start without all its queues, and before that all values are 0"),
    ("queues without a transmit side are not drained at stop", "4.3",
     "22.11.11 drains no queue: see \"the host still reads what stop has given up\""),
    ("both IPv4 and IPv6 capabilities needed", "5.4",
     "each of hvsim's hosts offers both or none"),
    ("TSO needs a pseudo-header checksum made by the application", "5.4",
     "hvsim makes the checksums of each segment anew, whatever the frame says"),
    ("IPv4 total length not zeroed for LSO", "5.4",
     "hvsim makes the lengths of each segment anew, whatever the frame says"),
    ("one capability is tested by a bit of its mask, not by all", "5.4",
     "each of hvsim's hosts offers all bits of that mask or none, and the wrong test is right"),
    ("RSC is never switched off", "5.4",
     "22.11.11 never switches it on: the host is told nothing of it; ours is in \"segmentation is "
     "never switched off\" and the unit test netvsc_offload"),
    ("limit of zero-copy frames counted per queue, for sections of the port", "4.3",
     "frames that an application keeps are its own choice: what all queues keep together stops "
     "the host, on hvsim as by the sentence, and nothing is lost or wrong by it"),
    ("waits measured by the wall clock", "5.6",
     "hvsim does not set the clock of the machine it runs on"),
    ("VF: MTU, events, hot plug, data path switch", "5.8, 5.9",
     "accelerated networking is later work, and hvsim's VF carries no frames"),
    ("an MTU clamped by the host is reported as set", "5.8",
     "22.11.11 has no MTU change; our side is in \"MTU larger than the host allows\""),
    ("a failed MTU change tried again on the same channel", "5.1, 5.8",
     "22.11.11 has no MTU change"),
    ("receive interrupts and power monitor not supported", "4.6 row 21; 1.3",
     "later work: the other operations of that row are in \"operations that are missing\""),
    ("physical addresses, PCI, rescind races with the kernel", "4.3, 4.5",
     "needs real hardware, or a kernel; rescind itself is in the scenarios of our driver"),
]
