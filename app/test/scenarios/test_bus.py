# SPDX-License-Identifier: BSD-3-Clause
"""The bus of our driver: what the kernel shows of devices, and devices that
come and go while a program runs. Kernels are hvsim's profiles; where a kernel
shows what no profile does, the test writes it into the guest's sysfs tree."""

import errno
import json
import os
from pathlib import Path

import pytest

from burst_code import addresses, reached
from conftest import BUILD, NO_HUGE, Done, cannot, need_program, run, wait_until
from ops import Ops
from test_builtin import echo_ok
from test_driver import arriving, by_hypercall, forwarder, no_violations, ours
from test_protocol import KERNELS
from testpmd import Testpmd

BUS = BUILD / "app/test/ethdev/test_bus"
A = "aaaaaaaa-89ab-4def-8123-456789abcdef"
B = "bbbbbbbb-89ab-4def-8123-456789abcdef"
NOBODY_ELSE = "vmbus:00000000-89ab-4def-8123-456789abcdef"
ERRORS = ("NETVSC:", "VMBUS:")


def bus(plugin, *words, eal=()):
    if not BUS.exists():
        cannot("the bus client is not built: no libdpdk")
    # What one thread allocated and another freed, that one keeps for itself, and the heap
    # seems to grow by it: not without such caches.
    return ["env", "GLIBC_TUNABLES=glibc.malloc.tcache_count=0", BUS, "-l", "0", "--no-pci",
            "--no-telemetry", f"--file-prefix=bus{os.getpid()}", *NO_HUGE, "-d", plugin, *eal,
            "--", *words]


def ports(done):
    return [s["name"] for s in done.ok().steps() if s["step"] == "port"]


def complaints(done):
    """What the driver said, except that it takes over."""
    return [line for line in (done.out + done.err).splitlines()
            if line.startswith(ERRORS) and "taking over" not in line]


def said_by(guest):
    """The steps of a guest in the background; its last line may be half written."""
    return Done([], 0, guest.log.read_text().rpartition("\n")[0], "").steps()


def held(done):
    """What the process held before and after."""
    seen = {s["when"]: s for s in done.steps() if s["step"] == "held"}
    return seen["before"], seen["after"]


def same(before, after):
    # A sanitizer's allocator tells no heap and maps as it likes.
    for key, value in before.items():
        if key != "when" and (key != "maps" or before["heap"] != 0):
            assert after[key] == value, f"{key}: {before} -> {after}"


class Tree:
    """The sysfs folder of a guest's devices, to be written into."""

    def __init__(self, server):
        answer = server.ctl("list")
        guest = answer.get("result", answer)["guests"][0]
        self.devices = Path(guest["dir"]) / "root/sys/bus/vmbus/devices"

    def put(self, path, text):
        file = self.devices / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(text, encoding="ascii")

    def drop(self, path):
        (self.devices / path).unlink()

    def unreadable(self, path):
        """Reading it fails even for root."""
        file = self.devices / path
        file.unlink(missing_ok=True)
        file.mkdir(parents=True)

    def map(self, guid, number):
        uio = next((self.devices / guid / "uio").iterdir()).name
        return f"{guid}/uio/{uio}/maps/map{number}"


# ---- scan ----

@pytest.mark.quick
@pytest.mark.sanitized
@pytest.mark.conformance(1)
def test_a_foreign_or_broken_device_never_hides_a_nic(machine, plugin):
    server = machine.serve(["--nic", f"guid={A},port=echo",
                            "--nic", f"name=b,guid={B},queues=1,port=echo,monitor=off"])
    tree = Tree(server)
    tree.put("00000000-0000-0000-0000-000000000000/class_id",
             "{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}\n")
    tree.put("11111111-0000-0000-0000-000000000000/class_id", "nonsense\n")
    tree.unreadable("22222222-0000-0000-0000-000000000000/class_id")
    tree.unreadable("99999999-0000-0000-0000-000000000000/id")
    (tree.devices / "33333333-0000-0000-0000-000000000000").symlink_to("nowhere")
    assert not (tree.devices / B / "monitor_id").exists()
    tree.unreadable(f"{A}/numa_node")
    done = server.exec(bus(plugin, "ports"))
    assert ports(done) == [A, B]
    assert not complaints(done)
    tree.unreadable(f"{A}/device_id")
    assert ports(server.exec(bus(plugin, "ports"))) == [B]


