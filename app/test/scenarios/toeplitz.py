# SPDX-License-Identifier: BSD-3-Clause
"""The Toeplitz hash as Microsoft publishes it, written down for its own sake:
an oracle for where a flow must land."""

import ipaddress

KEY = bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b4"
                    "77cb2da38030f20c6a42b73bbeac01fa")

# (destination, port, source, port, hash of addresses, hash of all)
VECTORS = [
    ("161.142.100.80", 1766, "66.9.149.187", 2794, 0x323e8fc2, 0x51ccc178),
    ("65.69.140.83", 4739, "199.92.111.2", 14230, 0xd718262a, 0xc626b0ea),
    ("12.22.207.184", 38024, "24.19.198.95", 12898, 0xd2d0a5de, 0x5c2b394a),
    ("209.142.163.6", 2217, "38.27.205.30", 48228, 0x82989176, 0xafc7327f),
    ("202.188.127.2", 1303, "153.39.163.191", 44251, 0x5d1809c5, 0x10e828a2),
    ("3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x2cc18cd5, 0x40207d3d),
    ("ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0x0f0c461c, 0xdde51bbf),
    ("fe80::200:f8ff:fe21:67cf", 38024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251,
     0x4b61e985, 0x02d1feef),
]


def toeplitz(key, data):
    bits = int.from_bytes(key, "big")
    width = len(key) * 8
    result = 0
    for i, byte in enumerate(data):
        for bit in range(8):
            if byte & (0x80 >> bit):
                result ^= bits >> (width - 32 - i * 8 - bit) & 0xffffffff
    return result


def flow_bytes(source, destination, source_port=None, destination_port=None):
    data = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    if source_port is not None:
        data += source_port.to_bytes(2, "big") + destination_port.to_bytes(2, "big")
    return data


def flow_hash(key, flow):
    """flow: (source, destination, source port, destination port, is TCP)"""
    source, destination, source_port, destination_port, tcp = flow
    if tcp:
        return toeplitz(key, flow_bytes(source, destination, source_port, destination_port))
    return toeplitz(key, flow_bytes(source, destination))
