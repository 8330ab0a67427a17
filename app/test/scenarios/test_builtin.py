# SPDX-License-Identifier: BSD-3-Clause
"""The distribution's own DPDK driver, unmodified, on hvsim: an oracle that
was written against real Hyper-V. Its traps: the MTU is 1500, one probe per
process, page numbers of 32 bits."""

import random
import struct

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from conftest import NO_HUGE, Memory, ethdev
from test_protocol import HOSTS, KERNELS
from toeplitz import KEY, VECTORS, flow_hash

BOTH_WAYS = ["--bytes", "60-1514"]


def echo_ok(done, rounds):
    """All frames came back in each round, no mbuf is missing, no rule broken."""
    results = done.ok().results()
    assert len(results) == rounds
    for r in results:
        assert r["received"] == r["sent"] == r["total"] > 0, r
        assert r["bad"] == r["foreign"] == r["duplicate"] == 0, r
    assert [s for s in done.steps() if s["step"] == "mbufs"] == [{"step": "mbufs", "missing": 0}]
    assert done.violations() == {}, done.violations()
    return results


@pytest.mark.quick
def test_probe_configure_start_stop_start_stop_close(machine):
    """And all of it again in a fresh process."""
    for _ in range(2):
        done = machine.run(["--nic", "queues=2,port=echo"],
                           ethdev(NO_HUGE, "--queues", "2", "--rounds", "2"))
        echo_ok(done, 2)
        steps = [s["step"] for s in done.steps()]
        assert steps == ["probe", "port", "configure", "start", "traffic", "stop", "start",
                         "traffic", "stop", "close", "mbufs"]


@pytest.mark.quick
def test_the_same_host_serves_one_process_after_another(machine):
    server = machine.serve(["--nic", "queues=4,port=echo"])
    for _ in range(3):
        done = server.exec(ethdev(NO_HUGE, "--queues", "4", "--rounds", "1"))
        assert done.ok().results()[0]["received"] == 1455


@pytest.mark.quick
@pytest.mark.parametrize("queues", [1, 2, 4, 8, 16])
def test_every_queue_carries_its_share(machine, queues):
    done = machine.run(["--nic", f"queues={queues},port=echo"],
                       ethdev(NO_HUGE, "--queues", str(queues), "--rounds", "2",
                              "--repeat", "4"))
    for result in echo_ok(done, 2):
        assert all(n > 0 for n in result["queues"]), result["queues"]
    assert done.nic()["opens"] == queues


@pytest.mark.quick
@pytest.mark.parametrize("mode", Memory.NAMES)
def test_every_length_in_up_to_30_segments_in_each_memory_mode(machine, memory, mode):
    """43650 different frames, through the send buffer and through page lists,
    none of whose bytes hvsim had to copy."""
    done = machine.run(["--nic", "queues=1,port=echo"],
                       ethdev(memory.eal(mode), *BOTH_WAYS, "--segments", "1-30",
                              "--rounds", "1", "--seconds", "60"), timeout=100)
    echo_ok(done, 1)
    port = next(s for s in done.steps() if s["step"] == "port")
    assert port["iova"] == mode[:2]
    nic = done.nic()
    assert nic["bytes_copied"] == 0 and nic["bytes_in_place"] > 10_000_000
    assert nic["tx_sections"] > 0 and nic["tx_page_lists"] > 0


@pytest.mark.quick
def test_an_ordinary_user_runs_it_all(user_machine):
    done = user_machine.run(["--nic", "queues=4,port=echo"],
                            ethdev(NO_HUGE, "--queues", "4", "--segments", "1-8",
                                   "--rounds", "2"))
    echo_ok(done, 2)
    assert done.nic()["bytes_copied"] == 0


@pytest.mark.quick
def test_pa_mode_without_root_is_refused_with_the_reason(user_machine):
    done = user_machine.run(["--iova", "pa", "--nic", "port=echo"], ["true"])
    assert done.status != 0
    assert "root" in done.err or "pagemap" in done.err, done.err


# ---- RSS ----

def random_flows(count, seed):
    rng = random.Random(seed)
    flows = [(s, d, sp, dp, True) for d, dp, s, sp, _, _ in VECTORS]
    while len(flows) < count:
        if rng.random() < 0.4:
            prefix = "2001:db8:%x:%x::%x"
            pair = [prefix % tuple(rng.randrange(1, 65536) for _ in range(3)) for _ in range(2)]
        else:
            pair = ["%d.%d.%d.%d" % tuple(rng.randrange(1, 224) for _ in range(4))
                    for _ in range(2)]
        flows.append((*pair, rng.randrange(1, 65536), rng.randrange(1, 65536),
                      rng.random() < 0.7))
    return flows


