# SPDX-License-Identifier: BSD-3-Clause
"""Defects of the built-in driver outside the data path; see defects.py."""

import time

from conftest import wait_until
from defects import defect, slow_outcomes  # noqa: F401 (a fixture)

CSUM = 0xe              # IPv4, UDP, TCP: the same bits in both directions
SCATTER = 0x2000
TSO = 0x20
TCP4, UDP4 = 0x10, 0x20


def last_filter(case):
    return case.told("CURRENT_PACKET_FILTER")[-1].split("FILTER ")[1]


# ---- offloads ----

@defect("checksums in both directions", "4.6 row 11; 5.4",
        builtin="the host is told: ip4 rx tcp4 rx udp4 rx tcp6 rx udp6 rx",
        ours="the host is told: ip4 both tcp4 both udp4 both tcp6 both udp6 both")
def test_both_directions_of_an_offload_are_switched_on(case):
    """Configured with transmit and receive checksums."""
    ops = case.guest()
    ops.ok("pool")
    ops.configure(rxo=CSUM, txo=CSUM)
    told = case.told("OFFLOAD_PARAMETERS revision")[-1]
    told = told.split(" lso4")[0].split("revision 3 ")[1]
    return "the host is told: " + told.replace("tx+rx", "both").replace("tx|rx", "both")


@defect("an offload is never switched off", "4.6 row 12; 5.4",
        builtin="the host is told: ip4 unchanged tcp4 unchanged",
        ours="the host is told: ip4 off tcp4 off", tier="quick")
def test_what_is_no_longer_wanted_is_switched_off(case):
    """Configured with checksums, started, stopped, configured without."""
    ops = case.up(rxo=CSUM, txo=CSUM)
    ops.ok("stop")
    ops.configure()
    told = case.told("OFFLOAD_PARAMETERS revision")[-1].split("revision 3 ")[1]
    return "the host is told: " + told.split(" udp4")[0]


@defect("segmentation is never switched off", "5.4",
        builtin="the host is told: lso4 unchanged lso6 unchanged",
        ours="the host is told: lso4 off lso6 off")
def test_segmentation_that_is_no_longer_wanted_is_switched_off(case):
    """Configured with TSO, started, stopped, configured without. The built-in
    driver has no LRO."""
    ops = case.up(txo=TSO | CSUM)
    ops.ok("stop")
    ops.configure()
    told = case.told("OFFLOAD_PARAMETERS revision")[-1]
    return f"the host is told: lso4 {told.split(' lso4 ')[1].split(' rsc4')[0]}"


# ---- filters ----

@defect("promiscuous mode alone", "5.7", builtin="the host filters promiscuous",
        ours="the host filters directed|all-multicast|broadcast|promiscuous")
def test_promiscuous_mode_keeps_what_was_let_through_before(case):
    """Promiscuous mode is switched on while the port is started."""
    ops = case.up()
    ops.ok("promisc", on=1)
    return f"the host filters {last_filter(case)}"


@defect("promiscuous mode is lost at start", "4.6 row 13; 5.7",
        builtin="the port says 1, the host filters directed|broadcast",
        ours="the port says 1, the host filters directed|all-multicast|broadcast|promiscuous",
        tier="quick")
def test_promiscuous_mode_is_still_on_after_a_restart(case):
    """Promiscuous mode on, stop, start."""
    ops = case.up()
    ops.ok("promisc", on=1)
    ops.ok("stop")
    ops.ok("start")
    return f"the port says {ops('modes')['promisc']}, the host filters {last_filter(case)}"


@defect("promiscuous mode is lost with all-multicast", "5.7",
        builtin="the port says 1, the host filters directed|broadcast",
        ours="the port says 1, the host filters directed|all-multicast|broadcast|promiscuous")
def test_promiscuous_mode_stays_when_all_multicast_goes(case):
    """Promiscuous and all-multicast on, then all-multicast off."""
    ops = case.up()
    ops.ok("promisc", on=1)
    ops.ok("allmulti", on=1)
    ops.ok("allmulti", on=0)
    return f"the port says {ops('modes')['promisc']}, the host filters {last_filter(case)}"


