# SPDX-License-Identifier: BSD-3-Clause
"""test_lines, told what to do line by line, on either driver as a guest of a
Server: the same lines for both."""

import json
import os
import queue
import signal
import subprocess
import threading

from conftest import ETHDEV, NO_HUGE, cannot

OPS = ETHDEV.parent / "test_lines"


class Died(Exception):
    """The guest ended in the middle of a call; `how` says by what."""

    def __init__(self, how, text):
        super().__init__(f"{how}\n{text}")
        self.how = how


class Hangs(Exception):
    """A call did not return in time."""


class Ops:
    """One guest program. Calls are bounded; the fixture's server ends it."""

    def __init__(self, server, plugin=None, devargs="", eal=None, wait=60):
        if not OPS.exists():
            cannot("the ops client is not built: no libdpdk, or a sanitized build")
        nic = server.ctl("list")
        guid = nic.get("result", nic)["nics"][0]["guid"].strip("{}")
        # The built-in driver of 22.11 takes no allow list but finds devargs by it.
        allow = ["-a", f"vmbus:{guid}{',' if devargs else ''}{devargs}"] if devargs else []
        command = [OPS, "-l", "0", "--no-pci", "--no-telemetry",
                   f"--file-prefix=ops{os.getpid()}-{id(self)}", *(eal or NO_HUGE), *allow,
                   *(["-d", plugin] if plugin else [])]
        self.log = server.machine.path("ops.log")
        with open(self.log, "w", encoding="utf-8") as log:
            self.proc = subprocess.Popen(
                server.guest_command(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=log, text=True, env={**os.environ, **server.machine.env},
                cwd=server.machine.folder, start_new_session=True)
        server.guests.append(self.proc)
        self.server = server
        self.ours = plugin is not None
        self.answers = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.ready = self.answer("start", wait)

    def read(self):
        for line in self.proc.stdout:
            # EAL and drivers print there, too.
            if line.startswith("{"):
                self.answers.put(json.loads(line))
        self.answers.put(None)

    def answer(self, what, seconds):
        try:
            answer = self.answers.get(timeout=seconds)
        except queue.Empty:
            raise Hangs(f"{what}: no answer in {seconds} s\n{self.text()}") from None
        if answer is None:
            raise Died(self.how_it_ended(), f"{what}\n{self.text()}")
        return answer

    def text(self):
        return self.log.read_text(errors="replace")[-3000:]

    def how_it_ended(self):
        status = self.proc.wait(20)
        number = -status if status < 0 else status - 128 if status > 128 else 0
        return signal.Signals(number).name if number else f"exit {status}"

    def send(self, line):
        """Without waiting for the answer."""
        try:
            self.proc.stdin.write(line + "\n")
            self.proc.stdin.flush()
        except BrokenPipeError:
            pass                # the answer will say how it ended

    def __call__(self, name, seconds=30, **words):
        line = " ".join([name, *(f"{k}={v}" for k, v in words.items())])
        self.send(line)
        return self.answer(line, seconds)

    def up(self, queues=1, rx_desc=512, tx_desc=512, room=2176, count=8191, **conf):
        """A started port."""
        assert self.ready.get("ports") == 1, f"{self.ready}\n{self.text()}"
        self.ok("pool", room=room, count=count)
        self.configure(queues, rx_desc, tx_desc, **conf)
        self.ok("start")
        return self

    def configure(self, queues=1, rx_desc=512, tx_desc=512, **conf):
        self.ok("configure", rx=queues, **conf)
        for q in range(queues):
            self.ok("txq", q=q, desc=tx_desc)
            self.ok("rxq", q=q, desc=rx_desc)

    def ok(self, name, **words):
        answer = self(name, **words)
        assert answer["ret"] == 0, f"{name} {words}: {answer}\n{self.text()}"
        return answer
