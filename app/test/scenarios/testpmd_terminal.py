# SPDX-License-Identifier: BSD-3-Clause
"""Stock dpdk-testpmd, driven through its prompt as a user would."""

import os
import pty
import re
import signal
import subprocess
import threading
import time


class Trouble(Exception):
    """testpmd did not do what was waited for."""


class Terminal:
    """One testpmd on a terminal of its own: into a pipe it would write when a
    block is full. What it printed is kept in `text`."""

    def __init__(self, command, env=None, cwd=None):
        self.text = ""
        self.more = threading.Condition()
        self.terminal, slave = pty.openpty()
        self.proc = subprocess.Popen([str(a) for a in command], stdin=slave, stdout=slave,
                                     stderr=slave, env={**os.environ, **(env or {})}, cwd=cwd,
                                     start_new_session=True)
        os.close(slave)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

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

    def wait(self, pattern, seconds=60, start=0):
        """Waits until the output from `start` on matches; returns the match."""
        end = time.monotonic() + seconds
        with self.more:
            while True:
                found = re.search(pattern, self.text[start:], re.S)
                if found:
                    return found
                left = end - time.monotonic()
                if left <= 0 or self.proc.poll() is not None:
                    raise Trouble(f"testpmd did not say {pattern!r}:\n{self.text[-3000:]}")
                self.more.wait(min(left, 0.2))

    def sync(self, seconds=60):
        """Until all commands so far are done: asks for something that is none."""
        start = len(self.text)
        mark = f"mark{time.monotonic_ns()}"
        self.write(mark)
        # It is echoed first, then found to be no command.
        self.wait(mark + r".*(Command not found|Bad arguments)", seconds, start)

    def __call__(self, *commands, seconds=60):
        """Runs commands; returns what they printed."""
        start = len(self.text)
        for command in commands:
            self.write(command)
        self.sync(seconds)
        return self.text[start:]

    def quit(self):
        """Ends it as a user would."""
        self.write("quit")
        try:
            self.proc.wait(20)
        except subprocess.TimeoutExpired:
            self.end()
            raise Trouble(f"testpmd does not end:\n{self.text[-3000:]}") from None
        self.reader.join(5)
        os.close(self.terminal)
        if self.proc.returncode != 0:
            raise Trouble(f"testpmd ended with {self.proc.returncode}:\n{self.text[-3000:]}")
        return self.text

    def end(self):
        """Ends it in any case."""
        if self.proc.poll() is None:
            try:
                os.killpg(self.proc.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.proc.wait(10)
