# SPDX-License-Identifier: BSD-3-Clause
"""What our driver says to hosts, in which order, and what it says to users
where a device cannot become a port."""

import json
import re

import pytest

from conftest import NO_HUGE, TREE, wait_until
from test_builtin import echo_ok
from test_driver import ours
from test_ethdev_ops import RSS_IPV4, alone, pair, finish
from test_protocol import HOSTS

pytestmark = pytest.mark.sanitized

GUID = "01234567-89ab-4def-8123-456789abcdef"
VERSIONS = ["6.1", "6", "5", "4", "2", "1"]
NEWEST = {"ws2008": "1", "ws2008r2": "2", "ws2012": "4", "ws2012r2": "5", "ws2016": "6"}


# ---- messages ----

def conversations(path):
    """What the guest sent on the main channel, per open: (kind, text)."""
    opens = []
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        if entry["kind"] == "event" and entry["text"].startswith("opened") and \
                entry["channel"] == 1:
            opens.append([])
        elif entry.get("to") == "host" and entry["kind"] in ("nvsp", "rndis") and \
                entry["channel"] == 1 and opens:
            opens[-1].append((entry["kind"], entry["text"]))
    return opens


def check_open(said, newest):
    """One life of the main channel, from the first message to the last."""
    nvsp = [text for kind, text in said if kind == "nvsp"]
    rndis = [re.sub(r" #\d+", "", text) for kind, text in said if kind == "rndis"]
    tried = [text.split()[-1] for text in nvsp if text.startswith("INIT ")]
    assert tried == VERSIONS[:VERSIONS.index(newest) + 1]
    setup = [text.split()[0] for text in nvsp if not text.startswith("INIT ")]
    wanted = ["NDIS_CONFIG"] * (newest != "1") + ["NDIS_VERSION", "RECV_BUFFER", "SEND_BUFFER"]
    assert setup[:len(wanted)] == wanted
    rest = setup[len(wanted):]
    assert [n for n in rest if n in wanted] == []       # each at most once
    assert rest.count("SUBCHANNEL") <= 1
    # The last NVSP message of the beginning lies before the first of RNDIS.
    order = [text.split()[0] for _, text in said]
    assert order.index("SEND_BUFFER") < len(tried) + len(wanted)
    assert [t.split()[0] for t in rndis].count("INIT") == 1 and rndis[0].startswith("INIT")
    # The end: nothing is let through, RNDIS is halted, then buffers are revoked.
    assert rest[-1] == "REVOKE_RECV_BUFFER" and rndis[-1].startswith("HALT")
    filters = [t for t in rndis if "OID_GEN_CURRENT_PACKET_FILTER" in t]
    assert filters[-1].endswith("none")
    assert order.index("HALT") < order.index("REVOKE_RECV_BUFFER") == len(order) - 1


@pytest.mark.full
@pytest.mark.conformance(45, 46)
@pytest.mark.parametrize("host", HOSTS)
def test_every_open_says_each_message_once_in_order_and_ends_in_order(machine, plugin, host,
                                                                      tmp_path):
    """Of two opens, as a change of MTU makes them; revoking the receive buffer
    ends what the host listens to, so that it hears no revocation behind it."""
    trace = tmp_path / "trace.json"
    server, ops = alone(machine, plugin, "echo", "queues=4", host, ["--trace", trace])
    ops.up(0)
    if host != "ws2008":
        ops.ok("mtu", 0, 1400)
    else:
        ops.ok("stop", 0)
        ops.ok("reset", 0)
        ops.up(0)
    finish(server, ops, [0])
    server.end()
    opens = conversations(trace)
    assert len(opens) == 2
    for said in opens:
        check_open(said, NEWEST.get(host, "6.1"))


@pytest.mark.quick
@pytest.mark.conformance(45)
def test_a_receive_buffer_of_two_sections_carries_all_lengths(machine, plugin):
    done = machine.run(["--strict", "--host", "ws2008", "--nic", "two-sections,port=echo"],
                       ours(plugin, "--bytes", "60-1514", "--rounds", "2"))
    echo_ok(done, 2)


@pytest.mark.full
@pytest.mark.parametrize("host,args,works", [
    ("ws2008", "", True), ("ws2008", "tx_page_lists=0", False),
    ("ws2008r2", "", True), ("ws2008r2", "tx_page_lists=0", True),
    ("ws2012", "tx_page_lists=0", True)])
