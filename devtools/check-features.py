#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares doc/guides/nics/features/netvsc.ini with the driver: a row must
have its operations, offloads or flags in the code, and what is in the code must
have its row; names and order are those of DPDK's default.ini."""

import argparse
import pathlib
import re
import sys

TREE = pathlib.Path(__file__).resolve().parent.parent
INI = "doc/guides/nics/features/netvsc.ini"
DRIVER = "drivers/net/netvsc"


def ops(*names):
    return [("op", n) for n in names]


def words(*names):
    return [("word", n) for n in names]


def files(*names):
    return [("file", n) for n in names]


# Row of default.ini, in its order -> what the code must have for it; [] is for
# what this driver cannot claim, whatever its code says.
ROWS = {
    "Speed capabilities": words("info->speed_capa"),
    "Link speed configuration": [],
    "Link status": ops("link_update"),
    "Link status event": words("RTE_ETH_DEV_INTR_LSC", "RTE_ETH_EVENT_INTR_LSC"),
    "Removal event": words("RTE_ETH_DEV_INTR_RMV", "RTE_ETH_EVENT_INTR_RMV"),
    "Queue status event": words("RTE_ETH_EVENT_QUEUE_STATE"),
    "Rx interrupt": ops("rx_queue_intr_enable", "rx_queue_intr_disable"),
    "Lock-free Tx queue": words("RTE_ETH_TX_OFFLOAD_MT_LOCKFREE"),
    "Fast mbuf free": words("RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE"),
    "Free Tx mbuf on demand": ops("tx_done_cleanup"),
    "Queue start/stop": ops("rx_queue_start", "rx_queue_stop", "tx_queue_start", "tx_queue_stop"),
    "Runtime Rx queue setup": words("RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP"),
    "Runtime Tx queue setup": words("RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP"),
    "Shared Rx queue": words("RTE_ETH_DEV_CAPA_RXQ_SHARE"),
    "Burst mode info": ops("rx_burst_mode_get", "tx_burst_mode_get"),
    "Power mgmt address monitor": ops("get_monitor_addr"),
    "MTU update": ops("mtu_set"),
    "Buffer split on Rx": words("RTE_ETH_RX_OFFLOAD_BUFFER_SPLIT"),
    "Scattered Rx": words("RTE_ETH_RX_OFFLOAD_SCATTER", "scattered_rx"),
    "LRO": words("RTE_ETH_RX_OFFLOAD_TCP_LRO", "RTE_MBUF_F_RX_LRO", "max_lro_pkt_size"),
    "TSO": words("RTE_ETH_TX_OFFLOAD_TCP_TSO", "RTE_MBUF_F_TX_TCP_SEG"),
    "Promiscuous mode": ops("promiscuous_enable", "promiscuous_disable"),
    "Allmulticast mode": ops("allmulticast_enable", "allmulticast_disable"),
    "Unicast MAC filter": ops("mac_addr_set", "mac_addr_add", "mac_addr_remove"),
    "Multicast MAC filter": ops("set_mc_addr_list"),
    "RSS hash": words("RTE_ETH_RX_OFFLOAD_RSS_HASH", "RTE_MBUF_F_RX_RSS_HASH",
                      "flow_type_rss_offloads"),
    "RSS key update": ops("rss_hash_update", "rss_hash_conf_get") + words("hash_key_size"),
    "RSS reta update": ops("reta_update", "reta_query") + words("info->reta_size"),
    "Inner RSS": [], "VMDq": [], "SR-IOV": [], "DCB": [],
    "VLAN filter": ops("vlan_filter_set"),
    "Flow control": ops("flow_ctrl_get", "flow_ctrl_set"),
    "Rate limitation": ops("set_queue_rate_limit"),
    "Traffic manager": ops("tm_ops_get"),
    "Congestion management": [], "Inline crypto": [], "Inline protocol": [],
    "CRC offload": words("RTE_ETH_RX_OFFLOAD_KEEP_CRC"),
    "VLAN offload": ops("vlan_offload_set") + words(
        "RTE_ETH_RX_OFFLOAD_VLAN_STRIP", "RTE_ETH_TX_OFFLOAD_VLAN_INSERT",
        "RTE_MBUF_F_RX_VLAN_STRIPPED", "RTE_MBUF_F_TX_VLAN"),
    "QinQ offload": words("RTE_ETH_RX_OFFLOAD_QINQ_STRIP", "RTE_ETH_TX_OFFLOAD_QINQ_INSERT"),
    "FEC": ops("fec_get_capability"),
    "IP reassembly": [],
    "L3 checksum offload": words(
        "RTE_ETH_RX_OFFLOAD_IPV4_CKSUM", "RTE_ETH_TX_OFFLOAD_IPV4_CKSUM",
        "RTE_MBUF_F_RX_IP_CKSUM_GOOD", "RTE_MBUF_F_RX_IP_CKSUM_BAD", "RTE_MBUF_F_TX_IP_CKSUM"),
    "L4 checksum offload": words(
        "RTE_ETH_RX_OFFLOAD_TCP_CKSUM", "RTE_ETH_RX_OFFLOAD_UDP_CKSUM",
        "RTE_ETH_TX_OFFLOAD_TCP_CKSUM", "RTE_ETH_TX_OFFLOAD_UDP_CKSUM",
        "RTE_MBUF_F_RX_L4_CKSUM_GOOD", "RTE_MBUF_F_RX_L4_CKSUM_BAD"),
    "Timestamp offload": words("RTE_ETH_RX_OFFLOAD_TIMESTAMP"),
    "MACsec offload": [], "Inner L3 checksum": [], "Inner L4 checksum": [],
    "Packet type parsing": ops("dev_supported_ptypes_get") + words("->packet_type"),
    "Timesync": ops("timesync_enable"),
    "Rx descriptor status": ops("rx_descriptor_status"),
    "Tx descriptor status": ops("tx_descriptor_status"),
    "Tx queue count": ops("tx_queue_count"),
    "Basic stats": ops("stats_get", "stats_reset"),
    "Extended stats": ops("xstats_get", "xstats_get_names", "xstats_reset"),
    "Stats per queue": words("q_ipackets", "q_opackets"),
    "FW version": ops("fw_version_get"),
    "EEPROM dump": ops("get_eeprom"),
    "Module EEPROM dump": ops("get_module_eeprom"),
    "Registers dump": ops("get_reg"),
    "LED": ops("dev_led_on"),
    # Secondary processes are refused at probe as long as this word is there.
    "Multiprocess aware": [],
    "FreeBSD": [],
    "Linux": files("drivers/bus/vmbus/vmbus_uio.c"),
    "Windows": [], "ARMv7": [], "ARMv8": [], "LoongArch64": [], "Power8": [], "rv64": [],
    "x86-32": [],
    "x86-64": files("devtools/test.sh"),
    "Usage doc": files("doc/guides/nics/netvsc.rst"),
    "Design doc": files("doc/design/driver.rst"),
    "Perf doc": [],
}


