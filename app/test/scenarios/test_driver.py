# SPDX-License-Identifier: BSD-3-Clause
"""Our driver, the plugin, in stock DPDK programs on hvsim."""

import re
import subprocess

import pytest

from conftest import NO_HUGE, Memory, ethdev, run, wait_until
from faulty import FRAMES, PATIENT_MS, exchange
from lines import Ops
from test_builtin import echo_ok, random_flows, rss_check
from test_builtin import flow_frame
from test_protocol import HOSTS, KERNELS
from testpmd import Testpmd
from toeplitz import KEY

pytestmark = pytest.mark.sanitized

TAKE_OVER = "taking over from DPDK's built-in vmbus bus"

GUID = "01234567-89ab-4def-8123-456789abcdef"


def ours(plugin, *options, eal=None):
    return ethdev([*(eal or NO_HUGE), "-d", plugin], *options)


def by_hypercall(guid):
    """EAL's options, with several queues for that NIC also where it has no monitor."""
    return [*NO_HUGE, "-a", f"vmbus:{guid},hypercall_queues=1"]


def no_violations(server):
    answer = server.ctl("counters")
    bad = {n["name"]: k for n in answer.get("result", answer)["nics"]
           for k in n["counters"] if k.startswith("violation_")}
    assert not bad, bad


# ---- life and traffic ----

@pytest.mark.quick
def test_probe_traffic_stop_start_traffic_close(machine, plugin):
    done = machine.run(["--strict", "--nic", "queues=2,port=echo"],
                       ours(plugin, "--queues", "2", "--rounds", "3"))
    echo_ok(done, 3)
    steps = [s["step"] for s in done.steps()]
    assert steps == ["probe", "port", "configure"] + ["start", "traffic", "stop"] * 3 + \
        ["close", "mbufs"]
    port = done.steps()[1]
    assert port["driver"] == "net_netvsc"


@pytest.mark.conformance(12)
@pytest.mark.quick
def test_the_builtin_bus_is_taken_over_when_it_was_loaded_first(machine, plugin):
    """EAL loads its own folder of plugins before -d; one line says so."""
    done = machine.run(["--nic", "port=echo"], ours(plugin, "--rounds", "1"))
    echo_ok(done, 1)
    assert (done.out + done.err).count(TAKE_OVER) == 1


@pytest.mark.conformance(12)
@pytest.mark.quick
def test_the_builtin_bus_is_taken_over_when_it_is_loaded_after_us(machine, plugin):
    """Ours is in the program from the start, preloaded."""
    command = ["sh", "-c", 'LD_PRELOAD="$LD_PRELOAD:$0" exec "$@"', plugin,
               *ethdev(NO_HUGE, "--rounds", "1")]
    done = machine.run(["--nic", "port=echo"], command)
    echo_ok(done, 1)
    assert (done.out + done.err).count(TAKE_OVER) == 1


@pytest.mark.conformance(4)
@pytest.mark.quick
@pytest.mark.parametrize("how,frames", [("allow", True), ("allow-other", False),
                                        ("block", False), ("block-other", True)])
def test_allow_and_block_lists_reach_our_bus(machine, plugin, how, frames):
    listed = GUID if not how.endswith("other") else GUID.replace("0", "1", 1)
    option = "-a" if how.startswith("allow") else "-b"
    done = machine.run(["--nic", f"port=echo,guid={GUID}"],
                       ours(plugin, "--rounds", "1",
                            eal=[*NO_HUGE, option, f"vmbus:{listed}"]))
    if frames:
        echo_ok(done, 1)
    else:
        assert done.steps()[0].get("error"), done.out


@pytest.mark.conformance(4)
@pytest.mark.quick
@pytest.mark.parametrize("args,says", [
    ("nonsense=1", r'unknown key "nonsense"; there are: latency, rx_copybreak'),
    ("latency=fast", r"latency=fast: must be a number from 0 to 6553"),
    ("latency=7000", r"latency=7000: must be a number from 0 to 6553"),
    ("tx_page_lists=2", r"tx_page_lists=2: must be a number from 0 to 1"),
    ("confidential=2", r"confidential=2: must be a number from 0 to 1 or auto"),
])
def test_a_wrong_devarg_is_one_error_that_names_it(machine, plugin, args, says):
    done = machine.run(["--nic", f"port=echo,guid={GUID}"],
                       ours(plugin, eal=[*NO_HUGE, "-a", f"vmbus:{GUID},{args}"]))
    assert done.status != 0
    text = done.out + done.err
    lines = [x for x in text.splitlines() if GUID in x or re.search("(?i)fail|error", x)]
    # The last is of the test's program: it has no port.
    lines = [x for x in lines if not x.startswith('{"step"')]
    assert len(lines) == 1 and re.search(says, lines[0]), text