def flow_frame(flow):
    source, destination, source_port, destination_port, tcp = flow
    ip = (IPv6 if ":" in source else IP)(src=source, dst=destination)
    l4 = (TCP if tcp else UDP)(sport=source_port, dport=destination_port)
    return bytes(Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / ip / l4
                 / Raw(bytes(24)))


def rss_run(machine, nic, queues, flows, phases, path):
    with open(path, "wb") as out:
        for flow in flows:
            frame = flow_frame(flow)
            out.write(struct.pack("<H", len(frame)) + frame)
    options = ["--mode", "rss", "--queues", str(queues), "--rounds", "1", "--flows", str(path)]
    for key, pattern in phases:
        options += ["--rss", f"{key.hex()}:{','.join(map(str, pattern))}"]
    return machine.run(["--nic", nic], ethdev(NO_HUGE, *options), timeout=90)


def rss_check(done, flows, phases):
    results = done.ok().results()[0]["phases"]
    assert len(results) == len(phases)
    for (key, pattern), result in zip(phases, results):
        assert result["came_back"] == len(flows)
        for flow, queue, value in zip(flows, result["queue"], result["hash"]):
            wanted = flow_hash(key, flow)
            assert queue == pattern[wanted % 128 % len(pattern)], (flow, hex(wanted), queue)
            assert value is None or value == wanted, (flow, hex(wanted), hex(value))


@pytest.mark.quick
def test_ten_thousand_flows_land_where_toeplitz_says(machine, tmp_path):
    """The published vectors among them; before and after the key and the
    table change."""
    rng = random.Random(1)
    other = bytes(rng.randrange(256) for _ in range(40))
    flows = random_flows(10000, 2)
    phases = [(KEY, [0, 1, 2, 3]), (other, [0, 1, 2, 3]), (other, [3, 3, 1, 2, 0, 1, 1, 2]),
              (KEY, [2])]
    done = rss_run(machine, "queues=4,port=echo", 4, flows, phases, tmp_path / "flows")
    rss_check(done, flows, phases)
    values = done.results()[0]["phases"][0]["hash"]
    assert sum(v is not None for v in values) > 9000, "the host sent hardly any hash"


# ---- profiles ----

# Why the built-in driver of 22.11 cannot work with a profile, and what it says.
HOST_REFUSALS = {
    "ws2008": "it needs a send buffer, which this host refuses, and fails to attach",
}
KERNEL_REFUSALS = {
    "6.1.158": "it leaves the interrupts of subchannels unmasked, and this kernel oopses on "
               "the first one; one queue works",
}


@pytest.mark.quick
@pytest.mark.parametrize("host", HOSTS)
def test_the_builtin_driver_negotiates_with_each_host(machine, host):
    queues = {"ws2008": 1, "ws2008r2": 1, "ws2012": 1}.get(host, 4)
    server = machine.serve(["--host", host, "--nic", "queues=8,port=echo"])
    trace = server.exec(ethdev(NO_HUGE, "--queues", str(queues), "--rounds", "1"))
    row = server.ctl("list")
    row = row.get("result", row)["nics"][0]
    print(f"{host}: {row['negotiated']}")
    if host in HOST_REFUSALS:
        assert trace.status != 0, f"{host} works now, but was: {HOST_REFUSALS[host]}"
        return
    result = trace.ok().results()[0]
    assert result["received"] == result["total"] and result["bad"] == 0
    assert not [k for k in server.counters() if k.startswith("violation_")]


@pytest.mark.quick
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_builtin_driver_works_on_each_kernel(machine, kernel):
    done = machine.run(["--kernel", kernel, "--nic", "queues=4,port=echo"],
                       ethdev(NO_HUGE, "--queues", "4", "--rounds", "1"))
    if kernel in KERNEL_REFUSALS:
        assert done.status != 0, f"{kernel} works now, but was: {KERNEL_REFUSALS[kernel]}"
        assert "oops" in done.err
        done = machine.run(["--kernel", kernel, "--nic", "port=echo"],
                           ethdev(NO_HUGE, "--rounds", "1"))
    echo_ok(done, 1)


@pytest.mark.quick
def test_the_builtin_driver_of_2211_does_not_see_a_nic_without_monitor(machine):
    """It treats a missing monitor_id as the failure of the whole scan."""
    done = machine.run(["--nic", "port=echo,monitor=off"], ethdev(NO_HUGE))
    assert done.status != 0
    assert done.steps()[0] == {"step": "probe", "error": "No such device"}
