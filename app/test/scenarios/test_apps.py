# SPDX-License-Identifier: BSD-3-Clause
"""Stock dpdk-testpmd with our driver: each way it forwards, judged by what the
host's other ends saw; and the commands that a user gives it."""

import re

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import rdpcap, wrpcap

from conftest import wait_until
from test_driver import no_violations
from testpmd import Testpmd
from toeplitz import KEY

pytestmark = pytest.mark.sanitized

GEN_MACS = ("02:68:76:67:00:01", "02:68:76:67:00:02")


def answer(server, *words):
    got = server.ctl(*words)
    return got.get("result", got)


class Bench:
    """Generator (or another port) -> left NIC -> testpmd -> right NIC -> sink."""

    def __init__(self, machine, plugin, options=(), left="gen:size=64-1500,rate=3kpps,flows=32",
                 right="sink", nic="queues=4", host=()):
        self.machine, self.left_port = machine, left
        self.server = machine.serve([*host, "--nic", f"name=left,{nic},port=[{left}]",
                                     "--nic", f"name=right,{nic},port=[{right}]"])
        self.pmd = Testpmd(self.server, plugin, ["--rxq=4", "--txq=4", "--no-flush-rx", *options])
        nics = answer(self.server, "list")["nics"]
        text = self.pmd("show port summary all")
        self.guid = {n["name"]: n["guid"].strip("{}").lower() for n in nics}
        self.port = {n: int(re.search(rf"^(\d+) .*{g}", text, re.M)[1])
                     for n, g in self.guid.items()}
        self.left, self.right = self.port["left"], self.port["right"]

    def __call__(self, *commands, seconds=30):
        return self.pmd(*commands, seconds=seconds)

    def counters(self, prefix, kind="ports"):
        return next(p["counters"] for p in answer(self.server, "counters")[kind]
                    if p["name"].startswith(prefix))

    def sink(self):
        return self.counters("sink")

    def wait_for(self, more=500, what="tx_frames", port="sink"):
        """So many more frames come to the right end."""
        before = self.counters(port)[what]
        wait_until(lambda: self.counters(port)[what] >= before + more, 30,
                   f"{more} more of {what} at {port}")

    def whole(self, more=500):
        """So many more frames arrive, none of them broken; all that are missing
        meanwhile are in a counter."""
        before = self.losses()
        self.wait_for(more, "gen_received")
        sink = self.sink()
        assert sink["gen_corrupt"] == sink["gen_duplicate"] == 0, sink
        lost, counted = (b - a for a, b in zip(before, self.losses()))
        assert lost <= counted, f"{lost} lost, {counted} counted"

    def losses(self):
        """Missing at the sink; counted by the host and by testpmd, later."""
        lost = self.sink()["gen_lost"]
        nic = self.counters("left", "nics")
        counted = sum(v for k, v in nic.items() if k.startswith("rx_drop"))
        counted += self.counters("gen")["gen_host_drops"] if "gen" in self.left_port else 0
        text = self.pmd("show fwd stats all")
        total = re.search(r"Accumulated.*TX-dropped: (\d+)", text, re.S)
        return lost, counted + (int(total[1]) if total else 0)

    def capture(self, name="right", frames=300):
        """Frames as they pass a NIC."""
        path = self.machine.path("capture.pcapng")
        self.server.ctl("capture", "start", name, str(path))
        before = self.counters(name)["rx_frames"] + self.counters(name)["tx_frames"]
        wait_until(lambda: self.counters(name)["rx_frames"] + self.counters(name)["tx_frames"] >=
                   before + frames, 30, f"{frames} frames pass {name}")
        self.server.ctl("capture", "stop", name)
        return rdpcap(str(path), count=frames)

    def quit(self):
        self.pmd("stop")
        self.pmd.quit()
        no_violations(self.server)


def checksums_right(frame):
    """The frame's checksums are what scapy makes of the same frame."""
    again = Ether(bytes(frame))
    for layer in (IP, TCP, UDP):
        if layer in again:
            del again[layer].chksum
    again = Ether(bytes(again))
    return all(again[layer].chksum == frame[layer].chksum for layer in (IP, TCP, UDP)
               if layer in frame)


# ---- forwarding modes ----

def tx_mac(bench):
    return answer(bench.server, "list")["nics"][1]["mac"].lower()