class Code:
    """What the driver has."""

    def __init__(self, tree):
        self.tree = tree
        # The compat header names what some version has; that is no use of it.
        self.text = "\n".join(p.read_text() for p in sorted((tree / DRIVER).glob("*.[ch]"))
                              if "_compat" not in p.name)
        table = re.search(r"struct eth_dev_ops \w+ = \{(.*?)\n\};", self.text, re.S)
        if table is None:
            sys.exit("check-features: there is no table of struct eth_dev_ops")
        self.ops = set(re.findall(r"^\t\.(\w+) = (?!NULL)", table.group(1), re.M))
        self.ops |= set(re.findall(r"\beth->(\w+) = netvsc_\w+;", self.text))
        # Not in every DPDK: set through the compat header.
        self.ops |= set(re.findall(r"^netvsc_(tx_queue_count)\(", self.text, re.M))

    def has(self, kind, name):
        if kind == "op":
            return name in self.ops
        if kind == "file":
            return (self.tree / name).exists()
        return re.search(re.escape(name) + r"\b", self.text) is not None


def ini_rows(text):
    """The names of the section [Features], in order, and what is wrong."""
    rows, errors = [], []
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith(";") or line == "[Features]":
            continue
        name, _, value = (part.strip() for part in line.partition("="))
        if value not in ("Y", "P"):
            errors.append(f"{name} = {value}: neither Y nor P")
        rows.append(name)
    return rows, errors


def check(tree):
    rows, errors = ini_rows((tree / INI).read_text())
    code = Code(tree)
    order = list(ROWS)
    for name in rows:
        if name not in ROWS:
            errors.append(f"{name}: DPDK has no such feature")
        elif not ROWS[name]:
            errors.append(f"{name}: nothing in this driver stands for it")
        else:
            errors += [f"{name}: claimed, but there is no {what} {thing}"
                       for what, thing in ROWS[name] if not code.has(what, thing)]
    known = [order.index(n) for n in rows if n in ROWS]
    if known != sorted(set(known)):
        errors.append("rows are doubled, or not in the order of default.ini")
    for name, needs in ROWS.items():
        if needs and name not in rows and all(code.has(*need) for need in needs):
            errors.append(f"{name}: the code has it, but it is not claimed")
    return [f"{INI}: {e}" for e in errors], len(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=pathlib.Path, default=TREE, help="another tree")
    errors, rows = check(parser.parse_args().tree)
    print("\n".join(errors) if errors else f"features: {rows} rows are as the code says")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
