# SPDX-License-Identifier: BSD-3-Clause
"""Every ethdev operation of our driver, as an application meets it: called one
by one, on two NICs of one switch or on one with a generator."""

import re

import pytest

from conftest import wait_until
from ops import Ops
from test_driver import no_violations, nic_guid
from test_protocol import HOSTS

pytestmark = pytest.mark.sanitized

# What filters by address, and what takes a list of groups.
FILTERING = [h for h in HOSTS if h != "openvmm"]
STRANGER = "02:00:00:00:00:77"
GROUP_A, GROUP_B, GROUP_C = "01:00:5e:00:00:0a", "01:00:5e:00:00:0b", "01:00:5e:00:00:0c"

EPERM, EIO, EBUSY, EINVAL, ENOTSUP = -1, -5, -16, -22, -95
RX_VLAN_STRIP, RX_SCATTER, RX_RSS_HASH = 1 << 0, 1 << 13, 1 << 19
RSS_IPV4, RSS_TCP4, RSS_UDP4 = 1 << 2, 1 << 4, 1 << 5
FILTER_WORD, MTU_WORD = 7, 8
DIRECTED, MULTICAST, ALL_MULTICAST, BROADCAST, PROMISCUOUS = 1, 2, 4, 8, 0x20


def pair(machine, plugin, nic="queues=4", host="ws2022", options=(), up=True):
    """Port 0 and port 1, two NICs on one switch."""
    server = machine.serve(["--host", host, *options, "--nic", f"name=a,{nic}",
                            "--nic", f"name=b,{nic}"])
    ops = Ops(server, plugin)
    assert ops.ports == 2
    if up:
        for port in (0, 1):
            ops.up(port)
    return server, ops


def alone(machine, plugin, port, nic="queues=4", host="ws2022", options=()):
    server = machine.serve(["--host", host, *options, "--nic", f"name=a,{nic},port={port}"])
    return server, Ops(server, plugin)


def finish(server, ops, ports=(0, 1)):
    for port in ports:
        ops.ok("stop", port)
        ops.ok("close", port)
    ops.end()
    no_violations(server)


def restart(ops, port=0):
    ops.ok("stop", port)
    ops.ok("start", port)


# ---- presence ----

@pytest.mark.quick
def test_every_operation_that_must_be_there_is_there(machine, plugin):
    server, ops = alone(machine, plugin, "echo")
    missing = [name for name, there in ops.ok("present", 0)["ops"].items() if not there]
    assert not missing
    finish(server, ops, [0])


# ---- addresses ----

@pytest.mark.full
@pytest.mark.op("mac_addr_set")
@pytest.mark.parametrize("host", FILTERING)
def test_frames_to_a_new_mac_address_arrive_and_to_the_old_one_no_longer(machine, plugin, host):
    server, ops = pair(machine, plugin, "queues=1", host)
    old = ops.ok("mac", 0)["mac"]
    new = "02:11:22:33:44:55"
    assert ops.reach(1, 0, old) == 5 and ops.reach(1, 0, new) == 0
    assert ops.ok("mac", 0, new)["mac"].lower() == new
    assert ops.reach(1, 0, new) == 5 and ops.reach(1, 0, old) == 0
    restart(ops)
    assert ops.reach(1, 0, new) == 5 and ops.reach(1, 0, old) == 0
    if host != "ws2008":        # which cannot be told an MTU
        ops.ok("mtu", 0, 1400)
        assert ops.reach(1, 0, new) == 5 and ops.reach(1, 0, old) == 0
    ops.ok("mac", 0, old)
    assert ops.reach(1, 0, old) == 5 and ops.reach(1, 0, new) == 0
    finish(server, ops)


@pytest.mark.full
@pytest.mark.op("mac_addr_set")
def test_a_host_that_forbids_another_mac_address_is_eperm_and_the_old_one_stays(machine, plugin):
    server, ops = pair(machine, plugin, "queues=1,spoofing=off")
    old = ops.ok("mac", 0)["mac"]
    got = ops.call("mac", 0, "02:11:22:33:44:55")
    assert got["ret"] == EPERM and got["mac"] == old
    restart(ops)
    assert ops.reach(1, 0, old) == 5 and ops.reach(1, 0, "02:11:22:33:44:55") == 0
    assert ops.call("mac", 0, "01:00:5e:00:00:01")["ret"] == EINVAL
    finish(server, ops)


@pytest.mark.full
@pytest.mark.conformance(50)
@pytest.mark.op("set_mc_addr_list")
@pytest.mark.parametrize("host", FILTERING)
def test_frames_of_listed_groups_arrive_and_others_do_not_over_restarts(machine, plugin, host):
    server, ops = pair(machine, plugin, "queues=1", host)

    def groups():
        return [ops.reach(1, 0, group) for group in (GROUP_A, GROUP_B, GROUP_C)]
    assert groups() == [0, 0, 0]
    ops.ok("mc", 0, GROUP_A, GROUP_B)
    assert groups() == [5, 5, 0]
    restart(ops)
    assert groups() == [5, 5, 0]
    if host != "ws2008":
        ops.ok("mtu", 0, 1400)
        assert groups() == [5, 5, 0]
    ops.ok("mc", 0, GROUP_C)
    assert groups() == [0, 0, 5]
    assert ops.ok("allmulti", 0, 1)["on"] == 1      # wins over the list
    assert groups() == [5, 5, 5]
    assert ops.ok("allmulti", 0, 0)["on"] == 0
    assert groups() == [0, 0, 5]
    ops.ok("mc", 0)
    assert groups() == [0, 0, 0]
    finish(server, ops)


@pytest.mark.full
@pytest.mark.op("set_mc_addr_list")
def test_more_groups_than_the_host_takes_let_all_multicast_through(machine, plugin):
    server, ops = pair(machine, plugin, "queues=1")
    ops.ok("mc", 0, "many", 128)
    assert ops.ok("regs", 0)["words"][FILTER_WORD] & ALL_MULTICAST
    assert ops.reach(1, 0, "01:00:5e:00:00:7f") == 5 and ops.reach(1, 0, STRANGER) == 0
    ops.ok("mc", 0, GROUP_A)
    assert ops.reach(1, 0, GROUP_A) == 5 and ops.reach(1, 0, "01:00:5e:00:00:7f") == 0
    finish(server, ops)