CARRIES = ["io", "mac", "macswap", "5tswap", "csum", "noisy"]
ONE_WAY = ["rxonly", "txonly", "flowgen"]
# Modes that no test runs, and why.
EXCUSED = {
    "shared_rxq": "receive queues that several ports share: a netvsc queue is a channel of one "
                  "device, RTE_ETH_DEV_CAPA_RXQ_SHARE is not offered; without it testpmd 22.11 dies "
                  "of the first frame, also with net_null",
    "ieee1588": "time stamps of PTP frames by the NIC: hosts give guests none; only in a testpmd "
                "that is built for it, which Debian's is not",
}


@pytest.mark.full
def test_every_forwarding_mode_of_testpmd_is_run_or_excused(machine, plugin):
    bench = Bench(machine, plugin, left="sink")
    modes = set(re.search(r"set fwd \(([\w|]+)\)", bench("help config"))[1].split("|"))
    ours = {*CARRIES, *ONE_WAY, "icmpecho"}
    assert modes <= ours | set(EXCUSED) and ours <= modes, modes
    assert "RXQ_SHARE" not in bench(f"show port info {bench.left}")
    bench.quit()


@pytest.mark.full
@pytest.mark.parametrize("mode", CARRIES)
def test_each_forwarding_mode_carries_every_frame_whole(machine, plugin, mode):
    bench = Bench(machine, plugin)
    own = (tx_mac(bench), "02:00:00:00:00:01")
    macs = {"mac": own, "csum": own, "macswap": GEN_MACS[::-1], "5tswap": GEN_MACS[::-1]}
    bench(f"set eth-peer {bench.right} 02:00:00:00:00:01", f"set fwd {mode}", "start")
    bench.whole(1000)
    frames = bench.capture()
    bench("stop")
    for frame in frames:
        assert checksums_right(frame)
        assert (frame.src, frame.dst) == macs.get(mode, GEN_MACS)
        assert (frame[UDP].sport == 9) == (mode == "5tswap")
    bench.quit()


@pytest.mark.full
@pytest.mark.parametrize("mode", ONE_WAY)
def test_a_mode_that_only_receives_or_only_sends_does_just_that(machine, plugin, mode):
    bench = Bench(machine, plugin, left="gen:size=64-1500,rate=5kpps,flows=32,count=2000" if
                  mode == "rxonly" else "sink")
    bench(f"set fwd {mode}", "start")
    if mode == "rxonly":
        wait_until(lambda: bench.pmd.stats(bench.left)["rx_packets"] == 2000, 30, "all 2,000")
        assert bench.sink()["tx_frames"] == 0
        bench.quit()
        return
    bench.wait_for(5000)
    frames = bench.capture()
    bench("stop")
    assert all(UDP in f and f[IP].chksum == Ether(bytes(f))[IP].chksum for f in frames)
    if mode == "flowgen":
        assert len({(f[IP].src, f[IP].dst) for f in frames}) > 100
    else:
        assert {(f[IP].src, f[IP].dst, len(f)) for f in frames} == {("198.18.0.1", "198.18.0.2", 64)}
        assert all(f.src == tx_mac(bench) for f in frames)
    sent = bench.pmd.stats(bench.right)["tx_packets"]
    wait_until(lambda: bench.counters("right", "nics")["tx_frames"] == sent, 30,
               "the host has what testpmd counted")
    bench.quit()


def echo_requests(tmp_path, mac):
    """ARP and ICMP echo requests with checksums, and something else."""
    frames = [Ether(src="02:00:00:00:00:aa", dst="ff:ff:ff:ff:ff:ff") /
              ARP(op=1, hwsrc="02:00:00:00:00:aa", psrc="10.0.0.1", pdst="10.0.0.2")]
    frames += [Ether(src="02:00:00:00:00:aa", dst=mac) / IP(src="10.0.0.1", dst="10.0.0.2") /
               ICMP(type=8, id=7, seq=i) / Raw(bytes(i % 256 for i in range(100 + i)))
               for i in range(50)]
    path = tmp_path / "in.pcap"
    wrpcap(str(path), [Ether(bytes(f)) for f in frames])
    return path