@pytest.mark.conformance(4, 9)
@pytest.mark.quick
@pytest.mark.conformance(40)
def test_devargs_decide_how_frames_travel(machine, plugin):
    """All through the send buffer, or all as page lists."""
    for args, sections in (("tx_page_lists=0", True), ("tx_copybreak=0", False)):
        done = machine.run(["--strict", "--nic", f"port=echo,guid={GUID}"],
                           ours(plugin, "--rounds", "1",
                                eal=[*NO_HUGE, "-a", f"vmbus:{GUID},{args},latency=100"]))
        echo_ok(done, 1)
        nic = done.nic()
        if sections:
            assert nic.get("tx_page_lists", 0) == 0
        else:
            assert nic["tx_page_lists"] >= 1455


@pytest.mark.quick
def test_a_program_of_another_dpdk_is_refused_with_one_line(machine, plugin, tmp_path):
    source = tmp_path / "version.c"
    source.write_text('const char *rte_version(void); '
                      'const char *rte_version(void) { return "DPDK 24.11.0"; }\n')
    fake = tmp_path / "libversion.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", fake, source], check=True)
    # A sanitizer's runtime, if the plugin needs one, must come first.
    first = re.findall(r"=> (\S+/lib[au]\w*san\.so\S*)", run(["ldd", plugin]).out)
    done = run(["env", f"LD_PRELOAD={':'.join([*first, str(fake), plugin])}", "true"])
    assert done.status == 0
    lines = [line for line in done.err.splitlines() if "librte_netvsc" in line]
    assert len(lines) == 1 and "DPDK 22.11" in lines[0] and "DPDK 24.11.0" in lines[0], done.err


# ---- lengths, queues, hosts, kernels ----

@pytest.mark.quick
@pytest.mark.parametrize("queues", [1, 2, 4, 8, 16])
def test_every_queue_carries_its_share(machine, plugin, queues):
    done = machine.run(["--strict", "--nic", f"queues={queues},port=echo"],
                       ours(plugin, "--queues", str(queues), "--rounds", "2", "--repeat", "4"))
    for result in echo_ok(done, 2):
        assert all(n > 0 for n in result["queues"]), result["queues"]


@pytest.mark.full
@pytest.mark.parametrize("queues", [32, 64])
@pytest.mark.conformance(43)
def test_up_to_64_queues_carry_their_share(machine, plugin, queues):
    done = machine.run(["--strict", "--nic", f"queues={queues},port=echo"],
                       ours(plugin, "--queues", str(queues), "--rounds", "1", "--repeat", "8"))
    for result in echo_ok(done, 1):
        assert all(n > 0 for n in result["queues"]), result["queues"]


@pytest.mark.quick
@pytest.mark.parametrize("mode", Memory.NAMES)
@pytest.mark.conformance(27, 36, 37, 40)
def test_every_length_in_up_to_30_segments_in_each_memory_mode(machine, memory, plugin, mode):
    done = machine.run(["--strict", "--nic", "queues=1,port=echo"],
                       ours(plugin, "--bytes", "60-1514", "--segments", "1-30", "--rounds", "1",
                            "--seconds", "60", eal=memory.eal(mode)), timeout=100)
    echo_ok(done, 1)
    nic = done.nic()
    assert nic["tx_sections"] > 0 and nic["tx_page_lists"] > 0
    assert nic.get("bytes_copied", 0) == 0


@pytest.mark.quick
def test_an_ordinary_user_runs_it_all(user_machine, plugin):
    done = user_machine.run(["--nic", "queues=4,port=echo"],
                            ours(plugin, "--queues", "4", "--segments", "1-8", "--rounds", "2"))
    echo_ok(done, 2)


@pytest.mark.quick
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.conformance(27, 29, 36)
def test_each_host_carries_all_lengths(machine, plugin, host):
    queues = {"ws2008": 1, "ws2008r2": 1, "ws2012": 1}.get(host, 4)
    done = machine.run(["--strict", "--host", host, "--nic", "queues=8,port=echo"],
                       ours(plugin, "--queues", str(queues), "--bytes", "60-1514",
                            "--segments", "1-3", "--rounds", "2"))
    echo_ok(done, 2)


