# SPDX-License-Identifier: BSD-3-Clause
"""Stock dpdk-testpmd with our driver, as a guest of a Server."""

import json
import os
import re
from pathlib import Path

import pytest

from conftest import need_program, wait_until
from testpmd_terminal import Terminal

NO_HUGE = ["--iova-mode=va", "--no-huge", "-m", "512"]


class Testpmd(Terminal):
    __test__ = False

    def __init__(self, server, plugin, options=(), eal=None):
        need_program("dpdk-testpmd")
        command = ["dpdk-testpmd", "-l", "0,1", "--no-pci", "--no-telemetry",
                   f"--file-prefix=pmd{os.getpid()}-{id(self)}", *(eal or NO_HUGE),
                   "-d", plugin, "--", "-i", "--total-num-mbufs=8192", *options]
        self.server = server
        super().__init__(server.guest_command(command), server.machine.env,
                         server.machine.folder)
        server.guests.append(self.proc)
        self.wait("testpmd> $", 60)

    def stats(self, port):
        text = self(f"show port stats {port}")
        return {k.lower().replace("-", "_"): int(v) for k, v in
                re.findall(r"([RT]X-[a-z]+): +(\d+)", text)}

    def xstats(self, port):
        text = self(f"show port xstats {port}")
        return {k: int(v) for k, v in re.findall(r"^(\w+): (\d+)$", text, re.M)}

    def trouble(self, what):
        """The same, and what the host says of it."""
        trouble = super().trouble(what)
        try:
            counters = json.dumps(self.server.try_ctl("counters"))
        except (OSError, ValueError, pytest.fail.Exception) as err:
            counters = err
        trouble.args = (f"{trouble}\n-- hvsim: {counters}",)
        return trouble

    # ---- removal ----

    def remove(self, nic, left):
        """The host takes a NIC away while testpmd forwards; `left` ports are to
        be left. Returns when testpmd has closed and detached its port and
        forwards again between those. It does so on EAL's interrupt thread, beside
        its commands, and nothing guards the one from the other: a "stop" that
        comes while the forwarding is started again waits for ever for a core that
        was told to stop before it was told to run, and "quit" closes the same
        port at the same time."""
        start = len(self.text)
        self.server.ctl("nic", "remove", nic)
        self.wait("device removal event", 60, start)
        self.wait_removed(left, start)

    def wait_removed(self, left, start):
        """What remove() waits for, after the event."""
        last = "TX offloads=" if left else ""
        self.wait(rf"Now total ports is {left}\s+Done.*nb forwarding ports={left}\n.*{last}", 60,
                  start)
        if left:
            self.wait_forwarding()

    def wait_forwarding(self):
        """Until the forwarding core polls: it is launched after the last that
        testpmd prints at a start. One that is not has no processor time."""
        tick, before = 0.01, self.worker_seconds()
        wait_until(lambda: self.worker_seconds() > before + 2 * tick, 60,
                   "the forwarding core runs")

    def worker_seconds(self):
        """The processor time that the forwarding cores have used."""
        ticks = 0
        for task in Path(f"/proc/{self.testpmd_pid()}/task").iterdir():
            if "worker" in (task / "comm").read_text():
                fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")