def filter_of(promisc, allmulti, listed):
    if promisc:
        return DIRECTED | BROADCAST | ALL_MULTICAST | PROMISCUOUS
    if allmulti:
        return DIRECTED | BROADCAST | ALL_MULTICAST
    return DIRECTED | BROADCAST | (MULTICAST if listed else 0)


@pytest.mark.full
@pytest.mark.conformance(50)
@pytest.mark.op("promiscuous_enable", "promiscuous_disable", "allmulticast_enable",
                "allmulticast_disable", "set_mc_addr_list", "get_restore_flags")
@pytest.mark.parametrize("host", ["ws2008r2", "ws2022"])
def test_the_filter_follows_promiscuous_allmulticast_and_list_over_restarts(machine, plugin, host):
    server, ops = pair(machine, plugin, "queues=1", host)
    mac = ops.ok("mac", 0)["mac"]
    for promisc in (0, 1):
        for allmulti in (0, 1):
            for listed in ((), (GROUP_A,)):
                ops.ok("promisc", 0, promisc)
                ops.ok("allmulti", 0, allmulti)
                ops.ok("mc", 0, *listed)
                for again in range(2):
                    what = (promisc, allmulti, listed, again)
                    assert ops.ok("regs", 0)["words"][FILTER_WORD] == \
                        filter_of(promisc, allmulti, listed), what
                    assert ops.reach(1, 0, mac) == 5, what
                    assert (ops.reach(1, 0, STRANGER) == 5) == bool(promisc), what
                    assert (ops.reach(1, 0, GROUP_A) == 5) == \
                        bool(promisc or allmulti or listed), what
                    assert (ops.reach(1, 0, GROUP_B) == 5) == bool(promisc or allmulti), what
                    restart(ops)
    finish(server, ops)


# ---- queues ----

@pytest.mark.quick
@pytest.mark.op("rx_queue_start", "rx_queue_stop", "tx_queue_start", "tx_queue_stop",
                "rxq_info_get", "txq_info_get", "rx_queue_setup", "tx_queue_setup")
def test_deferred_queues_carry_nothing_until_they_are_started(machine, plugin):
    server, ops = pair(machine, plugin, "queues=1", up=False)
    ops.up(1)
    ops.up(0, 1, 1, queues=("defer=1", "rxd=1024", "txd=256", "txfree=32"))
    info = ops.ok("qinfo", 0, 0)
    assert (info["rx"]["state"], info["tx"]["state"]) == (0, 0)
    assert (info["rx"]["deferred"], info["tx"]["deferred"]) == (1, 1)
    assert (info["rx"]["nb_desc"], info["tx"]["nb_desc"], info["tx"]["free_thresh"]) == \
        (1024, 256, 32)
    mac = ops.ok("mac", 0)["mac"]
    ops.ok("queue", 0, "tx", "start", 0)
    assert ops.reach(0, 1, ops.ok("mac", 1)["mac"]) == 5
    # What comes for a queue that is not started is dropped and counted.
    assert ops.call("reach", 1, 0, mac, 5, "wait=0")["ret"] < 0
    wait_until(lambda: ops.ok("stats", 0)["imissed"] == 6, 20, "six frames are missed")
    ops.ok("queue", 0, "rx", "start", 0)
    assert ops.reach(1, 0, mac) == 5
    assert ops.ok("qinfo", 0, 0)["rx"]["state"] == 1
    ops.ok("queue", 0, "tx", "stop", 0)
    assert ops.ok("qinfo", 0, 0)["tx"]["state"] == 0
    sent = ops.ok("stats", 0)["opackets"]
    assert ops.call("flood", 0, "start", 1)["ret"] == 0
    ops.ok("drain", 1, 20)
    ops.ok("flood", 0, "stop")
    assert ops.ok("stats", 0)["opackets"] == sent
    finish(server, ops)


@pytest.mark.full
@pytest.mark.op("rx_queue_setup", "tx_queue_setup", "rx_queue_stop", "tx_queue_stop")
def test_stopped_queues_are_set_up_anew_while_the_others_work(machine, plugin):
    """RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP and _TX_: frames of 32 flows come
    all the time."""
    server, ops = alone(machine, plugin, "gen:size=64,rate=5kpps,flows=32", "queues=2")
    ops.up(0, 2, 2, f"rss={RSS_UDP4}")

    def of_queue(q):
        ops.ok("drain", 0, 50)
        return {name: value for _, name, value, _ in ops.ok("xstats", 0)["values"]}[
            f"rx_q{q}_packets"]

    def grows(q):
        before = of_queue(q)
        wait_until(lambda: of_queue(q) > before, 20, f"queue {q} receives")
    assert ops.call("queues", 0, 2, 2, "from=1")["ret"] == EBUSY
    for nb_desc in (1024, 64, 512):
        for side in ("rx", "tx"):
            ops.ok("queue", 0, side, "stop", 1)
        ops.ok("queues", 0, 2, 2, "from=1", f"rxd={nb_desc}", f"txd={nb_desc}")
        info = ops.ok("qinfo", 0, 1)
        assert info["rx"]["nb_desc"] == info["tx"]["nb_desc"] == nb_desc
        grows(0)
        for side in ("rx", "tx"):
            ops.ok("queue", 0, side, "start", 1)
        grows(1)
    finish(server, ops, [0])


@pytest.mark.full
@pytest.mark.op("rx_queue_setup", "tx_queue_setup", "rxq_info_get", "txq_info_get",
                "dev_infos_get")
