# SPDX-License-Identifier: BSD-3-Clause
"""The whole host process is killed under our driver, and another one is started in
its place: to a program that ran all the time its NICs went away and came back."""

import re

import pytest

import lies
from conftest import need_program, run, wait_until
from faulty import (FRAMES, GONE_SECONDS, PATIENT_MS, UNANSWERED, all_mbufs_are_back, exchange,
                    stops_with_all_mbufs)
from lines import Ops
from test_bus import A, comes_and_goes
from test_driver import arriving, no_violations
from testpmd import Testpmd

QUEUES = 2
PAGES = "tx_copybreak=0"        # all frames go out as page lists
# Each of them at a port whose host is dead: 0 or an errno, and soon.
CALLS = [("tx", {"n": 16, "bytes": 100}), ("tx", {"n": 16, "bytes": 9000, "q": 1}),
         ("rx", {"n": 16, "ms": 100, "last": QUEUES - 1}), ("reap", {"ms": 5}),
         ("promisc", {"on": 1}), ("groups", {"n": 3}), ("reta_set", {"queue": 1}),
         ("mtu", {"mtu": 1400}), ("stats", {}), ("link", {}), ("stop", {}), ("start", {}),
         ("reset", {})]


def mortal(machine, *nics):
    """A host that another one can take the place of."""
    return machine.serve(["--folder", machine.path("host"),
                          *(word for nic in nics for word in ("--nic", nic))])


def guid_of(server):
    listed = server.ctl("list")
    return listed.get("result", listed)["nics"][0]["guid"].strip("{}")


def told(ops, times):
    wait_until(lambda: ops("removals")["count"] >= times, GONE_SECONDS, "the removal is told")
    assert ops("removals") == {"count": times, "removed": 1}


def dead(ops):
    """Bursts move nothing, calls fail or do nothing, nobody waits for the host."""
    for name, words in CALLS:
        answer = ops(name, seconds=GONE_SECONDS, **words)
        assert -200 < answer.get("ret", 0) <= 0, (name, answer)
        assert answer.get("taken", 0) == answer.get("got", 0) == 0, (name, answer)


def let_go(ops):
    ops.ok("remove", seconds=GONE_SECONDS)
    all_mbufs_are_back(ops)


def back(ops, devargs):
    """The NIC is found at the new host, and works on all queues."""
    wait_until(lambda: ops("attach", seconds=90, dev=f"vmbus:{devargs}")["ret"] == 0, 60,
               "the NIC is attached")
    ops.configure(QUEUES)
    ops.ok("start")
    for queue in range(QUEUES):
        assert exchange(ops, queue=queue, queues=QUEUES, ms=PATIENT_MS) == FRAMES


def knows_the_memory(server):
    """The next host reads frames in memory that the one before was shown."""
    assert server.counters()["tx_page_lists"] >= QUEUES * FRAMES
    no_violations(server)


def ends(ops):
    ops.ok("end")
    assert ops.proc.wait(20) == 0, ops.text()


@pytest.mark.quick
@pytest.mark.sanitized
@pytest.mark.parametrize("again", ["later", "at once"])
def test_a_port_dies_with_its_host_and_the_program_goes_on_with_the_next(machine, plugin, again):
    """Three hosts one after the other. The next is started when the port was let go of,
    or before the program knows: the port is dead all the same, and told of once."""
    server = mortal(machine, f"queues={QUEUES},port=echo")
    guid = guid_of(server)
    ops = Ops(server, plugin, PAGES).up(QUEUES)
    assert exchange(ops, queues=QUEUES, ms=PATIENT_MS) == FRAMES
    held = set()
    for times in (1, 2, 3):
        for queue in range(QUEUES):     # on their way, and never to come back
            ops("tx", n=64, bytes=100, q=queue)
        server.kill()
        if again == "at once":
            server.start_again()
        told(ops, times)
        dead(ops)
        assert ops("removals")["count"] == times
        let_go(ops)
        held.add(ops("heap")["allocations"])
        if again == "later":
            assert ops("attach", dev=f"vmbus:{guid}")["ret"] < 0
            server.start_again()
        back(ops, f"{guid},{PAGES}")
        knows_the_memory(server)
    assert len(held) == 1, held
    assert ops.log.read_text().count("the host took the device away") == 3
    stops_with_all_mbufs(ops)
    ends(ops)
    no_violations(server)


def reads_frames_after(machine, plugin, eal=None, wrap=()):
    server = mortal(machine, f"queues={QUEUES},port=echo")
    guid = guid_of(server)
    command = server.guest_command
    server.guest_command = lambda words, guest=None: command([*wrap, *words], guest)
    ops = Ops(server, plugin, PAGES, eal=eal).up(QUEUES)
    assert exchange(ops, queues=QUEUES, ms=PATIENT_MS) == FRAMES
    server.kill()
    server.start_again()
    told(ops, 1)
    let_go(ops)
    back(ops, f"{guid},{PAGES}")
    knows_the_memory(server)
    stops_with_all_mbufs(ops)
    ends(ops)


