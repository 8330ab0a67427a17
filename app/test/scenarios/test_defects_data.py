# SPDX-License-Identifier: BSD-3-Clause
"""Defects of the built-in driver where frames pass; see defects.py."""

from conftest import wait_until
from defects import defect

# Receive checksum offloads: both drivers then read the per-packet information.
RX_CSUM = 0xe
SCATTER = 0x2000


def fill_ring(case):
    """A started port whose transmit ring is full: the host does not look, and
    each frame of 31 pieces, most of them across two pages, is a packet of
    hundreds of bytes there."""
    ops = case.ops or case.guest("port=sink")
    ops.ok("pool", room=9216, count=2047)
    ops.ok("pool", tx=1, room=256, count=130000)
    ops.configure(tx_desc=4096)
    ops.ok("start")
    case.arm("unread")
    assert ops("fill", n=5000, bytes=1350, segs=31, cross=1, tries=50, seconds=90)["taken"] > 1500
    queue = case.server.ctl("counters")["nics"][0]["queues"][0]
    # Ours leaves an eighth for acknowledgements.
    assert queue["to_host_ring_used"] > queue["to_host_ring_bytes"] * 7 / 8 - 1024
    return ops


# ---- transmit ----

@defect("mbuf owned twice", "4.6 row 1; 4.3",
        builtin="1 of the mbufs it did not take was freed",
        ours="0 of the mbufs it did not take were freed")
def test_what_tx_burst_does_not_take_stays_the_callers(case):
    """The host does not read, the transmit ring is full; one burst of 32 small
    frames is sent, with a reference of our own on each."""
    ops = fill_ring(case)
    both = ops("tx", n=32, bytes=64)["both"]
    return f"{both} of the mbufs it did not take {'was' if both == 1 else 'were'} freed"


def capacity(case):
    """Frames that are taken while the host does not read."""
    case.arm("unread")
    taken = case.ops("fill", n=5000, bytes=1400, tries=1, seconds=60)["taken"]
    case.disarm()
    case.all_sent()
    return taken


@defect("descriptors leak while the ring is full", "4.6 row 2; 4.3",
        builtin="the queue takes fewer frames than before, for good",
        ours="the queue takes as many frames as before")
def test_a_refused_frame_costs_no_descriptor(case):
    """The transmit ring is full, 3,000 small frames are refused; then the host
    reads again, and how many frames the queue holds is compared with before."""
    ops = fill_ring(case)
    ops("fill", n=100, bytes=64, tries=1)
    assert ops("fill", n=1, bytes=64, tries=3000)["refused"] == 3000
    case.disarm()
    case.all_sent()
    ops.ok("pool", tx=1)
    after = capacity(case)
    # A queue that was never full, in a fresh process.
    other = type(case)(case.machine, case.plugin, case.driver)
    other.guest("port=sink").up(tx_desc=4096)
    before = capacity(other)
    assert after <= before
    return ("the queue takes as many frames as before" if after == before else
            "the queue takes fewer frames than before, for good")


@defect("a queue dies while another has all sections", "4.6 row 3; 4.3",
        builtin="afterwards it takes 0 of 32 frames", ours="afterwards it takes 32 of 32 frames")
def test_a_queue_that_had_no_sections_works_again_when_there_are_some(case):
    """The host does not read; queue 1 uses up the send buffer, queue 0 is
    refused 600 times; then the host completes everything. Ours would go on
    with page lists, so those are switched off."""
    ops = case.guest("port=sink,queues=2",
                     devargs="tx_page_lists=0" if case.driver == "ours" else "")
    ops.ok("pool")
    ops.configure(2)
    ops.ok("txq", q=1, desc=4096)
    ops.ok("start")
    case.arm("unread")
    taken = ops("fill", q=1, n=4000, bytes=64, tries=1)["taken"]
    # Ours keeps four for control requests.
    assert taken == (2726 if case.driver == "ours" else 2730)
    assert ops("fill", q=0, n=600, bytes=64, tries=600)["taken"] == 0
    case.disarm()
    case.all_sent(2)
    wait_until(lambda: case.counter("tx_frames") == taken, 20, "the host has read it all")
    ops("reap", q=1, ms=300)
    ops("reap", q=0, ms=300)
    return f"afterwards it takes {ops('tx', n=32)['taken']} of 32 frames"