@pytest.mark.full
def test_icmpecho_answers_arp_and_ping(machine, plugin, tmp_path):
    replay, record = echo_requests(tmp_path, "00:15:5d:00:00:01"), tmp_path / "out.pcapng"
    bench = Bench(machine, plugin, left=f"pcap:replay={replay},rate=1kpps,record={record}")
    bench("set fwd icmpecho", "start")
    wait_until(lambda: bench.counters("left", "nics")["tx_frames"] >= 51, 30, "51 answers")
    bench.quit()
    bench.server.end()
    answers = [f for f in rdpcap(str(record)) if f.src != "02:00:00:00:00:aa"]
    assert sum(ARP in f and f[ARP].op == 2 and f[ARP].psrc == "10.0.0.2" for f in answers) == 1
    echoes = [f for f in answers if ICMP in f and f[ICMP].type == 0]
    assert sorted(f[ICMP].seq for f in echoes) == list(range(50))
    for f in echoes:
        assert (f[IP].src, f[IP].dst, len(f[Raw].load)) == ("10.0.0.2", "10.0.0.1", 100 + f[ICMP].seq)
        assert bytes(f[Raw].load) == bytes(i % 256 for i in range(100 + f[ICMP].seq))


# ---- offloads through csum mode ----

@pytest.mark.full
@pytest.mark.parametrize("l4", ["udp", "tcp"])
@pytest.mark.parametrize("ip", ["ipv4", "ipv6"])
@pytest.mark.op("tx_pkt_prepare")
@pytest.mark.conformance(42)
def test_csum_mode_leaves_checksums_to_the_host_and_they_are_right(machine, plugin, ip, l4):
    """testpmd zeroes the checksums; the sink finds them right."""
    options = {"udp": "", "tcp": ",tcp"}[l4] + {"ipv4": "", "ipv6": ",ipv6"}[ip]
    bench = Bench(machine, plugin, left=f"gen:size=100-1500,rate=5kpps,flows=32{options}")
    p = bench.right
    bench("port stop all", f"csum set ip hw {p}", f"csum set {l4} hw {p}", "port start all",
          "set fwd csum", "start")
    bench.wait_for(100)
    bench.whole(1000)
    assert bench.counters("right", "nics")["tx_csum"] >= 1000
    bench.quit()


@pytest.mark.quick
@pytest.mark.parametrize("ip", ["ipv4", "ipv6"])
@pytest.mark.op("tx_pkt_prepare")
@pytest.mark.conformance(42)
def test_tso_via_csum_mode_is_cut_by_the_host_into_the_right_segments(machine, plugin, ip):
    """Large TCP frames come in; the host cuts each one into pieces of 800."""
    tcp6 = ",ipv6" if ip == "ipv6" else ""
    bench = Bench(machine, plugin, ["--max-pkt-len=9018", "--enable-scatter"],
                  left=f"gen:size=4000-9000,rate=1kpps,flows=16,tcp{tcp6}")
    p = bench.right
    bench("port stop all", f"csum set ip hw {p}", f"csum set tcp hw {p}", f"tso set 800 {p}")
    assert "TSO segment size for non-tunneled packets is 800" in bench(f"tso show {p}")
    bench("port start all", "set fwd csum", "start")
    bench.wait_for(2000)
    frames = bench.capture(frames=400)
    nic = bench.counters("right", "nics")
    assert nic["tx_lso"] > 0 and nic["tx_segments"] > 4 * nic["tx_lso"]
    assert all(checksums_right(f) and len(f[TCP].payload) <= 800 for f in frames if TCP in f)
    assert sum(TCP in f and len(f[TCP].payload) == 800 for f in frames) > 100
    bench.quit()


# ---- VLAN ----

@pytest.mark.quick
@pytest.mark.op("vlan_offload_set")
@pytest.mark.conformance(30, 41)
def test_vlan_tags_are_stripped_and_inserted_on_command(machine, plugin):
    bench = Bench(machine, plugin, left="gen:size=64-1500,rate=5kpps,flows=8,vlan=42")

    def tags():
        frames = bench.capture()
        assert all(checksums_right(f) for f in frames)
        return {f[Dot1Q].vlan if Dot1Q in f else None for f in frames[-100:]}
    bench("set fwd io", "start")
    bench.wait_for()
    assert tags() == {42}
    bench(f"vlan set strip on {bench.left}")
    assert "strip on" in bench(f"show port info {bench.left}")
    bench.wait_for()
    assert tags() == {None}
    # io leaves the mbufs' flags alone; mac asks for what the port is set to.
    bench("stop", f"port stop {bench.right}", f"tx_vlan set {bench.right} 77",
          f"port start {bench.right}", "set fwd mac", "start")
    bench.wait_for()
    assert tags() == {77}
    assert bench.counters("right", "nics")["tx_vlan"] > 0
    bench("stop", f"port stop {bench.right}", f"tx_vlan reset {bench.right}",
          f"vlan set strip off {bench.left}", f"port start {bench.right}", "start")
    bench.wait_for()
    assert tags() == {42}
    assert bench.sink()["gen_corrupt"] == 0
    bench.quit()