def test_old_hosts_work_by_whichever_way_they_have(machine, plugin, host, args, works):
    """The host of 2008 refuses the send buffer: without page lists there is no
    way to it, and that is what is said."""
    guid = f"vmbus:{GUID}" + (f",{args}" if args else "")
    done = machine.run(["--strict", "--host", host, "--nic", f"port=echo,guid={GUID}"],
                       ours(plugin, "--bytes", "60-1514", "--segments", "1-4", "--rounds", "2",
                            eal=[*NO_HUGE, "-a", guid]))
    if works:
        echo_ok(done, 2)
        return
    assert done.status != 0
    text = done.out + done.err
    assert len(re.findall(rf"{GUID}: attach: RNDIS init: .*", text)) == 1
    assert "neither the host's send buffer (refused) nor page lists" in text


@pytest.mark.full
@pytest.mark.conformance(25)
@pytest.mark.parametrize("host", HOSTS)
def test_all_settings_work_on_each_host_or_are_enotsup(machine, plugin, host):
    server, ops = pair(machine, plugin, "queues=1", host)
    mac = ops.ok("mac", 0)["mac"]
    for command in (("promisc", 0, 1), ("promisc", 0, 0), ("allmulti", 0, 1), ("allmulti", 0, 0),
                    ("mc", 0, "01:00:5e:00:00:01"), ("mc", 0), ("strip", 0, 1), ("strip", 0, 0),
                    ("clear", 0, "stats"), ("clear", 0, "xstats"), ("mac", 0, mac)):
        ops.ok(*command)
    offered = ops.ok("info", 0)["hf"] & RSS_IPV4
    ops.ok("stop", 0)
    assert (ops.call("configure", 0, 1, 1, f"rss={RSS_IPV4}")["ret"] == 0) == bool(offered)
    ops.up(0, 1, 1, *([f"rss={RSS_IPV4}"] if offered else []))
    assert ops.call("rss", 0, RSS_IPV4)["ret"] in ([0] if offered else [-22, -95])
    assert ops.reach(1, 0, mac) == 5
    finish(server, ops)


@pytest.mark.quick
@pytest.mark.conformance(24)
def test_what_the_host_says_by_itself_does_not_disturb_requests(machine, plugin):
    server, ops = alone(machine, plugin, "echo", "queues=1,vf")
    ops.up(0, 1, 1, "lsc=1")
    ops.ok("lsc", 0)
    for n in range(5):
        server.ctl("vf", "a", "revoke")
        server.ctl("offload", "a")
        server.ctl("speed", "a", f"{10 + n}G")
        server.ctl("vf", "a", "offer")
        ops.ok("promisc", 0, n % 2)
        ops.ok("mtu", 0, 1400 + n)
        assert ops.ok("link", 0, "wait")["mbps"] == 10000 + 1000 * n
    wait_until(lambda: ops.ok("events", 0)["lsc"] >= 1, 20, "the speed is told")
    finish(server, ops, [0])


# ---- probe ----

def probe(machine, plugin, args="", nic="port=echo", options=(), eal=()):
    return machine.run([*options, "--nic", f"{nic},guid={GUID}"],
                       ours(plugin, "--rounds", "1",
                            eal=[*NO_HUGE, *eal, "-a", f"vmbus:{GUID}{args}"]))


def own_errors(done):
    """Lines of our driver about this device."""
    return [line for line in (done.out + done.err).splitlines()
            if line.startswith("NETVSC:") and GUID in line]


def known_args():
    """Key and largest value, from the guide's table, which the driver's makes."""
    text = (TREE / "doc/guides/nics/netvsc-devargs.inc").read_text()
    return [(key, int(most)) for key, most in
            re.findall(r"\* - ``(\w+)``\n(?:     - .*\n){2}     - 0 to (\d+)", text)]


@pytest.mark.full
@pytest.mark.parametrize("key,most", known_args())
def test_each_devarg_out_of_its_range_is_one_line_that_says_the_range(machine, plugin, key, most):
    for value in (str(most + 1), "-1", "fast", "1x", ""):
        done = probe(machine, plugin, f",{key}={value}")
        assert done.status != 0
        lines = own_errors(done)
        assert len(lines) == 1, lines
        assert f"devargs: {key}={value}: must be a number from 0 to {most}" in lines[0], lines
    done = probe(machine, plugin, f",{key}={most}")
    echo_ok(done, 1)


