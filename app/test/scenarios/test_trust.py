# SPDX-License-Identifier: BSD-3-Clause
"""What the host is shown, and what becomes of the driver when the host lies."""

import pytest

import lies
from conftest import NO_HUGE, wait_until
from faulty import (FRAMES, GONE_SECONDS, PATIENT_MS, FaultSoak, exchange,
                    stops_with_all_mbufs, works)
from lines import Ops
from test_builtin import echo_ok
from test_bus import Tree
from test_driver import no_violations, ours

A = "aaaaaaaa-89ab-4def-8123-456789abcdef"
CONFIDENTIAL = "confidential: the host is shown the rings and its buffers only"


def eal_of(*args, head=NO_HUGE):
    return [*head, "-a", ",".join((f"vmbus:{A}", *args))]


# ---- confidential guests ----

@pytest.mark.sanitized
@pytest.mark.quick
def test_an_isolated_guest_shows_the_host_nothing_but_rings_and_buffers(machine, plugin):
    """hvsim refuses every page list of an isolated guest, control requests too. All
    sizes go out and come back, though the devargs ask for page lists."""
    done = machine.run(["--strict", "--isolated", "--nic", f"guid={A},queues=2,port=echo"],
                       ours(plugin, "--queues", "2", "--rounds", "2",
                            eal=eal_of("tx_copybreak=0", "rx_extmbuf_enable=1")))
    echo_ok(done, 2)
    assert done.violations() == {}
    assert done.nic().get("tx_page_lists", 0) == 0 and done.nic()["tx_sections"] > 0
    assert (done.out + done.err).count(CONFIDENTIAL) == 1


@pytest.mark.sanitized
@pytest.mark.full
def test_physical_addresses_change_nothing_for_an_isolated_guest(machine, plugin, hugepages):
    eal = eal_of("tx_copybreak=0", head=["--huge-dir", hugepages, "-m", "256"])
    done = machine.run(["--strict", "--isolated", "--iova", "pa",
                        "--nic", f"guid={A},port=echo"],
                       ours(plugin, "--rounds", "1", eal=eal))
    echo_ok(done, 1)
    assert done.steps()[1]["iova"] == "pa"
    assert done.violations() == {} and done.nic().get("tx_page_lists", 0) == 0


@pytest.mark.sanitized
@pytest.mark.quick
@pytest.mark.parametrize("args,confidential", [
    ("confidential=1", True), ("confidential=auto", False), ("confidential=0", False)])
def test_the_mode_is_an_argument_in_other_guests(machine, plugin, args, confidential):
    done = machine.run(["--strict", "--nic", f"guid={A},port=echo"],
                       ours(plugin, "--rounds", "1", eal=eal_of("tx_copybreak=0", args)))
    echo_ok(done, 1)
    assert done.violations() == {}
    assert (done.nic().get("tx_page_lists", 0) == 0) == confidential
    assert (CONFIDENTIAL in done.out + done.err) == confidential


@pytest.mark.sanitized
@pytest.mark.quick
def test_a_page_list_of_an_isolated_guest_is_a_violation(machine, plugin):
    """What the scenarios above rest on: told to, the driver sends one, and it is
    refused. Not even the first control request gets through."""
    server = machine.serve(["--isolated", "--nic", f"guid={A},port=echo"])
    Tree(server).put(f"{A}/iova", "va\n")
    done = server.exec(ours(plugin, "--rounds", "1",
                            eal=eal_of("tx_copybreak=0", "confidential=0")))
    assert "this guest is isolated, but confidential=0" in done.out + done.err
    assert done.status != 0
    with pytest.raises(AssertionError, match="violation_PAGE_PRIVATE"):
        no_violations(server)


# ---- lies ----

@pytest.mark.full
@pytest.mark.conformance(19, 20, 21, 22)
@pytest.mark.parametrize("messages", [lies.DATA[:2], lies.DATA[2:6], lies.DATA[6:8],
                                      lies.DATA[8:]], ids=lambda m: m[0])
def test_after_a_lie_the_port_works_again_and_nothing_is_missing(machine, plugin, messages):
    """One process, one host, one lie after the other while frames travel: each
    field of each message, two values of each."""
    server = machine.serve(["--nic", "port=echo"])
    ops = Ops(server, plugin).up()
    outcomes = {}
    walk = [f for f in lies.fields(server) if f[0] in messages and f not in lies.SILENCE]
    assert len(walk) >= 6
    for number, (message, field) in enumerate(walk):
        for value in lies.sample(number):
            server.ctl("fault", "arm", f"lie:message={message},field={field},{value},"
                       f"nth={1 + number % 3},count=2")
            for _ in range(3):
                exchange(ops, 4)
            server.ctl("fault", "disarm", "all")
            how = works(ops)
            outcomes[how] = outcomes.get(how, 0) + 1
    assert lies.fired(server) >= len(walk), outcomes
    stops_with_all_mbufs(ops, outcomes)


