# SPDX-License-Identifier: BSD-3-Clause
"""A host that goes wrong at random while a port is used and reconfigured at
random; from time to time it is honest, and then the port works, as it is or after
stop and start or reset, and nothing is missing.

A run is a list of steps that follows from its seed: faults are armed and disarmed
over the control socket, operations return 0 or an errno in bounded time, frames go
out and come back. The NIC is taken away in the middle of what goes on, also of a
request that the host does not answer, and offered anew; or the whole host process
is killed there, and another one started in its place. At a rest all faults are
disarmed and the accounts made: mbufs, allocations, and no violation of the host's
rules by the driver of itself."""

import random
import time

import lies
from conftest import wait_until
from lines import Ops

QUEUES = 2
CALL_SECONDS = 200              # more than a reset of a silent host takes
FRAMES = 16

# A request is answered all the same.
MILD = ["twice:message=rndis-set", "status:message=rndis-set", "frame-ppi-offset:value=V",
        "ppi-bytes:value=V", "ppi-type:value=V", "ppi-data-offset:value=V",
        "held:message=rndis-set,for=50ms", "rarely:message=monitor,every=5ms,count=0",
        "rarely:message=ring,every=2ms,count=0", "silent:message=rndis-halt",
        "silent:message=revoke-recv-buffer"]
MILD_LIES = ["RNDIS_PACKET", "RNDIS_PPI"]
# After these an answer may be lost, which costs whoever waits for it a minute: only while
# frames travel.
HARD = ["flip", "packet-bytes:value=V", "unread:count=300", "range-bytes:value=V",
        "range-offset:value=V", "transfer-id:value=V", "completion-id:value=V",
        "silent:message=completion", "late", "twice:message=completion",
        "silent:message=return", "held:message=return",
        "held:message=completion", "flood:message=completion", "flood:message=transfer",
        "flood:message=vf-association", "flood:message=interrupt"]
# What a host may leave unanswered, and a call that asks it. Whoever waits then would do so
# for a minute: the NIC is taken away meanwhile, which ends the wait.
UNANSWERED = [("rndis-set", "promisc", {"on": 1}), ("rndis-set", "allmulti", {"on": 1}),
              ("rndis-set", "groups", {"n": 3}), ("rndis-set", "reta_set", {"queue": 1}),
              ("rndis-set", "mtu", {"mtu": 1400}), ("rndis-query", "mtu", {"mtu": 1300}),
              ("rndis-init", "mtu", {"mtu": 1400}), ("recv-buffer", "mtu", {"mtu": 1300}),
              ("send-buffer", "mtu", {"mtu": 1400}), ("init", "mtu", {"mtu": 1300})]
# The same while a device is attached.
UNANSWERED_ATTACH = ["init", "recv-buffer", "send-buffer", "rndis-init", "rndis-query",
                     "rndis-set"]
GONE_SECONDS = 40               # far less than a whole wait for an answer
VALUES = [0, 1, 3, 7, 8, 16, 20, 60, 255, 4096, 0x7fffffff, 0x80000000, 0xffffffff]


class Broken(Exception):
    """Something that must hold does not."""


# However busy the machine is; what comes is not waited for any longer.
PATIENT_MS = 10000


def exchange(ops, n=FRAMES, queue=0, queues=1, ms=400):
    """Frames out and back; how many came."""
    ops("tx", n=n, bytes=100, q=queue, seconds=60)
    got = ops("rx", n=n, ms=ms, last=queues - 1, seconds=60)["got"]
    ops("reap", ms=5, q=queue, seconds=60)
    return got


def all_mbufs_are_back(ops, told=None):
    """None is lost: neither in the pool nor on a transmit queue. `told` explains it else."""
    missing = ops("missing")
    assert missing["mbufs"] == 0 and missing["tx_mbufs"] == 0, (missing, told)


def stops_with_all_mbufs(ops, told=None):
    ops("stop", seconds=90)
    all_mbufs_are_back(ops, told)


def works(ops, queues=1, ms=400):
    """The port as it is after a fault: by itself, or after stop and start, or after
    a reset. `ms`: how long each of the frames may take that shows the first."""
    def all_queues(ms=400):
        return all(exchange(ops, queue=q, queues=queues, ms=ms) == FRAMES
                   for q in range(queues))

    if all_queues(ms):
        return "by itself"
    if (ops("stop", seconds=CALL_SECONDS)["ret"] == 0 and
            ops("start", seconds=CALL_SECONDS)["ret"] == 0):
        ops("rx", n=10000, ms=50, last=queues - 1)
        if all_queues():
            return "restarted"
    ops("stop", seconds=CALL_SECONDS)
    answer = ops("reset", seconds=CALL_SECONDS)
    assert answer["ret"] == 0, f"{answer}\n{ops.text()}"
    ops.configure(queues)
    ops.ok("start")
    ops("rx", n=10000, ms=50, last=queues - 1)
    assert all_queues(), ops.text()
    return "reset"


