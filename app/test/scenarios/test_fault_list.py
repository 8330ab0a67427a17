# SPDX-License-Identifier: BSD-3-Clause
"""The list of faults of `hvsim faults` while frames travel, one after the other, on the
built-in driver and on ours: which of them kill the process, hang it, or cost something for
good. devtools/gen-defects.py makes a table of the outcomes that stand here."""

import pytest

import lies
from defects import DRIVERS, Case
from faulty import FRAMES, PATIENT_MS, exchange
from lines import Died, Hangs

RX_CSUM = 0xe                   # both drivers then read a frame's information
CALL_SECONDS = 90
POLL_SECONDS = 40               # far more than any burst takes

GOOD = "works by itself"


def poll(ops, n, ms):
    return ops("rx", n=n, ms=ms, seconds=POLL_SECONDS)["got"]


def frames_come(ops, ms=PATIENT_MS):
    ops("tx", n=FRAMES, bytes=100, seconds=POLL_SECONDS)
    got = poll(ops, FRAMES, ms)
    ops("reap", ms=5, seconds=POLL_SECONDS)
    return got == FRAMES


def recovery(ops):
    """How the port works again, the host being honest."""
    poll(ops, 100000, 50)
    if frames_come(ops):
        return GOOD
    if ops("stop", seconds=CALL_SECONDS)["ret"] == 0 and \
            ops("start", seconds=CALL_SECONDS)["ret"] == 0:
        poll(ops, 100000, 50)
        if frames_come(ops):
            return "works after stop and start"
    ops("stop", seconds=CALL_SECONDS)
    if ops("reset", seconds=CALL_SECONDS)["ret"] == 0:
        ops.configure(rxo=RX_CSUM)
        ops.ok("start")
        if frames_come(ops):
            return "works after a reset"
    return "never works again"


def where(text):
    call = text.split()[0].rstrip(":")
    return "a burst" if call in ("tx", "rx", "reap") else call


def outcome(case, faults):
    """What the faults do to the program, then to the port, and what is missing for good."""
    try:
        ops = case.ops or case.up(rxo=RX_CSUM)
        case.arm(*faults.split())
        for _ in range(4):
            frames_come(ops, 400)
        ops("promisc", on=1, seconds=CALL_SECONDS)
        ops("promisc", on=0, seconds=CALL_SECONDS)
        case.disarm()
        assert all(case.fired(fault.split(":")[0]) > 0 for fault in faults.split())
        how = recovery(ops)
        if how == GOOD:
            case.all_sent()
        case.settle()
        kept = case.counter("sections_out") > 0
        ops("stop", seconds=CALL_SECONDS)
        lost = ops("missing")["mbufs"] > 0
        ops("start", seconds=CALL_SECONDS)
    except Died as died:
        return f"{'dies' if died.how.startswith('SIG') else 'ends itself'} in " + \
            where(str(died).splitlines()[1])
    except Hangs as hang:
        return f"{where(str(hang))} never returns"
    return how + ", mbufs are lost" * lost + ", sections are kept" * kept


# ---- each fault ----

# The fault, or some at once, and the outcomes on the built-in driver and on ours. Not here:
# what is said at attach (test_defects_control.py, test_netvsc_lies.c), and flipped bytes,
# whose outcome is chance (test_trust.py).
FAULTS = [
    ("unread:count=300", GOOD, GOOD),
    ("silent:message=completion,count=8", GOOD, GOOD),
    # The host takes them for outstanding for ever, whatever the guest says.
    ("silent:message=return,count=8",
     "works by itself, sections are kept", "works by itself, sections are kept"),
    ("held:message=completion,count=3,nth=2", GOOD, GOOD),
    ("held:message=return,count=5", GOOD, GOOD),
    ("held:message=rndis-set,for=300ms", GOOD, GOOD),
    ("rarely:message=ring,every=20ms", GOOD, GOOD),
    ("rarely:message=monitor,every=20ms", GOOD, GOOD),
    ("flood:message=completion", "dies in a burst", GOOD),
    ("flood:message=transfer", GOOD, GOOD),
    ("flood:message=vf-association", "a burst never returns", GOOD),
    ("flood:message=interrupt", GOOD, GOOD),
    ("twice:message=completion,count=5", GOOD, GOOD),
    ("twice:message=rndis-set", GOOD, GOOD),
    ("late:count=3", GOOD, GOOD),
    ("status:message=rndis-set", GOOD, GOOD),
    ("frame-ppi-offset:value=0x10000000", "dies in a burst", GOOD),
    ("ppi-bytes:value=0", GOOD, GOOD),
    ("ppi-type:value=0x77", GOOD, GOOD),
    ("ppi-data-offset:value=0xfffffff0", GOOD, GOOD),
    ("ppi-bytes:value=0 ppi-type:value=0x77 ppi-data-offset:value=0",
     "a burst never returns", GOOD),
    ("range-bytes:value=0xfffffff0", GOOD, GOOD),
    ("range-offset:value=0xfffff000", GOOD, GOOD),
    ("range-offset:value=0xfffff000 range-bytes:value=0x1100", "dies in a burst", GOOD),
    ("transfer-id:value=5000000", "works by itself, sections are kept", GOOD),
    ("packet-bytes:value=1", "ends itself in a burst", "works after stop and start"),
    ("completion-id:value=0x4141414141414140", "dies in a burst", GOOD),
]


@pytest.mark.full
@pytest.mark.conformance(24)
@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("fault, builtin, ours", FAULTS, ids=[f[0] for f in FAULTS])
def test_each_fault_has_its_outcome_on_each_driver(machine, plugin, driver, fault, builtin, ours):
    case = Case(machine, plugin, driver)
    assert outcome(case, fault) == {"builtin": builtin, "ours": ours}[driver]


# ---- each lie ----

# Told with all values; of the others, most of which end the link, two values each. What is
# wrong with the rings' own pages is seen by chance, and not here.
ABOUT_FRAMES = ["TRANSFER", "TRANSFER_RANGE", "NVSP_RNDIS", "RNDIS_PACKET", "RNDIS_PPI"]
# The message, and what some lies about it lead to on either driver.
LIES = [
    ("PACKET", ["ends itself in a burst", "never works again, sections are kept"],
     ["works after stop and start"]),
    ("PACKET_FOOTER", [], []),
    ("TRANSFER", ["works by itself, sections are kept"], []),
    ("TRANSFER_RANGE", ["dies in a burst"], []),
    ("NVSP_RNDIS", ["works by itself, sections are kept"], []),
    ("NVSP_RNDIS_COMPLETE", [], []),
    ("RNDIS_PACKET", ["dies in a burst"], []),
    ("RNDIS_PPI", [], []),
]


def told_each(case, message):
    """All fields; a program that a lie has harmed is started anew."""
    walk = [f for f in lies.fields(case.host()) if f[0] == message and f not in lies.SILENCE]
    seen = set()
    for number, (_, field) in enumerate(walk):
        for value in lies.VALUES if message in ABOUT_FRAMES else lies.sample(number):
            how = outcome(case, f"lie:message={message},field={field},{value}")
            if how != GOOD:
                seen.add(how)
                case.server.end()
                case.ops = None
                case.host()
    return sorted(seen)


@pytest.mark.full
@pytest.mark.long
@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("message, builtin, ours", LIES, ids=[f[0] for f in LIES])
def test_lies_about_each_message_have_their_outcomes(machine, plugin, driver, message, builtin,
                                                     ours):
    case = Case(machine, plugin, driver)
    assert told_each(case, message) == {"builtin": builtin, "ours": ours}[driver]