def test_descriptor_numbers_are_checked_reported_and_within_the_limits(machine, plugin):
    server, ops = pair(machine, plugin, "queues=1", up=False)
    info = ops.ok("info", 0)
    ops.ok("configure", 0, 1, 1)
    for wrong in (f"rxd={info['rx_desc'][0] - 1}", f"rxd={info['rx_desc'][1] + 1}",
                  f"txd={info['tx_desc'][0] - 1}", f"txd={info['tx_desc'][1] + 1}",
                  "txd=256 txfree=256", "rxd=256 rxfree=300"):
        assert ops.call("queues", 0, 1, 1, wrong)["ret"] == EINVAL, wrong
    assert "tx_free_thresh 256: must be less than nb_desc, 256" in ops.said()
    for rxd in info["rx_desc"]:
        for txd in info["tx_desc"]:
            ops.ok("queues", 0, 1, 1, f"rxd={rxd}", f"txd={txd}", "rxfree=8", "txfree=0")
            got = ops.ok("qinfo", 0, 0)
            assert (got["rx"]["nb_desc"], got["rx"]["free_thresh"]) == (rxd, 8)
            assert (got["tx"]["nb_desc"], got["tx"]["free_thresh"]) == (txd, txd // 4)
    # The default threshold goes with every number of descriptors.
    ops.ok("queues", 0, 1, 1, f"txd={info['tx_desc'][0]}")
    assert ops.ok("qinfo", 0, 0)["tx"]["free_thresh"] == info["tx_desc"][0] // 4
    ops.ok("queues", 0, 1, 1)
    assert ops.ok("qinfo", 0, 0)["tx"]["nb_desc"] == 512        # the default it tells
    ops.ok("start", 0)
    ops.up(1)
    assert ops.reach(1, 0, ops.ok("mac", 0)["mac"]) == 5
    finish(server, ops)


@pytest.mark.quick
@pytest.mark.op("rx_queue_count", "rx_descriptor_status", "tx_descriptor_status",
                "tx_done_cleanup", "rx_pkt_burst", "tx_pkt_burst")
def test_counts_and_states_of_descriptors_say_what_waits(machine, plugin):
    server, ops = pair(machine, plugin, "queues=1")
    assert ops.ok("status", 0, 0, 0) == {"command": "status", "count": 0, "rx": 0, "tx": 1,
                                         "ret": 0}
    # A port that nobody polls: what is sent to all waits for it.
    sent = ops.ok("flood", 1, "start", 1)["sent"]
    wait_until(lambda: ops.ok("flood", 1)["sent"] > sent + 300, 20, "frames are sent")
    ops.ok("flood", 1, "stop")
    wait_until(lambda: ops.ok("status", 0, 0, 0)["count"] >= 200, 20, "they wait")
    got = ops.ok("status", 0, 0, 10)
    assert got["rx"] == 1                       # done: there is one at offset 10
    assert ops.ok("status", 0, 0, 512)["rx"] == EINVAL
    assert ops.ok("status", 0, 0, 512)["tx"] == EINVAL
    waiting = ops.ok("status", 0, 0, 0)["count"]
    assert ops.ok("drain", 0, 100000)["frames"] >= waiting
    assert ops.ok("status", 0, 0, 0)["count"] == 0
    # Frames longer than tx_copybreak are the host's until it is done.
    before = ops.ok("stats", 1)["opackets"]
    assert ops.reach(1, 0, ops.ok("mac", 0)["mac"], 20, bytes=1400) == 20
    assert ops.ok("stats", 1)["opackets"] == before + 21
    freed = []
    wait_until(lambda: freed.append(ops.ok("done", 1, 0)["ret"]) or sum(freed) == 20, 20,
               "20 mbufs are freed")
    assert ops.call("done", 1, 0)["ret"] == 0
    finish(server, ops)


@pytest.mark.full
@pytest.mark.op("rx_burst_mode_get", "tx_burst_mode_get", "dev_supported_ptypes_get",
                "dev_ptypes_set")
def test_burst_modes_and_packet_types_are_told_as_they_are(machine, plugin):
    server, ops = alone(machine, plugin, "gen:size=64,rate=1kpps")
    ops.up(0)
    info = ops.ok("qinfo", 0, 0)
    assert "copied" in info["rx"]["mode"] and "copied" in info["tx"]["mode"]
    assert len(ops.ok("ptypes", 0)["types"]) > 8
    wait_until(lambda: ops.ok("drain", 0, 50)["typed"] > 0, 20, "frames with a type")
    ops.ok("ptypes", 0, 0)
    ops.ok("drain", 0, 20)      # what was in the backlog
    got = wait_until(lambda: ops.ok("drain", 0, 50), 20, "frames")
    assert got["frames"] > 0 and got["typed"] == 0
    ops.ok("ptypes", 0, 0x0fffffff)
    wait_until(lambda: ops.ok("drain", 0, 50)["typed"] > 0, 20, "frames with a type again")
    finish(server, ops, [0])


@pytest.mark.full
@pytest.mark.op("vlan_offload_set")
def test_vlan_tags_are_stripped_or_left_as_set_while_frames_come(machine, plugin):
    server, ops = alone(machine, plugin, "gen:size=64,rate=1kpps,vlan=5", "queues=1")
    ops.up(0)
    for strip in (1, 0, 1, 0):
        assert ops.ok("strip", 0, strip)["mask"] == strip
        ops.ok("drain", 0, 20)
        got = wait_until(lambda: ops.ok("drain", 0, 50), 20, "frames")
        assert got["frames"] > 0 and got["stripped"] == (got["frames"] if strip else 0)
    finish(server, ops, [0])


TCP_CSUM, IPV4, TCP_SEG, IP_CSUM = 1 << 52, 1 << 55, 1 << 50, 1 << 54
OUTER_UDP_CSUM = 1 << 41


@pytest.mark.full
@pytest.mark.op("tx_pkt_prepare")
def test_prepare_fills_in_what_the_host_needs_and_rejects_what_it_would(machine, plugin):
    server, ops = alone(machine, plugin, "echo", "queues=1")
    ops.up(0, 1, 1, "txoff=0x2e")
    for flags in (TCP_CSUM | IPV4, TCP_SEG | TCP_CSUM | IPV4 | IP_CSUM):
        got = ops.ok("prepare", 0, flags)
        assert got["prepared"] == 1 and got["csum"] == got["pseudo"] != 0
    assert ops.ok("prepare", 0, 0)["prepared"] == 1
    for flags, wrong in ((TCP_SEG | TCP_CSUM | IPV4 | IP_CSUM, "mss=0"),
                         (TCP_SEG | TCP_CSUM | IPV4 | IP_CSUM, "l4=4"),
                         (TCP_CSUM | IPV4, "l3=4"), (TCP_CSUM | IPV4, "l2=2"),
                         (OUTER_UDP_CSUM | IPV4, "l2=14")):
        got = ops.ok("prepare", 0, flags, wrong)
        assert got["prepared"] == 0 and got["errno"] > 0, (flags, wrong, got)
    finish(server, ops, [0])


# ---- RSS ----

def reta_is(ops, rx):
    table = ops.ok("reta?", 0)["table"]
    return table == [i % rx for i in range(len(table))] and table


@pytest.mark.quick
@pytest.mark.conformance(48)
@pytest.mark.op("reta_update", "reta_query", "rss_hash_update", "rss_hash_conf_get")
def test_rss_settings_are_checked_before_they_change_and_told_as_set(machine, plugin):
    server, ops = pair(machine, plugin, "queues=4")
    ops.ok("stop", 0)
    ops.up(0, 4, 4, f"rss={RSS_IPV4 | RSS_TCP4}")
    key = bytes(range(40)).hex()
    first = ops.ok("rss?", 0)
    assert first["hf"] & (RSS_IPV4 | RSS_TCP4) and reta_is(ops, 4)
    ops.ok("reta", 0, "3,2,1,0")
    table = ops.ok("reta?", 0)["table"]
    assert table == [3, 2, 1, 0] * (len(table) // 4)
    assert ops.call("reta", 0, "0,1,2,4")["ret"] == EINVAL      # no such queue
    assert ops.call("reta", 0, "0", "size=64")["ret"] == EINVAL  # not the host's size
    assert ops.ok("reta?", 0)["table"] == table
    ops.ok("rss", 0, RSS_TCP4, f"key={key}")
    assert (ops.ok("rss?", 0)["hf"], ops.ok("rss?", 0)["key"]) == (RSS_TCP4, key)
    ops.ok("rss", 0, RSS_IPV4 | RSS_TCP4)                       # no key: the key stays
    assert ops.ok("rss?", 0)["key"] == key
    assert ops.call("rss", 0, 1 << 40)["ret"] < 0               # not offered
    assert ops.ok("rss?", 0)["hf"] & (RSS_IPV4 | RSS_TCP4)
    restart(ops)
    ops.ok("mtu", 0, 1400)
    assert ops.ok("rss?", 0)["key"] == key and ops.ok("reta?", 0)["table"] == table
    finish(server, ops)


@pytest.mark.full
@pytest.mark.conformance(48)
@pytest.mark.op("reta_update", "reta_query")
@pytest.mark.parametrize("entries", [16, 64])
def test_a_host_with_a_smaller_table_has_its_size_and_obeys_it(machine, plugin, entries):
    server, ops = alone(machine, plugin, "gen:size=64,rate=5kpps,flows=64", "queues=4", options=[
        "--fault", f"lie:message=NDIS_RSS_CAPABILITIES,field=table_entries,value={entries}"])
    assert ops.ok("info", 0)["reta"] == entries
    ops.up(0, 4, 4, f"rss={RSS_UDP4}")
    assert len(reta_is(ops, 4)) == entries
    assert ops.call("reta", 0, "0", "size=128")["ret"] == EINVAL

    def received():
        ops.ok("drain", 0, 50)
        values = {name: value for _, name, value, _ in ops.ok("xstats", 0)["values"]}
        return [values[f"rx_q{q}_packets"] for q in range(4)]

    def receiving():
        """The queues that get frames now."""
        before = received()
        wait_until(lambda: sum(received()) > sum(before) + 300, 30, "300 frames come")
        return [q for q, (a, b) in enumerate(zip(before, received())) if b > a]
    for queue in (2, 0):
        ops.ok("reta", 0, queue, f"size={entries}")
        # At first there may be frames that were under way.
        wait_until(lambda q=queue: receiving() == [q], 60, f"queue {queue} gets all frames")
    finish(server, ops, [0])


@pytest.mark.full
@pytest.mark.conformance(48)
@pytest.mark.parametrize("host", HOSTS)
def test_udp_is_hashed_where_the_host_offers_it_and_not_advertised_elsewhere(machine, plugin,
                                                                             host):
    server, ops = alone(machine, plugin, "gen:size=64,rate=20kpps,flows=64", "queues=4", host)
    info = ops.ok("info", 0)
    offered = bool(info["hf"] & RSS_UDP4)
    assert offered == (host in ("ws2022", "azure"))
    if info["reta"] == 0:
        assert info["rx_queues"] == 1
        assert ops.call("reta", 0, "0", "size=128")["ret"] == EINVAL     # no queues yet
        assert ops.call("configure", 0, 1, 1, f"rss={RSS_UDP4}")["ret"] == EINVAL
        ops.ok("configure", 0, 1, 1)
        ops.end()
        return
    queues = min(4, info["rx_queues"])
    if not offered:
        assert ops.call("configure", 0, queues, queues, f"rss={RSS_UDP4}")["ret"] == EINVAL
        ops.end()
        return
    if host == "azure":         # grants fewer than it announces
        queues = 2
    ops.up(0, queues, queues, f"rss={RSS_UDP4}")

    def used():
        ops.ok("clear", 0, "stats")
        ops.ok("drain", 0, 100)
        return [n > 0 for n in ops.ok("stats", 0)["q_ipackets"][:queues]]
    wait_until(lambda: all(used()), 30, "all queues get flows")
    ops.ok("rss", 0, RSS_TCP4)          # UDP is hashed no longer: one queue has it all
    wait_until(lambda: used() == [True] + [False] * (queues - 1), 30, "one queue gets all")
    finish(server, ops, [0])


SOME = [(1, 16), (16, 1), (16, 16), (64, 64), (1, 64), (64, 1), (5, 3)]


@pytest.mark.full
@pytest.mark.conformance(47)
@pytest.mark.op("dev_configure", "rx_queue_setup", "rx_queue_release", "tx_queue_setup",
                "tx_queue_release", "dev_start", "dev_stop")
@pytest.mark.parametrize("counts", [[(r, t) for r in (1, 2, 4, 8) for t in (1, 2, 4, 8)], SOME],
                         ids=["to-8", "to-64"])
def test_any_queue_counts_follow_each_other_and_rss_is_as_last_configured(machine, plugin, counts):
    server, ops = alone(machine, plugin, "gen:size=64,rate=30kpps,flows=512", "queues=64")
    for n, (rx, tx) in enumerate(counts):
        key = bytes((i * 7 + n) % 256 for i in range(40)).hex()
        hf = [RSS_IPV4 | RSS_UDP4, RSS_UDP4][n % 2]
        ops.up(0, rx, tx, f"rss={hf}", f"key={key}")
        assert ops.ok("rss?", 0)["key"] == key and ops.ok("rss?", 0)["hf"] & hf == hf, (rx, tx)
        assert reta_is(ops, rx), (rx, tx)
        ops.ok("clear", 0, "xstats")

        def shares():
            ops.ok("drain", 0, 100)
            values = {name: value for _, name, value, _ in ops.ok("xstats", 0)["values"]}
            return [values[f"rx_q{q}_packets"] for q in range(rx)]
        wait_until(lambda: all(n > 0 for n in shares()), 60, f"{rx} queues get frames")
        stats = ops.ok("stats", 0)
        assert sum(shares()) >= stats["ipackets"] > 0
        assert stats["ierrors"] == 0
        ops.ok("stop", 0)
    ops.ok("close", 0)
    ops.end()
    no_violations(server)


# ---- MTU ----

@pytest.mark.full
@pytest.mark.conformance(51)
@pytest.mark.op("mtu_set")
@pytest.mark.parametrize("host", ["ws2008r2", "ws2012", "ws2016", "ws2022", "openvmm"])
@pytest.mark.parametrize("running", [False, True], ids=["stopped", "running"])
def test_each_mtu_from_68_to_the_most_is_taken_stopped_and_running(machine, plugin, host, running):
    server, ops = pair(machine, plugin, "queues=1", host, up=False)
    for port in (0, 1):
        ops.up(port, 1, 1, f"rxoff={RX_SCATTER}")
    for mtu in (68, 576, 1280, 1500, 1501, 2000, 4000, 9000, 9202, 1500):
        for port in (0, 1):
            if not running:
                ops.ok("stop", port)
            assert ops.ok("mtu", port, mtu)["mtu"] == mtu
            if not running:
                ops.ok("start", port)
            assert ops.ok("regs", port)["words"][MTU_WORD] == mtu
        assert ops.reach(1, 0, ops.ok("mac", 0)["mac"], bytes=min(mtu, 1900) + 14) == 5, mtu
        assert ops.reach(0, 1, ops.ok("mac", 1)["mac"], bytes=min(mtu, 1900) + 14) == 5, mtu
    assert ops.call("mtu", 0, 67)["ret"] == EINVAL
    assert ops.call("mtu", 0, ops.ok("info", 0)["max_mtu"] + 1)["ret"] == EINVAL
    finish(server, ops)


@pytest.mark.quick
@pytest.mark.conformance(51)
@pytest.mark.op("mtu_set", "dev_infos_get")
def test_an_mtu_the_host_clamps_fails_leaves_the_old_one_and_bounds_the_next(machine, plugin):
    server, ops = pair(machine, plugin, "queues=2,mtu=4k", up=False)
    for port in (0, 1):
        ops.up(port, 2, 2, f"rxoff={RX_SCATTER}", f"rss={RSS_IPV4}")
    assert ops.ok("info", 0)["max_mtu"] == 9216
    ops.ok("mtu", 0, 2000)
    for running in (True, False):
        got = ops.call("mtu", 0, 6000)
        assert got["ret"] == EINVAL and got["mtu"] == 2000
        assert ops.ok("regs", 0)["words"][MTU_WORD] == 2000
        assert ops.ok("info", 0)["max_mtu"] == 5999
        if running:
            assert ops.reach(1, 0, ops.ok("mac", 0)["mac"]) == 5
            ops.ok("stop", 0)
    ops.ok("start", 0)
    assert ops.reach(1, 0, ops.ok("mac", 0)["mac"]) == 5
    ops.ok("mtu", 0, 3000)
    ops.ok("stop", 0)
    ops.ok("reset", 0)                  # what another host allows is unknown again
    assert ops.ok("info", 0)["max_mtu"] == 9216
    assert ops.ok("mtu", 0)["mtu"] == 1500
    assert ops.call("configure", 0, 2, 2, "mtu=5000")["ret"] == EINVAL
    assert ops.ok("mtu", 0)["mtu"] == 1500 == ops.ok("regs", 0)["words"][MTU_WORD]
    ops.up(0, 2, 2)
    assert ops.reach(1, 0, ops.ok("mac", 0)["mac"]) == 5
    finish(server, ops)


@pytest.mark.full
@pytest.mark.op("mtu_set", "dev_infos_get")
def test_a_host_that_cannot_be_told_an_mtu_has_one_and_says_so(machine, plugin):
    server, ops = pair(machine, plugin, "queues=1", "ws2008")
    assert ops.ok("info", 0)["max_mtu"] == 1500
    assert ops.call("mtu", 0, 1501)["ret"] == EINVAL
    ops.ok("mtu", 0, 1400)
    assert ops.reach(1, 0, ops.ok("mac", 0)["mac"]) == 5
    finish(server, ops)


@pytest.mark.quick
@pytest.mark.conformance(51)
@pytest.mark.op("mtu_set")
def test_what_an_mtu_change_costs_is_counted_by_host_or_port(machine, plugin):
    count = 30000
    server, ops = alone(machine, plugin, f"gen:size=64,rate=20kpps,flows=64,count={count}")
    ops.up(0, 4, 4, f"rss={RSS_IPV4 | RSS_UDP4}", f"rxoff={RX_SCATTER}")
    wait_until(lambda: ops.ok("drain", 0, 100)["frames"], 20, "frames come")
    # On a slow machine they may all have come before the last change.
    for mtu in (9000, 1400, 4000, 1500):
        ops.ok("mtu", 0, mtu)
        ops.ok("drain", 0, 100)

    def all_accounted():
        ops.ok("drain", 0, 100)
        host, port = server.counters("a"), ops.ok("stats", 0)
        lost = sum(v for k, v in host.items() if k.startswith("rx_drop_") and k != "rx_drop_total")
        generator = server.ctl("counters")
        generator = generator.get("result", generator)["ports"][0]["counters"]
        sent = generator["gen_sent"] + generator.get("gen_host_drops", 0)
        if sent < count:
            return None
        seen = port["ipackets"] + port["imissed"] + port["ierrors"]
        return (seen, lost, generator.get("gen_host_drops", 0)) \
            if seen + lost + generator.get("gen_host_drops", 0) == count else None
    seen, lost, _ = wait_until(all_accounted, 60, "every frame is counted once")
    assert seen > 0
    finish(server, ops, [0])


# ---- reset, removal ----

@pytest.mark.full
@pytest.mark.op("dev_reset", "dev_close")
def test_a_port_is_reset_with_frames_on_their_way_and_works_again(machine, plugin):
    server, ops = alone(machine, plugin, "echo:delay=200ms")
    for _ in range(3):
        ops.up(0, 2, 2, f"rss={RSS_IPV4}")
        before = ops.ok("flood", 0, "start", 2)
        wait_until(lambda b=before: ops.ok("flood", 0)["received"] > b["received"] + 1000, 20,
                   "frames come back")
        ops.ok("flood", 0, "stop")      # ethdev allows no burst beside a reset
        ops.ok("reset", 0)
    finish(server, ops, [0])


@pytest.mark.full
@pytest.mark.op("is_removed")
@pytest.mark.conformance(53)
def test_a_removed_port_says_so_and_every_call_is_an_error_or_an_answer(machine, plugin):
    server, ops = alone(machine, plugin, "echo")
    ops.up(0, 2, 2, f"rss={RSS_IPV4}")
    ops.ok("lsc", 0)
    assert ops.call("removed", 0)["ret"] == 0
    server.ctl("nic", "remove", "a")
    wait_until(lambda: ops.ok("events", 0)["rmv"] == 1, 20, "the event of removal")
    assert ops.call("removed", 0)["ret"] == 1
    for command in (("mtu", 0, 1400), ("promisc", 0, 1), ("mc", 0, GROUP_A), ("rss", 0, RSS_TCP4),
                    ("reta", 0, "0,1"), ("mac", 0, "02:11:22:33:44:55"), ("allmulti", 0, 1)):
        assert ops.call(*command)["ret"] < 0, command
    for question in ("info", "stats", "xstats", "regs", "dump", "rss?", "reta?", "ptypes"):
        got = ops.call(question, 0)
        assert got["ret"] >= 0 or got["ret"] == EIO, got
    assert ops.call("link", 0, "wait")["up"] == 0
    ops.ok("stop", 0)
    ops.ok("close", 0)
    ops.end()


# ---- what can be asked ----

@pytest.mark.full
@pytest.mark.conformance(45)
@pytest.mark.op("fw_version_get")
@pytest.mark.parametrize("host,version", [
    ("ws2008", "NVSP 1.0 NDIS 6.1"), ("ws2008r2", "NVSP 2.0 NDIS 6.1"),
    ("ws2012", "NVSP 4.0 NDIS 6.1"), ("ws2012r2", "NVSP 5.0 NDIS 6.30"),
    ("ws2016", "NVSP 6.0 NDIS 6.30"), ("ws2019", "NVSP 6.1 NDIS 6.30"),
    ("ws2022", "NVSP 6.1 NDIS 6.30"), ("azure", "NVSP 6.1 NDIS 6.30"),
    ("openvmm", "NVSP 6.1 NDIS 6.30")])
def test_the_firmware_version_is_what_was_negotiated(machine, plugin, host, version):
    server, ops = alone(machine, plugin, "echo", "queues=1", host)
    got = ops.ok("fw", 0)
    assert got["version"] == version and got["bytes"] == len(version) + 1
    assert got["too_small"] == len(version) + 1         # ethdev: the room it needs
    ops.ok("close", 0)
    ops.end()


@pytest.mark.full
@pytest.mark.op("get_reg", "eth_dev_priv_dump")
def test_the_register_dump_shows_indices_and_counters_that_move(machine, plugin):
    server, ops = pair(machine, plugin, "queues=2", up=False)
    ops.up(1)
    ops.up(0, 2, 2, f"rss={RSS_IPV4}")
    first = ops.ok("regs", 0)
    words = first["words"]
    assert first["width"] == 4 and first["version"] == words[0] == 1
    head, channels, size = words[1], words[2], words[3]
    assert channels == 2 and len(words) == head + channels * size
    assert words[4] == 0x60001 and words[5] == 6 << 16 | 30
    assert words[8] == words[9] == 1500 and words[14] & 1 and words[15] == 40000
    assert ops.reach(1, 0, ops.ok("mac", 0)["mac"], 20) == 20
    after = ops.ok("regs", 0)["words"]
    assert after[head + 2] != words[head + 2]           # read index of the main channel
    acks = 12 + 2 * 5
    assert after[head + acks] > words[head + acks]
    text = ops.ok("dump", 0)["text"]
    assert re.search(r"NVSP 0x60001.*channel 0:.*rings: rx \d+ of \d+", text), text
    finish(server, ops)


@pytest.mark.quick
@pytest.mark.conformance(52)
@pytest.mark.op("link_update")
def test_link_events_are_delivered_and_nowait_tells_the_new_state_and_speed(machine, plugin):
    """The callback asks and sets things itself: no deadlock."""
    server, ops = alone(machine, plugin, "echo", "queues=1,link=40G")
    ops.ok("lsc", 0)
    ops.up(0, 1, 1, "lsc=1")
    assert ops.ok("link", 0)["mbps"] == 40000
    server.ctl("link", "a", "down")
    wait_until(lambda: ops.ok("events", 0)["lsc"] == 1, 20, "the link is told down")
    assert ops.ok("link", 0)["up"] == 0
    server.ctl("link", "a", "up")
    wait_until(lambda: ops.ok("events", 0)["lsc"] == 2, 20, "the link is told up")
    server.ctl("speed", "a", "25G")             # no change of state
    wait_until(lambda: ops.ok("events", 0)["lsc"] == 3, 20, "the speed is told")
    got = ops.ok("link", 0)
    assert (got["up"], got["mbps"], got["full"], got["autoneg"]) == (1, 25000, 1, 0)
    server.ctl("network-change", "a")           # down and up: addresses are told anew
    wait_until(lambda: ops.ok("events", 0)["lsc"] == 5, 20, "another network is told")
    events = ops.ok("events", 0)
    assert events["links"] == [[0, 0], [1, 40000], [1, 25000], [0, 0], [1, 25000]]
    assert events["call_ret"] == 0
    finish(server, ops, [0])


@pytest.mark.full
@pytest.mark.conformance(52)
@pytest.mark.op("link_update")
@pytest.mark.parametrize("speed,mbps", [("1G", 1000), ("10G", 10000), ("50G", 50000),
                                        ("100G", 100000), ("2.5G", 2500)])
def test_the_link_has_the_speed_the_host_says(machine, plugin, speed, mbps):
    server, ops = alone(machine, plugin, "echo", f"queues=1,link={speed}")
    assert ops.ok("link", 0, "wait")["mbps"] == mbps
    assert ops.ok("link", 0)["mbps"] == mbps
    ops.ok("close", 0)
    ops.end()


# ---- counters ----

@pytest.mark.quick
@pytest.mark.conformance(53)
@pytest.mark.op("xstats_get", "xstats_get_names", "xstats_reset", "stats_reset")
def test_names_and_numbers_of_extended_counters_are_unique_and_stay(machine, plugin):
    server, ops = pair(machine, plugin, "queues=2", up=False)
    ops.up(1)

    def names():
        got = ops.ok("xstats", 0)
        assert got["count"] == got["asked"] == len(got["values"])
        assert [v[0] for v in got["values"]] == list(range(len(got["values"])))
        assert all(v[3] for v in got["values"])         # the same by number
        found = [v[1] for v in got["values"]]
        assert len(set(found)) == len(found) and not [n for n in found if " " in n]
        return found
    ops.up(0, 2, 2)
    two = names()
    restart(ops)
    ops.ok("mtu", 0, 1400)
    assert names() == two
    ops.ok("stop", 0)
    ops.up(0, 1, 1)
    one = names()
    assert set(one) < set(two)
    assert ops.reach(1, 0, ops.ok("mac", 0)["mac"]) == 5
    ops.ok("stop", 0)
    ops.ok("clear", 0, "xstats")
    assert not [v for v in ops.ok("xstats", 0)["values"] if v[2] != 0]
    ops.up(0, 2, 2)
    assert names() == two
    finish(server, ops)


@pytest.mark.full
@pytest.mark.op("stats_get", "stats_reset", "tx_queue_release", "rx_queue_release")
def test_queue_counters_sum_to_the_ports_and_outlive_their_queues(machine, plugin):
    server, ops = alone(machine, plugin, "gen:size=64,rate=20kpps,flows=64,count=20000")
    total = 0
    for queues in (4, 2, 1, 4):
        ops.up(0, queues, queues, f"rss={RSS_IPV4 | RSS_UDP4}")
        wait_until(lambda: ops.ok("drain", 0, 100)["frames"] > 0, 20, "frames come")
        ops.ok("stop", 0)
        stats = ops.ok("stats", 0)
        assert sum(stats["q_ipackets"]) == stats["ipackets"] > total
        total = stats["ipackets"]
    ops.ok("clear", 0, "stats")
    stats = ops.ok("stats", 0)
    assert stats["ipackets"] == 0 and not any(stats["q_ipackets"])
    ops.ok("close", 0)
    ops.end()


@pytest.mark.full
@pytest.mark.op("stats_get", "stats_reset")
def test_counters_reset_under_traffic_never_run_backwards_or_below_zero(machine, plugin):
    server, ops = alone(machine, plugin, "echo", "queues=2")
    ops.up(0, 2, 2, f"rss={RSS_IPV4}")
    ops.ok("flood", 0, "start", 2)
    for _ in range(100):
        ops.ok("clear", 0, "stats")
        last = None
        for _ in range(3):
            now = ops.ok("stats", 0)
            sent = ops.ok("flood", 0)["sent"]
            assert now["opackets"] <= sent and now["ipackets"] <= sent
            assert now["obytes"] == 60 * now["opackets"] or now["obytes"] <= 60 * sent
            assert last is None or now["opackets"] >= last["opackets"]
            assert last is None or now["ipackets"] >= last["ipackets"]
            last = now
    ops.ok("flood", 0, "stop")
    finish(server, ops, [0])


@pytest.mark.full
@pytest.mark.op("is_removed")
@pytest.mark.conformance(25)
def test_a_nic_that_goes_in_the_middle_of_a_reopen_is_removed_and_not_reset(machine, plugin):
    """Its host falls silent in the middle of the talk, and takes the NIC away
    then: rings that the kernel has revoked are not touched again."""
    server, ops = alone(machine, plugin, "echo", "queues=1")
    ops.up(0)
    ops.ok("lsc", 0)
    server.ctl("fault", "arm", "silent:message=rndis-init")
    ops.send("mtu", 0, 1400)

    def silent():
        faults = server.ctl("faults")["faults"]
        return next(f for f in faults if f["name"] == "silent")["fired"]
    wait_until(silent, 30, "the host is silent")
    server.ctl("nic", "remove", "a")
    assert ops.answer("mtu", 60)["ret"] < 0
    wait_until(lambda: ops.ok("events", 0)["rmv"] == 1, 20, "the removal is told")
    assert ops.ok("events", 0)["reset"] == 0
    assert ops.call("removed", 0)["ret"] == 1
    ops.call("stop", 0)
    ops.ok("close", 0)
    ops.end()


# ---- refusals ----

# What a host without RSS and a port that is started, then stopped, refuse. Most
# of it ethdev refuses by itself, for what the driver does not advertise: -EINVAL
# then, and its own line; the driver is never asked (guide, "Refusals").
REFUSED_STARTED = [
    (("rss", 0, RSS_IPV4), EINVAL, "invalid rss_hf: 0x4, valid value: 0x0"),
    (("reta", 0, "0"), EINVAL, "RSS RETA with zero size"),
    (("reta?", 0), EINVAL, None),
    (("mtu", 0, 60), EINVAL, "MTU (60) < device min MTU (68)"),
    (("mtu", 0, 65535), EINVAL, "MTU (65535) > device max MTU (9216)"),
    (("mac", 0, "00:00:00:00:00:00"), EINVAL, None),
    (("queue", 0, "rx", "start", 9), EINVAL, "Invalid Rx queue_id=9"),
    (("queue", 0, "tx", "stop", 9), EINVAL, "Invalid Tx queue_id=9"),
    (("configure", 0, 1, 1), EBUSY, "must be stopped"),
    (("queues", 0, 3, 3), EBUSY, None),
]
REFUSED_STOPPED = [
    (("configure", 0, 2, 2), EINVAL, "nb_rx_queues=2 > 1"),
    (("configure", 0, 1, 1, f"rss={RSS_IPV4}"), EINVAL, "invalid rss_hf"),
    (("configure", 0, 1, 1, "rxq=1"), ENOTSUP, "there are no receive interrupts"),
    (("configure", 0, 1, 1, "txoff=0x800000"), EINVAL, "requested Tx offloads 0x800000"),
    (("configure", 0, 1, 1, "rxoff=0x10"), EINVAL, "requested Rx offloads 0x10 doesn't match"),
    (("configure", 0, 1, 1, "mtu=9999"), EINVAL, "MTU (9999) > device max MTU (9216)"),
]


@pytest.mark.quick
@pytest.mark.conformance(53)
@pytest.mark.op("dev_configure")
def test_every_refusal_is_the_errno_that_the_guide_names_and_changes_nothing(machine, plugin):
    server, ops = pair(machine, plugin, "queues=2", "ws2012")

    def refuses(rows):
        for command, errno, says in rows:
            assert ops.call(*command)["ret"] == errno, command
            assert says is None or says in ops.said(), command
    info = ops.ok("info", 0)
    refuses(REFUSED_STARTED)
    ops.ok("stop", 0)
    refuses(REFUSED_STOPPED)
    assert ops.ok("info", 0) == info
    ops.up(0)
    assert ops.reach(1, 0, ops.ok("mac", 0)["mac"]) == 5
    finish(server, ops)


# ---- threads, stop ----

@pytest.mark.quick
@pytest.mark.conformance(54)
def test_requests_of_three_threads_wait_for_each_other_under_traffic(machine, plugin):
    server, ops = alone(machine, plugin, "echo", "queues=2")
    ops.up(0, 2, 2, f"rss={RSS_IPV4}")
    ops.ok("flood", 0, "start", 2)
    before = ops.ok("flood", 0)["received"]
    assert ops.call("race", 0, 200, seconds=120)["ret"] == 0
    wait_until(lambda: ops.ok("flood", 0)["received"] > before, 20, "frames come back")
    ops.ok("flood", 0, "stop")
    finish(server, ops, [0])


@pytest.mark.quick
@pytest.mark.conformance(55)
@pytest.mark.op("dev_start", "dev_stop")
def test_nothing_from_before_a_stop_is_received_after_the_start(machine, plugin):
    server, ops = pair(machine, plugin, "queues=1")

    def all_read():
        """What the host reads after the start belongs to the time after it."""
        a, b = server.counters("a"), server.counters("b")
        return (b["tx_frames"] == ops.ok("stats", 1)["opackets"] ==
                a["rx_frames"] + sum(v for k, v in a.items() if k.startswith("rx_drop_")))
    for _ in range(5):
        sent = ops.ok("flood", 1, "start", 1)["sent"]
        wait_until(lambda s=sent: ops.ok("flood", 1)["sent"] > s + 200, 20, "frames are sent")
        ops.ok("flood", 1, "stop")
        wait_until(all_read, 60, "the host has read all frames and passed them on")
        assert ops.ok("status", 0, 0, 0)["count"] > 0
        restart(ops)
        assert ops.ok("drain", 0)["frames"] == 0
        assert ops.reach(1, 0, ops.ok("mac", 0)["mac"]) == 5
    finish(server, ops)


@pytest.mark.full
@pytest.mark.conformance(55)
@pytest.mark.op("dev_stop")
@pytest.mark.parametrize("delay", ["200ms", "3s"])
def test_stop_is_bounded_and_late_completions_touch_nothing(machine, plugin, delay):
    """Frames that the other end holds: their messages are completed or taken
    back; queues are released at once and set up anew."""
    server, ops = alone(machine, plugin, f"echo:delay={delay}", "queues=2")
    for queues in (2, 1, 2):
        ops.up(0, queues, queues)
        ops.ok("flood", 0, "start", queues)
        wait_until(lambda: ops.ok("flood", 0)["sent"] > 100, 20, "frames are sent")
        ops.ok("flood", 0, "stop")      # ethdev allows no burst beside a stop
        ops.ok("stop", 0, seconds=20)
    finish(server, ops, [0])


@pytest.mark.full
def test_a_nic_has_the_names_that_applications_know(machine, plugin):
    server, ops = pair(machine, plugin, "queues=1", up=False)
    guids = {nic_guid(server, "a"), nic_guid(server, "b")}
    seen = [ops.ok("info", port) for port in (0, 1)]
    assert {i["name"] for i in seen} == guids
    assert [i["by_name"] for i in seen] == [0, 1]
    assert {(i["bus"], i["driver"]) for i in seen} == {("vmbus", "net_netvsc")}
    for port in (0, 1):
        ops.ok("close", port)
    ops.end()
