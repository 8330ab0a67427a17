#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the seeds of the fuzz targets: one or a few right inputs each, from
which the fuzzer starts. Regressions beside them are not touched."""

import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
NIC = "f8615163-df3e-46c5-913f-f2d2f965ed0e"
NAME = "7a08391f-f5a0-4ac0-9802-d13fd964f8df"


def seed(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(data)


def u32(*values):
    return struct.pack(f"<{len(values)}I", *values)


def ppi(kind, value):
    return u32(16, kind, 12, value)


def rndis_data(frame, ppis=b""):
    return u32(1, 44 + len(ppis) + len(frame), 36 + len(ppis), len(frame), 0, 0, 0,
               36 if ppis else 0, len(ppis), 0, 0) + ppis + frame


def tcp_frame(payload=b"x" * 20):
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 1, 0, 64, 6, 0,
                     bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    tcp = struct.pack(">HHIIBBHHH", 1, 2, 3, 4, 0x50, 0x10, 100, 0, 0)
    return bytes(6) + bytes([2, 0, 0, 0, 0, 1]) + b"\x08\x00" + ip + tcp + payload


def packet(kind, payload, extension=b"", tid=7, flags=0):
    payload += bytes(-len(payload) % 8)
    body = extension + payload
    return struct.pack("<HHHHQ", kind, (16 + len(extension)) // 8, (16 + len(body)) // 8,
                       flags, tid) + body + bytes(8)


def rings():
    ring = packet(6, u32(128, 1, 77)) + packet(11, u32(108, 1))
    fill = bytes([5]) + struct.pack("<HB", 0, len(ring)) + ring
    index = bytes([4, 1, 0]) + u32(len(ring))
    put = bytes([2, 0]) + struct.pack("<HBB", 40, 9, 0)
    seed("vmbus_packet", "two-packets", bytes(9) + fill + index + bytes([0, 1]) + put + bytes([3]))
    wrapped = bytes([0]) + struct.pack("<4H", 0, 0, 8176, 8176)
    fill = bytes([5]) + struct.pack("<HB", 8176, 16) + ring[:16]
    rest = bytes([5]) + struct.pack("<HB", 0, len(ring) - 16) + ring[16:]
    index = bytes([4, 1, 0]) + u32(len(ring) - 16)
    seed("vmbus_packet", "wrapped", wrapped + fill + rest + index + bytes([0, 1]))


def rndis():
    seed("rndis_packet", "plain", rndis_data(tcp_frame()))
    seed("rndis_packet", "all-information", rndis_data(tcp_frame(), ppi(0, 0x28) + ppi(6, 100 << 4)
         + ppi(8, 0x12345678) + ppi(9, 0x201) + ppi(0x80000001, 0x00030201)))
    seed("rndis_packet", "rss", rndis_data(tcp_frame(), ppi(0, 0x28) + ppi(8, 0x12345678)
         + ppi(9, 0x201)))
    seed("rndis_packet", "six-elements", rndis_data(tcp_frame(), ppi(11, 1) + ppi(0, 0x28)
         + ppi(4, 2) + ppi(8, 0x12345678) + ppi(15, 3) + ppi(6, 100 << 4)))


def sysfs():
    texts = ["{" + NIC + "}\n", "{" + NAME + "}\n", "14\n", "3\n", "0\n", "va\n",
             "txrx_rings\n", "0x0000000000402000\n", "int_page\n", "0x1000\n",
             "monitor_page\n", "0x1000\n", "recv:4294967295\n", "0x1f00000\n", "send:2\n",
             "0x1000000\n", "0\n", "3\n", "", "1\n", "4\n", "", "2\n", "3\n"]
    data = b"".join(bytes([len(t)]) + t.encode() for t in texts)
    seed("vmbus_sysfs", "device", data + ("{" + NAME + "}").encode())
    seed("vmbus_sysfs", "files-missing", data[:len(NIC) + 4] + b"\xff" * 23)


def control():
    association, table = u32(128, 1, 77), u32(134, 16, 12, *([0, 1, 2, 3] * 4))
    status = u32(7, 24, 0x4001000B, 4, 12, 0)
    seed("netvsc_notify", "notifications", bytes([3]) + u32(0) + bytes([12]) + association
         + bytes([3]) + u32(0) + bytes([76]) + table + bytes([5]) + u32(0) + bytes([24]) + status)
    reply = u32(0x80000004, 28, 0, 0, 4, 16, 1)
    seed("netvsc_notify", "awaited-reply", bytes([0, 1, 0x86, 28]) + reply
         + bytes([0, 0, 0x84, 8]) + u32(2, 1))
    seed("netvsc_control", "good-host", bytes(64))
    seed("netvsc_control", "reopened", bytes(30) + bytes([12, 16]) + bytes(40) + bytes([7, 15]))
    seed("netvsc_control", "meddled", bytes([1, 3]) + bytes([2, 8]) + u32(6) + bytes([0, 1, 4, 0, 5])
         + bytes(8) + bytes([3, 20]) + bytes(20) + bytes([6, 12]) + association)
    text = b"latency=100,tx_copybreak=0x200,rx_copybreak=0,numa_aware=1,tx_page_lists=0"
    seed("netvsc_args", "all", text)
    seed("netvsc_args", "wrong", b"latency=9999,what=1,tx_copybreak=[1,2]")


def whole_driver():
    fill_and_take = bytes([3, 0, 0, 0]) + bytes(3)      # an empty piece of the buffer
    frames = bytes([5, 1]) + struct.pack("<H", 100) + bytes([2, 0]) + u32(0x28) + bytes([6]) + u32(1600)
    receive, send, settle, control = bytes([0, 31]), bytes([2, 3]) + struct.pack("<H", 200) + bytes([1]), \
        bytes([4]), bytes([6, 1, 0])
    complete = bytes([11, 0, 0]) + bytes(8) + bytes([1])
    seed("netvsc_driver", "both-ways", bytes([4]) + frames + receive + send + settle + control
         + complete + receive + fill_and_take + receive)
    transfer = bytes([3, 2, 0]) + b"".join(struct.pack("<HB", 200, i) for i in (20, 21))
    fill = bytes([1, 20, 100, 0]) + rndis_data(tcp_frame())[:100]
    seed("netvsc_driver", "raw-transfer", bytes([0]) + fill + transfer + receive + receive)
    seed("netvsc_driver", "held", bytes([1]) + bytes([0x4f]) + send * 6 + settle + bytes([0x0f]) + complete)


def hvsim():
    message = rndis_data(tcp_frame(), ppi(0, 0x15 | 34 << 16))
    send = bytes([2, 3]) + struct.pack("<HHB", len(message), len(message), 0) + message + bytes([9])
    large = tcp_frame(b"y" * 1000)
    lso = rndis_data(large, ppi(2, 400 | 34 << 20 | 1 << 30))
    cut = bytes([2, 4]) + struct.pack("<HHB", len(lso), len(lso), 0) + lso + bytes([9])
    pages = bytes([2, 5]) + struct.pack("<HHB", len(message), len(message), 1) + message \
        + struct.pack("<HB", 4000, 1) + bytes([9])
    take = bytes([6, 1])
    for how, name in enumerate(("full", "fast", "channels", "nvsp5")):
        seed("hvsim_data", name, bytes([how | 4]) + send + cut + pages + take + send + take)
    rss = struct.pack("<BBHHHIHHIHHIIIII", 0x89, 2, 40, 0, 0, 0x301, 8, 0, 40, 40, 0, 48, 0, 0, 0, 0)
    rss += u32(0, 1) + bytes(40)
    query = u32(4, 28, 5, 0x00010203, 0, 0, 0)
    setting = u32(5, 28 + len(rss), 6, 0x00010204, len(rss), 20, 0) + rss
    talk = b"".join(bytes([0, len(m)]) + m for m in (query, setting)) + bytes([6])
    first = b"".join(bytes([2, len(m)]) + m for m in (
        u32(1, 0x60001, 0x60001), u32(125, 1514, 0, 4, 0), u32(100, 6, 30),
        u32(101, 0x51, 0xcafe), u32(104, 0x52, 0xface), u32(133, 1, 3)))
    seed("hvsim_control", "operational", bytes([6, 5]) + talk + bytes([7]) + first)
    seed("hvsim_control", "first-steps", bytes([5, 0]) + first + talk)
    seed("hvsim_config", "topology", b'{"host":"ws2022","seed":3,"guests":[{"name":"guest0"}],'
         b'"nics":[{"name":"nic0","queues":4,"port":"echo"}],"ports":[{"spec":"sink"}]}')
    seed("hvsim_config", "command-line", b"nic name=a,queues=2,mac=00:15:5d:01:02:03,vlan=trunk:1-10,20\n"
         b"port gen:size=64,rate=1Mpps\nhost ws2019\nkernel 6.1\niova va\nseed 5\ncheck fast\npoll busy")
    seed("hvsim_socket", "requests", b'{"v":1,"id":1,"cmd":"list"}\n{"v":1,"id":2,"cmd":"stats"}\n'
         b'{"v":1,"id":3,"cmd":"link","nic":"nic0","up":false}\n{"v":1,"cmd":"what"}\n[1]\nnonsense\n')
    frame = tcp_frame()
    pcap = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) \
        + struct.pack("<IIII", 1, 2, len(frame), len(frame)) + frame
    seed("hvsim_pcap", "pcap", pcap)
    block = struct.pack("<IIIHHqI", 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0, -1, 28) \
        + struct.pack("<IIHHII", 1, 20, 1, 0, 65535, 20)
    padded = frame + bytes(-len(frame) % 4)
    block += struct.pack("<IIIIIII", 6, 32 + len(padded), 0, 0, 5, len(frame), len(frame)) + padded \
        + u32(32 + len(padded))
    seed("hvsim_pcap", "pcapng", block)


if __name__ == "__main__":
    for make in (rings, rndis, sysfs, control, whole_driver, hvsim):
        make()