@pytest.mark.full
@pytest.mark.conformance(19, 21, 22)
def test_bytes_that_change_while_the_driver_reads_them_do_no_harm(machine, plugin):
    """The host flips bytes of what it has just published, and of the headers behind
    it, hundreds of times while the driver polls on another processor."""
    server = machine.serve(["--nic", "port=echo"])
    ops = Ops(server, plugin).up()
    for seed in range(7, 27):       # a port that gave up gets no more frames
        server.ctl("fault", "arm", f"flip:value=300,seed={seed}")
        for _ in range(20):
            exchange(ops, 8)
        server.ctl("fault", "disarm", "all")
        works(ops)
        if lies.fired(server, "flip") > 200:
            break
    assert lies.fired(server, "flip") > 200
    stops_with_all_mbufs(ops)


@pytest.mark.full
@pytest.mark.conformance(23)
@pytest.mark.parametrize("fault,how", [
    ("late:count=3", "by itself"), ("twice:message=completion,count=5", "by itself"),
    ("twice:message=rndis-set", "by itself"), ("status:message=rndis-set", "by itself"),
    ("unread:count=2000", "by itself"),
    ("held:message=completion,count=3,nth=2", "by itself"),
    ("held:message=rndis-set,for=300ms", "by itself"),
    ("held:message=return,count=5", "by itself"),
    ("silent:message=return,count=5", "by itself"),
    ("rarely:message=monitor,every=20ms", "by itself"),
    ("rarely:message=ring,every=20ms", "by itself"),
    ("silent:message=completion,count=3", "restarted")])
def test_each_way_to_answer_wrongly_has_its_outcome(machine, plugin, fault, how):
    """Late, out of order, twice, refused, never: frames and a request under each; then
    the port works by itself, or gets back what was never completed by stop and start."""
    server = machine.serve(["--nic", "port=echo"])
    ops = Ops(server, plugin).up()
    server.ctl("fault", "arm", fault)
    for _ in range(4):
        exchange(ops, 8)
    refused = ops("promisc", on=1, seconds=90)["ret"]
    assert refused == (-5 if fault.startswith("status") else 0)
    server.ctl("fault", "disarm", "all")
    if how == "restarted":
        ops.ok("stop")
        ops.ok("start")
    assert works(ops, ms=PATIENT_MS) == "by itself"
    assert lies.fired(server, fault.split(":", maxsplit=1)[0]) > 0
    no_violations(server)
    stops_with_all_mbufs(ops)


def late_replies(ops):
    return ops("xstats")["of"].get("control_late_replies", 0)


def bears_late_answers(server, ops, count):
    """The host gives the answers that it held; they are counted, and the port works."""
    server.ctl("fault", "disarm", "all")
    ops("rx", n=1, ms=50)
    wait_until(lambda: exchange(ops, 1) == 1 and late_replies(ops) == count, 60,
               f"{count} late answers")
    ops.ok("promisc", on=1, seconds=90)
    ops.ok("promisc", on=0, seconds=90)
    assert works(ops, ms=PATIENT_MS) == "by itself"
    assert late_replies(ops) == count
    no_violations(server)
    stops_with_all_mbufs(ops)


@pytest.mark.full
@pytest.mark.conformance(23)
@pytest.mark.parametrize("when", ["before the start", "after the start"])
def test_an_answer_that_comes_after_the_time_out_of_a_stop_changes_nothing(machine, plugin,
                                                                           when):
    """A stop waits two seconds for the host to close its filter; the answer comes when
    the port is started again, or is there before it."""
    server = machine.serve(["--nic", "port=echo"])
    ops = Ops(server, plugin).up()
    server.ctl("fault", "arm", "held:message=rndis-set")
    ops.ok("stop")
    assert lies.fired(server, "held") == 1
    if when == "before the start":
        server.ctl("fault", "disarm", "all")
    ops.ok("start", seconds=90)
    assert late_replies(ops) == (when == "before the start")
    bears_late_answers(server, ops, 1)