@pytest.mark.quick
@pytest.mark.sanitized
@pytest.mark.conformance(2)
@pytest.mark.parametrize("text", [f"{A}", f"{{{A.upper()}}}", A.upper()])
def test_a_guid_may_be_spelt_in_any_way_by_kernel_and_user(machine, plugin, text):
    server = machine.serve(["--strict", "--nic", f"guid={A},queues=2,port=echo"])
    tree = Tree(server)
    tree.put(f"{A}/device_id", text + "\n")
    for eal in ((), ("-a", f"vmbus:{text}")):
        assert ports(server.exec(bus(plugin, "ports", eal=eal))) == [A]
    assert ports(server.exec(bus(plugin, "ports", eal=("-b", f"vmbus:{text}")))) == []


@pytest.mark.quick
@pytest.mark.conformance(2)
def test_a_folder_called_vmbus_n_is_a_device_like_any_other(machine, plugin):
    """Kernels before 4.14 called them so."""
    server = machine.serve(["--nic", f"guid={A},queues=2,port=echo"])
    devices = Tree(server).devices
    (devices / A).rename(devices / "vmbus_0_14")
    done = server.exec(ours(plugin, "--queues", "2", "--rounds", "1"))
    assert sum(done.ok().results()[0]["queues"]) > 0


@pytest.mark.quick
@pytest.mark.sanitized
@pytest.mark.conformance(3)
def test_a_nic_that_is_not_bound_to_uio_is_skipped_without_a_word(machine, plugin):
    server = machine.serve(["--nic", f"guid={A},port=echo", "--nic", f"name=b,guid={B},port=echo"])
    unbind = f"echo {A} > /sys/bus/vmbus/drivers/uio_hv_generic/unbind"
    server.exec(["sh", "-c", unbind]).ok()
    done = server.exec(bus(plugin, "ports"))
    assert ports(done) == [B]
    assert not complaints(done)


@pytest.mark.quick
@pytest.mark.sanitized
@pytest.mark.conformance(3)
@pytest.mark.parametrize("file,text,says", [
    ("0/name", "rings\n", "map0"), ("0/size", "0x0\n", "map0"),
    ("1/name", "monitor_page\n", "map1"), ("2/size", "0x800\n", "map2"),
    ("3/name", "recv\n", "map3"), ("4/name", "recv:8\n", "map4"),
    ("4/size", "0x7fffffff000\n", "map4"), ("4/size", "0x2000000\n", "map /dev/uio"),
])
def test_a_wrong_map_is_refused_with_its_name_and_leaks_nothing(machine, plugin, file, text, says):
    server = machine.serve(["--nic", f"guid={A},port=echo"])
    tree = Tree(server)
    number, name = file.split("/")
    tree.put(f"{tree.map(A, number)}/{name}", text)
    done = server.exec(bus(plugin, "refused", "20", f"vmbus:{A}", eal=("-a", NOBODY_ELSE)))
    done.ok()
    before, after = held(done)
    same(before, after)
    assert says in complaints(done)[0], complaints(done)[0]


# ---- devargs at run time ----

@pytest.mark.quick
@pytest.mark.sanitized
@pytest.mark.conformance(4)
@pytest.mark.parametrize("spelling", [A, A.upper(), f"{{{A}}}"])
def test_devargs_given_at_run_time_are_those_of_the_port(machine, plugin, spelling):
    for args, lists in (("tx_copybreak=0", True), ("tx_copybreak=0,tx_page_lists=0", False)):
        done = machine.run(["--strict", "--nic", f"guid={A},port=echo"],
                           bus(plugin, "plug", "1", f"vmbus:{spelling},{args}",
                               eal=("-a", NOBODY_ELSE)))
        done.ok()
        assert (done.nic().get("tx_page_lists", 0) > 0) == lists, done.nic()


@pytest.mark.quick
@pytest.mark.sanitized
@pytest.mark.conformance(4)
def test_an_unknown_key_given_at_run_time_is_refused_and_leaks_nothing(machine, plugin):
    done = machine.run(["--nic", f"guid={A},port=echo"],
                       bus(plugin, "refused", "50", f"vmbus:{A},nonsense=1",
                           eal=("-a", NOBODY_ELSE)))
    before, after = held(done.ok())
    same(before, after)
    assert 'unknown key "nonsense"' in done.out + done.err


