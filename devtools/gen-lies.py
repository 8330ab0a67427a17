#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes app/hvsim/fault/lies.inc: every field of every message that a host
sends, from the wire headers, for hvsim's fault `lie`. A structure of the headers
that is in none of the lists below is an error, so that none is forgotten. With
--check it writes nothing and fails if the table is stale."""

import argparse
import pathlib
import re
import sys

TREE = pathlib.Path(__file__).resolve().parent.parent
TABLE = TREE / "app" / "hvsim" / "fault" / "lies.inc"
HEADERS = ["bus/vmbus/vmbus_wire.h", "net/netvsc/nvsp_wire.h", "net/netvsc/rndis_wire.h",
           "net/netvsc/ndis_wire.h"]

# message, structure, where it is (enum lie_place), and what tells it from others there
MESSAGES = [
    ("RING_TO_GUEST", "vmbus_ring_page", "RING_TO_GUEST", "0"),
    ("RING_TO_HOST", "vmbus_ring_page", "RING_TO_HOST", "0"),
    ("PACKET", "vmbus_packet_header", "HEADER", "0"),
    ("PACKET_FOOTER", "vmbus_packet_footer", "FOOTER", "0"),
    ("TRANSFER", "vmbus_transfer_pages", "TRANSFER", "0"),
    ("TRANSFER_RANGE", "vmbus_transfer_range", "RANGE", "0"),
    ("NVSP_INIT_COMPLETE", "nvsp_init_complete", "NVSP", None),
    ("NVSP_RECV_BUFFER_COMPLETE", "nvsp_recv_buffer_complete", "NVSP", None),
    ("NVSP_SEND_BUFFER_COMPLETE", "nvsp_send_buffer_complete", "NVSP", None),
    ("NVSP_RNDIS", "nvsp_rndis", "NVSP", None),
    ("NVSP_RNDIS_COMPLETE", "nvsp_rndis_complete", "NVSP", None),
    ("NVSP_VF_ASSOCIATION", "nvsp_vf_association", "NVSP", None),
    ("NVSP_SWITCH_DATA_PATH", "nvsp_switch_data_path", "NVSP", None),
    ("NVSP_OID_QUERY_EX_COMPLETE", "nvsp_oid_query_ex_complete", "NVSP", None),
    ("NVSP_SUBCHANNEL", "nvsp_subchannel_complete", "NVSP", None),
    ("NVSP_INDIRECTION_TABLE", "nvsp_indirection_table", "NVSP", None),
    ("RNDIS_INIT_COMPLETE", "rndis_init_complete", "RNDIS", "RNDIS_INIT | RNDIS_COMPLETION"),
    ("RNDIS_QUERY_COMPLETE", "rndis_query_complete", "RNDIS", "RNDIS_QUERY | RNDIS_COMPLETION"),
    ("RNDIS_SET_COMPLETE", "rndis_set_complete", "RNDIS", "RNDIS_SET | RNDIS_COMPLETION"),
    ("RNDIS_RESET_COMPLETE", "rndis_reset_complete", "RNDIS", "RNDIS_RESET | RNDIS_COMPLETION"),
    ("RNDIS_KEEPALIVE_COMPLETE", "rndis_set_complete", "RNDIS",
     "RNDIS_KEEPALIVE | RNDIS_COMPLETION"),
    ("RNDIS_KEEPALIVE", "rndis_keepalive", "RNDIS", None),
    ("RNDIS_INDICATE_STATUS", "rndis_indicate_status", "RNDIS", None),
    ("RNDIS_PACKET", "rndis_packet", "RNDIS", None),
    ("RNDIS_PPI", "rndis_ppi", "PPI", "0"),
    ("RNDIS_PACKET_ID", "rndis_packet_id", "PPI_DATA", "RNDIS_PPI_PACKET_ID"),
    ("NDIS_OFFLOAD", "ndis_offload", "OBJECT", "NDIS_OBJECT_OFFLOAD"),
    ("NDIS_RSS_CAPABILITIES", "ndis_rss_capabilities", "OBJECT", "NDIS_OBJECT_RSS_CAPABILITIES"),
    ("NDIS_LINK_STATE", "ndis_link_state", "OBJECT", "NDIS_OBJECT_DEFAULT"),
]
# Only a guest sends these.
GUEST = {"nvsp_init", "nvsp_ndis_version", "nvsp_ndis_config", "nvsp_buffer", "nvsp_revoke",
         "nvsp_oid_query_ex", "nvsp_subchannel", "vmbus_gpa_direct", "vmbus_gpa_range",
         "rndis_init", "rndis_halt", "rndis_oid_request", "ndis_offload_parameters",
         "ndis_rss_parameters", "ndis_config_parameter"}
# Pages of the VM from which a driver in user space reads nothing.
UNREAD = {"vmbus_int_page", "vmbus_monitor_page", "vmbus_monitor_trigger",
          "vmbus_monitor_parameter"}
# Parts of others: their fields are told there.
PARTS = {"rndis_header", "nvsp_recv_section", "ndis_object_header", "ndis_csum_capability",
         "ndis_lsov2_ipv4", "ndis_lsov2_ipv6"}
WIDTH = {"uint8_t": 1, "uint16_t": 2, "uint32_t": 4, "uint64_t": 8}
STRUCT = re.compile(r"^struct (\w+) \{(.*?)^\};", re.M | re.S)
FIELD = re.compile(r"^\s*(struct )?(\w+) (\w+)((?:\[\w+\])*);", re.M)


def structures():
    found = {}
    for header in HEADERS:
        text = (TREE / "drivers" / header).read_text()
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        for name, body in STRUCT.findall(text):
            found[name] = [(m[1], m[2], bool(m[0]), m[3]) for m in FIELD.findall(body)]
            if len(found[name]) != body.count(";"):
                sys.exit(f"gen-lies: struct {name}: a member that cannot be read")
    return found


def fields(known, struct, path=""):
    """(name, member as offsetof takes it, width); of an array the first element,
    and an array of bytes as a whole in steps of one."""
    for kind, name, inner, array in known[struct]:
        member = path + name + "[0]" * array.count("[")
        if inner:
            yield from fields(known, kind, member + ".")
        else:
            yield (path + name).replace("[0]", ""), member, WIDTH[kind]


def table():
    known = structures()
    told = {struct for _, struct, _, _ in MESSAGES}
    listed = told | GUEST | UNREAD | PARTS
    if set(known) != listed:
        sys.exit("gen-lies: in one list each of gen-lies.py belong: "
                 + ", ".join(sorted(set(known) ^ listed)))
    lines = ["/* SPDX-License-Identifier: BSD-3-Clause */",
             "/* Made by devtools/gen-lies.py from the wire headers: do not edit. */"]
    for message, struct, place, selector in MESSAGES:
        for name, member, width in fields(known, struct):
            lines.append(f'LIE("{message}", "{name}", {place}, {selector or message},'
                         f" {struct}, {member}, {width})")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    text = table()
    count = text.count("LIE(")
    if not parser.parse_args().check:
        TABLE.write_text(text)
    elif not TABLE.exists() or TABLE.read_text() != text:
        print("gen-lies: app/hvsim/fault/lies.inc is stale: run devtools/gen-lies.py")
        return 1
    print(f"lies: {count} fields of {len(MESSAGES)} messages are as the wire headers say")
    return 0


if __name__ == "__main__":
    sys.exit(main())