@pytest.mark.full
@pytest.mark.long
@pytest.mark.conformance(23)
def test_answers_that_come_after_their_time_out_change_nothing(machine, plugin):
    """The first is waited for a minute, the next ones two seconds each; the host does
    what it was asked for all the same, and says so much later."""
    server = machine.serve(["--nic", "port=echo"])
    ops = Ops(server, plugin).up()
    server.ctl("fault", "arm", "held:message=rndis-set,count=0")
    for name, words in (("promisc", {"on": 1}), ("allmulti", {"on": 1}), ("promisc", {"on": 1})):
        assert ops(name, seconds=90, **words)["ret"] == -110, name
    assert lies.fired(server, "held") == 3
    bears_late_answers(server, ops, 3)


@pytest.mark.full
def test_a_host_that_keeps_all_of_the_receive_buffer_gives_it_back_at_a_reset(machine, plugin):
    """It takes no section back that was acknowledged: when all are gone nothing comes,
    all else goes on, and the link is new after a reset."""
    server = machine.serve(["--nic", "port=echo"])
    ops = Ops(server, plugin).up()
    server.ctl("fault", "arm", "silent:message=return")
    wait_until(lambda: exchange(ops, 500) == 0 and
               server.counters().get("rx_drop_no_section", 0) > 500, 120, "no section is left")
    ops.ok("promisc", on=1, seconds=90)
    server.ctl("fault", "disarm", "all")
    assert works(ops) == "reset"
    no_violations(server)
    stops_with_all_mbufs(ops)


@pytest.mark.full
@pytest.mark.conformance(25)
@pytest.mark.parametrize("faults", [
    ["silent:message=rndis-halt"], ["twice:message=rndis-halt"], ["held:message=rndis-halt"],
    ["silent:message=revoke-recv-buffer", "silent:message=revoke-send-buffer"],
    ["held:message=revoke-recv-buffer", "twice:message=rndis-halt"]], ids=lambda f: f[0])
def test_a_host_that_does_not_take_leave_delays_a_reset_by_seconds(machine, plugin, faults):
    """It says nothing to HALT, or goes on with the buffers as if they were not taken
    back, while frames that it was sent come back."""
    server = machine.serve(["--nic", "port=echo"])
    ops = Ops(server, plugin).up()

    def reset():
        ops("tx", n=64, bytes=100, q=0)
        ops.ok("stop")
        ops.ok("reset", seconds=GONE_SECONDS)
        ops.configure()
        held = ops("heap")["allocations"]
        ops.ok("start")
        return held

    held = reset()
    for fault in faults:
        server.ctl("fault", "arm", fault)
    assert reset() == held
    for fault in faults:
        assert lies.fired(server, fault.split(":", maxsplit=1)[0]) > 0
    assert exchange(ops, ms=PATIENT_MS) == FRAMES
    assert reset() == held
    server.ctl("fault", "disarm", "all")
    assert works(ops, ms=PATIENT_MS) == "by itself"
    no_violations(server)
    stops_with_all_mbufs(ops)


def flooded(server, ops, message):
    """How many of them came, by the driver's own counters of both queues; of interrupts, how
    many there were."""
    if message == "interrupt":
        return [server.counters().get("interrupts", 0)]
    counter = {"completion": "bad_completions", "transfer": "acks",
               "vf-association": "control_messages"}[message]
    of = ops("xstats")["of"]
    return [of.get(f"channel_{queue}_{counter}", 0) for queue in (0, 1)]


@pytest.mark.full
@pytest.mark.conformance(20, 22, 24)
@pytest.mark.parametrize("message", ["completion", "transfer", "vf-association", "interrupt"])
def test_a_flood_on_all_queues_costs_time_and_nothing_else(machine, plugin, message):
    """As many as the rings hold, at each look of the host: frames travel all the same,
    calls return, and when it is over nothing is missing."""
    server = machine.serve(["--nic", "queues=2,port=echo"])
    ops = Ops(server, plugin).up(2)
    server.ctl("fault", "arm", f"flood:message={message}")
    for queue in (0, 1):        # some find no room in the ring, and the host drops them
        wait_until(lambda q=queue: exchange(ops, queue=q, queues=2), 60, f"frames on {queue}")
    wait_until(lambda: ops("rx", n=10000, ms=50, last=1) and
               min(flooded(server, ops, message)) > 100, 60, "the flood on both queues")
    ops.ok("promisc", on=1, seconds=90)
    ops.ok("stop", seconds=90)
    ops.ok("start", seconds=90)
    exchange(ops, queues=2)
    server.ctl("fault", "disarm", "all")
    ops("rx", n=10000, ms=50, last=1)
    assert works(ops, 2, PATIENT_MS) == "by itself"
    no_violations(server)
    stops_with_all_mbufs(ops)


@pytest.mark.full
def test_a_minute_of_random_faults_and_changes_leaves_a_port_that_works(machine, plugin):
    FaultSoak(machine, plugin, 20261123).run(seconds=60)
