# SPDX-License-Identifier: BSD-3-Clause
"""Stock dpdk-testpmd as a guest, driven through its prompt as a user would."""

import os
import pty
import re
import subprocess
import threading
import time

import pytest

from conftest import kill_group, need_program

NO_HUGE = ["--iova-mode=va", "--no-huge", "-m", "512"]


class Testpmd:
    """One testpmd in a guest of a Server. What it printed is kept."""
    __test__ = False

    def __init__(self, server, plugin, options=(), eal=None, bus=()):
        need_program("dpdk-testpmd")
        command = ["dpdk-testpmd", "-l", "0,1", "--no-pci", "--no-telemetry",
                   f"--file-prefix=pmd{os.getpid()}-{id(self)}", *(eal or NO_HUGE), "-d", plugin, *bus, "--", "-i", "--total-num-mbufs=8192", *options]
        self.text = ""
        self.more = threading.Condition()
        # A terminal: into a pipe it would write when a block is full.
        self.terminal, slave = pty.openpty()
        self.proc = subprocess.Popen(
            server.guest_command(command), stdin=slave, stdout=slave, stderr=slave,
            env={**os.environ, **server.machine.env}, cwd=server.machine.folder,
            start_new_session=True)
        os.close(slave)
        server.guests.append(self.proc)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.wait("testpmd> $", 30)
        self.sync()

    def read(self):
        while True:
            try:
                piece = os.read(self.terminal, 65536)
            except OSError:         # the other end was closed
                return
            if not piece:
                return
            with self.more:
                self.text += piece.decode(errors="replace").replace("\r", "")
                self.more.notify_all()

    def write(self, line):
        os.write(self.terminal, (line + "\n").encode())

    def wait(self, pattern, seconds=15, start=0):
        """Waits until the output from `start` on matches; returns the match."""
        end = time.monotonic() + seconds
        with self.more:
            while True:
                found = re.search(pattern, self.text[start:], re.S)
                if found:
                    return found
                left = end - time.monotonic()
                if left <= 0 or self.proc.poll() is not None:
                    pytest.fail(f"testpmd did not say {pattern!r}:\n{self.text[-3000:]}")
                self.more.wait(min(left, 0.2))

    def sync(self, seconds=15):
        """Until all commands so far are done: asks for something that is none."""
        start = len(self.text)
        mark = f"mark{time.monotonic_ns()}"
        self.write(mark)
        # It is echoed first, then found to be no command.
        self.wait(mark + r".*(Command not found|Bad arguments)", seconds, start)
        return self.text[start:]

    def __call__(self, *commands, seconds=15):
        """Runs commands; returns what they printed."""
        start = len(self.text)
        for command in commands:
            self.write(command)
        self.sync(seconds)
        return self.text[start:]

    def stats(self, port):
        text = self(f"show port stats {port}")
        return {k.lower().replace("-", "_"): int(v) for k, v in
                re.findall(r"([RT]X-[a-z]+): +(\d+)", text)}

    def xstats(self, port):
        text = self(f"show port xstats {port}")
        return {k: int(v) for k, v in re.findall(r"^(\w+): (\d+)$", text, re.M)}

    def quit(self):
        if self.proc.poll() is None:
            self.write("quit")
        try:
            self.proc.wait(20)
        except subprocess.TimeoutExpired:
            kill_group(self.proc)
            pytest.fail(f"testpmd does not end:\n{self.text[-3000:]}")
        self.reader.join(5)
        os.close(self.terminal)
        assert self.proc.returncode == 0, self.text[-3000:]
        return self.text