@defect("multicast groups are ignored", "4.6 row 14; 5.7",
        builtin="set_mc_addr_list returns 0, the group's frames do not come",
        ours="set_mc_addr_list returns 0, the group's frames come")
def test_frames_of_a_group_that_was_asked_for_come(case):
    """01:00:5e:00:00:01 is set; frames to it come all the time."""
    ops = case.up("mac-filter=on,port=gen:dst=01:00:5e:00:00:01,rate=1kpps")
    ret = ops("groups", n=1)["ret"]
    ops("rx", n=100000, ms=300)         # what came while the port was started
    got = ops("rx", n=20, ms=10000)["got"]
    come = {0: "do not come", 20: "come"}.get(got, f"come in part, {got}")
    return f"set_mc_addr_list returns {ret}, the group's frames {come}"


@defect("a filter that the host refuses", "5.7",
        builtin="promiscuous_disable returns 0, the port says 0",
        ours="promiscuous_disable returns -5, the port says 1")
def test_a_filter_that_the_host_refuses_is_an_error(case):
    """Promiscuous mode is on; the host refuses the change."""
    ops = case.up()
    ops.ok("promisc", on=1)
    case.arm("status:message=rndis-set,count=0")
    ret = ops("promisc", on=0)["ret"]
    return f"promiscuous_disable returns {ret}, the port says {ops('modes')['promisc']}"


@defect("a positive error number", "4.6 row 18; 4.2",
        builtin="rte_eth_dev_start returns 5", ours="rte_eth_dev_start returns -5", tier="quick")
def test_errors_are_negative(case):
    """The host refuses every SET while the port is started."""
    ops = case.guest()
    ops.ok("pool")
    ops.configure()
    case.arm("status:message=rndis-set,count=0")
    return f"rte_eth_dev_start returns {ops('start')['ret']}"


# ---- link and counters ----

@defect("link state with interrupts", "4.6 row 15; 1.2",
        builtin="the event comes, the link is up", ours="the event comes, the link is down",
        tier="quick")
def test_the_link_is_what_its_event_said(case):
    """lsc=1; the cable is pulled, and the event awaited."""
    ops = case.up(lsc=1)
    case.server.ctl("link", "nic0", "down")

    def told():
        ops("rx", n=1, ms=20)
        return ops("link")["events"]
    wait_until(told, 20, "the event comes")
    return f"the event comes, the link is {'up' if ops('link')['up'] else 'down'}"


@defect("a link that nobody negotiates", "4.6 row 16; 1.2", builtin="link_autoneg is 1",
        ours="link_autoneg is 0")
def test_a_link_of_the_hosts_making_is_fixed(case):
    """The link is asked for."""
    return f"link_autoneg is {case.up()('link')['autoneg']}"


@defect("reset of the extended counters", "4.6 row 17; 1.2",
        builtin="rte_eth_xstats_reset returns -22",
        ours="rte_eth_xstats_reset returns 0")
def test_extended_counters_can_be_reset(case):
    """8 frames go and come, then the reset; there is no VF."""
    ops = case.up()
    ops("tx", n=8)
    assert ops("rx", n=8, ms=10000)["got"] == 8
    ret = ops("xstats_reset")["ret"]
    assert "rx_good_packets" not in ops("xstats")["of"]
    return f"rte_eth_xstats_reset returns {ret}"


@defect("names of extended counters", "1.2", builtin="names have spaces",
        ours="no name has a space")
def test_names_of_extended_counters_are_one_word(case):
    """All names are looked at."""
    return "names have spaces" if case.up()("xstats")["with_space"] else "no name has a space"


@defect("a speed that changes while the link is up", "1.2", builtin="link_speed is 40000",
        ours="link_speed is 25000")
