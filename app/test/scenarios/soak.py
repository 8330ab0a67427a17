#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Stock testpmd forwards numbered frames both ways between two NICs while it
is reconfigured at random, and every frame is accounted for.

A run is a list of operations that follows from its seed. After some of them
all traffic comes to rest, and then must hold, since the last rest:

  host       what it delivered to a NIC = what testpmd received
             + what the driver counted as missed or wrong
  testpmd    received = sent + dropped (its own counters)
  driver     what testpmd sent = what the host got + what the driver counted
  generator  got every frame that its NIC's guest sent, none of them corrupt

Only of a NIC that was taken away in between, what was under way at that moment
may be missing: no more than there are receive sections and transmit slots. No
mbuf is out, and descriptors, mappings, heap and hvsim's own stay as they were.
"""

import argparse
import functools
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest

from conftest import BUILD, TREE, Machine, run, wait_until
from faulty import FaultSoak
from testpmd import Testpmd

NAMES = ("left", "right")
QUEUES = 4
MBUFS = 8192
# Frames under way when a NIC goes: in receive sections, in slots.
UNDER_WAY = {"unread": 16384, "unsent": 8192}
# What the host says it did not deliver.
HOST_DROPS = ("rx_drop_no_section", "rx_drop_ring_full", "rx_drop_filter", "rx_drop_not_open",
              "rx_drop_length", "rx_drop_link")
# "RX-error:" is a line of statistics, there when frames had to wait for mbufs.
REFUSED = re.compile(r"(?im)^.*(?:\bfail|cannot|can't|invalid|unable|not supported|bad arg"
                     r"|(?<!RX-)error(?!s)|panic|timed? ?out).*$")


class Broken(Exception):
    """What must hold does not."""


class Ledger:
    """Where the frames of one NIC went, from both ends; sums over the run."""

    def __init__(self):
        self.fwd_rx = self.fwd_tx = self.fwd_dropped = 0    # testpmd's
        self.missed = self.tx_errors = 0                    # the driver's
        self.seen = {}                                      # its counters at the last look
        self.removals = 0

    def driver(self, stats):
        """Adds what the driver's counters rose by; a queue that is set up anew
        counts from 0."""
        def rise(name):
            now, before = stats.get(name, 0), self.seen.get(name, 0)
            return now - before if now >= before else now
        self.missed += rise("rx_missed") + rise("rx_errors")
        self.tx_errors += rise("tx_errors")
        self.seen = stats


SECTION = (r"Forward statistics for port (\d+) +-+\s+RX-packets: (\d+).*?"
           r"TX-packets: (\d+)\s+TX-dropped: (\d+)\s")


def statistics(text):
    """The forward statistics in testpmd's output, as texts of (port, received, sent,
    dropped); and the beginning of those that it has not printed to their end. What it
    prints of an event, from another thread, may stand in the middle of them."""
    text = re.sub(r"\nPort \d+: [^\n]* event\n", "", text)
    sections = list(re.finditer(SECTION, text, re.S))
    end = sections[-1].end() if sections else 0
    begun = text.find("Forward statistics for port", end)
    if begun < 0:       # perhaps in the last line
        begun = max(end, text.rfind("\n"))
    return [one.groups() for one in sections], text[begun:]


class Soak:
    def __init__(self, machine, plugin, seed, rate="20kpps", say=print):
        self.rng = random.Random(seed)
        self.say = say
        gen = f"gen:size=64-1500,rate={rate},flows=64"
        nics = [w for n in NAMES for w in ("--nic", f"name={n},queues=64,port=[{gen}]")]
        self.server = machine.serve(["--seed", str(seed), *nics])
        # The clock of what is random in the host and here is the same seed.
        self.pmd = Testpmd(self.server, plugin,
                           [f"--rxq={QUEUES}", f"--txq={QUEUES}", "--no-flush-rx",
                            "--mbuf-size=9728", f"--total-num-mbufs={MBUFS}"])
        listed = self.host("list")["nics"]
        self.guid = {n["name"]: n["guid"].strip("{}").lower() for n in listed}
        self.mac = {n["name"]: n.get("mac") for n in listed}
        self.ledger = {n: Ledger() for n in NAMES}
        self.rx_queues = self.tx_queues = QUEUES
        self.stopped = set()
        self.multicast = {n: [] for n in NAMES}
        self.ops = self.rests = 0
        self.op = "the start"
        self.counts, self.recent, self.logged, self.begun = {}, [], [], ""
        self.base = None
        self.lost = {"counted": 0, "removal": 0, "host": 0}
        self.last_rest = {n: dict.fromkeys(UNDER_WAY, 0) for n in NAMES}
        self.pmd("set promisc all on", "port config all rss all", "start")

    # ---- looking ----

    def host(self, *words):
        answer = self.server.ctl(*words)
        return answer.get("result", answer)

    def take(self):
        """What testpmd printed since the last time; its forward statistics
        are added up, whoever stopped the forwarding."""
        with self.pmd.more:
            text, self.pmd.text = self.pmd.text, ""
        self.logged += re.findall(r"(?m)^(?:VMBUS|NETVSC).*$", text)
        ports = self.ports()
        sections, self.begun = statistics(self.begun + text)
        for port, rx, tx, dropped in sections:
            ledger = self.ledger[ports[int(port)]]
            ledger.fwd_rx += int(rx)
            ledger.fwd_tx += int(tx)
            ledger.fwd_dropped += int(dropped)
        return text

    def ports(self):
        return self.port_names

    def find_ports(self):
        """Port numbers and NICs; a NIC that comes back may get another one."""
        text = self.pmd("show port summary all")
        found = {int(p): g.lower() for p, g in
                 re.findall(r"^(\d+)\s+(?:[0-9A-F]{2}:){5}[0-9A-F]{2}\s+([0-9a-f-]{36})", text,
                            re.M | re.I)}
        names = {g: n for n, g in self.guid.items()}
        self.port_names = {p: names[g] for p, g in found.items()}
        self.number = {n: p for p, n in self.port_names.items()}
        if len(self.number) != 2:
            raise Broken(f"not both ports are there: {text}")

    def snapshot(self):
        """The driver's counters, before and after something sets them back."""
        for name, port in self.number.items():
            self.ledger[name].driver(self.pmd.stats(port))

    def do(self, *commands, seconds=60):
        text = self.pmd(*commands, seconds=seconds)
        wrong = REFUSED.findall(text)
        if wrong:
            raise Broken(f"{commands}: {wrong[0]}\n{text[-2000:]}")
        return text

    def some(self):
        name = self.rng.choice(NAMES)
        return name, self.number[name]

    # ---- operations under load: those in which nothing is stopped ----

    def op_mtu(self):
        _, port = self.some()
        self.do(f"port config mtu {port} {self.rng.choice((1280, 1500, 1500, 4000, 9000))}")

    def op_promiscuous(self):
        _, port = self.some()
        self.do(f"set promisc {port} off")
        self.linger()
        self.do(f"set promisc {port} on")

    def op_all_multicast(self):
        _, port = self.some()
        self.do(f"set allmulti {port} {self.rng.choice(('on', 'off'))}")

    def op_multicast_list(self):
        name, port = self.some()
        have = self.multicast[name]
        if have and self.rng.random() < 0.5:
            self.do(f"mcast_addr remove {port} {have.pop()}")
        elif len(have) < 30:
            have.append("01:00:5e:%02x:%02x:%02x" % tuple(self.rng.randrange(128)
                                                         for _ in range(3)))
            self.do(f"mcast_addr add {port} {have[-1]}")

    def op_mac(self):
        _, port = self.some()
        self.do("mac_addr set %d 02:00:00:%02x:%02x:%02x" %
                (port, *(self.rng.randrange(256) for _ in range(3))))

    def op_rss_key(self):
        _, port = self.some()
        key = bytes(self.rng.randrange(256) for _ in range(40)).hex()
        if self.rx_queues > 1:          # without RSS there is none
            self.do(f"port config {port} rss-hash-key ipv4 {key}")

    def op_rss_types(self):
        if self.rx_queues > 1:          # without RSS there is nothing to set
            self.do(f"port config all rss {self.rng.choice(('ip', 'tcp', 'all'))}")

    def op_reta(self):
        _, port = self.some()
        size = int(re.search(r"Redirection table size: (\d+)",
                             self.pmd(f"show port info {port}"))[1])
        entries = ",".join(f"({i},{self.rng.randrange(self.rx_queues)})" for i in
                           self.rng.sample(range(size), min(size, 16)))
        self.do(f"port config {port} rss reta {entries}")

    def op_vlan_strip(self):
        _, port = self.some()
        self.do(f"vlan set strip {self.rng.choice(('on', 'off'))} {port}")

    def op_look(self):
        _, port = self.some()
        self.pmd(*(f"show port {what} {port}" for what in ("info", "xstats", "stats", "rss-hash key")),
                 f"show rxq info {port} 0", f"show txq info {port} 0", f"show port {port} rxq 0 desc 0 status",
                 f"show device info all", f"dump_log_types")

    def op_link(self):
        name, _ = self.some()
        self.host("link", name, "down")
        self.linger()
        self.host("link", name, "up")

    def op_speed(self):
        name, _ = self.some()
        self.host("speed", name, self.rng.choice(("1G", "10G", "25G", "40G", "100G")))

    def op_host_offload(self):
        self.host("offload", self.some()[0])

    def op_network_change(self):
        self.host("network-change", self.some()[0])

    def op_queue_stop(self):
        """Of a queue that nobody polls, as ethdev demands."""
        _, port = self.some()
        kind = self.rng.choice(("rxq", "txq"))
        queue = self.rng.randrange(self.rx_queues if kind == "rxq" else self.tx_queues)
        self.do("stop", f"port {port} {kind} {queue} stop", "start")
        self.linger()
        self.do("stop", f"port {port} {kind} {queue} start", "start")

    # ---- with the ports stopped ----

    def op_stop_start(self):
        self.do("stop", "port stop all", "port start all", "start")

    def op_one_stop_start(self):
        _, port = self.some()
        self.do("stop", f"port stop {port}")
        self.linger()
        self.do(f"port start {port}", "start")

    def op_queues(self):
        """testpmd polls no more receive queues than it has transmit queues,
        and started queues that nobody polls keep the sections of all."""
        self.configure(*sorted(self.rng.choice((1, 2, 3, 4, 4, 8, 16)) for _ in range(2)))

    def configure(self, rx, tx):
        self.do("stop", "port stop all")
        self.snapshot()
        self.do(f"port config all rxq {rx}", f"port config all txq {tx}", "port start all")
        self.rx_queues, self.tx_queues = rx, tx
        self.snapshot()
        self.do("start")

    def op_descriptors(self):
        self.do("stop", "port stop all")
        self.snapshot()
        self.do(f"port config all txd {self.rng.choice((64, 128, 512, 1024))}", "port start all")
        self.snapshot()
        self.do("start")

    def op_reset(self):
        _, port = self.some()
        self.do("stop", f"port stop {port}")
        self.snapshot()
        self.do(f"port reset {port}", f"port start {port}")
        self.snapshot()
        self.do(f"set promisc {port} on", "start")

    def op_remove(self):
        """The host takes a NIC away under load; testpmd closes the port."""
        name, _ = self.some()
        other = NAMES[1 - NAMES.index(name)]
        self.take()
        self.snapshot()
        self.pmd.remove(name, left=1)       # it goes on forwarding with the other
        self.linger()
        self.pmd("stop")
        self.take()
        self.ledger[name].removals += 1
        self.multicast[name] = []
        self.ledger[other].driver(self.pmd.stats(self.number[other]))
        self.host("nic", "offer", name)

        def attached():
            return "is attached" in self.pmd(f"port attach vmbus:{self.guid[name]}")
        wait_until(attached, 60, "the port is attached again")
        self.do("port stop all", "port start all")
        self.find_ports()
        self.ledger[name].seen = {}
        self.do("set promisc all on", "start")

    OPS = (["mtu", "stop_start", "one_stop_start", "queues", "queue_stop"] * 3 +
           ["promiscuous", "all_multicast", "multicast_list", "mac", "rss_key", "rss_types",
            "reta", "vlan_strip", "look", "link", "speed", "host_offload", "network_change",
            "descriptors", "reset", "remove"] * 2)

    # ---- the run ----

    def linger(self):
        """A while; how long does not matter to what is proven."""
        time.sleep(self.rng.uniform(0.005, 0.1))

    def flowing(self):
        """Traffic goes both ways after whatever was done."""
        def received():
            return [p["counters"]["gen_received"] for p in self.host("counters")["ports"]
                    if p["name"].startswith("gen")]
        before = received()
        try:
            wait_until(lambda: all(b > a + 50 for a, b in zip(before, received())), 30,
                       f"frames arrive at both generators after operation {self.ops} ({self.op})")
        except (Exception, pytest.fail.Exception) as err:
            raise Broken(f"{err}\n{self.state(before, received())}") from err

    def state(self, before, after):
        """What both ends say of a stall, twice, so that what still moves is seen."""
        text = [f"generators received {before}, then {after}",
                f"{self.rx_queues} receive and {self.tx_queues} transmit queues"]
        for _ in range(2):
            text.append(json.dumps(self.host("counters")))
            for port in self.number.values():
                text.append(f"port {port}: " + ", ".join(
                    f"{name} {value}" for name, value in self.pmd.xstats(port).items() if value))
            time.sleep(0.5)
        for port in self.number.values():
            text.append(self.pmd(f"show port info {port}", f"show port {port} rss reta 128 "
                                 "(0xffffffffffffffff,0xffffffffffffffff)",
                                 *(f"show rxq info {port} {q}" for q in range(self.rx_queues)),
                                 *(f"show txq info {port} {q}" for q in range(self.tx_queues))))
        text.append(self.pmd("show config fwd"))
        return "\n".join(text + self.logged[-20:])

    def step(self):
        self.op = self.rng.choice(self.OPS)
        self.ops += 1
        self.recent.append(self.op)
        self.counts[self.op] = self.counts.get(self.op, 0) + 1
        try:
            getattr(self, "op_" + self.op)()
            self.take()
            self.flowing()
        except (Exception, pytest.fail.Exception) as err:
            raise Broken(f"operation {self.ops}, {self.op}, after {self.recent}: {err}") from err

    # ---- rest: the accounts ----

    def quiet(self):
        """No frame is under way; the host's counters then."""
        self.do("stop", "port stop all")
        seen, since = None, time.monotonic()

        def steady():
            nonlocal seen, since
            now = self.host("counters")
            moving = [(n["counters"][k] for k in ("rx_frames", "tx_frames", "rx_completions"))
                      for n in now["nics"]]
            moving = [tuple(m) for m in moving]
            if moving != seen:
                seen, since = moving, time.monotonic()
            return time.monotonic() > since + 0.3 and now
        return wait_until(steady, 60, "traffic comes to rest")

    def accounts(self):
        end = time.monotonic() + 30
        now, self.op = self.quiet(), "the rest"
        self.take()
        while True:     # the driver looks only now and then while it is stopped
            self.snapshot()
            wrong = self.wrong(now)
            if not wrong:
                break
            if time.monotonic() > end:
                raise Broken(f"since the last rest: {self.recent}: " + "; ".join(wrong) +
                             "; the driver said: " + ("; ".join(self.logged) or "nothing"))
            now = self.host("counters")
        for name, values in self.residue.items():
            for what, value in values.items():
                self.lost["removal"] += max(value - self.last_rest[name][what], 0)
            self.ledger[name].removals = 0
        self.last_rest, self.recent, self.logged = self.residue, [], []

    def wrong(self, now):
        """What does not hold."""
        nics = {n["name"]: n["counters"] for n in now["nics"]}
        gens = [p["counters"] for p in now["ports"] if p["name"].startswith("gen")]
        wires = {p["name"]: p["counters"] for p in now["ports"]}
        wrong = [f"{n}: {k}" for n, c in nics.items() for k in c if k.startswith("violation_")]
        self.residue = {}
        for name, gen in zip(NAMES, gens):
            wrong += self.account(name, nics[name], gen, wires[name]["rx_drops"])
        got, put, dropped = (sum(getattr(e, f"fwd_{k}") for e in self.ledger.values())
                             for k in ("rx", "tx", "dropped"))
        if got != put + dropped:
            wrong.append(f"testpmd received {got}, sent {put}, dropped {dropped}")
        self.lost["counted"] = dropped + sum(e.missed + e.tx_errors for e in self.ledger.values())
        self.lost["host"] = (sum(c[k] for c in nics.values() for k in (*HOST_DROPS, "tx_lost")) +
                             sum(wires[n]["rx_drops"] for n in NAMES))
        self.forwarded = put
        return wrong

    def account(self, name, nic, gen, link_drops):
        """The accounts of one NIC; returns what is wrong with them."""
        e, wrong = self.ledger[name], []
        # At an RSS change a host loses what it has not sent on yet.
        values = {"unread": nic["rx_frames"] - e.fwd_rx - e.missed,
                  "unsent": e.fwd_tx - e.tx_errors - nic["tx_frames"] - nic["tx_lost"]}
        self.residue[name] = values
        for what, value in values.items():
            more = value - self.last_rest[name][what]
            if not 0 <= more <= UNDER_WAY[what] * e.removals:
                wrong.append(f"{name}: {more} frames {what} after {e.removals} removals "
                             f"(rx {nic['rx_frames']}, tx {nic['tx_frames']}, {vars(e)})")
        offered = nic["rx_frames"] + sum(nic[k] for k in HOST_DROPS)
        if not 0 <= gen["gen_sent"] - offered <= 64:    # those on the wire
            wrong.append(f"{name}: {gen['gen_sent']} generated, {offered} seen by the host")
        if (gen["tx_frames"] + link_drops != nic["tx_frames"] or
                gen["gen_received"] != gen["tx_frames"]):
            wrong.append(f"{name}: the host got {nic['tx_frames']}, the link dropped {link_drops}, "
                         f"the generator {gen}")
        if gen["gen_duplicate"] + gen["gen_corrupt"] + gen["gen_foreign"] != 0:
            wrong.append(f"{name}: {gen}")
        return wrong

    # ---- rest: what is held ----

    def mbufs_out(self):
        text = self.pmd("dump_mempool")
        return MBUFS - sum(int(re.search(rf"{k}=(\d+)", text)[1]) for k in
                           ("total_cache_count", "common_pool_count"))

    def held(self):
        pid, text = self.pmd.testpmd_pid(), self.pmd("dump_socket_mem")
        heap = re.search(r"Total .*alloc: [\d.]+\(([\d.]+)%\).*count alloc:\s*(\d+)", text)
        return {
            "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
            "mappings": sum(line.split()[4] != "0" for line in
                            Path(f"/proc/{pid}/maps").read_text().splitlines()),
            "dpdk_heap": int(heap[2]),
            "hvsim_descriptors": self.descriptors(self.server.pid),
        }

    @staticmethod
    def descriptors(pid):
        """How many of each kind."""
        kinds = {}
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                kind = re.sub(r"\d+", "N", os.path.basename(os.readlink(f"/proc/{pid}/fd/{fd}")))
            except OSError:
                continue
            kinds[kind] = kinds.get(kind, 0) + 1
        # Those that wake it are let go of when the next one comes.
        if kinds.pop("anon_inode:[userfaultfd]", 0) > 16:
            raise Broken("hvsim holds more than 16 userfaultfds")
        return sum(kinds.values())

    def data_kb(self, pid):
        """Private memory that is written: a heap that grows shows here."""
        text = Path(f"/proc/{pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+)", text)[1])

    def rest(self):
        """All is accounted for; without ports nothing is left; and on it goes
        from where it began."""
        self.accounts()
        out = self.mbufs_out()
        if out != 0:
            raise Broken(f"{out} mbufs are out though the ports are stopped")
        self.do(f"clear port {self.rng.choice(('stats', 'xstats'))} all")
        left = {n: {k: v for k, v in self.pmd.stats(p).items() if v} for n, p in self.number.items()}
        if any(left.values()):
            raise Broken(f"counters that were cleared: {left}")
        self.do(f"port config all rxq {QUEUES}", f"port config all txq {QUEUES}",
                "port config all txd 512", *(f"port detach {p}" for p in list(self.port_names)))
        self.rx_queues = self.tx_queues = QUEUES
        self.hold()
        for name in NAMES:
            self.do(f"port attach vmbus:{self.guid[name]}")
            self.ledger[name].seen, self.multicast[name] = {}, []
        self.find_ports()
        self.do("port start all", "set promisc all on", "port config all rss all", "start")
        self.flowing()

    def hold(self):
        """What both hold without ports; hvsim drops what a guest left a
        little later."""
        end, held = time.monotonic() + 10, self.held()
        while time.monotonic() < end and held != self.base and self.rests > 1:
            time.sleep(0.1)
            held = self.held()
        if self.rests > 1 and held != self.base:
            raise Broken(f"held now: {held}, at first: {self.base}")
        self.memory = (self.data_kb(self.pmd.testpmd_pid()), self.data_kb(self.server.pid))
        self.rests += 1
        if self.rests == 2:             # what is made once is there by now
            time.sleep(3)
            self.base, self.memory_base = self.held(), self.memory

    def line(self, start):
        return (f"soak: {time.monotonic() - start:6.0f} s, {self.ops} operations, {self.rests} rests, "
                f"{self.forwarded} frames forwarded; lost: {self.lost['counted']} counted by driver "
                f"or testpmd, {self.lost['host']} by the host, {self.lost['removal']} under way at "
                f"{self.counts.get('remove', 0)} removals")

    def run(self, seconds, every=20, growth_kb=8192):
        start = said = time.monotonic()
        self.find_ports()
        self.rest()
        while time.monotonic() < start + seconds or self.rests < 3:
            for _ in range(every):
                self.step()
            self.rest()
            if time.monotonic() > said + 10:
                said = time.monotonic()
                self.say(self.line(start))
        grown = [b - a for a, b in zip(self.memory_base, self.memory)]
        self.say("soak: operations: " + ", ".join(f"{k} {v}" for k, v in sorted(self.counts.items())))
        self.say(f"soak: held at the end, as at first: {self.base}; 0 mbufs out; private "
                 f"memory grew by {grown[0]} kB in testpmd, {grown[1]} kB in hvsim")
        self.say(self.line(start))
        if max(grown) > growth_kb:
            raise Broken(f"memory grew by {grown} kB")
        self.pmd.quit()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--rate", default="20kpps", help="of each generator")
    parser.add_argument("--every", type=int, help="operations between two rests")
    parser.add_argument("--faults", action="store_true", help="the host goes wrong, too: faulty.py")
    args = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):      # nothing is left behind
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    folder = Path(tempfile.mkdtemp(prefix="netvsc-soak-"))
    done = run([TREE / "devtools/plugin-path", BUILD])
    if done.status != 0:
        sys.exit(done.err)
    machine = Machine(folder, {"TMPDIR": str(folder)})
    print(f"soak: seed {args.seed}, {args.seconds} s, {BUILD}", flush=True)
    try:
        say = functools.partial(print, flush=True)
        plugin = done.out.strip().splitlines()[-1]
        if args.faults:
            FaultSoak(machine, plugin, args.seed, say).run(args.seconds, args.every or 4)
        else:
            Soak(machine, plugin, args.seed, args.rate, say).run(args.seconds, args.every or 20)
    except (Exception, pytest.fail.Exception) as err:
        print(f"soak: FAILED with seed {args.seed}: {err}", flush=True)
        return 1
    finally:
        machine.end()
        shutil.rmtree(folder, ignore_errors=True)
    print("soak: no leak, no violation, every loss accounted for", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