# ---- plug and unplug ----

def plug(machine, plugin, kernel, count):
    done = machine.run(["--strict", "--kernel", kernel, "--nic", f"guid={A},queues=2,port=echo"],
                       bus(plugin, "plug", str(count), f"vmbus:{A},latency=50",
                           eal=("-a", NOBODY_ELSE)), timeout=300)
    before, after = held(done.ok())
    same(before, after)
    assert after["mbufs"] == 0
    return done


@pytest.mark.full
@pytest.mark.sanitized
@pytest.mark.conformance(11)
@pytest.mark.parametrize("kernel", KERNELS)
def test_plugging_and_unplugging_leaves_nothing_behind(machine, plugin, kernel):
    plug(machine, plugin, kernel, 20)


@pytest.mark.full
@pytest.mark.conformance(11)
def test_a_thousand_times_plugged_and_unplugged_nothing_has_grown(machine, plugin):
    """Descriptors, mappings, libc's and EAL's heaps, memzones, mbufs: equal."""
    done = plug(machine, plugin, "6.18", 1000)
    assert done.nic()["opens"] >= 1000


@pytest.mark.quick
@pytest.mark.sanitized
@pytest.mark.conformance(11)
def test_eal_ends_cleanly_with_a_port_that_runs(machine, plugin):
    done = machine.run(["--strict", "--nic", f"guid={A},port=echo"], bus(plugin, "cleanup")).ok()
    assert [s["step"] for s in done.steps()] == ["held", "running", "cleanup"]
    assert not complaints(done)


# ---- rescind ----

def comes_and_goes(server, plugin, rounds, remove, offer):
    """`remove` takes the NIC away and `offer` brings it back, so many times; returns the
    client's steps."""
    guest = server.start(bus(plugin, "rescind", str(rounds), f"vmbus:{A}",
                             eal=("-a", NOBODY_ELSE)))

    def said(step, times):
        seen = said_by(guest)
        errors = [s for s in seen if "error" in s]
        assert not errors, guest.log.read_text()
        return [s["step"] for s in seen].count(step) >= times

    for i in range(1, rounds + 1):
        wait_until(lambda i=i: said("running", i), 40, f"the port runs, round {i}")
        remove()
        wait_until(lambda i=i: said("removed", i), 40, f"the removal is seen, round {i}")
        wait_until(lambda i=i: said("unplugged", i), 40, f"the device is removed, round {i}")
        offer()
    wait_until(lambda: said("cleanup", 1), 40, "the program ends")
    assert guest.wait(20) == 0, guest.log.read_text()
    no_violations(server)
    return said_by(guest)


def rescinds(machine, plugin, options, rounds):
    """By the host, which goes on."""
    server = machine.serve(["--nic", f"name=nic0,guid={A},queues=2,port=echo", *options])
    return comes_and_goes(server, plugin, rounds, lambda: server.ctl("nic", "remove", "nic0"),
                          lambda: server.ctl("nic", "offer", "nic0"))


@pytest.mark.quick
@pytest.mark.sanitized
@pytest.mark.conformance(5, 10)
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_rescind_is_one_event_after_which_bursts_move_nothing_and_the_device_returns(
        machine, plugin, kernel):
    """The client counts INTR_RMV, goes on polling longer than the host leaves
    the rings in place, then removes the device, running or stopped."""
    rescinds(machine, plugin, ["--kernel", kernel], 2)


@pytest.mark.quick
@pytest.mark.sanitized
@pytest.mark.conformance(10)
def test_a_rescind_stops_bursts_while_another_ports_callback_keeps_the_interrupt_thread(
        machine, plugin):
    """The rings are revoked soon after a rescind: who touches them then dies."""
    server = machine.serve(["--nic", f"name=a,guid={A},port=echo",
                            "--nic", f"name=b,guid={B},port=echo"])
    guest = server.start(bus(plugin, "blocked"))
    wait_until(lambda: "running" in guest.log.read_text(), 40, "both ports run")
    server.ctl("nic", "remove", "a")
    wait_until(lambda: guest.log.read_text().count("took the device away") == 1, 40, "a is gone")
    server.ctl("nic", "remove", "b")
    assert guest.wait(60) == 0, guest.log.read_text()
    blocked = next(s for s in said_by(guest)
                   if s["step"] == "blocked")
    assert blocked["events"] == 1