@pytest.mark.full
@pytest.mark.parametrize("mode", ["va", "pa"])
def test_the_next_host_reads_frames_in_hugepages(machine, plugin, hugepages, mode):
    reads_frames_after(machine, plugin,
                       [f"--iova-mode={mode}", "--huge-dir", hugepages, "-m", "256"])


@pytest.mark.full
def test_the_next_host_copies_frames_of_a_program_that_may_not_open_its_mappings(machine, plugin):
    need_program("setpriv")
    less = ["setpriv", "--bounding-set=-sys_admin,-checkpoint_restore"]
    opens = "for f in /proc/self/map_files/*; do : <$f && exit 0; done; exit 1"
    assert run(["sh", "-c", opens]).status == 0
    assert run([*less, "sh", "-c", opens]).status != 0
    reads_frames_after(machine, plugin, wrap=less)


@pytest.mark.quick
@pytest.mark.sanitized
@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_a_program_ends_by_itself_after_its_host(machine, plugin, stopped):
    """With the port as it was: nobody lets go of it before the end. An hvsim that has
    nothing from the one before serves the next program."""
    server = machine.serve(["--nic", f"queues={QUEUES},port=echo"])
    ops = Ops(server, plugin).up(QUEUES)
    assert exchange(ops, queues=QUEUES, ms=PATIENT_MS) == FRAMES
    server.kill()
    if stopped:
        ops.ok("stop", seconds=GONE_SECONDS)
        all_mbufs_are_back(ops)
    ends(ops)
    wait_until(lambda: not server.control.exists(), 10, "the old host's socket is removed")
    again = Ops(machine.serve(["--nic", f"queues={QUEUES},port=echo"]), plugin).up(QUEUES)
    assert exchange(again, queues=QUEUES, ms=PATIENT_MS) == FRAMES
    again.ok("stop")


@pytest.mark.full
@pytest.mark.parametrize("message, name, words", UNANSWERED, ids=lambda v: str(v).replace(" ", ""))
def test_who_waits_for_an_answer_when_the_host_dies_is_told_so(machine, plugin, message, name,
                                                               words):
    """The request is with the host, which is killed before it answers."""
    server = mortal(machine, f"queues={QUEUES},port=echo")
    guid = guid_of(server)
    ops = Ops(server, plugin).up(QUEUES)
    server.ctl("fault", "arm", f"silent:message={message}")
    ops.send(" ".join([name, *(f"{k}={v}" for k, v in words.items())]))
    wait_until(lambda: lies.fired(server, "silent") == 1, 60, "the host is silent")
    server.kill()
    assert -200 < ops.answer(f"{name}, the host killed", GONE_SECONDS)["ret"] < 0
    told(ops, 1)
    let_go(ops)
    server.start_again()
    back(ops, guid)
    stops_with_all_mbufs(ops)
    no_violations(server)


@pytest.mark.quick
@pytest.mark.sanitized
def test_to_the_bus_the_death_of_a_host_is_a_rescind_and_its_return_an_offer(machine, plugin):
    """The client counts INTR_RMV and goes on polling, then removes the device, running
    or stopped, and probes until it is there again."""
    server = mortal(machine, f"name=nic0,guid={A},queues=2,port=echo")
    comes_and_goes(server, plugin, 4, server.kill, server.start_again)


@pytest.mark.full
def test_testpmd_lets_go_of_all_ports_of_a_dead_host_and_attaches_them_at_the_next(machine,
                                                                                   plugin):
    """It does the first by itself, when it is told; frames travel from NIC to NIC again."""
    names = {"left": "port=[gen:size=64-1500,rate=50kpps,flows=32]", "right": "port=sink"}
    server = mortal(machine, *(f"name={n},queues=4,{port}" for n, port in names.items()))
    listed = server.ctl("list")
    guids = [n["guid"].strip("{}") for n in listed.get("result", listed)["nics"]]
    pmd = Testpmd(server, plugin, ["--rxq=4", "--txq=4", "--no-flush-rx"])
    pmd("start")
    arriving(server)
    start = len(pmd.text)
    server.kill()
    pmd.wait_removed(0, start)
    pmd("stop", seconds=30)
    server.start_again()
    for guid in guids:
        assert "is attached" in pmd(f"port attach vmbus:{guid}")
    for command in ("port config all rxq 4", "port config all txq 4", "port start all", "start"):
        pmd(command, seconds=30)
    arriving(server)
    pmd("stop", "port stop all", seconds=30)
    assert len(re.findall("device removal event", pmd.text)) == 2
    pmd.quit()
    no_violations(server)
