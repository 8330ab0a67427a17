# SPDX-License-Identifier: BSD-3-Clause
"""The lies that hvsim can tell: fields from its own list, values as in
app/hvsim/fault/lie.c."""

VALUES = ["value=0", "value=1", "value=7", "value=0xffffffffffffffff",
          "value=0x8080808080808080", "value=0x7fffffff7fff7f7f", "add=1", "add=-1", "add=8"]

# What a host says while frames travel. The rest is said when a device is attached,
# where a lie may cost the driver a whole time-out: test_netvsc_lies.c has all of them,
# on a clock that waits for nobody.
DATA = ["RING_TO_GUEST", "RING_TO_HOST", "PACKET", "PACKET_FOOTER", "TRANSFER",
        "TRANSFER_RANGE", "NVSP_RNDIS", "NVSP_RNDIS_COMPLETE", "RNDIS_PACKET", "RNDIS_PPI"]

# What follows from these breaks a rule of the guest, and the host falls silent: closing waits
# a whole time-out for it.
SILENCE = [("PACKET", "transaction_id"), ("RING_TO_HOST", "write_index"),
           ("RING_TO_HOST", "read_index")]


def sample(number):
    """Two of the values, others for the next field."""
    return [VALUES[number * 2 % len(VALUES)], VALUES[(number * 2 + 5) % len(VALUES)]]


def fields(server):
    """(message, field) of all lies that the host knows."""
    answer = server.ctl("faults")
    lies = answer.get("result", answer)["lies"]
    return [(message, field) for message, names in lies.items() for field in names]


def fired(server, fault="lie"):
    answer = server.ctl("faults")
    return {f["name"]: f["fired"] for f in answer.get("result", answer)["faults"]}[fault]