@defect("the host still reads what stop has given up", "4.3",
        builtin="the host sends what was overwritten, 400 mbufs are lost",
        ours="the host sends none of it, 0 mbufs are lost")
def test_no_memory_is_given_up_that_the_host_still_reads(case):
    """The host does not read queue 1, which has 400 frames; the port is
    stopped, queue 1 set up anew, the port started; then the host reads."""
    ops = case.guest("port=sink,queues=2")
    ops.ok("pool")
    ops.configure(2)
    ops.ok("start")
    case.arm("unread:queue=1")
    assert ops("fill", q=1, n=400, bytes=1400, tries=1)["taken"] == 400
    ops.ok("stop", seconds=60)
    ops.ok("txq", q=1, desc=256)
    ops.ok("rxq", q=1)
    ops.ok("start")
    case.disarm()
    for _ in range(5):
        ops("reap", q=1, ms=100)
    assert ops("tx", n=32, q=1)["taken"] == 32
    wait_until(lambda: case.counter("tx_frames") + case.counter("tx_failed") >= 32 or
               case.violations(), 20, "the host reads again")
    ops("reap", q=1, ms=300)
    lost = ops("missing")["mbufs"]
    garbage = set(case.violations()) & {"violation_RNDIS_HEADER",
                                        "violation_RNDIS_CONTROL_ON_SUBCHANNEL"}
    return (f"the host sends {'what was overwritten' if garbage else 'none of it'}, "
            f"{lost} mbufs are lost")


@defect("a completion with an unknown transaction id", "4.6 row 9; 4.1",
        builtin="the process dies of a signal in rx",
        ours="it is counted, 9 of 9 frames come back", tier="quick")
def test_a_forged_completion_is_counted_and_ignored(case):
    """One completion has the transaction id 0x4141414141414140."""
    ops = case.up()
    case.arm("completion-id:value=0x4141414141414140")
    ops("tx", n=1)
    case.has_fired("completion-id")
    got = ops("rx", n=1, ms=10000)["got"]
    ops("tx", n=8)
    got += ops("rx", n=8, ms=10000)["got"]
    counted = ops("xstats")["of"].get("channel_0_bad_completions", 0)
    return f"it is {'counted' if counted == 1 else 'not counted'}, {got} of 9 frames come back"


# ---- receive: a host that is wrong once ----

def after_a_lie(case, *lies):
    """One frame with lies about it, then eight honest ones. What became of
    the first, of the others, and of the host's sections."""
    ops = case.up(rxo=RX_CSUM)
    case.arm(*lies)
    ops("tx", n=1)
    case.has_fired(*lies)
    first = ops("rx", n=1, ms=500, seconds=15)["got"]
    case.disarm()
    ops("tx", n=8)
    rest = ops("rx", n=8, ms=10000, seconds=20)["got"]
    case.settle()
    errors = ops("stats")["ierrors"]
    what = "received" if first == 1 else "dropped" + (" and counted" if errors == 1 else "")
    back = sections_back(case)
    assert case.violations() == {}
    return f"the frame is {what}, its section {back}, {rest} of 8 others come back"


def sections_back(case):
    """Whether the host got all its sections again; the guest had its chance."""
    return "given back" if case.counter("sections_out") == 0 else "never given back"


@defect("per-packet information of size 0", "4.6 row 4; 4.1", builtin="rx never returns",
        ours="the frame is dropped and counted, its section given back, 8 of 8 others come back")
def test_information_of_size_0_ends_the_frame_not_the_process(case):
    """A frame's first piece of per-packet information has size 0, data offset
    0 and an unknown type."""
    return after_a_lie(case, "ppi-bytes:value=0", "ppi-type:value=0x77",
                       "ppi-data-offset:value=0")