@pytest.mark.conformance(6, 8)
@pytest.mark.quick
@pytest.mark.parametrize("kernel", KERNELS)
def test_each_kernel_opens_all_queues(machine, plugin, kernel):
    done = machine.run(["--strict", "--kernel", kernel, "--nic", "queues=4,port=echo"],
                       ours(plugin, "--queues", "4", "--rounds", "2"))
    echo_ok(done, 2)
    assert done.nic()["opens"] == 4


@pytest.mark.conformance(6, 8)
@pytest.mark.full
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("host", HOSTS)
def test_each_host_on_each_kernel(machine, plugin, host, kernel):
    queues = {"ws2008": 1, "ws2008r2": 1, "ws2012": 1}.get(host, 4)
    done = machine.run(["--strict", "--host", host, "--kernel", kernel,
                        "--nic", "queues=8,port=echo"],
                       ours(plugin, "--queues", str(queues), "--rounds", "1"))
    echo_ok(done, 1)


@pytest.mark.conformance(16)
@pytest.mark.quick
def test_a_nic_without_monitor_is_driven_by_hypercalls(machine, plugin):
    nic = ["--strict", "--nic", f"queues=2,port=echo,monitor=off,guid={GUID}"]
    echo_ok(machine.run(nic, ours(plugin, "--queues", "1", "--rounds", "1")), 1)
    echo_ok(machine.run(nic, ours(plugin, "--queues", "2", "--rounds", "1",
                                  eal=by_hypercall(GUID))), 1)


# The signal that asks for more of them may be an oops by itself.
@pytest.mark.quick
@pytest.mark.conformance(16)
def test_a_nic_without_monitor_has_one_queue_unless_more_are_asked_for(machine, plugin):
    nic = ["--strict", "--nic", "queues=4,port=echo,monitor=off"]
    done = machine.run(nic, ours(plugin, "--queues", "2", "--rounds", "1"))
    steps = {s["step"]: s for s in done.steps()}
    assert "error" in steps["configure"], steps
    assert "one queue of 4: the host gave no monitor" in done.err
    assert done.nic()["opens"] == 1


# A kernel that acts on all channels follows a pointer to the ring of each, which is NULL
# before it is opened and after it is closed.
@pytest.mark.full
@pytest.mark.conformance(16)
def test_no_signal_by_hypercall_meets_a_subchannel_that_is_not_open(machine, plugin):
    server = machine.serve(["--kernel", "6.12.117", "--nic", "queues=8,port=echo,monitor=off"])
    ops = Ops(server, plugin, "hypercall_queues=1").up(8)
    for mtu in [1400, 1500] * 10:
        ops.ok("stop")
        ops.ok("mtu", mtu=mtu)
        ops.ok("start")
        assert exchange(ops, queue=7, queues=8, ms=PATIENT_MS) == FRAMES
    no_violations(server)


# Linux before 6.17 signals the main channel alone: what is sent on another would
# never leave.
@pytest.mark.full
@pytest.mark.conformance(16)
def test_queues_that_the_kernel_cannot_signal_are_refused_and_one_works(machine, plugin):
    nic = ["--strict", "--kernel", "6.12.41",
           "--nic", f"queues=2,port=echo,monitor=off,guid={GUID}"]
    done = machine.run(nic, ours(plugin, "--queues", "2", "--rounds", "1", eal=by_hypercall(GUID)))
    steps = {s["step"]: s for s in done.steps()}
    assert "error" in steps["configure"] and "traffic" not in steps, steps
    assert "this kernel signals the main channel alone" in done.err
    echo_ok(machine.run(nic, ours(plugin, "--queues", "1", "--rounds", "1")), 1)


# ---- RSS ----

@pytest.mark.quick
@pytest.mark.conformance(31)
def test_ten_thousand_flows_land_where_toeplitz_says(machine, plugin, tmp_path):
    flows = random_flows(10000, 3)
    other = bytes(range(40))
    phases = [(KEY, [0, 1, 2, 3]), (other, [0, 1, 2, 3]), (other, [3, 1, 2, 0, 1, 1]), (KEY, [2])]
    path = tmp_path / "flows"
    with open(path, "wb") as out:
        for flow in flows:
            frame = flow_frame(flow)
            out.write(len(frame).to_bytes(2, "little") + frame)
    options = ["--mode", "rss", "--queues", "4", "--rounds", "1", "--flows", str(path)]
    for key, pattern in phases:
        options += ["--rss", f"{key.hex()}:{','.join(map(str, pattern))}"]
    done = machine.run(["--nic", "queues=4,port=echo"], ours(plugin, *options), timeout=90)
    rss_check(done, flows, phases)


