# SPDX-License-Identifier: BSD-3-Clause
"""Stock dpdk-testpmd, driven through its prompt as a user would."""

import os
import pty
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path


class Trouble(Exception):
    """testpmd did not do what was waited for."""


def below(pid):
    """A process and all that it started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(each for child in children for each in below(int(child)))]


def backtraces(pid):
    """Where all threads of a process are, as far as gdb may look."""
    if shutil.which("gdb") is None:
        return "gdb is not installed: no backtraces"
    # Not in an environment in which gdb itself would be a guest.
    command = ["gdb", "-batch", "-nx", "-p", str(pid), "-ex", "set print frame-arguments scalars",
               "-ex", "thread apply all backtrace 30"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return "gdb did not end"
    lines = [line for line in done.stdout.splitlines() if line.startswith(("Thread ", "#"))]
    return "\n".join(lines) or (done.stdout + done.stderr)[-1000:]


class Terminal:
    """One testpmd on a terminal of its own: into a pipe it would write when a
    block is full. What it printed is kept in `text`."""

    def __init__(self, command, env=None, cwd=None):
        self.text = ""
        self.asked = 0
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
                    break
                self.more.wait(min(left, 0.2))
        raise self.trouble(f"testpmd did not say {pattern!r} within {seconds} s")

    def testpmd_pid(self):
        """Of testpmd itself: below the hvsim that started it, if not that."""
        for pid in below(self.proc.pid):
            try:
                if os.readlink(f"/proc/{pid}/exe").endswith("testpmd"):
                    return pid
            except OSError:
                continue
        return None

    def trouble(self, what):
        """What went wrong, with all that explains it on a machine that nobody
        can look at: what was said last, and where all threads are."""
        pid = self.testpmd_pid() if self.proc.poll() is None else None
        where = f"ended with {self.proc.poll()}" if pid is None else backtraces(pid)
        return Trouble(f"{what}:\n{self.text[-3000:]}\n-- testpmd: {where}")

    def sync(self, seconds=60):
        """Until all commands so far are done: asks for a port that cannot be.
        Returns where the answer begins. The answer is looked for, not the echo:
        that comes letter by letter, and events of other threads in between."""
        start = len(self.text)
        self.asked = self.asked % 50000 + 1
        port = 10000 + self.asked
        self.write(f"show port info {port}")
        answer = self.wait(rf"Invalid port {port}\s.*?valid ports array is \[[ \d]*\]\n",
                           seconds, start)
        return start + answer.start()

    def __call__(self, *commands, seconds=60):
        """Runs commands; returns what they printed."""
        start = len(self.text)
        for command in commands:
            self.write(command)
        end = self.sync(seconds)
        return self.text[start:end]

    def quit(self):
        """Ends it as a user would."""
        self.write("quit")
        try:
            self.proc.wait(60)
        except subprocess.TimeoutExpired:
            trouble = self.trouble("testpmd does not end")
            self.end()
            raise trouble from None
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