@defect("per-packet information outside the message", "4.6 row 5; 4.1",
        builtin="the process dies of a signal in rx",
        ours="the frame is dropped and counted, its section given back, 8 of 8 others come back")
def test_information_outside_its_message_is_not_read(case):
    """A frame's per-packet information is said to be 256 MiB away."""
    return after_a_lie(case, "frame-ppi-offset:value=0x10000000")


@defect("a range that wraps", "4.6 row 6; 4.1", builtin="the process dies of a signal in rx",
        ours="the frame is dropped and counted, its section given back, 8 of 8 others come back",
        tier="quick")
def test_a_range_that_wraps_is_not_read(case):
    """A transfer's range starts 4 KiB before 4 GiB and is 4,352 bytes long."""
    return after_a_lie(case, "range-offset:value=0xfffff000", "range-bytes:value=0x1100")


@defect("a transaction id one past the sections", "4.6 row 7; 4.1",
        builtin="the process dies of a signal in heap",
        ours="1 of 1 frame received, the heap is sound")
def test_an_id_as_large_as_the_number_of_sections_overwrites_nothing(case):
    """A transfer has the number of sections, 15872, as its id; then EAL's
    heap is walked."""
    ops = case.up()
    case.arm("transfer-id:value=15872")
    ops("tx", n=1)
    got = ops("rx", n=1, ms=10000)["got"]
    case.has_fired("transfer-id")
    case.disarm()
    case.settle()
    ops.ok("heap")
    return f"{got} of 1 frame received, the heap is sound"


@defect("a transaction id far outside the sections", "4.6 row 8; 4.2",
        builtin="the frame is dropped, its section never given back, 8 of 8 others come back",
        ours="the frame is received, its section given back, 8 of 8 others come back")
def test_a_transfer_is_acknowledged_whatever_its_id(case):
    """A transfer has the id 5000000; the host knows it by that."""
    return after_a_lie(case, "transfer-id:value=5000000")


@defect("a ring that cannot be read on", "4.2", builtin="the process ends itself in rx",
        ours="a reset brings the port back, 8 of 8 frames come", tier="quick")
def test_a_broken_ring_costs_the_port_not_the_process(case):
    """A packet in the receive ring says it is 8 bytes long, less than its
    descriptor; then the port is reset."""
    ops = case.up()
    case.arm("packet-bytes:value=1")
    ops("tx", n=1)
    case.has_fired("packet-bytes")
    ops("rx", n=1, ms=500)
    case.disarm()
    ops.ok("reset", seconds=90)
    ops.configure()
    ops.ok("start")
    ops("tx", n=8)
    return f"a reset brings the port back, {ops('rx', n=8, ms=10000)['got']} of 8 frames come"


# ---- receive: an honest host ----

@defect("received frames leak with their queue", "4.6 row 10; 4.3",
        builtin="30 mbufs are lost", ours="0 mbufs are lost", tier="quick")
def test_a_queue_set_up_anew_loses_no_mbuf(case):
    """32 frames wait, two are taken, the port is stopped and its queue set up
    anew."""
    ops = case.up()
    ops("tx", n=32)
    wait_until(lambda: case.counter("rx_frames") == 32, 20, "the host has sent all")
    for _ in range(2):
        assert ops("rx", n=1, burst=1, ms=1000)["got"] == 1
    ops.ok("stop")
    ops.ok("rxq")
    return f"{ops('missing')['mbufs']} mbufs are lost"


@defect("frames of before the stop come after the start", "4.3",
        builtin="31 old frames are received", ours="0 old frames are received")
def test_a_port_started_again_receives_nothing_old(case):
    """32 frames wait, one is taken, the port is stopped and started."""
    ops = case.up()
    ops("tx", n=32)
    wait_until(lambda: case.counter("rx_frames") == 32, 20, "the host has sent all")
    assert ops("rx", n=1, burst=1, ms=1000)["got"] == 1
    ops.ok("stop")
    ops.ok("start")
    return f"{ops('rx', n=64, ms=500)['got']} old frames are received"