def test_the_link_speed_is_the_hosts(case):
    """The host tells of 25 Gbit/s in place of 40; the link is asked for until
    it says so, for five seconds."""
    ops = case.up()
    case.server.ctl("speed", "nic0", "25G")
    speed = 0
    for _ in range(50):
        ops("rx", n=1, ms=100)
        speed = ops("link")["mbps"]
        if speed == 25000:
            break
    return f"link_speed is {speed}"


# ---- what the port says of itself, what it can ----

@defect("limits that are none", "4.6 row 20; 1.2",
        builtin="max_mtu 65535, nb_seg_max 65535, rx descriptors 65535, speeds 10G, 0 packet types",
        ours="max_mtu 9216, nb_seg_max 32, rx descriptors 16384, speeds 40G, 13 packet types")
def test_the_port_tells_its_true_limits(case):
    """A NIC of 40 Gbit/s on ws2022; rte_eth_dev_info_get."""
    ops = case.up()
    info = ops("info")
    speeds = {1 << 8: "10G", 1 << 11: "40G"}.get(info["speed_capa"], hex(info["speed_capa"]))
    return (f"max_mtu {info['max_mtu']}, nb_seg_max {info['nb_seg_max']}, rx descriptors "
            f"{info['rx_desc_max']}, speeds {speeds}, {ops('ptypes')['ret']} packet types")


@defect("operations that are missing", "4.6 row 21; 1.3",
        builtin="not supported: fw_version, mac_set, mtu_set, rx_burst_mode, rxq_start, rxq_stop, "
        "tx_burst_mode, txq_start, txq_stop, vlan_offload",
        ours="all of them work")
def test_operations_of_a_modern_driver_are_there(case):
    """Each is called once on a started port."""
    ops = case.up(room=10240)
    calls = {k: v for k, v in ops("calls").items() if k != "reset_is_known"}
    calls["mtu_set"] = ops("mtu", mtu=4000)["ret"]
    assert set(calls.values()) <= {0, -95}, calls
    missing = sorted(k for k, v in calls.items() if v != 0)
    return "not supported: " + ", ".join(missing) if missing else "all of them work"


@defect("MTU larger than the host allows", "5.8; 1.2",
        builtin="mtu 9000 returns -95, mtu 3000 returns -95, frames of 1500 come back",
        ours="mtu 9000 returns -22, mtu 3000 returns 0, frames of 3000 come back")
def test_an_mtu_is_what_the_host_agreed_to(case):
    """The host allows an MTU of 4,000; 9,000 and then 3,000 are asked for."""
    ops = case.up("mtu=4014,port=echo", room=10240)
    rets = [ops("mtu", mtu=m) for m in (9000, 3000)]
    mtu = rets[1]["mtu"]
    assert rets[0]["mtu"] == 1500
    assert ops("tx", n=4, bytes=mtu + 14)["taken"] == 4
    came = ops("rx", n=4, ms=10000)
    assert (came["got"], came["bytes"]) == (4, 4 * (mtu + 14))
    return (f"mtu 9000 returns {rets[0]['ret']}, mtu 3000 returns {rets[1]['ret']}, "
            f"frames of {mtu} come back")


# ---- life ----

@defect("configure a second time", "5.3; 1.2",
        builtin="the process dies of a signal in configure",
        ours="configured again, 4 of 4 queues receive")
def test_a_port_with_four_queues_is_configured_again(case):
    """4 queues, start, stop, 4 queues again; the built-in driver waits ten
    seconds for subchannels first."""
    ops = case.guest("queues=4,port=gen:size=100,rate=20kpps,flows=64,tcp")
    ops.ok("pool")
    for _ in range(2):
        ops.configure(4, hf=0x4 | TCP4)
        ops.ok("start")
        ops.ok("promisc")
        ops("rx", n=500, last=3, ms=3000)
        ops.ok("stop")
    got = {k for k, v in ops("xstats")["of"].items() if k.startswith("rx_q") and
           k.endswith("_packets") and k.count("_") == 2 and v}
    return f"configured again, {len(got)} of 4 queues receive"