@pytest.mark.full
@pytest.mark.conformance(30)
@pytest.mark.parametrize("strip", ["off", "on"])
def test_frames_with_two_tags_pass_with_both(machine, plugin, tmp_path, strip):
    """An outer tag of type 0x88a8 is no tag that hosts take out of a frame."""
    frames = [bytes(Ether(src="02:00:00:00:00:11", dst="02:00:00:00:00:22", type=0x88a8) /
                    Dot1Q(vlan=100 + i, prio=3, type=0x8100) / Dot1Q(vlan=7) /
                    IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=9, dport=i) /
                    Raw(bytes(40 + i))) for i in range(50)]
    replay, record = tmp_path / "in.pcap", tmp_path / "out.pcapng"
    wrpcap(str(replay), [Ether(f) for f in frames])
    bench = Bench(machine, plugin, left=f"pcap:replay={replay},rate=1kpps",
                  right=f"pcap:record={record}")
    bench("set fwd io", f"vlan set strip {strip} {bench.left}", "start")
    wait_until(lambda: bench.counters("right", "nics")["tx_frames"] >= 50, 30, "50 frames")
    bench.quit()
    bench.server.end()
    assert sorted(bytes(f) for f in rdpcap(str(record))) == sorted(frames)


# ---- RSS ----

def queue_packets(bench):
    xstats = bench.pmd.xstats(bench.left)
    return [xstats[f"rx_q{q}_packets"] for q in range(4)]


def used_queues(bench):
    """Those that get frames now."""
    before = queue_packets(bench)
    bench.wait_for(600)
    return [q for q, (a, b) in enumerate(zip(before, queue_packets(bench))) if b > a]


@pytest.mark.quick
@pytest.mark.op("reta_update", "reta_query")
@pytest.mark.conformance(48)
def test_reta_commands_decide_which_queues_get_frames(machine, plugin):
    bench = Bench(machine, plugin)
    bench("port config all rss udp", "start")
    assert used_queues(bench) == [0, 1, 2, 3]
    for queue in (2, 0):
        parts = [",".join(f"({i},{queue})" for i in range(at, at + 8)) for at in range(0, 128, 8)]
        bench(*(f"port config {bench.left} rss reta {part}" for part in parts))
        text = bench(f"show port {bench.left} rss reta 128 (0xffffffffffffffff,0xffffffffffffffff)")
        assert set(re.findall(r"queue=(\d+)", text)) == {str(queue)}
        bench.wait_for(300)             # what was under way
        assert used_queues(bench) == [queue]
    bench.quit()


@pytest.mark.full
@pytest.mark.op("rss_hash_update", "rss_hash_conf_get")
@pytest.mark.conformance(48)
def test_the_rss_key_that_was_set_is_shown_and_hashes(machine, plugin):
    """All flows that differ in the source port go to one queue under a key of
    zeros; with the default key each queue gets some."""
    bench = Bench(machine, plugin)
    bench("port config all rss udp", "start")
    assert used_queues(bench) == [0, 1, 2, 3]
    bench(f"port config {bench.left} rss-hash-key ipv4-udp {'00' * 40}")
    assert "00" * 40 in bench(f"show port {bench.left} rss-hash key")
    bench.wait_for(300)
    assert len(used_queues(bench)) == 1
    bench(f"port config {bench.left} rss-hash-key ipv4-udp {KEY.hex()}")
    assert KEY.hex().upper() in bench(f"show port {bench.left} rss-hash key").upper()
    bench.wait_for(300)
    assert used_queues(bench) == [0, 1, 2, 3]
    bench.quit()


# ---- filters and addresses ----