@pytest.mark.full
@pytest.mark.conformance(5, 10)
def test_rescinds_and_re_offers_leave_nothing_behind(machine, plugin):
    seen = rescinds(machine, plugin, [], 60)
    looks = [s for s in seen if s["step"] == "held" and s["when"] == "unplugged"]
    same(looks[9], looks[-1])


@pytest.mark.quick
@pytest.mark.sanitized
@pytest.mark.conformance(10)
def test_a_subchannel_taken_away_alone_is_a_dead_queue_and_no_dead_port(machine, plugin):
    server, pmd = forwarder(machine, plugin)
    pmd("start")
    arriving(server)
    server.ctl("subchannel", "remove", "left", "2")
    server.ctl("subchannel", "remove", "right", "1")
    arriving(server, 3000)
    assert "device removal event" not in pmd.text
    pmd("stop", "port stop all", seconds=30)
    # All queues again: the host grants them anew.
    pmd("port start all", "start", seconds=30)
    arriving(server)
    pmd("stop", "port stop all", "port close all", seconds=30)
    pmd.quit()


# ---- two processes ----

@pytest.mark.quick
@pytest.mark.conformance(3)
def test_a_second_primary_is_refused_and_the_first_keeps_its_nic(machine, plugin):
    server = machine.serve(["--strict", "--nic", f"guid={A},port=echo"])
    pmd = Testpmd(server, plugin, ["--forward-mode=flowgen"])
    pmd("start")
    wait_until(lambda: server.counters().get("tx_frames", 0) > 1000, 30, "frames are sent")
    second = server.exec(bus(plugin, "ports"))
    assert ports(second) == []
    assert any("another process drives it already" in line for line in complaints(second))
    sent = server.counters()["tx_frames"]
    wait_until(lambda: server.counters()["tx_frames"] > sent + 1000, 30, "and still are")
    pmd("stop")
    pmd.quit()
    assert ports(server.exec(bus(plugin, "ports"))) == [A]
    no_violations(server)


# ---- kernels ----

@pytest.mark.quick
@pytest.mark.conformance(7)
@pytest.mark.parametrize("monitor", ["on", "off"])
@pytest.mark.parametrize("kernel", ["6.1.158", "6.12.41", "6.18"])
def test_every_receive_ring_stays_masked(machine, plugin, kernel, monitor):
    """What the kernel shows of all channels' masks, after traffic in which, without
    a monitor, each signal was a write that unmasks. On 6.1.158 a subchannel's
    interrupt is a violation of its own."""
    queues = 4
    if kernel == "6.1.158" and monitor == "off":
        monitor = "on"          # that kernel binds no others
    if kernel == "6.12.41" and monitor == "off":
        queues = 1              # that kernel signals no others
    server = machine.serve(["--strict", "--kernel", kernel, "--nic",
                            f"guid={A},queues=4,port=echo,monitor={monitor}"])
    pmd = Testpmd(server, plugin, ["--forward-mode=flowgen", f"--rxq={queues}",
                                   f"--txq={queues}"], eal=by_hypercall(A))
    masks = f"cat /sys/bus/vmbus/devices/{A}/channels/*/in_mask"
    assert server.exec(["sh", "-c", masks]).ok().out.split() == ["1"] * queues
    pmd("start")
    wait_until(lambda: server.counters().get("tx_frames", 0) > 5000, 30, "frames are sent")
    pmd("stop")
    assert server.exec(["sh", "-c", masks]).ok().out.split() == ["1"] * queues
    pmd.quit()
    no_violations(server)


@pytest.mark.full
@pytest.mark.conformance(6, 8)
@pytest.mark.parametrize("kernel", KERNELS)
def test_rings_of_each_kernels_sizes_wrap_under_traffic(machine, plugin, kernel):
    """Main and sub rings differ from kernel to kernel, and on some from each other."""
    done = machine.run(["--strict", "--kernel", kernel, "--nic", "queues=4,port=echo"],
                       ours(plugin, "--queues", "4", "--rounds", "1", "--repeat", "16"))
    echo_ok(done, 1)
    assert done.nic()["opens"] == 4