@defect("hash types that are offered and not set", "1.2; 5.3",
        builtin="UDP over IPv4 is offered, the host is told: hash toeplitz",
        ours="UDP over IPv4 is offered, the host is told: hash toeplitz|udp4")
def test_a_hash_type_that_is_offered_is_set(case):
    """4 queues, rss_hf is UDP over IPv4 alone."""
    ops = case.guest("queues=4,port=echo")
    offered = ops("info")["hf"] & UDP4
    ops.ok("pool")
    ops.configure(4, hf=UDP4)
    told = case.told("RECEIVE_SCALE_PARAMETERS revision")[-1]
    return (f"UDP over IPv4 is {'offered' if offered else 'not offered'}, the host is told: "
            f"{told.split('flags none ')[1].split(' table')[0]}")


@defect("one queue without RSS", "5.3", builtin="the host is told nothing of RSS",
        ours="the host is told: hash toeplitz|ipv4|tcp4")
def test_one_queue_has_the_hash_that_was_asked_for(case):
    """One queue of four, rss_hf is TCP and others over IPv4."""
    ops = case.guest("queues=4,port=echo")
    ops.ok("pool")
    ops.configure(1, hf=0x4 | TCP4)
    told = case.told("RECEIVE_SCALE_PARAMETERS revision")
    if not told:
        return "the host is told nothing of RSS"
    return f"the host is told: {told[-1].split('flags none ')[1].split(' table')[0]}"


@defect("hash types without a key", "1.2", builtin="the key is the driver's own again",
        ours="the key stays")
def test_hash_types_change_without_the_key(case):
    """A key is set, then the hash types with a key of NULL."""
    ops = case.guest("queues=4,port=echo").up(4)
    before = ops("rss_get")["key"]
    ops.ok("rss_set", key=7, hf=0x4 | TCP4)
    mine = ops("rss_get")["key"]
    assert mine != before
    ops.ok("rss_set", hf=0x4 | TCP4)
    now = ops("rss_get")["key"]
    return "the key stays" if now == mine else \
        "the key is the driver's own again" if now == before else f"the key is {now}"


@defect("order of the goodbye", "4.6 row 19; 5.5",
        builtin="the host hears: revoke", ours="the host hears: halt, revoke")
def test_goodbye_is_said_in_the_order_of_the_greeting_backwards(case):
    """The host refuses every query, so that the driver gives the device up;
    a host stops reading where its buffer is revoked."""
    ops = case.guest(faults=["status:message=rndis-query,count=0"])
    assert ops.ready["ports"] == 0
    words = [t.split()[0].split("_")[0].lower() for t in
             case.told("HALT") + case.told("REVOKE_RECV")]
    return f"the host hears: {', '.join(words)}"


@defect("memory of a device that was given up", "4.3",
        builtin="4 allocations beside the bus's own are left",
        ours="0 allocations beside the bus's own are left")
def test_a_device_that_was_given_up_leaves_no_memory(case):
    """The host refuses every query, so that the driver gives the device up;
    EAL's heap is compared with that of a program without a NIC. The bus keeps
    the device and, for it, one interrupt handle."""
    ops = case.guest(faults=["status:message=rndis-query,count=0"])
    assert ops.ready["ports"] == 0
    given_up = ops("heap")["allocations"]
    case.server.ctl("nic", "remove", "nic0")
    without = type(case)(case.machine, case.plugin, case.driver)
    without.server = case.server
    left = given_up - without.guest()("heap")["allocations"]
    return f"{left - 1} allocations beside the bus's own are left"


@defect("removal of a device", "1.1; 4.6 row 19", builtin="rte_dev_remove returns -95",
        ours="rte_dev_remove returns 0")
def test_a_device_can_be_removed(case):
    """rte_dev_remove of a started port."""
    return f"rte_dev_remove returns {case.up()('remove')['ret']}"


@defect("every scan leaks", "4.3", builtin="2,000 scans leave more than 10 MB",
        ours="2,000 scans leave less than 10 kB")