# ---- stock testpmd ----

def forwarder(machine, plugin, options=(), rate="50kpps", size="64-1500"):
    """Generator -> NIC 0 -> testpmd -> NIC 1 -> sink, 4 queues."""
    server = machine.serve(["--nic", f"name=left,queues=4,port=gen:size={size},rate={rate},flows=32",
                            "--nic", "name=right,queues=4,port=sink"])
    pmd = Testpmd(server, plugin, ["--rxq=4", "--txq=4", "--no-flush-rx", *options])
    return server, pmd


def sink(server):
    answer = server.ctl("counters")
    answer = answer.get("result", answer)
    return next(p for p in answer["ports"] if p["name"].startswith("sink"))["counters"]


def arriving(server, more=1000):
    seen = sink(server).get("gen_received", 0)
    wait_until(lambda: sink(server).get("gen_received", 0) >= seen + more, 60,
               f"{more} more frames arrive")


def left_port(pmd):
    """The number of the port whose other end is the generator."""
    return max((0, 1), key=lambda p: pmd.stats(p)["rx_packets"])


@pytest.mark.quick
def test_testpmd_forwards_stops_starts_and_closes(machine, plugin):
    server, pmd = forwarder(machine, plugin)
    pmd("start")
    arriving(server)
    pmd("stop", "port stop all", "port start all", "start")
    arriving(server)
    assert sink(server).get("gen_corrupt", 0) == 0
    pmd("stop", "port stop all", "port close all")
    pmd.quit()
    no_violations(server)


@pytest.mark.quick
@pytest.mark.conformance(34)
def test_queue_counters_sum_to_the_ports(machine, plugin):
    server, pmd = forwarder(machine, plugin)
    pmd("start")
    arriving(server)
    port = left_port(pmd)
    pmd("stop", "port stop all")
    stats, xstats = pmd.stats(port), pmd.xstats(port)
    assert stats["rx_packets"] == sum(v for k, v in xstats.items()
                                      if re.fullmatch(r"rx_q\d+_packets", k)) > 0
    assert stats["rx_missed"] == sum(v for k, v in xstats.items()
                                     if re.fullmatch(r"channel_\d+_discarded", k))
    pmd("clear port xstats all")
    assert pmd.stats(port)["rx_packets"] == 0
    pmd.quit()


@pytest.mark.quick
def test_the_mtu_changes_under_traffic(machine, plugin):
    server, pmd = forwarder(machine, plugin, ["--mbuf-size=9728"])
    pmd("start")
    arriving(server)
    for mtu in (9000, 1500, 4000, 1500):
        for port in (0, 1):
            pmd(f"port config mtu {port} {mtu}", seconds=30)
            assert f"MTU: {mtu}" in pmd(f"show port info {port}")
        arriving(server)
    assert sink(server).get("gen_corrupt", 0) == 0
    pmd.quit()
    no_violations(server)


@pytest.mark.quick
def test_an_mtu_that_mbufs_cannot_hold_is_refused_and_traffic_goes_on(machine, plugin):
    server, pmd = forwarder(machine, plugin)
    pmd("start")
    text = pmd("port config mtu 0 9000")
    assert "SCATTER" in text
    assert "MTU: 1500" in pmd("show port info 0")
    arriving(server)
    pmd.quit()


@pytest.mark.quick
@pytest.mark.conformance(29)
def test_jumbo_frames_arrive_whole_in_chains(machine, plugin):
    server, pmd = forwarder(machine, plugin, ["--enable-scatter", "--max-pkt-len=9018"],
                            size="[60,1514,9014]", rate="5kpps")
    pmd("start")
    arriving(server)
    counters = sink(server)
    assert counters.get("gen_corrupt", 0) == 0 and counters["tx_bytes"] > 3_000_000
    pmd.quit()
    no_violations(server)


