# SPDX-License-Identifier: BSD-3-Clause
"""Two network namespaces whose only way to each other is the guest: tap ->
switch -> NIC -> testpmd -> NIC -> switch -> tap."""

import hashlib
import json
import os
import re
import subprocess

import pytest
from scapy.layers.inet import ICMP
from scapy.layers.l2 import Dot1Q
from scapy.utils import rdpcap

from conftest import kill_group, need_program, run, wait_until
from test_driver import no_violations
from testpmd import Testpmd

pytestmark = pytest.mark.sanitized

ADDRESSES = ("198.18.0.1", "198.18.0.2")


class Network:
    def __init__(self, machine, plugin, names, mtu=1500, queues=4, commands=(), vlan=None,
                 options=()):
        self.names, self.procs = names, []
        tag = os.getpid() % 100000
        taps = [f"nva{tag}", f"nvb{tag}"]
        sides = [w for i, (tap, nic) in enumerate(zip(taps, ("left", "right"))) for w in
                 ("--nic", f"name={nic},sw=sw{i},queues={queues},mac-filter=off" +
                  (",vlan=trunk" if vlan else ""),
                  "--port", f"tap:name={tap},mtu={mtu},sw=sw{i}" + (f",vlan={vlan}" if vlan else ""))]
        self.server = machine.serve(["--strict", *sides])
        for i, (name, tap) in enumerate(zip(names, taps)):
            self.setup(i, name, tap)
        self.pmd = Testpmd(self.server, plugin,
                           [f"--rxq={queues}", f"--txq={queues}", "--no-flush-rx",
                            f"--max-pkt-len={mtu + 18}", "--enable-scatter", *options])
        # A tap takes its time: frames wait in the receive buffer meanwhile.
        self.pmd("port stop all", *commands, "port start all", "set promisc all on",
                 "port config all rss all", "set fwd io retry" if not commands else "set fwd csum retry",
                 "set burst tx delay 1 retry 100000", "start", seconds=30)

    def setup(self, i, name, tap):
        run(["ip", "link", "set", tap, "netns", name]).ok()
        self.inside(i, "sysctl", "-qw", f"net.ipv6.conf.{tap}.disable_ipv6=1")
        self.inside(i, "ip", "link", "set", tap, "up").ok()
        self.inside(i, "ip", "address", "add", f"{ADDRESSES[i]}/24", "dev", tap).ok()

    def command(self, i, *command):
        return [str(c) for c in ("ip", "netns", "exec", self.names[i], *command)]

    def inside(self, i, *command, timeout=90):
        return run(self.command(i, *command), timeout=timeout)

    def background(self, i, *command):
        proc = subprocess.Popen(self.command(i, *command), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                start_new_session=True)
        self.procs.append(proc)
        return proc

    def listening(self, i, port):
        wait_until(lambda: re.search(rf":{port}\s", self.inside(i, "ss", "-ltn").out), 20,
                   f"somebody listens on port {port}")

    def ping(self, size, count=20):
        done = self.inside(0, "ping", "-q", "-M", "do", "-c", str(count), "-i", "0.02", "-W", "5",
                           "-s", str(size), ADDRESSES[1]).ok()
        assert f"{count} packets transmitted, {count} received" in done.out, done.out

    def iperf(self, *options):
        port = 5201 + len(self.procs)
        self.background(1, "iperf3", "-s", "-1", "-p", port)
        self.listening(1, port)
        done = self.inside(0, "iperf3", "-c", ADDRESSES[1], "-p", port, "-t", "3", "-J", *options).ok()
        return json.loads(done.out)["end"]

    def http(self, folder, size):
        """A large file of random bytes, by HTTP; returns whether it is equal."""
        data = os.urandom(1 << 20)
        with open(folder / "file", "wb") as out:
            digest = hashlib.sha256()
            for _ in range(size >> 20):
                out.write(data)
                digest.update(data)
        self.background(1, "/usr/bin/python3", "-m", "http.server", "8000", "--directory", folder)
        self.listening(1, 8000)
        fetch = ("import hashlib, sys, urllib.request\n"
                 "h = hashlib.sha256()\n"
                 "r = urllib.request.urlopen(sys.argv[1], timeout=60)\n"
                 "while piece := r.read(1 << 18): h.update(piece)\n"
                 "print(h.hexdigest())\n")
        done = self.inside(0, "/usr/bin/python3", "-c", fetch, f"http://{ADDRESSES[1]}:8000/file").ok()
        return done.out.strip() == digest.hexdigest()

    def counters(self, name):
        return self.server.counters(name)

    def end(self):
        for proc in self.procs:
            kill_group(proc)
        self.pmd("stop")
        self.pmd.quit()
        no_violations(self.server)