def test_scanning_again_leaves_nothing(case):
    """rte_bus_scan 2,000 times; what malloc has given out is compared."""
    grown = case.up()("rescan", n=2000, seconds=120)
    assert grown["ret"] == 0
    size = ("less than 10 kB" if grown["grown"] < 10_000 else
            "more than 10 MB" if grown["grown"] > 10_000_000 else f"{grown['grown']} bytes")
    return f"2,000 scans leave {size}"


@defect("two threads ask at once", "4.2; 5.6", builtin="some calls are refused",
        ours="no call is refused")
def test_calls_from_two_threads_wait_for_each_other(case):
    """Two threads call rte_eth_dev_info_get, 20 times each."""
    refused = case.up()("race", seconds=60)["refused"]
    return "some calls are refused" if refused else "no call is refused"


@defect("a notification while an answer is awaited", "4.2; 5.6",
        builtin="there is no port", ours="8 of 8 frames come back")
def test_a_probe_goes_on_when_something_else_comes_first(case):
    """A VF association, saying that there is none, comes right before the
    answer to the receive buffer."""
    ops = case.guest(faults=["vf-note:message=recv-buffer"])
    assert case.fired("vf-note") == 1
    if ops.ready["ports"] == 0:
        return "there is no port"
    ops.up()
    ops("tx", n=8)
    return f"{ops('rx', n=8, ms=10000)['got']} of 8 frames come back"


# ---- a silent host ----

@defect("no answer to NVSP", "5.6; 4.2", builtin="start never returns",
        ours="EAL starts without the port", slow=True)
def test_a_probe_ends_when_the_host_is_silent(case):
    """The host does not answer the receive buffer; 100 seconds are waited
    for EAL, our limit is 60."""
    ops = case.guest(faults=["silent:message=recv-buffer"], wait=100)
    assert case.fired("silent") == 1
    return f"EAL starts with{'out the port' if ops.ready['ports'] == 0 else ' a port'}"


@defect("a request is given up while the host may read it", "4.3; 5.6",
        builtin="promiscuous_enable returns 0, the host reads what was overwritten",
        ours="promiscuous_enable returns -110, the host reads the request", slow=True)
def test_a_request_outlives_its_time_limit(case):
    """The host does not look at a request for over 60 seconds, then does;
    memory is taken and given back in between."""
    ops = case.up()
    case.arm("unread")
    ret = ops("promisc", on=1, seconds=120)["ret"]
    ops.ok("heap")
    heard = len(case.told("CURRENT_PACKET_FILTER"))
    case.disarm()
    wait_until(lambda: case.violations() or len(case.told("CURRENT_PACKET_FILTER")) > heard, 20,
               "the host reads again")
    what = "what was overwritten" if "violation_RNDIS_TYPE" in case.violations() else "the request"
    return f"promiscuous_enable returns {ret}, the host reads {what}"


@defect("answers that come after their time limit", "4.2; 5.6",
        builtin="promiscuous_enable returns 0, stop takes another minute, 8 of 8 frames come back",
        ours="promiscuous_enable returns -110, stop takes seconds, 8 of 8 frames come back",
        slow=True)
def test_answers_after_their_time_limit_cost_one_wait_and_are_told(case):
    """The host does what it is asked for, and says so when nobody waits any more:
    promiscuous mode is switched on, the port stopped, the host speaks again, the port
    is started."""
    ops = case.up()
    case.arm("held:message=rndis-set,count=0")
    ret = ops("promisc", on=1, seconds=120)["ret"]
    before = time.monotonic()
    ops.ok("stop", seconds=120)
    stop = "another minute" if time.monotonic() - before > 45 else "seconds"
    case.disarm()
    ops.ok("start", seconds=120)
    ops("tx", n=8)
    got = ops("rx", n=8, ms=10000, seconds=60)["got"]
    return f"promiscuous_enable returns {ret}, stop takes {stop}, {got} of 8 frames come back"
