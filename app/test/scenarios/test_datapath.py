# SPDX-License-Identifier: BSD-3-Clause
"""Frames with all that travels beside them, end to end: scapy makes and judges
them, the driver sends and receives them, hvsim executes and verifies."""

import json
import struct

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrHopByHop
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import PcapWriter, rdpcap

from conftest import NO_HUGE, ethdev, wait_until
from test_builtin import echo_ok
from test_driver import forwarder, left_port, no_violations
from test_protocol import HOSTS

pytestmark = pytest.mark.sanitized

GUID = "01234567-89ab-4def-8123-456789abcdef"
LSO_HOSTS = [h for h in HOSTS if h != "ws2008"]
OTHERS = [h for h in LSO_HOSTS if h != "ws2022"]

# RTE_ETH_TX_OFFLOAD_*, RTE_ETH_RX_OFFLOAD_*, RTE_MBUF_F_TX_*: fixed by the ABI.
TX = {"VLAN": 1 << 0, "IPV4": 1 << 1, "UDP": 1 << 2, "TCP": 1 << 3, "TSO": 1 << 5}
RX = {"VLAN": 1 << 0, "LRO": 1 << 4, "SCATTER": 1 << 13, "HASH": 1 << 19,
      "CSUM": 1 << 1 | 1 << 2 | 1 << 3}
SEG, TCP_CSUM, UDP_CSUM, IP_CSUM, V4, V6, VLAN = (1 << 50, 1 << 52, 3 << 52, 1 << 54, 1 << 55,
                                                  1 << 56, 1 << 57)
ALL_TX = sum(TX.values())
MACS = {"src": "02:00:00:00:00:02", "dst": "02:00:00:00:00:01"}