@pytest.fixture
def network(machine, plugin, namespaces):
    need_program("iperf3")
    made = []

    def make(**options):
        made.append(Network(machine, plugin, namespaces, **options))
        return made[-1]
    yield make
    for n in made:
        for proc in n.procs:
            kill_group(proc)
        n.pmd.end()


@pytest.mark.quick
def test_pings_and_a_file_by_http_cross_the_guest(network, tmp_path):
    net = network()
    for size in (56, 512, 1472):
        net.ping(size)
    assert net.http(tmp_path, 32 << 20)
    net.end()


@pytest.mark.full
@pytest.mark.parametrize("queues", [1, 4])
def test_iperf3_tcp_and_udp_cross_the_guest(network, queues):
    net = network(queues=queues)
    tcp = net.iperf("-P", "8")
    assert tcp["sum_received"]["bytes"] > 1_000_000
    udp = net.iperf("-u", "-b", "20M", "-l", "1400")
    # What a busy machine loses is in a counter of somebody's; most arrives.
    assert udp["sum"]["packets"] > 100 and udp["sum"]["lost_percent"] < 50
    # Which queues iperf3's few flows land on is up to the ports it gets.
    for port in (0, 1):
        used = [net.pmd.xstats(port)[f"rx_q{q}_packets"] > 0 for q in range(queues)]
        assert sum(used) >= min(queues, 2), used
    net.end()


@pytest.mark.full
def test_jumbo_frames_cross_the_guest_without_being_fragmented(network, tmp_path):
    net = network(mtu=9000)
    for size in (56, 1472, 1473, 4000, 8000, 8971, 8972):
        net.ping(size)
    assert net.http(tmp_path, 64 << 20)
    assert net.iperf("-P", "4")["sum_received"]["bytes"] > 1_000_000
    net.end()


@pytest.mark.full
def test_checksums_left_to_the_host_carry_a_file_across_the_guest(network, tmp_path):
    """csum mode takes every checksum out again and leaves it to the host."""
    offload = [f"csum set {what} hw {port}" for what in ("ip", "tcp", "udp") for port in (0, 1)]
    net = network(commands=[*offload, "set eth-peer 0 ff:ff:ff:ff:ff:ff",
                            "set eth-peer 1 ff:ff:ff:ff:ff:ff",
                            "csum mac-swap off 0", "csum mac-swap off 1"])
    net.ping(56)
    assert net.http(tmp_path, 32 << 20)
    assert net.counters("left")["tx_csum"] > 1000 and net.counters("right")["tx_csum"] > 100
    net.end()


@pytest.mark.full
def test_tagged_frames_cross_the_guest(network, tmp_path):
    """The switch tags what comes from the taps: the guest forwards tags."""
    net = network(vlan=42)
    for size in (56, 1472):
        net.ping(size)
    assert net.http(tmp_path, 32 << 20)
    capture = tmp_path / "right.pcapng"
    net.server.ctl("capture", "start", "right", str(capture))
    net.ping(56)
    net.server.ctl("capture", "stop", "right")
    echoes = [f for f in rdpcap(str(capture)) if ICMP in f]
    assert len(echoes) >= 40 and all(f[Dot1Q].vlan == 42 for f in echoes)
    net.end()