@pytest.mark.full
@pytest.mark.op("set_mc_addr_list", "allmulticast_enable", "allmulticast_disable", "promiscuous_enable", "promiscuous_disable")
@pytest.mark.conformance(50)
def test_multicast_addresses_are_let_through_while_listed(machine, plugin):
    bench = Bench(machine, plugin, left="gen:size=64-1500,rate=5kpps,dst=01:00:5e:00:00:05",
                  nic="queues=4,mac-filter=on")
    p = bench.left

    def arrives():
        # Twice: the first may see what was on its way.
        for _ in range(2):
            drops = bench.counters("left", "nics")["rx_drop_filter"]
            seen = bench.sink()["tx_frames"]
            wait_until(lambda d=drops, s=seen: bench.counters("left", "nics")["rx_drop_filter"] >
                       d + 200 or bench.sink()["tx_frames"] > s + 200, 30, "frames come or are dropped")
        return bench.sink()["tx_frames"] > seen + 100
    bench("set promisc all off", "set allmulti all off", "start")
    assert not arrives()
    bench(f"mcast_addr add {p} 01:00:5e:00:00:05")
    assert "01:00:5E:00:00:05" in bench(f"show port {p} mcast_macs").upper()
    assert arrives()
    bench(f"mcast_addr remove {p} 01:00:5e:00:00:05")
    assert not arrives()
    bench(f"set allmulti {p} on")
    assert "Allmulticast mode: enabled" in bench(f"show port info {p}")
    assert arrives()
    bench(f"set allmulti {p} off")
    assert not arrives()
    bench(f"set promisc {p} on")
    assert arrives()
    bench.quit()


@pytest.mark.full
@pytest.mark.op("mac_addr_set")
def test_a_mac_address_that_was_set_receives_and_the_old_one_does_not(machine, plugin):
    bench = Bench(machine, plugin, left="gen:size=64-1500,rate=5kpps,dst=02:00:00:00:77:01",
                  nic="queues=4,mac-filter=on")
    bench("set promisc all off", "set allmulti all off", "start")
    wait_until(lambda: bench.counters("left", "nics")["rx_drop_filter"] > 500, 30, "frames are dropped")
    before = bench.counters("left", "nics")
    wait_until(lambda: bench.counters("left", "nics")["rx_drop_filter"] >
               before["rx_drop_filter"] + 200, 30, "more are dropped")
    assert bench.counters("left", "nics")["rx_frames"] == before["rx_frames"]
    bench(f"mac_addr set {bench.left} 02:00:00:00:77:01")
    assert "02:00:00:00:77:01" in bench(f"show port {bench.left} macs")
    bench.wait_for()
    bench("stop", "port stop all", "port start all", "start")
    bench.wait_for()
    bench.quit()


# ---- looking ----

SHOWN = {
    "show port info {p}": [r"Driver name: net_netvsc", r"MTU: 1500", r"Link speed: 40 Gbps",
                           r"Redirection table size: 128", r"NVSP 6.1 NDIS 6.30"],
    "show port stats {p}": [r"RX-packets: [1-9]", r"RX-missed: 0", r"RX-errors: 0"],
    "show port xstats {p}": [r"rx_q3_packets: [1-9]", r"channel_0_acks: [1-9]", r"rx_good_bytes: [1-9]"],
    "show port summary {p}": [r"net_netvsc +up +40 Gbps"],
    "show port {p} rss-hash key": [r"RSS functions:\s+\S*ipv4", r"RSS key:\s+[0-9A-F]{80}"],
    "show port {p} rss reta 128 (0xff,0x0)": [r"RSS RETA configuration: hash index=7, queue=3"],
    "show rxq info {p} 3": [r"Number of RXDs: 512", r"Rx queue state: started", r"mb_pool_0"],
    "show txq info {p} 3": [r"Number of TXDs: 512", r"Tx queue state: started"],
    "show port {p} rxq 0 desc 0 status": [r"Desc status = (DONE|AVAILABLE)"],
    "show port {p} txq 0 desc 0 status": [r"Desc status = (DONE|FULL)"],
    "show port {p} rx_offload capabilities": [r"VLAN_STRIP", r"UDP_CKSUM", r"SCATTER"],
    "show port {p} tx_offload capabilities": [r"VLAN_INSERT", r"TCP_TSO", r"MULTI_SEGS"],
    "show port {p} rx_offload configuration": [r"Queue\[ 3\]"],
    "show port {p} ptypes": [r"L2_ETHER", r"L3_IPV4", r"L4_UDP"],
    "show port {p} macs": [r"Number of MAC address added: 1"],
    "show device info all": [r"Bus name: vmbus", r"Driver name: net_netvsc"],
    "show fwd stats all": [r"RX-packets: [1-9]"],
    "show config fwd": [r"io packet forwarding - ports=2"],
    "dump_log_types": [r"pmd.net.netvsc.init", r"bus.vmbus"],
}