@pytest.mark.quick
@pytest.mark.parametrize("args,says", [
    (",nonsense=1", r'probe: devargs: unknown key "nonsense"; there are: latency, rx_copybreak, .*'),
    (",latency=7000", r"probe: devargs: latency=7000: must be a number from 0 to 6553 \(us\)"),
    (",tx_page_lists=2", r"probe: devargs: tx_page_lists=2: must be a number from 0 to 1 .*"),
    (",latency", r"probe: devargs: latency=: must be a number from 0 to 6553 .*"),
])
def test_a_wrong_devarg_is_exactly_one_line_of_the_driver(machine, plugin, args, says):
    done = probe(machine, plugin, args)
    assert done.status != 0
    lines = own_errors(done)
    assert len(lines) == 1 and re.fullmatch(rf"NETVSC: {GUID}: {says}", lines[0]), lines


@pytest.mark.quick
@pytest.mark.parametrize("options,args,says", [
    (["--host", "ws2008"], ",tx_page_lists=0",
     r"attach: RNDIS init: RNDIS init 0x0+: .*; bind the device"),
    ([], ",numa_aware=7", r"probe: devargs: numa_aware=7: must be a number from 0 to 1"),
])
def test_a_probe_that_fails_names_device_step_answer_and_what_to_try(machine, plugin, options,
                                                                     args, says):
    done = probe(machine, plugin, args, options=options)
    assert done.status != 0
    assert [line for line in own_errors(done) if re.search(rf"{GUID}: {says}", line)], done.err


# ---- log types ----

@pytest.mark.full
def test_each_log_type_can_be_raised_by_itself(machine, plugin):
    def said(level):
        done = probe(machine, plugin, eal=[f"--log-level={level}"] if level else [])
        echo_ok(done, 1)
        return done.out + done.err
    # One line that each says, from some level on; of rx nothing: no ring breaks here.
    lines = {"control": "NVSP 6.1, NDIS 6.30", "init": "attach: receive buffer\n",
             "tx": "queue 0: messages of up to "}

    def heard(level):
        text = said(level)
        return {name for name, line in lines.items() if line in text}
    assert heard("") == set() and "taking over" in said("")
    for name in lines:
        assert heard(f"pmd.net.netvsc.{name}:debug") == {name}
    assert heard("pmd.net.netvsc.rx:debug") == set()
    assert heard("pmd.net.netvsc.*:debug") == set(lines)
    assert "taking over" not in said("bus.vmbus:error")
    assert heard("bus.vmbus:debug") == set()


@pytest.mark.quick
def test_the_log_types_are_registered_under_the_names_in_the_guide():
    """EAL takes patterns for types that do not exist: so look at the sources."""
    sources = "".join(p.read_text() for p in (TREE / "drivers").rglob("*.c"))
    names = set(re.findall(r"LOG_REGISTER\(\w+, ([\w.]+),", sources))
    guide = (TREE / "doc/guides/nics/netvsc.rst").read_text()
    told = set(re.findall(r"``((?:pmd\.net\.netvsc|bus\.vmbus)[\w.]*)``", guide))
    assert names == told


# ---- offloads ----

def offload_sets(path):
    """What each of the guest's offload parameters said, as {name: word}."""
    sets = []
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        found = re.search(r"SET #\d+ OID_TCP_OFFLOAD_PARAMETERS revision \d (.*)", entry["text"])
        if found and entry.get("to") == "host":
            words = found.group(1).split()
            sets.append(dict(zip(words[::2], words[1::2])))
    return sets


TX_CSUM, RX_CSUM, TX_TSO = 0x2 | 0x8, 0x2 | 0x8, 0x20


@pytest.mark.full
@pytest.mark.conformance(49)
@pytest.mark.op("dev_configure")
@pytest.mark.parametrize("host", HOSTS)
def test_both_directions_are_asked_for_as_one_and_what_is_removed_is_switched_off(
        machine, plugin, host, tmp_path):
    trace = tmp_path / "trace.json"
    server, ops = alone(machine, plugin, "echo", "queues=1", host, ["--trace", trace])
    info = ops.ok("info", 0)
    tx, rx = info["tx_offloads"] & (TX_CSUM | TX_TSO), info["rx_offloads"] & RX_CSUM
    both, only_tx = (f"txoff={tx}", f"rxoff={rx}"), (f"txoff={tx}",)
    for conf in ((), both, only_tx, (f"rxoff={rx}",), ()):
        ops.ok("configure", 0, 1, 1, *conf)
    ops.ok("close", 0)
    ops.end()
    server.end()
    said = offload_sets(trace)
    assert len(said) == 5
    if tx & TX_CSUM & 0x8 and rx & 0x8:
        assert [s["tcp4"] for s in said] == ["off", "tx+rx", "tx", "rx", "off"]
    if tx & TX_TSO:
        assert [s["lso4"] for s in said] == ["off", "on", "on", "off", "off"]
    for words in (said[0], said[-1]):
        assert set(words.values()) <= {"off", "unchanged"}