@defect("lost frames are counted twice", "4.3",
        builtin="frames are lost, received and missed are more than the host sent",
        ours="no frame is lost, received and missed are what the host sent")
def test_every_frame_is_counted_once(case):
    """2,048 frames wait for a queue of 256 descriptors."""
    ops = case.up(rx_desc=256)
    for _ in range(8):
        assert ops("tx", n=256)["taken"] == 256
        ops("reap", ms=20)
    wait_until(lambda: case.counter("rx_frames") == 2048, 20, "the host has sent all")
    got = ops("rx", n=4000, ms=1000)["got"]
    stats = ops("stats")
    lost = "no frame is lost" if got == 2048 else "frames are lost"
    counted = stats["ipackets"] + stats["imissed"]
    assert counted >= 2048
    return f"{lost}, received and missed are " + ("what the host sent" if counted == 2048 else
                                                  "more than the host sent")


@defect("an mbuf must hold the frame", "5.8; 1.3",
        builtin="0 of 8 frames received, 8 errors", ours="8 of 8 frames received, 0 errors")
def test_long_frames_arrive_in_chains_of_short_mbufs(case):
    """Frames of 1,514 bytes, mbufs of 1,024; scattered receive asked for where
    the driver has it."""
    ops = case.guest()
    offered = ops("info")["rxo"] & SCATTER
    ops.up(room=1152, rxo=offered)
    ops.ok("pool", tx=1)
    assert ops("tx", n=8, bytes=1514)["taken"] == 8
    wait_until(lambda: case.counter("rx_frames") == 8, 20, "the host has sent all")
    got = ops("rx", n=8, ms=500)["got"]
    return f"{got} of 8 frames received, {ops('stats')['ierrors']} errors"


@defect("acknowledgements are lost while the transmit ring is full", "4.2; 5.6",
        builtin="sections never given back", ours="sections given back")
def test_every_section_comes_back_after_the_transmit_ring_was_full(case):
    """The host does not read, the transmit ring is full, 300 frames come; then
    the host reads again."""
    case.host("port=gen:size=64,rate=1kpps,count=300,dst=ff:ff:ff:ff:ff:ff")
    case.guest()
    ops = fill_ring(case)
    ops("rx", n=300, ms=4000, seconds=120)
    case.disarm()
    case.all_sent()
    ops("rx", n=10000, ms=500)
    case.settle()
    return f"sections {sections_back(case)}"


@defect("zero-copy mbufs outstanding at close", "4.3",
        builtin="32 mbufs read and released, sections never given back",
        ours="32 mbufs read and released, sections given back")
def test_mbufs_outlive_their_port(case):
    """rx_extmbuf_enable=1: 32 frames are kept
    while the port is stopped and closed, then read and given back."""
    ops = case.up(devargs="rx_extmbuf_enable=1")
    ops("tx", n=32, bytes=1400)
    assert ops("rx", n=32, ms=10000, hold=1)["got"] == 32
    ops.ok("stop")
    ops.ok("close")
    kept = ops("release")
    assert kept["sum"] >= 32 * (1400 - 54) * 0x5a       # the headers are not 0 either
    ops.ok("heap")
    case.settle_host()
    return f"{kept['released']} mbufs read and released, sections {sections_back(case)}"


@defect("zero-copy frames keep their sections when their queue goes", "4.3",
        builtin="sections never given back", ours="sections given back")
def test_a_queue_set_up_anew_gives_back_the_hosts_sections(case):
    """rx_extmbuf_enable=1: 32 long frames wait, two are taken and freed, the
    port is stopped, its queue set up anew, the port started."""
    ops = case.up(devargs="rx_extmbuf_enable=1")
    ops("tx", n=32, bytes=1400)
    wait_until(lambda: case.counter("rx_frames") == 32, 20, "the host has sent all")
    for _ in range(2):
        assert ops("rx", n=1, burst=1, ms=1000)["got"] == 1
    ops.ok("stop")
    ops.ok("rxq")
    ops.ok("start")
    case.settle()
    return f"sections {sections_back(case)}"