@pytest.mark.quick
@pytest.mark.op("dev_infos_get", "stats_get", "xstats_get", "xstats_get_names", "rxq_info_get", "txq_info_get", "fw_version_get")
def test_every_show_command_has_an_answer_under_traffic(machine, plugin):
    bench = Bench(machine, plugin)
    bench("set fwd io", "start")
    bench.wait_for(1000, "gen_received")
    for command, patterns in SHOWN.items():
        text = bench(command.format(p=bench.left))
        for pattern in patterns:
            assert re.search(pattern, text), f"{command}: no {pattern} in\n{text}"
    bench.whole(300)
    bench.quit()


@pytest.mark.full
@pytest.mark.parametrize("command", [
    "show port {p} eeprom", "show port {p} module_eeprom", "show port {p} flow_ctrl",
    "show port {p} fec capabilities", "set port {p} uta all on", "port config {p} rx_offload qinq_strip on",
    "vlan set filter on {p}", "mac_addr add {p} 02:00:00:00:00:99", "set vf promisc {p} 0 on",
])
def test_what_a_netvsc_has_not_is_refused_and_traffic_goes_on(machine, plugin, command):
    bench = Bench(machine, plugin)
    bench("set fwd io", "start")
    bench.wait_for(200, "gen_received")
    text = bench(command.format(p=bench.left))
    assert re.search(r"(?i)not supp|not impl|-95|fail|bad arg|doesn.t support|must be stopped"
                     r"|not enabled|disallowed|can't config", text), text
    bench.whole(200)
    bench.quit()


# ---- ports that come and go ----

@pytest.mark.full
@pytest.mark.op("dev_close")
def test_a_port_is_closed_detached_and_attached_again(machine, plugin):
    bench = Bench(machine, plugin)
    bench("set fwd io", "start")
    for _ in range(3):
        bench.wait_for(300, "gen_received")
        left = bench.port["left"]
        bench("stop", f"port stop {left}", f"port close {left}")
        text = bench(f"device detach vmbus:{bench.guid['left']}")
        assert "detached" in text, text
        assert bench.guid["left"] not in bench("show port summary all").lower()
        text = bench(f"port attach vmbus:{bench.guid['left']}")
        assert "is attached" in text, text
        bench.port["left"] = int(re.search(rf"^(\d+) .*{bench.guid['left']}",
                                           bench("show port summary all").lower(), re.M)[1])
        bench("port start all", "start")
    bench.wait_for(300, "gen_received")
    assert bench.sink()["gen_corrupt"] == 0
    bench.quit()


@pytest.mark.quick
def test_a_port_is_detached_with_one_command(machine, plugin):
    bench = Bench(machine, plugin)
    bench("set fwd io", "start")
    bench.wait_for(300, "gen_received")
    assert "detached" in bench("stop", "port stop all", f"port detach {bench.left}")
    assert "is attached" in bench(f"port attach vmbus:{bench.guid['left']}")
    bench("port start all", "start")
    bench.wait_for(300, "gen_received")
    bench.quit()


@pytest.mark.full
def test_stats_period_shows_rates_by_itself(machine, plugin):
    """The other way to run testpmd: without a prompt, with --stats-period."""
    server = machine.serve(["--nic", "name=left,queues=2,port=gen:size=64,rate=5kpps,flows=8",
                            "--nic", "name=right,queues=2,port=sink"])
    guest = server.start(["dpdk-testpmd", "-l", "0,1", "--no-pci", "--no-telemetry", "--no-huge",
                          "-m", "512", "--iova-mode=va", "--file-prefix=stats-period", "-d", plugin,
                          "--", "--rxq=2", "--txq=2", "--total-num-mbufs=8192", "--stats-period=1"])
    wait_until(lambda: len(re.findall(r"Rx-pps: +[1-9]", guest.log.read_text(errors="replace"))) >= 2,
               60, "two periods with traffic are shown")
    no_violations(server)
