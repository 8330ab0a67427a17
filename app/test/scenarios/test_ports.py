# SPDX-License-Identifier: BSD-3-Clause
"""Frames from elsewhere: the kernel's network through taps, and files."""

import json
import os
import signal
import subprocess

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import PcapWriter, rdpcap

from conftest import HVSIM, LOAD, kill_group, need_program, run, wait_until


def in_namespace(name, *args):
    return ["ip", "netns", "exec", name, *args]


@pytest.fixture
def two_taps(machine, namespaces):
    """Two namespaces whose taps are ports of one switch."""
    server = machine.serve(["--port", "tap:name=hvta", "--port", "tap:name=hvtb"])
    for tap, space, address in (("hvta", namespaces[0], "10.99.0.1/24"),
                                ("hvtb", namespaces[1], "10.99.0.2/24")):
        run(["ip", "link", "set", tap, "netns", space]).ok()
        run(in_namespace(space, "ip", "addr", "add", address, "dev", tap)).ok()
        run(in_namespace(space, "ip", "link", "set", tap, "up")).ok()
        run(in_namespace(space, "ip", "link", "set", "lo", "up")).ok()
    return server


@pytest.mark.quick
def test_two_namespaces_talk_tcp_through_the_switch(two_taps, namespaces):
    need_program("iperf3")
    iperf = subprocess.Popen(in_namespace(namespaces[1], "iperf3", "-s", "-1", "-J"),
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             start_new_session=True)
    try:
        def listening():
            return ":5201" in run(in_namespace(namespaces[1], "ss", "-ltn")).out
        wait_until(listening, 10, "iperf3 listens")
        done = run(in_namespace(namespaces[0], "iperf3", "-c", "10.99.0.2", "-t", "3", "-J"),
                   timeout=30)
    finally:
        kill_group(iperf)
    report = json.loads(done.ok().out)
    speed = report["end"]["sum_received"]["bits_per_second"]
    print(f"TCP: {speed / 1e9:.2f} Gbit/s")
    assert speed > 50e6 and report["end"]["sum_received"]["bytes"] > 10_000_000


@pytest.mark.quick
def test_a_ping_of_every_kind_of_length_crosses(two_taps, namespaces):
    for size in ("0", "1", "100", "1472"):
        done = run(in_namespace(namespaces[0], "ping", "-c", "3", "-i", "0.05", "-W", "2", "-s",
                                size, "10.99.0.2"), timeout=20)
        assert "3 received" in done.ok().out


def write_frames(path, count=500):
    """Frames of many lengths with times of nanoseconds, 20 us apart."""
    frames = []
    with PcapWriter(str(path), nano=True, linktype=1) as out:
        for i in range(count):
            frame = bytes(Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
                          / IP(src="10.0.0.1", dst="10.0.0.2", id=i)
                          / UDP(sport=1000 + i, dport=9) / Raw(bytes((i * 7 + k) % 256 for k in
                                                                    range(20 + i * 2))))
            out.write(Ether(frame))
            frames.append(frame)
    return frames


def recorded(path):
    return [bytes(p) for p in rdpcap(str(path))]


@pytest.mark.quick
@pytest.mark.sanitized
def test_a_replayed_file_is_recorded_byte_for_byte(machine, tmp_path):
    source, copy = tmp_path / "in.pcap", tmp_path / "out.pcapng"
    frames = write_frames(source)
    machine_run = machine.run(
        ["--port", f"pcap:replay={source},name=in", "--port", f"pcap:record={copy},name=out"],
        ["sh", "-c", f"for i in $(seq 400); do {HVSIM} ctl --control $HVSIM_CONTROL --json "
         "counters | grep -q '\"replay_finished\": *1' && exit 0; sleep 0.05; done; exit 9"])
    machine_run.ok()
    assert recorded(copy) == frames


@pytest.mark.quick
@pytest.mark.sanitized
def test_a_guest_receives_a_replayed_file_and_its_capture_shows_it(machine, tmp_path):
    source, capture = tmp_path / "in.pcap", tmp_path / "nic0.pcapng"
    frames = write_frames(source)
    done = machine.run(["--nic", f"port=[pcap:replay={source}]", "--capture", f"nic0={capture}"],
                       [LOAD, "--receive", "--messages", "500", "--seconds", "60"], timeout=90)
    assert done.ok().steps()[-1]["frames"] == len(frames)
    assert recorded(capture) == frames


@pytest.mark.quick
@pytest.mark.sanitized
def test_generated_frames_are_all_received(machine):
    done = machine.run(["--nic", "port=[gen:size=64-1500,rate=50kpps,count=20000,flows=100]"],
                       [LOAD, "--receive", "--messages", "20000", "--seconds", "60"], timeout=90)
    result = done.ok().steps()[-1]
    assert result["frames"] == 20000 and result["faults"] == 0


@pytest.mark.quick
@pytest.mark.sanitized
def test_a_generator_keeps_its_schedule_when_the_guest_does_not(machine):
    """A guest that is too slow loses frames; the generator does not wait."""
    server = machine.serve(["--nic", "port=[gen:size=64,rate=100kpps]"])
    guest = server.start([LOAD, "--receive", "--forever"])
    wait_until(lambda: "ready" in guest.log.read_text(), 10, "the guest is ready")

    def gen():
        ports = server.ctl("counters")
        ports = ports.get("result", ports)["ports"]
        return next(p["counters"] for p in ports if "gen_sent" in p["counters"])
    os.killpg(guest.pid, signal.SIGSTOP)
    before = gen()
    wait_until(lambda: gen()["gen_host_drops"] > before["gen_host_drops"] + 1000, 20,
               "frames for a stopped guest are host drops")
    os.killpg(guest.pid, signal.SIGCONT)
