# SPDX-License-Identifier: BSD-3-Clause
"""test_ops, an ethdev application that a test drives call by call."""

import json
import os
import select
import subprocess
import time

import pytest

from conftest import BUILD, cannot, kill_group

OPS = BUILD / "app/test/ethdev/test_ops"
NO_HUGE = ["--iova-mode=va", "--no-huge", "-m", "512"]


class Ops:
    """One process. Each call is one command and returns its answer; answers
    have the attributes of the JSON object, `ret` above all."""

    def __init__(self, server, plugin, eal=None, guest=None):
        if not OPS.exists():
            cannot("test_ops is not built: no driver headers")
        command = [OPS, "-l", "0,1", "--no-pci", "--no-telemetry",
                   f"--file-prefix=ops{os.getpid()}-{id(self)}", *(eal or NO_HUGE), "-d", plugin]
        self.log = server.machine.path("ops.log")
        with open(self.log, "w", encoding="utf-8") as log:
            self.proc = subprocess.Popen(server.guest_command(command, guest),
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=log, cwd=server.machine.folder,
                                         env={**os.environ, **server.machine.env},
                                         start_new_session=True)
        server.guests.append(self.proc)
        self.text = b""
        self.ports = self.answer("ready", 60)["ports"]

    def answer(self, command, seconds):
        """Lines of EAL's own lie between answers."""
        end = time.monotonic() + seconds
        while True:
            while b"\n" in self.text:
                line, self.text = self.text.split(b"\n", 1)
                if line.startswith(b'{"command": "' + command.encode() + b'"'):
                    return json.loads(line)
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.proc.stdout], [], [], left)[0]:
                pytest.fail(f"{command}: no answer after {seconds} s\n{self.said()[-3000:]}")
            more = os.read(self.proc.stdout.fileno(), 65536)
            if not more:
                pytest.fail(f"{command}: test_ops ended with {self.proc.wait(10)}\n"
                            f"{self.said()[-3000:]}")
            self.text += more

    def said(self):
        """What the driver and EAL logged."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def send(self, command, *words):
        """Without waiting for the answer."""
        line = " ".join(str(w) for w in (command, *words)) + "\n"
        self.proc.stdin.write(line.encode())
        self.proc.stdin.flush()

    def call(self, command, *words, seconds=60):
        self.send(command, *words)
        return self.answer(command, seconds)

    def ok(self, command, *words, seconds=60):
        got = self.call(command, *words, seconds=seconds)
        assert got["ret"] >= 0, f"{command} {words}: {got}\n{self.said()[-2000:]}"
        return got

    def up(self, port, rx=1, tx=None, *conf, queues=()):
        """Configured, set up and started."""
        tx = rx if tx is None else tx
        self.ok("configure", port, rx, tx, *conf)
        self.ok("queues", port, rx, tx, *queues)
        self.ok("start", port)

    def reach(self, sender, receiver, mac, count=5, **more):
        return self.ok("reach", sender, receiver, mac, count,
                       *(f"{k}={v}" for k, v in more.items()))["reached"]

    def end(self):
        """Ends it as a program ends; all mbufs must be back."""
        self.proc.stdin.close()
        last = self.answer("end", 60)
        assert last["mbufs_missing"] == 0, last
        try:
            assert self.proc.wait(60) == 0, self.said()[-2000:]
        except subprocess.TimeoutExpired:
            kill_group(self.proc)
            pytest.fail("test_ops does not end")