def content(n, seed=0):
    return bytes((i * 7 + i // 253 + seed) % 256 for i in range(n))


class Sent:
    """A frame and what its mbuf says."""

    def __init__(self, frame, flags=0, l2=14, l3=0, l4=0, segsz=0, tci=0, segments=1):
        self.raw = bytes(frame)
        self.head = struct.pack("<QIHHHHHH", flags, len(self.raw), l2, l3, l4, segsz, tci,
                                segments)


def script(path, frames):
    path.write_bytes(b"".join(f.head + f.raw for f in frames))
    return path


def run_script(machine, plugin, nic, *, frames=(), expect=0, tx=0, rx=0, args="", host=None,
               options=(), strict=True):
    """Sends the frames, waits for so many; returns the done run and its result."""
    eal = [*NO_HUGE, "-a", f"vmbus:{GUID}" + (f",{args}" if args else ""), "-d", plugin]
    command = ethdev(eal, "--mode", "script", "--rounds", "1", "--frames", str(expect),
                     "--tx-offloads", hex(tx), "--rx-offloads", hex(rx),
                     *(["--script", str(script(machine.path("script"), frames))]
                       if frames else []), *options)
    done = machine.run([*(["--strict"] if strict else []), *(["--host", host] if host else []),
                        "--nic", f"guid={GUID},{nic}"], command)
    assert done.violations() == {}, done.violations()
    return done, done.ok().results()[0]


def port_of(done):
    return next(s for s in done.steps() if s["step"] == "port")


def assert_checksums(frame):
    """Those in the frame are those that scapy computes."""
    packet = Ether(bytes(frame))
    fresh = packet.copy()
    for layer in (IP, TCP, UDP):
        if layer in fresh:
            fresh[layer].chksum = None
    fresh = Ether(bytes(fresh))
    for layer in (IP, TCP, UDP):
        if layer in packet:
            assert packet[layer].chksum == fresh[layer].chksum, (layer, packet.summary())


# ---- segmentation ----

def big(ipv6, payload, options=(), tag=False):
    packet = Ether(**MACS)
    if tag:
        packet /= Dot1Q(vlan=77, prio=5, id=1)
    packet /= IPv6(src="2001:db8::1", dst="2001:db8::2") if ipv6 else \
        IP(src="10.0.0.1", dst="10.0.0.2", id=0xfffd, ttl=63)
    packet /= TCP(sport=1000, dport=2000, seq=0xfffff000, ack=7, flags="PACF",
                  options=list(options))
    return packet / Raw(content(payload, payload))


def tso(packet, segsz, segments=1, flags=0, tci=0):
    ipv6 = IPv6 in packet
    return Sent(packet, SEG | (V6 if ipv6 else V4 | IP_CSUM) | flags,
                l2=18 if Dot1Q in packet else 14, l3=40 if ipv6 else 20,
                l4=packet[TCP].dataofs * 4 if packet[TCP].dataofs else
                len(bytes(packet[TCP])) - len(packet[Raw].load), segsz=segsz, tci=tci,
                segments=segments)


def check_segments(segments, packet, segsz):
    """They are what one TCP would have sent instead of the packet."""
    load, ipv6, seq = b"", IPv6 in packet, packet[TCP].seq
    original = Ether(bytes(packet))
    for i, raw in enumerate(segments):
        s, last = Ether(raw), i + 1 == len(segments)
        assert_checksums(raw)
        piece = bytes(s[TCP].payload)
        assert len(piece) == segsz or (last and 0 < len(piece) <= segsz)
        assert s[TCP].seq == (seq + len(load)) % 2**32
        want = set("A") | (set("C") if i == 0 else set()) | (set("PF") if last else set())
        assert set(str(s[TCP].flags)) == want, (i, s[TCP].flags)
        assert s[TCP].options == original[TCP].options and s[TCP].ack == 7
        if ipv6:
            assert s[IPv6].plen == len(bytes(s[TCP]))
        else:
            assert s[IP].len == len(bytes(s[IP])) and s[IP].ttl == 63
            assert s[IP].id == (0xfffd + i) % 65536
        load += piece
    assert load == packet[Raw].load


def tso_case(machine, plugin, host):
    cases = [(big(False, 5000), 1460, 1), (big(True, 5000), 1440, 1), (big(False, 1461), 1460, 1),
             (big(True, 30000, [("Timestamp", (1, 2)), ("NOP", None), ("NOP", None)]), 1428, 16),
             (big(False, 62780, [("Timestamp", (9, 8)), ("NOP", None), ("NOP", None)]), 1448, 30),
             (big(False, 20000), 536, 12), (big(False, 9000, tag=True), 1460, 5),
             (big(True, 9000, tag=True), 1000, 5)]
    out = machine.path("segments.pcapng")
    frames = [tso(packet, segsz, n) for packet, segsz, n in cases]
    done, result = run_script(machine, plugin, f"queues=1,port=[pcap:record={out}]", host=host,
                              frames=frames, tx=ALL_TX if host != "ws2008r2" else
                              ALL_TX & ~TX["UDP"], options=["--data-room", "16384",
                                                            "--mbufs", "1023"])
    assert result["sent"] == len(cases) == result["stats"]["opackets"]
    assert result["stats"]["oerrors"] == 0 and done.nic()["tx_lso"] == len(cases)
    seen = [bytes(p) for p in rdpcap(str(out))]
    for packet, segsz, _ in cases:
        n = -(-len(packet[Raw].load) // segsz)
        mine, seen = seen[:n], seen[n:]
        if Dot1Q in packet:
            for raw in mine:
                assert raw[12:16] == bytes(packet)[12:16]
            mine = [raw[:12] + raw[16:] for raw in mine]
        check_segments(mine, packet, segsz)
    assert not seen


@pytest.mark.quick
@pytest.mark.conformance(42)
def test_the_host_cuts_what_the_driver_leaves_to_it_into_right_segments(machine, plugin):
    tso_case(machine, plugin, "ws2022")


@pytest.mark.full
@pytest.mark.conformance(42)
@pytest.mark.parametrize("host", OTHERS)
def test_each_host_that_segments_cuts_right_segments(machine, plugin, host):
    tso_case(machine, plugin, host)


@pytest.mark.quick
@pytest.mark.conformance(42)
def test_segmentation_is_not_advertised_on_a_host_without_it(machine, plugin):
    frames = [tso(big(False, 5000), 1460), Sent(bytes(60))]
    done, result = run_script(machine, plugin, "port=sink:verify=no", host="ws2008",
                              frames=frames, options=["--data-room", "8192"])
    assert port_of(done)["tx_offloads"] & TX["TSO"] == 0
    assert result["frames"] == [{"refused": "Operation not supported"}]
    assert result["sent"] == 1


# ---- checksums to send ----

def csum_frames():
    """All kinds, with fields that are wrong before the host computes them."""
    frames = []
    for ipv6 in (False, True):
        for udp in (False, True):
            for size in (0, 1, 17, 600, 1400):
                for tag in (False, True):
                    packet = Ether(**MACS)
                    if tag:
                        packet /= Dot1Q(vlan=5)
                    packet /= IPv6(src="2001:db8::1", dst="2001:db8::2") if ipv6 else \
                        IP(src="10.0.0.1", dst="10.0.0.2", chksum=0x1111)
                    packet /= UDP(sport=7, dport=9, chksum=0x2222) if udp else \
                        TCP(sport=7, dport=9, chksum=0x2222)
                    packet /= Raw(content(size))
                    flags = (UDP_CSUM if udp else TCP_CSUM) | (V6 if ipv6 else V4 | IP_CSUM)
                    frames.append(Sent(packet, flags, l2=18 if tag else 14,
                                       l3=40 if ipv6 else 20, l4=8 if udp else 20,
                                       segments=1 + size % 3 if size > 100 else 1))
    return frames


@pytest.mark.quick
@pytest.mark.conformance(42)
@pytest.mark.parametrize("args", ["", "tx_copybreak=0", "tx_page_lists=0"])
def test_the_host_fills_in_every_checksum_it_was_asked_for(machine, plugin, args):
    out = machine.path("sums.pcapng")
    frames = csum_frames()
    _, result = run_script(machine, plugin, f"port=[pcap:record={out}]", frames=frames, tx=ALL_TX,
                           args=args)
    assert result["sent"] == len(frames)
    seen = rdpcap(str(out))
    assert len(seen) == len(frames)
    for packet, frame in zip(seen, frames):
        assert_checksums(bytes(packet))
        assert bytes(packet)[-len(frame.raw) + 80:] == frame.raw[80:] or len(frame.raw) < 81
        assert len(bytes(packet)) == len(frame.raw)


@pytest.mark.quick
@pytest.mark.conformance(42, 44)
@pytest.mark.op("tx_pkt_prepare")
def test_malformed_offloads_are_refused_and_never_reach_the_host(machine, plugin):
    """One of them in a message would cost its neighbours."""
    good = Sent(Ether(**MACS) / IP() / TCP() / Raw(content(100)), V4 | IP_CSUM | TCP_CSUM, l3=20,
                l4=20)
    ip4 = Ether(**MACS) / IP() / TCP() / Raw(content(100))
    bad = [Sent(ip4, V4 | TCP_CSUM, l2=0, l3=0), Sent(ip4, V4 | TCP_CSUM, l3=24),
           Sent(ip4, V6 | TCP_CSUM, l3=40), Sent(ip4, V4 | TCP_CSUM, l2=18, l3=20),
           Sent(ip4, V4 | SEG, l3=20, l4=20, segsz=0), Sent(ip4, V4 | SEG, l3=20, l4=60, segsz=500),
           Sent(ip4, V4 | UDP_CSUM, l3=20), Sent(bytes(20), V4 | TCP_CSUM, l3=20),
           Sent(big(False, 63000), V4 | SEG, l3=20, l4=20, segsz=1460, segments=10)]
    frames = [f for b in bad for f in (good, b, good)]
    options = ["--data-room", "16384", "--mbufs", "1023"]
    _, result = run_script(machine, plugin, "port=sink:verify=no", frames=frames, tx=ALL_TX,
                           options=options)
    assert result["frames"] == [{"refused": "Invalid argument"}] * len(bad)
    assert result["stats"]["opackets"] == 2 * len(bad) and result["stats"]["oerrors"] == 0
    done, result = run_script(machine, plugin, "port=sink:verify=no", frames=frames, tx=ALL_TX,
                              options=[*options, "--unprepared"])
    assert result["stats"]["opackets"] == 2 * len(bad)
    assert result["stats"]["oerrors"] == len(bad) == result["xstats"]["tx_q0_bad_offloads"]
    assert done.nic().get("tx_failed", 0) == 0 and done.nic()["tx_frames"] == 2 * len(bad)


# ---- tags ----

@pytest.mark.quick
@pytest.mark.conformance(41)
@pytest.mark.parametrize("host", ["ws2022", "openvmm", "ws2012"])
def test_tags_leave_with_all_their_bits_by_flag_in_the_frame_and_both(machine, plugin, host):
    out = machine.path("tags.pcapng")
    base = Ether(**MACS) / IP() / UDP() / Raw(content(80))
    frames, want = [], []
    for tci in (1, 0xfff, 0xe064, 0x1064, 0x5abc):
        tag = struct.pack(">HH", 0x8100, tci)
        tagged = bytes(base)[:12] + tag + bytes(base)[12:]
        inner = bytes(base)[:12] + b"\x81\x00\x00\x09" + bytes(base)[12:]
        both = bytes(base)[:12] + tag + inner[12:]
        frames += [Sent(base, VLAN, tci=tci), Sent(tagged), Sent(tagged, segments=3),
                   Sent(inner, VLAN, tci=tci), Sent(both)]
        want += [tagged, tagged, tagged, both, both]
    done, _ = run_script(machine, plugin, f"port=[pcap:record={out}]", host=host, frames=frames,
                         tx=TX["VLAN"])
    assert [bytes(p) for p in rdpcap(str(out))] == want
    assert done.nic()["tx_vlan"] == len(frames)


# ---- received frames ----

def arriving(ipv6, udp, size, bad=""):
    packet = Ether(**MACS)
    packet /= IPv6(src="2001:db8::1", dst="2001:db8::2") if ipv6 else \
        IP(src="10.0.0.1", dst="10.0.0.2")
    packet /= (UDP if udp else TCP)(sport=7, dport=9)
    raw = bytearray(bytes(packet / Raw(content(size))))
    if "ip" in bad:
        raw[24] ^= 0x55
    if "l4" in bad:
        raw[-1] ^= 0x55
    return bytes(raw)


def replay(machine, frames):
    path = machine.path("in.pcap")
    with PcapWriter(str(path), linktype=1, nano=True) as out:
        for frame in frames:
            out.write(Ether(frame))
    return path


def flags_of(received):
    return {f.replace("RTE_MBUF_F_RX_", "") for f in received["flags"].split()}


def receive_case(machine, plugin, host, frames, rx, nic="", options=()):
    path = replay(machine, frames)
    done, result = run_script(machine, plugin, f"queues=1{nic},port=[pcap:replay={path},"
                              "rate=20kpps]", host=host, expect=len(frames), rx=rx,
                              options=options)
    return done, result


@pytest.mark.quick
@pytest.mark.conformance(28, 31)
@pytest.mark.parametrize("host", ["ws2022", "openvmm", "ws2012"])
def test_good_and_bad_checksums_are_told_of_every_received_frame(machine, plugin, host):
    kinds = [(v6, udp, size, bad) for v6 in (False, True) for udp in (False, True)
             for size in (20, 700) for bad in ("", "l4", "ip", "ip l4")
             if not (v6 and "ip" in bad)]
    frames = [arriving(*kind) for kind in kinds]
    _, result = receive_case(machine, plugin, host, frames, RX["CSUM"])
    assert [bytes.fromhex(r["data"]) for r in result["frames"]] == frames
    for received, (v6, _, _, bad) in zip(result["frames"], kinds):
        flags = flags_of(received)
        if not v6:
            assert ("IP_CKSUM_BAD" if "ip" in bad else "IP_CKSUM_GOOD") in flags, (bad, flags)
        assert ("L4_CKSUM_BAD" if "l4" in bad else "L4_CKSUM_GOOD") in flags, (bad, flags)
    assert result["stats"]["ipackets"] == len(frames) and result["stats"]["ierrors"] == 0


@pytest.mark.quick
@pytest.mark.conformance(30, 32)
@pytest.mark.parametrize("host", ["ws2022", "openvmm", "ws2008"])
@pytest.mark.parametrize("strip", [True, False])
def test_received_tags_are_stripped_or_kept_whatever_the_host_tells(machine, plugin, host, strip):
    base = arriving(False, True, 50)
    frames, tcis = [], [1, 0xfff, 0xe064, 0x1064, 0x5abc]
    for tci in tcis:
        frames.append(base[:12] + struct.pack(">HH", 0x8100, tci) + base[12:])
    both = base[:12] + b"\x81\x00\x20\x05\x81\x00\x00\x07" + base[12:]
    _, result = receive_case(machine, plugin, host, [*frames, both, base],
                             RX["VLAN"] if strip else 0)
    seen = result["frames"]
    for received, tci, frame in zip(seen, tcis, frames):
        if strip:
            assert {"VLAN", "VLAN_STRIPPED"} <= flags_of(received) and received["tci"] == tci
            assert received["data"] == base.hex()
        else:
            assert "VLAN_STRIPPED" not in flags_of(received)
            assert received["data"] == frame.hex()
            assert "L2_ETHER_VLAN" in received["ptype"]
    assert seen[5]["data"] == (both[:12] + both[16:] if strip else both).hex()
    assert seen[6]["data"] == base.hex() and "VLAN" not in flags_of(seen[6])


# ---- two tags ----

QINQ = 1 << 49                  # RTE_MBUF_F_TX_QINQ


def doubly_tagged(size, outer=0x88a8):
    """A frame of so many bytes with two tags; 0x88a8 is no tag to hosts."""
    head = bytes(Ether(**MACS))[:12]
    head += struct.pack(">HHHH", outer, 0xe064, 0x8100, 0x2007)
    ip = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=7, dport=9) / Raw(content(size - 50))
    return head + b"\x08\x00" + bytes(ip)


@pytest.mark.full
@pytest.mark.conformance(30, 32)
@pytest.mark.parametrize("host", ["ws2022", "openvmm", "ws2008"])
@pytest.mark.parametrize("strip", [True, False])
def test_an_outer_tag_of_qinq_stays_in_received_frames_which_are_of_that_type(machine, plugin,
                                                                             host, strip):
    frames = [doubly_tagged(size) for size in (64, 65, 700, 1514)]
    _, result = receive_case(machine, plugin, host, frames, RX["VLAN"] if strip else 0)
    for received, frame in zip(result["frames"], frames):
        assert received["data"] == frame.hex()
        assert not {"VLAN", "VLAN_STRIPPED", "QINQ", "QINQ_STRIPPED"} & flags_of(received)
        assert "L2_ETHER_QINQ" in received["ptype"], received["ptype"]
    assert result["stats"]["ipackets"] == len(frames) and result["stats"]["ierrors"] == 0


@pytest.mark.full
@pytest.mark.conformance(39, 41)
@pytest.mark.parametrize("host", ["ws2022", "openvmm", "ws2012"])
def test_frames_of_two_tags_are_sent_as_they_are_and_inserting_two_is_refused(machine, plugin,
                                                                             host):
    """A tag of type 0x8100 that stands first goes beside the frame, and what is
    behind it counts for the MTU: one tag of the outer type 0x8100, two of 0x88a8."""
    out = machine.path("qinq.pcapng")
    good = [doubly_tagged(size) for size in (64, 700, 1514)] + [doubly_tagged(1518, 0x8100)]
    long = [doubly_tagged(1515), doubly_tagged(1519, 0x8100)]
    asking = [Sent(doubly_tagged(64), QINQ), Sent(doubly_tagged(64), QINQ | VLAN, tci=5),
              Sent(doubly_tagged(64), V4 | UDP_CSUM, l2=22, l3=20),
              Sent(doubly_tagged(64, 0x8100), V4 | UDP_CSUM, l2=22, l3=20)]
    for options in ([], ["--unprepared"]):
        done, result = run_script(machine, plugin, f"port=[pcap:record={out}]", host=host,
                                  frames=[*map(Sent, good), *map(Sent, long), *asking],
                                  tx=TX["VLAN"] | TX["UDP"], options=options)
        assert [bytes(p) for p in rdpcap(str(out))] == good
        assert done.nic()["tx_vlan"] == 1 and result["stats"]["opackets"] == len(good)
        if options:
            xstats = result["xstats"]
            assert (xstats["tx_q0_rejected"], xstats["tx_q0_bad_offloads"]) == (2, 4), xstats
        else:
            assert [f["refused"] for f in result["frames"]] == \
                ["Invalid argument"] * 2 + ["Operation not supported"] * 2 + \
                ["Invalid argument"] * 2



@pytest.mark.quick
@pytest.mark.conformance(29, 32)
@pytest.mark.parametrize("host", ["ws2022", "ws2012r2"])
def test_frames_of_all_kinds_and_lengths_arrive_as_they_were_sent(machine, plugin, host):
    ether = Ether(**MACS)
    kinds = [(ether / ARP(), "L2_ETHER"), (ether / IP() / TCP(), "L4_TCP"),
             (ether / IP(options=[b"\x01"] * 4) / UDP(), "L3_IPV4_EXT"),
             (ether / IP(frag=3) / Raw(content(60)), "L4_FRAG"),
             (ether / IP(proto=132) / Raw(content(60)), "L4_SCTP"),
             (ether / IPv6() / UDP() / Raw(content(9)), "L3_IPV6 L4_UDP"),
             (ether / IPv6() / IPv6ExtHdrHopByHop() / TCP() / Raw(content(9)), "L3_IPV6_EXT")]
    frames = [bytes(k) for k, _ in kinds] + \
        [bytes(ether)[:12] + b"\x12\x34" + content(n - 14) for n in [*range(14, 70), 1513, 1514]]
    done, result = receive_case(machine, plugin, host, frames, 0)
    assert [r["data"] for r in result["frames"]] == [f.hex() for f in frames]
    for received, (_, ptype) in zip(result["frames"], kinds):
        assert all(p in received["ptype"] for p in ptype.split()), (ptype, received["ptype"])
    assert done.nic().get("rx_drop_length", 0) == 0


@pytest.mark.quick
@pytest.mark.conformance(29, 34)
def test_frames_longer_than_an_mbuf_come_in_chains_or_are_dropped_and_counted(machine, plugin):
    frames = [arriving(False, True, size) for size in (100, 470, 1000, 1400, 200)]
    _, result = receive_case(machine, plugin, "ws2022", frames, RX["SCATTER"],
                             options=["--data-room", "512"])
    assert [r["data"] for r in result["frames"]] == [f.hex() for f in frames]
    assert [r["segments"] for r in result["frames"]] == [1, 1, 3, 3, 1]


# ---- coalesced segments ----

def stream(n, segsz, ipv6=False):
    """n segments of one TCP connection, in order."""
    out, seq = [], 1000
    for i in range(n):
        packet = Ether(**MACS)
        packet /= IPv6(src="2001:db8::1", dst="2001:db8::2") if ipv6 else \
            IP(src="10.0.0.1", dst="10.0.0.2", id=i)
        packet /= TCP(sport=7, dport=9, seq=seq, ack=1, flags="A")
        out.append(bytes(packet / Raw(content(segsz, i))))
        seq += segsz
    return out


def tcp_load(raw):
    packet = Ether(raw)
    return packet[TCP].seq, bytes(packet[TCP].payload)


@pytest.mark.quick
@pytest.mark.conformance(27, 28, 31)
@pytest.mark.parametrize("ipv6", [False, True])
def test_coalesced_runs_are_chains_with_their_segment_size(machine, plugin, ipv6):
    frames = stream(200, 1000, ipv6)
    path = replay(machine, frames)
    server = ["--strict", "--host", "ws2022", "--nic",
              f"guid={GUID},queues=1,rsc=on,port=[pcap:replay={path},rate=max]"]
    command = ethdev([*NO_HUGE, "-d", plugin], "--mode", "script", "--rounds", "1", "--seconds",
                     "6", "--frames", "200", "--rx-offloads", hex(RX["LRO"] | RX["CSUM"]))
    done = machine.run(server, command)
    assert done.violations() == {}
    result = done.results()[0]
    chains = [r for r in result["frames"] if r["segments"] > 1]
    assert chains and len(result["frames"]) < 200 and done.nic()["rx_rsc_runs"] == len(chains)
    for r in chains:
        assert "LRO" in flags_of(r) and r["segsz"] == 1000 and "L4_TCP" in r["ptype"]
        assert "L4_CKSUM_NONE" in flags_of(r)
    at, whole = 1000, b""
    for r in result["frames"]:
        seq, load = tcp_load(bytes.fromhex(r["data"]))
        assert seq == at
        at, whole = at + len(load), whole + load
    assert whole == b"".join(content(1000, i) for i in range(200))
    assert result["stats"]["ierrors"] == 0
    assert [s for s in done.steps() if s["step"] == "mbufs"] == [{"step": "mbufs", "missing": 0}]


@pytest.mark.quick
@pytest.mark.conformance(28)
def test_without_lro_the_host_coalesces_nothing(machine, plugin):
    frames = stream(100, 1000)
    path = replay(machine, frames)
    done, result = run_script(machine, plugin, f"queues=1,rsc=on,port=[pcap:replay={path},rate=max]",
                              host="ws2022", expect=100)
    assert [r["data"] for r in result["frames"]] == [f.hex() for f in frames]
    assert done.nic().get("rx_rsc_runs", 0) == 0


# ---- aggregation, and where there are no page lists ----

AGGREGATES = {"ws2008r2": 1, "ws2012": 4, "ws2022": 8, "openvmm": 8}


@pytest.mark.quick
@pytest.mark.conformance(38)
@pytest.mark.parametrize("host", AGGREGATES)
def test_messages_hold_as_many_frames_as_each_host_takes(machine, plugin, host):
    done = machine.run(["--strict", "--host", host, "--nic", "queues=1,port=echo"],
                       ethdev([*NO_HUGE, "-d", plugin], "--mode", "speed", "--rounds", "1",
                              "--frames", "20000", "--window", "64"))
    assert done.ok().violations() == {}
    assert done.nic()["tx_packets_max"] == AGGREGATES[host]


@pytest.mark.quick
@pytest.mark.conformance(38)
@pytest.mark.parametrize("args,most", [("tx_agg_packets=3", 3), ("tx_agg_packets=1", 1),
                                       ("tx_agg_bytes=500", 3), ("tx_section_cache=1", 8)])
def test_devargs_limit_how_many_frames_share_a_message(machine, plugin, args, most):
    done = machine.run(["--strict", "--nic", f"queues=1,guid={GUID},port=echo"],
                       ethdev([*NO_HUGE, "-a", f"vmbus:{GUID},{args}", "-d", plugin], "--mode",
                              "speed", "--rounds", "1", "--frames", "20000", "--window", "64"))
    assert done.ok().violations() == {}
    assert done.nic()["tx_packets_max"] == most


@pytest.mark.quick
@pytest.mark.conformance(39)
def test_without_page_lists_the_mtu_ends_where_a_section_does(machine, plugin):
    """6,144 bytes, less header, information, alignment and Ethernet header."""
    most = 6144 - 92 - 7 - 14
    eal = [*NO_HUGE, "-a", f"vmbus:{GUID},tx_page_lists=0", "-d", plugin]
    nic = ["--strict", "--nic", f"queues=1,guid={GUID},port=echo"]
    big_mbufs = ["--data-room", "9216", "--mbufs", "2047", "--rounds", "1"]
    done = machine.run(nic, ethdev(eal, "--mtu", str(most), "--bytes", f"5500-{most + 14}",
                                   "--segments", "1-2", *big_mbufs))
    echo_ok(done, 1)
    assert port_of(done)["max_mtu"] == most
    assert done.nic().get("tx_page_lists", 0) == 0
    done = machine.run(nic, ethdev(eal, "--mtu", str(most + 1), *big_mbufs))
    assert done.status != 0
    assert next(s for s in done.steps() if s["step"] == "configure")["error"]


# ---- two threads on a channel ----

@pytest.mark.quick
@pytest.mark.conformance(18, 27)
@pytest.mark.parametrize("args", ["tx_copybreak=700", "tx_agg_packets=1"])
def test_acknowledgements_and_frames_of_two_threads_never_mix_in_a_channel(machine, plugin, args):
    """Every byte of every frame is checked, and every acknowledgement by the host."""
    done = machine.run(["--strict", "--nic",
                        f"queues=1,guid={GUID},port=echo,frames-per-transfer=1"],
                       ethdev([*NO_HUGE, "-a", f"vmbus:{GUID},{args}", "-d", plugin], "--mode",
                              "duplex", "--rounds", "1", "--bytes", "60-800", "--repeat", "250",
                              "--window", "1500", "--seconds", "90"), timeout=150)
    assert echo_ok(done, 1)[0]["total"] == 741 * 250


# ---- overload ----

@pytest.mark.quick
@pytest.mark.conformance(34, 35)
def test_offered_more_than_it_can_take_the_guest_loses_nothing_it_was_given(machine, plugin):
    """What there is no room for stays with the generator; of what the host put
    into the receive buffer every frame is delivered."""
    server, pmd = forwarder(machine, plugin, rate="3Mpps", size="64")
    pmd("start")
    wait_until(lambda: server.counters("left").get("rx_frames", 0) > 500000, 60,
               "half a million frames are received")
    port = left_port(pmd)
    pmd("stop")
    server.ctl("link", "left", "down")      # no more of them
    stats = pmd.stats(port)
    assert stats["rx_errors"] == 0
    pmd("start")
    wait_until(lambda: pmd.stats(port)["rx_packets"] + pmd.stats(port)["rx_missed"] ==
               server.counters("left")["rx_frames"], 20, "every frame is accounted for")
    assert pmd.stats(port)["rx_missed"] == 0
    pmd.quit()
    no_violations(server)


@pytest.mark.quick
@pytest.mark.conformance(35)
def test_frames_keep_coming_while_completions_flood_the_ring(machine, plugin):
    """Every frame sent in a message of its own: a completion for each."""
    server = machine.serve(["--strict", "--nic", f"queues=1,guid={GUID},port=echo"])
    guest = server.start(ethdev([*NO_HUGE, "-a", f"vmbus:{GUID},tx_agg_packets=1", "-d", plugin],
                                "--mode", "speed", "--rounds", "1", "--frames", "300000",
                                "--window", "256", "--seconds", "60"))
    assert guest.wait(90) == 0, guest.log.read_text()
    steps = [json.loads(line) for line in guest.log.read_text().splitlines()
             if line.startswith("{")]
    result = next(s["result"] for s in steps if s["step"] == "traffic")
    assert result["frames"] >= 300000 and result["lost"] == 0
    assert steps[-1] == {"step": "mbufs", "missing": 0}
    no_violations(server)
