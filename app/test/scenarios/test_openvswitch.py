# SPDX-License-Identifier: BSD-3-Clause
"""Stock Open vSwitch of the distribution, unpacked and not installed, as a guest:
its own database and folder, in a network namespace for the taps that it makes."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from conftest import TREE, cannot, kill_group, need_root, run, wait_until
from test_apps import answer
from test_driver import no_violations

LEFT, RIGHT = "02:00:00:00:00:0a", "02:00:00:00:00:0b"


class OpenVswitch:
    """ovsdb-server and ovs-vswitchd, with netvsc NICs as ports of the bridge br0."""

    def __init__(self, server, plugin, namespace, root, folder):
        self.server, self.root, self.folder = server, root, folder
        self.env = {name: str(self.folder) for name in
                    ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR")}
        self.socket, self.procs = f"unix:{self.folder}/db.sock", []
        self.tool("ovsdb-tool", "create", self.folder / "conf.db",
                  root / "usr/share/openvswitch/vswitch.ovsschema")
        self.start([root / "usr/sbin/ovsdb-server", self.folder / "conf.db",
                    f"--remote=p{self.socket}", f"--unixctl={self.folder}/ovsdb.ctl"])
        wait_until((self.folder / "db.sock").exists, 30, "the database answers")
        self.vsctl("--no-wait", "init")
        self.configure(plugin)
        daemon = root / "usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
        self.start(["ip", "netns", "exec", namespace, *server.guest_command(
            [daemon, self.socket, f"--unixctl={self.folder}/vswitchd.ctl"])])

    def configure(self, plugin):
        """What a user sets; --legacy-mem, since Open vSwitch adds --in-memory
        otherwise, which EAL does not take together with --no-huge."""
        extra = f"--no-huge --legacy-mem --iova-mode=va --no-pci --no-telemetry " \
                f"--file-prefix=ovs{os.getpid()} -d {plugin}"
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                   f"other_config:dpdk-extra={extra}", "other_config:dpdk-alloc-mem=512",
                   "other_config:dpdk-lcore-mask=1", "other_config:pmd-cpu-mask=2",
                   "other_config:per-port-memory=true")
        self.vsctl("--no-wait", "add-br", "br0", "--", "set", "Bridge", "br0",
                   "datapath_type=netdev", "fail-mode=secure")
        for name, mac in (("left", LEFT), ("right", RIGHT)):
            self.vsctl("--no-wait", "add-port", "br0", name, "--", "set", "Interface", name,
                       "type=dpdk", f"options:dpdk-devargs=class=eth,mac={mac}", "options:n_rxq=2")

    def start(self, command):
        log = open(self.folder / f"{len(self.procs)}.log", "w", encoding="utf-8")
        self.procs.append(subprocess.Popen(
            [str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, **self.server.machine.env, **self.env}, start_new_session=True))
        log.close()

    def logs(self):
        return "\n".join(p.read_text(errors="replace")[-2000:] for p in self.folder.glob("*.log"))

    def tool(self, name, *words, timeout=60):
        done = run([self.root / "usr/bin" / name, *words], env=self.env, timeout=timeout)
        assert done.status == 0, f"{name} {words}: {done.err}\n{self.logs()}"
        return done.out.strip()

    def vsctl(self, *words):
        return self.tool("ovs-vsctl", f"--db={self.socket}", "--timeout=50", *words)

    def statistics(self, name):
        text = self.vsctl("get", "Interface", name, "statistics").strip("{}")
        return {k: int(v) for k, v in (pair.split("=") for pair in text.split(", "))}

    def appctl(self, *words):
        return self.tool("ovs-appctl", "-t", self.folder / "vswitchd.ctl", *words)

    def rx_queues(self):
        """How many of each port the datapath polls."""
        text = self.appctl("dpif-netdev/pmd-rxq-show")
        return {name: sum(f"port: {name} " in line for line in text.splitlines())
                for name in ("left", "right")}

    def forward(self):
        """What comes in at one port leaves by the other."""
        for a, b in (("left", "right"), ("right", "left")):
            self.tool("ovs-ofctl", "add-flow", f"unix:{self.folder}/br0.mgmt",
                      f"in_port={a},actions=output:{b}")

    def exit(self):
        """Ends the switch as an administrator does; returns its status."""
        self.appctl("exit", "--cleanup")
        return self.procs[1].wait(60)

    def end(self):
        for proc in reversed(self.procs):
            kill_group(proc)


@pytest.fixture
def open_vswitch(machine, plugin, namespaces):
    need_root()
    done = run([TREE / "devtools/fetch-openvswitch"], timeout=300)
    if done.status != 0:
        cannot(done.err.strip())
    started = []
    # Of a short path: it holds sockets, also of those that were killed.
    with tempfile.TemporaryDirectory(prefix="ovs-") as folder:
        def start(server):
            started.append(OpenVswitch(server, plugin, namespaces[0], Path(done.out.strip()),
                                       Path(folder)))
            return started[-1]
        yield start
        for each in started:
            each.end()


def generators(server):
    return {p["name"]: p["counters"] for p in answer(server, "counters")["ports"]
            if p["name"].startswith("gen")}


def more_arrive(server, count):
    """So many more frames at both ends."""
    before = generators(server)
    wait_until(lambda: all(c["gen_received"] >= before[name]["gen_received"] + count
                           for name, c in generators(server).items()), 60,
               f"{count} more frames at both ends: {generators(server)}")


@pytest.mark.full
def test_open_vswitch_forwards_between_two_nics_and_changes_their_queues(machine, open_vswitch):
    server = machine.serve(["--strict", *(w for name, mac in (("left", LEFT), ("right", RIGHT))
                                          for w in
                            ("--nic", f"name={name},mac={mac},queues=4,mac-filter=off,"
                                      "port=[gen:size=64-1500,rate=1kpps,flows=32]"))])
    ovs = open_vswitch(server)
    wait_until(lambda: ovs.vsctl("get", "Interface", "right", "link_state") == "up", 60,
               "both ports are up")
    ovs.forward()
    more_arrive(server, 500)
    assert ovs.vsctl("get", "Interface", "left", "status:driver_name") == "net_netvsc"
    lost = sum(c["gen_lost"] for c in generators(server).values())
    more_arrive(server, 2000)
    seen = generators(server)
    assert all(c["gen_corrupt"] == c["gen_duplicate"] == 0 for c in seen.values()), seen
    # Which Open vSwitch drops where a NIC takes no more, and counts.
    lost = sum(c["gen_lost"] for c in seen.values()) - lost
    wait_until(lambda: lost <= sum(ovs.statistics(name)["ovs_tx_failure_drops"]
                                   for name in ("left", "right")), 20, f"{lost} lost are counted")
    assert ovs.rx_queues() == {"left": 2, "right": 2}
    ovs.vsctl("set", "Interface", "left", "options:n_rxq=4")
    assert ovs.rx_queues() == {"left": 4, "right": 2}
    more_arrive(server, 1000)
    wait_until(lambda: ovs.statistics("left").get("rx_q3_packets", 0) > 0, 30,
               "the new queues receive")
    for name in ("left", "right"):
        stats = ovs.statistics(name)
        assert stats["rx_errors"] == stats["tx_errors"] == 0, stats
    assert ovs.exit() == 0, ovs.logs()
    no_violations(server)