@pytest.mark.full
@pytest.mark.conformance(8)
def test_a_kernel_without_ring_files_leaves_one_queue_and_says_which_file_is_missing(machine,
                                                                                    plugin):
    """Linux before 4.17 opens no subchannel that a host grants. What was refused
    is the port's limit from then on."""
    server = machine.serve(["--strict", "--kernel", "4.16", "--nic", f"guid={A},queues=4",
                            "--nic", f"guid={B},queues=1"])
    ops = Ops(server, plugin)
    assert ops.ok("info", 0)["rx_queues"] == 4
    ops.up(0, 1)
    assert "did not appear" not in ops.said()
    ops.ok("stop", 0)
    for _ in range(2):
        assert ops.call("configure", 0, 4, 4)["ret"] in (-errno.ENOSPC, -errno.EINVAL)
        assert ops.ok("info", 0)["rx_queues"] == 1
    missing = [line for line in ops.said().splitlines() if "did not appear" in line]
    assert len(missing) == 1, missing
    assert f"{A}: 0 of 3 subchannels: /sys/bus/vmbus/devices/{A}/channels/" in missing[0]
    assert "/ring did not appear" in missing[0] and "kernels before 4.17 make none" in missing[0]
    assert (f"{A}: configure: 4 queues wanted, host and kernel opened 1 channels; configure no"
            " more than that") in ops.said()
    ops.up(0, 1)
    ops.up(1, 1)
    assert ops.reach(1, 0, ops.ok("mac", 0)["mac"]) == 5
    for port in (0, 1):
        ops.ok("stop", port)
        ops.ok("close", port)
    ops.end()
    no_violations(server)


# ---- addresses ----

@pytest.mark.quick
@pytest.mark.conformance(9)
@pytest.mark.parametrize("attribute,mode,lists", [
    ("va", None, True), ("va", "va", True), ("pa", "va", False), ("pa", None, False),
])
def test_without_physical_addresses_eal_starts_and_page_lists_need_the_hosts_word(
        machine, plugin, attribute, mode, lists):
    """--no-huge: EAL has no physical addresses. Where the host reads physical ones
    only, all frames are copied."""
    server = machine.serve(["--strict", "--nic", f"guid={A},port=echo"])
    Tree(server).put(f"{A}/iova", attribute + "\n")
    eal = [*([f"--iova-mode={mode}"] if mode else []), "--no-huge", "-m", "256",
           "-a", f"vmbus:{A},tx_copybreak=0"]
    server.exec(ours(plugin, "--rounds", "1", eal=eal)).ok()
    assert (server.counters().get("tx_page_lists", 0) > 0) == lists
    no_violations(server)


@pytest.mark.quick
@pytest.mark.conformance(9)
@pytest.mark.parametrize("mode,iova,lists", [(None, "pa", True), ("pa", "pa", True),
                                             ("va", "va", False)])
def test_with_physical_addresses_they_are_chosen_and_a_forced_va_is_copied(
        machine, plugin, hugepages, mode, iova, lists):
    """hvsim reads guest memory by physical address here."""
    eal = [*([f"--iova-mode={mode}"] if mode else []), "--huge-dir", hugepages, "-m", "256",
           "-a", f"vmbus:{A},tx_copybreak=0"]
    done = machine.run(["--strict", "--iova", "pa", "--nic", f"guid={A},port=echo"],
                       ours(plugin, "--rounds", "1", eal=eal))
    echo_ok(done, 1)
    port = done.steps()[1]
    assert port["iova"] == iova
    assert (done.nic().get("tx_page_lists", 0) > 0) == lists


# ---- what a burst costs ----

def count_bursts(machine, plugin, options, client):
    """Under gdb, which stops at every locked instruction of the plugin."""
    need_program("gdb")
    need_program("objdump")
    out = machine.path("bursts.json")
    machine.env.update(BURSTS_PLUGIN=plugin, BURSTS_OUT=str(out), BURSTS_ENOUGH="3000")
    command = ["gdb", "-q", "-batch", "-nx", "-x", Path(__file__).with_name("gdb_bursts.py"),
               "--args", *client]
    done = machine.run(options, command, timeout=240)
    assert out.exists(), done.out + done.err
    return json.loads(out.read_text())["bursts"]


