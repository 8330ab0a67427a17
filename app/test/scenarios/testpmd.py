# SPDX-License-Identifier: BSD-3-Clause
"""Stock dpdk-testpmd with our driver, as a guest of a Server."""

import os
import re

from conftest import need_program
from testpmd_terminal import Terminal

NO_HUGE = ["--iova-mode=va", "--no-huge", "-m", "512"]


class Testpmd(Terminal):
    __test__ = False

    def __init__(self, server, plugin, options=(), eal=None):
        need_program("dpdk-testpmd")
        command = ["dpdk-testpmd", "-l", "0,1", "--no-pci", "--no-telemetry",
                   f"--file-prefix=pmd{os.getpid()}-{id(self)}", *(eal or NO_HUGE),
                   "-d", plugin, "--", "-i", "--total-num-mbufs=8192", *options]
        super().__init__(server.guest_command(command), server.machine.env,
                         server.machine.folder)
        server.guests.append(self.proc)
        self.wait("testpmd> $", 30)

    def stats(self, port):
        text = self(f"show port stats {port}")
        return {k.lower().replace("-", "_"): int(v) for k, v in
                re.findall(r"([RT]X-[a-z]+): +(\d+)", text)}

    def xstats(self, port):
        text = self(f"show port xstats {port}")
        return {k: int(v) for k, v in re.findall(r"^(\w+): (\d+)$", text, re.M)}