@pytest.mark.quick
def test_queues_stop_and_start_one_by_one(machine, plugin):
    server, pmd = forwarder(machine, plugin)
    pmd("start")
    arriving(server)
    port = left_port(pmd)
    pmd("stop", f"port {port} rxq 1 stop", "start")
    arriving(server)        # the others are not starved by what the stopped one gets
    before = pmd.xstats(port)
    arriving(server)
    after = pmd.xstats(port)
    assert after["rx_q1_packets"] == before["rx_q1_packets"]
    assert after["channel_1_discarded"] > before["channel_1_discarded"]
    pmd("stop", f"port {port} rxq 1 start", f"port {1 - port} txq 2 stop",
        f"port {1 - port} txq 2 start", "start")
    arriving(server)
    assert pmd.xstats(port)["rx_q1_packets"] > after["rx_q1_packets"]
    pmd.quit()
    no_violations(server)


@pytest.mark.quick
@pytest.mark.conformance(43)
def test_the_queue_count_changes_while_the_process_lives(machine, plugin):
    server, pmd = forwarder(machine, plugin)
    for rxq, txq in ((4, 4), (1, 1), (2, 2), (4, 2), (2, 4), (1, 4), (4, 4)):
        pmd("port stop all", f"port config all rxq {rxq}", f"port config all txq {txq}",
            "port start all", "start", seconds=30)
        arriving(server)
        pmd("stop")
    assert sink(server).get("gen_corrupt", 0) == 0
    pmd.quit()
    no_violations(server)


@pytest.mark.quick
def test_promiscuous_mode_survives_stop_and_start(machine, plugin):
    """The generator's frames are for others."""
    server, pmd = forwarder(machine, plugin)
    pmd("set promisc all on", "set allmulti all off", "start")
    arriving(server)
    pmd("stop", "port stop all", "port start all", "start")
    arriving(server)
    assert "Promiscuous mode: enabled" in pmd("show port info 0")
    pmd.quit()


@pytest.mark.quick
def test_a_reset_port_works_again(machine, plugin):
    server, pmd = forwarder(machine, plugin)
    pmd("start")
    arriving(server)
    pmd("stop", "port stop all", "port reset all", "port start all", "start", seconds=30)
    arriving(server)
    pmd.quit()
    no_violations(server)


@pytest.mark.quick
def test_a_link_that_goes_and_comes_is_told(machine, plugin):
    server, pmd = forwarder(machine, plugin)
    server.ctl("link", "left", "down")
    pmd.wait("link state change event", 60)
    server.ctl("speed", "left", "25G")
    server.ctl("link", "left", "up")
    wait_until(lambda: "25 Gbps" in pmd("show port summary all"), 60, "the new speed is seen")
    pmd.quit()


@pytest.mark.quick
@pytest.mark.conformance(35, 36)
def test_a_transmit_only_program_sends_for_ever_while_frames_come_in(machine, plugin):
    """Nobody reads what is received; completions still come."""
    server = machine.serve(["--strict", "--nic", "queues=1,port=echo"])
    pmd = Testpmd(server, plugin, ["--forward-mode=txonly"])
    pmd("start")
    for _ in range(5):
        seen = server.counters().get("tx_frames", 0)
        wait_until(lambda s=seen: server.counters().get("tx_frames", 0) > s + 50000, 60,
                   "50,000 more frames are sent")
    pmd.quit()
    no_violations(server)


# ---- removal ----

def nic_guid(server, name):
    answer = server.ctl("list")
    answer = answer.get("result", answer)
    return next(n for n in answer["nics"] if n["name"] == name)["guid"].strip("{}")


@pytest.mark.conformance(10)
@pytest.mark.quick
def test_a_nic_taken_away_under_traffic_is_an_event_and_comes_back(machine, plugin):
    """testpmd answers INTR_RMV by closing and detaching the port."""
    server, pmd = forwarder(machine, plugin)
    guid = nic_guid(server, "left")
    pmd("start")
    arriving(server)
    for _ in range(3):
        pmd.remove("left", left=1)
        assert guid not in pmd("show port summary all")
        server.ctl("nic", "offer", "left")
        pmd("stop")
        wait_until(lambda: "is attached" in pmd(f"port attach vmbus:{guid}"), 60,
                   "the port is attached again")
        pmd("port start all", "start", seconds=30)
        arriving(server)
    pmd.quit()
    no_violations(server)


@pytest.mark.conformance(10, 11)
@pytest.mark.quick
def test_the_end_with_a_nic_that_is_gone_is_clean(machine, plugin):
    server, pmd = forwarder(machine, plugin)
    pmd("start")
    arriving(server)
    start = len(pmd.text)
    server.ctl("nic", "remove", "left")
    server.ctl("nic", "remove", "right")
    pmd.wait_removed(0, start)
    pmd.quit()