class FaultSoak:
    """One guest, one host, one seed."""

    def __init__(self, machine, plugin, seed, say=lambda line: None):
        self.rng, self.say = random.Random(seed), say
        self.server = machine.serve(["--folder", machine.path("host"),
                                     "--nic", f"queues={QUEUES},port=echo"])
        listed = self.server.ctl("list")
        self.guid = listed.get("result", listed)["nics"][0]["guid"].strip("{}")
        self.ops = Ops(self.server, plugin).up(QUEUES)
        self.fields = [f for f in lies.fields(self.server) if f not in lies.SILENCE]
        self.steps, self.rests, self.armed, self.outcomes, self.errors = 0, 0, 0, {}, {}
        self.recent = []
        self.base = None
        self.rescinds, self.cut_short, self.kills = 0, 0, 0
        self.removed = False            # by a host that goes on

    # ---- faults ----

    def lie(self, messages):
        message, field = self.rng.choice([f for f in self.fields if f[0] in messages])
        return f"lie:message={message},field={field},{self.rng.choice(lies.VALUES)}"

    def fault(self, hard):
        """One of them, with the occasions on which it happens."""
        if self.rng.random() < 0.5:
            text = self.lie([m for m in lies.DATA if hard or m in MILD_LIES])
        else:
            text = self.rng.choice(MILD + (HARD if hard else []))
        text = text.replace("=V", f"={self.rng.choice(VALUES)}")
        if "count=" not in text:
            text += ("," if ":" in text else ":") + f"count={self.rng.choice((1, 2, 3, 20))}"
        text += f",nth={self.rng.randint(1, 4)}"
        if self.rng.random() < 0.3:
            text += f",probability={self.rng.choice((10, 50, 90))},seed={self.rng.randint(1, 999)}"
        self.server.ctl("fault", "arm", text)
        self.armed += 1
        self.recent.append(text)

    # ---- what goes on ----

    def call(self, name, **words):
        """Any operation: 0 or an errno."""
        answer = self.ops(name, seconds=CALL_SECONDS, **words)
        if not -200 < answer["ret"] <= 0:
            raise Broken(f"{name} {words}: {answer['ret']} is no errno")
        if answer["ret"] < 0:
            self.errors[answer["ret"]] = self.errors.get(answer["ret"], 0) + 1
        self.recent.append(f"{name} {words} -> {answer['ret']}")
        return answer["ret"]

    def traffic(self):
        for _ in range(self.rng.randint(1, 4)):
            exchange(self.ops, self.rng.randint(1, 32), self.rng.randrange(QUEUES), QUEUES)

    def restart(self):
        if self.call("stop") == 0:
            self.call("start")

    def host(self):
        """What a host does by itself."""
        what = self.rng.choice((("link", "nic0", "down"), ("network-change", "nic0"),
                                ("offload", "nic0"), ("speed", "nic0", "25G")))
        self.server.ctl(*what)
        if what[0] == "link":
            self.server.ctl("link", "nic0", "up")

    def reconfigure(self):
        rng = self.rng
        rng.choice((
            lambda: self.call("promisc", on=rng.randint(0, 1)),
            lambda: self.call("allmulti", on=rng.randint(0, 1)),
            lambda: self.call("groups", n=rng.randint(0, 8)),
            lambda: self.call("mtu", mtu=rng.choice((1280, 1500, 1800))),
            lambda: self.call("reta_set", queue=rng.randrange(QUEUES)),
            self.restart, self.host))()

    # ---- the NIC goes and comes back ----

    def take_away(self):
        """By its host, or with it; and then another host may be there at once."""
        if self.rng.random() < 0.7:
            self.server.ctl("nic", "remove", "nic0")
            self.rescinds += 1
            self.removed = True
            return
        self.recent.append("the host is killed")
        self.server.kill()
        self.kills += 1
        if self.rng.random() < 0.5:
            self.server.start_again()

    def bring_back(self):
        """An honest host, that offers the NIC."""
        if self.server.proc.poll() is not None:
            self.server.start_again()
        self.server.ctl("fault", "disarm", "all")
        if self.removed:
            self.server.ctl("nic", "offer", "nic0")
        self.removed = False

    def cut_off(self, name, words, moment):
        """An operation in the middle of which, or so, the NIC is taken away: it
        returns soon, whatever it was waiting for, and with an error if the moment
        was one that keeps it from success."""
        self.ops.send(" ".join([name, *(f"{k}={v}" for k, v in words.items())]))
        fails = moment()
        self.take_away()
        self.cut_short += bool(fails)
        answer = self.ops.answer(f"{name}, the NIC taken away", GONE_SECONDS)
        self.recent.append(f"{name} {words}, the NIC taken away -> {answer}")
        ret = answer.get("ret", 0)
        if not -200 < ret <= 0 or (fails and ret == 0):
            raise Broken(f"{name} of a NIC that was taken away: {answer}")

    def some_moment(self):
        time.sleep(self.rng.uniform(0, 0.02))
        return False

    def unanswered(self, message):
        """The host leaves the next such request without an answer; a moment is over
        when it has, or when the call is: it may have had nothing to ask for."""
        before = lies.fired(self.server, "silent")
        self.server.ctl("fault", "arm", f"silent:message={message}")
        self.recent.append(f"silent:message={message}")

        def silent():
            return lies.fired(self.server, "silent") > before

        def moment():
            wait_until(lambda: silent() or not self.ops.answers.empty(), 60,
                       f"the host leaves {message} unanswered")
            return silent()
        return moment

    def detach(self):
        """The application lets go of a NIC that is not there; nothing stays behind."""
        self.ops.ok("remove", seconds=CALL_SECONDS)
        missing = self.ops("missing")
        if missing["mbufs"] != 0 or missing["tx_mbufs"] != 0:
            raise Broken(f"mbufs are missing after the NIC was taken away: {missing}")
        self.bring_back()

    def attach(self):
        def attached():
            return self.ops("attach", seconds=CALL_SECONDS, dev=f"vmbus:{self.guid}")["ret"] == 0
        wait_until(attached, 60, "the NIC that was offered anew is attached")
        self.ops.configure(QUEUES)
        self.ops.ok("start")

    def rescind(self):
        """At a moment that the seed chooses: under frames, in a call, in a request that
        is not answered, in the attach that follows."""
        rng = self.rng
        if rng.random() < 0.4:
            message, name, words = rng.choice(UNANSWERED)
            self.cut_off(name, words, self.unanswered(message))
        else:
            name, words = rng.choice((("tx", {"n": 64, "bytes": 100}),
                                      ("rx", {"n": 64, "ms": 200, "last": QUEUES - 1}),
                                      ("mtu", {"mtu": 1400}), ("promisc", {"on": 1}),
                                      ("stop", {}), ("reset", {})))
            self.cut_off(name, words, self.some_moment)
        self.detach()
        if rng.random() < 0.3:          # and once more, before it is there
            self.cut_off("attach", {"dev": f"vmbus:{self.guid}"},
                         self.unanswered(rng.choice(UNANSWERED_ATTACH)))
            self.bring_back()
        self.attach()

    def step(self):
        """Faults, and what they are about; the hard ones while frames travel only."""
        self.steps += 1
        if self.rng.random() < 0.15:
            self.rescind()
        hard = self.rng.random() < 0.5
        for _ in range(self.rng.randint(1, 3)):
            self.fault(hard)
        for _ in range(self.rng.randint(1, 3)):
            if not hard:
                self.reconfigure()
            self.traffic()
        self.server.ctl("fault", "disarm", "all")

    # ---- rest ----

    def violations(self):
        return {k: v for k, v in self.server.counters().items() if k.startswith("violation_")}

    def rest(self):
        how = works(self.ops, QUEUES)
        self.outcomes[how] = self.outcomes.get(how, 0) + 1
        # From here on whatever is wrong is the driver's own doing.
        before = self.violations()
        for queue in range(QUEUES):
            if exchange(self.ops, queue=queue, queues=QUEUES) != FRAMES:
                raise Broken(f"frames are lost on queue {queue} though the host is honest")
        if self.call("stop") != 0:
            raise Broken("it does not stop")
        if self.violations() != before:
            raise Broken(f"violations of an honest host's rules: {before}, {self.violations()}")
        missing = self.ops("missing")
        if missing["mbufs"] != 0 or missing["tx_mbufs"] != 0:
            raise Broken(f"mbufs are missing: {missing}")
        self.ops.ok("reset", seconds=CALL_SECONDS)
        self.ops.configure(QUEUES)
        self.allocations()
        self.ops.ok("start")
        self.rests += 1
        self.recent = []

    def allocations(self):
        """As many as at the first rest, after which nothing is made that stays."""
        held = self.ops("heap")["allocations"]
        self.base = held if self.base is None else self.base
        if held != self.base:
            raise Broken(f"{held} allocations, {self.base} at first")

    def line(self, start):
        return (f"soak: {time.monotonic() - start:6.0f} s, {self.steps} steps, {self.armed} faults "
                f"armed, {self.rests} rests: {self.outcomes}; errors returned: {self.errors}; NIC "
                f"taken away {self.rescinds} times, the host killed {self.kills} times, "
                f"{self.cut_short} of both with a request under way that was left unanswered")

    def run(self, seconds, every=4):
        start = said = time.monotonic()
        self.rest()
        while time.monotonic() < start + seconds:
            try:
                for _ in range(every):
                    self.step()
                self.rest()
            except Exception as err:
                raise Broken(f"step {self.steps}, after {self.recent}: {err}") from err
            if time.monotonic() > said + 10:
                said = time.monotonic()
                self.say(self.line(start))
        self.say(self.line(start))