@pytest.mark.full
@pytest.mark.parametrize("monitor", ["on", "off"])
@pytest.mark.parametrize("client", ["lengths", "bursts"])
def test_a_burst_takes_one_lock_pair_two_fences_and_one_signal_at_most(
        machine, plugin, monitor, client):
    """Counted one by one as they are executed. Beside the channel's lock there is
    the port's pool of sections, which a queue goes to once for many."""
    command = bus(plugin, "steady", "1000000") if client == "bursts" else \
        ours(plugin, "--queues", "2", "--segments", "1-4", "--repeat", "40", "--seconds", "200",
             eal=by_hypercall(A))
    nic = f"guid={A},queues=2,port=echo,monitor={monitor}"
    bursts = count_bursts(machine, plugin, ["--nic", nic], command)
    for name, all_bursts in bursts.items():
        assert len(all_bursts) > 100, name
        assert any("unlock" in did for did in all_bursts), name
        for did in all_bursts:
            # A lock that another thread holds is tried again: unlocks count pairs.
            assert did.count("unlock") <= 1 and did.count("fence") <= 2, (name, did)
            assert did.count("signal") <= 1 and did.count("pool unlock") <= 1, (name, did)
            others = set(did) - {"lock", "unlock", "fence", "signal", "pool lock", "pool unlock"}
            assert not others, (name, others)
            if "signal" in did:     # never with the lock held
                assert "unlock" not in did[did.index("signal"):], did
    pool = sum("pool unlock" in did for did in bursts["netvsc_tx_burst"])
    assert pool <= len(bursts["netvsc_tx_burst"]) / 32
    assert not any("pool unlock" in did for did in bursts["netvsc_rx_burst"])


@pytest.mark.full
def test_bursts_reach_no_memory_of_one_process_alone_but_its_descriptors_and_log_types(plugin):
    """What a secondary process would not find: static variables of the plugin, by
    whatever a burst can call there. (Except where a ring is beyond repair: that is
    told to the application of the process that finds it.)"""
    need_program("objdump")
    need_program("nm")
    code = run(["objdump", "-d", "--no-show-raw-insn", plugin]).ok().out
    functions = reached(code, ("netvsc_rx_burst", "netvsc_tx_burst"),
                        but="netvsc_event_")
    assert {"netvsc_poll", "netvsc_rx_deliver", "netvsc_tx_submit", "vmbus_channel_signal"} <= \
        set(functions)
    named = addresses(line for lines in functions.values() for line in lines)
    headers = run(["objdump", "-h", plugin]).ok().out
    sections = {words[1]: (int(words[3], 16), int(words[2], 16)) for words in
                map(str.split, headers.splitlines()) if len(words) == 7 and words[0].isdigit()}
    writable = [range(at, at + size) for at, size in (sections[".data"], sections[".bss"])]
    symbols = [words for words in map(str.split, run(["nm", "-S", plugin]).ok().out.splitlines())
               if len(words) == 4]
    used = {next((name for at, size, _, name in symbols
                  if 0 <= where - int(at, 16) < int(size, 16)), hex(where))
            for where in named if any(where in part for part in writable)}
    assert "channel_fds" in used
    assert {name for name in used if not name.startswith("netvsc_logtype_")} == {"channel_fds"}


@pytest.mark.full
@pytest.mark.conformance(14)
@pytest.mark.parametrize("monitor,poll", [("on", "busy"), ("off", "busy"), ("off", "adaptive")])
def test_bursts_make_no_system_call_but_the_signal_and_no_page_fault(
        machine, plugin, monitor, poll):
    """strace sees the thread between its two getrusage(); the kernel counts the
    faults. A host that sleeps is woken by a write, which hvsim's library makes
    three calls of. Not with a monitor: there hvsim wakes by a fault of its own."""
    need_program("strace")
    trace = machine.path("strace")
    command = ["strace", "-f", "-o", trace, *bus(plugin, "steady", "2000")]
    done = machine.run(["--strict", "--poll", poll, "--nic", f"port=echo,monitor={monitor}"],
                       command, timeout=240).ok()
    steady = next(s for s in done.steps() if s["step"] == "steady")
    lines = [line.split(maxsplit=1) for line in trace.read_text().splitlines()]
    marks = [i for i, line in enumerate(lines) if line[1].startswith("getrusage")]
    assert len(marks) == 2
    mine = [call.split("(")[0] for tid, call in lines[marks[0] + 1:marks[1]]
            if tid == lines[marks[0]][0] and not call.startswith("<...")]
    assert steady["faults"] == 0
    if poll == "busy":
        assert not mine
    else:
        assert set(mine) <= {"sendto", "rt_sigprocmask"}, set(mine)
        assert 0 < mine.count("sendto") <= steady["bursts"]
