# SPDX-License-Identifier: BSD-3-Clause
"""Guests that die, stop or hog; a host that dies; and what being idle costs."""

import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import HVSIM, LOAD, NO_HUGE, ethdev, kill_group, run, wait_until

SEED = 20260101


def holdings(pid):
    """What a process holds: descriptors by kind, mappings, files of its folder."""
    fds = {}
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(fd)
        except OSError:
            continue
        kind = target.split(":")[0] if ":" in target else target
        fds[kind] = fds.get(kind, 0) + 1
    maps = len(Path(f"/proc/{pid}/maps").read_text().splitlines())
    return fds, maps


def no_guest(server):
    answer = server.ctl("counters")
    return all(g["counters"]["open_files"] == 0
               for g in answer.get("result", answer)["guests"])


def settled(server):
    """The same, when what the last guest left has been seen and dropped."""
    wait_until(lambda: no_guest(server), 10, "hvsim has seen the guest go")
    seen = []

    def steady():
        seen.append(holdings(server.pid))
        return len(seen) > 40 and all(s == seen[-1] for s in seen[-40:])
    wait_until(steady, 20, "hvsim comes to rest")
    return seen[-1]


def files_below(folder):
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*")
                  if not p.name.endswith((".log", ".json")))


def kill_at_random(server, command, count, seed):
    """Starts a guest and kills it at a random moment, so many times."""
    rng = random.Random(seed)
    for _ in range(count):
        guest = server.start(command)
        time.sleep(rng.uniform(0, 0.25))
        kill_group(guest)
        server.guests.remove(guest)


def check_clean(server, before, machine, kills, command):
    """The next guest works, and hvsim holds what it held at the start."""
    done = server.exec(command)
    done.ok()

    assert settled(server) == before, f"after {kills} kills"


def killed_guests(machine, kills):
    server = machine.serve(["--nic", "queues=4,port=echo", "--seed", "7"])
    short = [LOAD, "--messages", "2000", "--queues", "4"]
    server.exec(short).ok()         # what is made once is there now
    before = settled(server)
    files = files_below(machine.folder)
    step = max(kills // 10, 1)
    for i in range(0, kills, step):
        kill_at_random(server, [LOAD, "--forever", "--queues", "4"], step, SEED + i)
        check_clean(server, before, machine, i + step, short)
    assert files_below(machine.folder) == files
    # A guest that is killed takes its memory along, and with it the pages of
    # messages that hvsim has not read yet. Nothing else is wrong with it.
    assert {k for k in server.counters() if k.startswith("violation_")} <= {
        "violation_PAGE_UNKNOWN"}


@pytest.mark.quick
@pytest.mark.sanitized
def test_guests_killed_at_20_random_points_leave_nothing(machine):
    killed_guests(machine, 20)


@pytest.mark.full
def test_guests_killed_at_200_random_points_leave_nothing(machine):
    killed_guests(machine, 200)


@pytest.mark.full
def test_builtin_drivers_killed_at_random_points_leave_nothing(machine):
    server = machine.serve(["--nic", "queues=4,port=echo"])
    eal = [*NO_HUGE, "--no-shconf"]
    short = ethdev(eal, "--queues", "4", "--rounds", "1")
    server.exec(short).ok()
    before = settled(server)
    rng = random.Random(SEED)
    for i in range(40):
        guest = server.start(ethdev(eal, "--queues", "4", "--forever"))
        time.sleep(rng.uniform(0, 0.6))
        kill_group(guest)
        server.guests.remove(guest)
        if i % 10 == 9:
            check_clean(server, before, machine, i + 1, short)


# ---- the host dies ----

@pytest.mark.quick
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended"])
def test_a_guest_sees_its_host_vanish_and_ends_by_its_own_means(machine, how):
    """To read gives EIO, and to write EINVAL, as a kernel has it whose NIC was taken
    away; the program is not killed by it."""
    server = machine.serve(["--nic", "queues=1,port=echo"])
    script = ("import os, select, sys\n"
              "fd = os.open(sys.argv[1], os.O_RDWR)\n"
              "print('ready', flush=True)\n"
              "select.select([fd], [], [], 20)\n"
              "try:\n"
              "    os.read(fd, 4)\n"
              "    print('read', flush=True)\n"
              "except OSError as err:\n"
              "    print('errno', err.errno, flush=True)\n"
              "try:\n"
              "    os.write(fd, b'\\1\\0\\0\\0')\n"
              "    print('wrote', flush=True)\n"
              "except OSError as err:\n"
              "    print('errno', err.errno, flush=True)\n"
              "print('bye', flush=True)\n")
    find = "import os; print([n for n in os.listdir('/sys/class/uio')][0])"
    uio = server.exec(["/usr/bin/python3", "-c", find]).ok().out.strip()
    guest = server.start(["/usr/bin/python3", "-c", script, f"/dev/{uio}"])
    wait_until(lambda: "ready" in guest.log.read_text(), 10, "the guest is ready")
    server.proc.send_signal(how)
    server.proc.wait(10)
    guest.wait(10)
    assert guest.returncode == 0, guest.log.read_text()
    assert guest.log.read_text().split("\n")[1:4] == ["errno 5", "errno 22", "bye"]
    wait_until(lambda: not server.control.exists(), 10, "the socket is removed")


RESTARTED = """
import errno, mmap, os, struct, sys, time

def say(*words):
    print(*words, flush=True)

def error(call, *arguments):
    try:
        return f"no error: {call(*arguments)}"
    except OSError as err:
        return errno.errorcode[err.errno]

def until(condition):
    end = time.monotonic() + 30
    while not condition():
        if time.monotonic() > end:
            sys.exit("waited for too long")
        time.sleep(0.005)

def devices():
    try:
        return ["/dev/" + name for name in os.listdir("/sys/class/uio")]
    except OSError:
        return []

def mask_of(fd):
    with open(f"/sys/class/uio/{os.path.basename(uio)}/maps/map0/size") as f:
        size = int(f.read(), 16)
    rings = mmap.mmap(fd, size)
    return lambda: struct.unpack_from("I", rings, size // 2 + 8)[0]

uio = devices()[0]
old = os.open(uio, os.O_RDWR)
say("open")
until(lambda: error(os.read, old, 4) == "EIO")
until(lambda: not devices())
say("away", error(os.open, uio, os.O_RDWR), error(os.read, old, 4))
until(lambda: uio in devices() and error(os.open, uio, os.O_RDWR).startswith("no error"))
new = os.open(uio, os.O_RDWR)
mask = mask_of(new)
os.write(new, struct.pack("i", 0))
say("new", mask())
say("old", error(os.read, old, 4), error(os.write, old, struct.pack("i", 1)),
    error(mmap.mmap, old, 4096), mask())
os.write(new, struct.pack("i", 1))
say("new", mask())
"""


@pytest.mark.quick
@pytest.mark.sanitized
def test_a_guest_finds_a_host_that_was_killed_and_started_again(machine):
    """To it the device is gone and then offered anew; what it opened before stays
    dead, and reaches nothing of the new one's."""
    server = machine.serve(["--folder", machine.path("host"), "--nic", "queues=1,port=echo"])
    guest = server.start(["/usr/bin/python3", "-c", RESTARTED])
    wait_until(lambda: "open" in guest.log.read_text(), 10, "the guest has the device open")
    server.kill()
    wait_until(lambda: "away" in guest.log.read_text(), 10, "the device is away")
    server.start_again()
    guest.wait(60)
    assert guest.returncode == 0, guest.log.read_text()
    assert guest.log.read_text().splitlines() == [
        "open", "away ENOENT EIO", "new 1", "old EIO EINVAL EINVAL 1", "new 0"]


@pytest.mark.quick
def test_a_host_that_is_started_again_at_once_has_the_folder_to_itself(machine):
    """Nobody of the killed ones removes what is their successor's by then."""
    server = machine.serve(["--folder", machine.path("host"), "--nic", "queues=1,port=echo"])
    for _ in range(20):
        server.kill()
        server.start_again()
    server.exec([LOAD, "--messages", "1000"]).ok()
    folder = Path(server.exec(["sh", "-c", "echo $HVSIM_DIR"]).ok().out.strip())
    assert folder.exists() and server.control.exists()
    server.end()
    assert not folder.parent.exists() and not server.control.exists()


@pytest.mark.quick
def test_a_folder_that_was_there_before_is_neither_taken_nor_removed(machine):
    folder = machine.path("mine")
    folder.mkdir()
    (folder / "file").touch()
    done = machine.run(["--folder", folder, "--nic", "port=echo"], ["true"])
    assert done.status != 0 and f"--folder {folder}: File exists" in done.err
    assert list(folder.iterdir()) == [folder / "file"]


@pytest.mark.quick
def test_hvsim_run_ends_with_the_status_of_its_command(machine):
    assert machine.run(["--nic", "port=echo"], ["sh", "-c", "exit 37"]).status == 37
    assert machine.run(["--nic", "port=echo"], ["true"]).status == 0
    assert machine.run(["--nic", "port=echo"],
                       ["sh", "-c", "kill -TERM $$"]).status in (-15, 128 + 15)


@pytest.mark.quick
@pytest.mark.sanitized
def test_nothing_is_left_in_the_file_system(machine):
    """Of the folders that hvsim told its guests, and of its socket."""
    told = machine.run(["--nic", "port=echo"], ["sh", "-c", "echo $HVSIM_DIR; ls $HVSIM_DIR"])
    folder = Path(told.ok().out.splitlines()[0])
    assert folder.is_absolute() and len(told.out.splitlines()) > 1
    assert not folder.exists() and not folder.parent.exists()
    server = machine.serve(["--nic", "port=echo"])
    told = server.exec(["sh", "-c", "echo $HVSIM_DIR"])
    folder = Path(told.ok().out.strip())
    assert folder.exists()
    server.exec([LOAD, "--messages", "100"]).ok()
    server.end()
    assert not folder.exists() and not folder.parent.exists()
    assert not server.control.exists()
    assert files_below(machine.folder) == []


# ---- nobody blocks anybody ----

@pytest.mark.quick
@pytest.mark.sanitized
def test_a_stopped_guest_blocks_nobody(machine):
    """Two guests of one switch; one is stopped in mid-flood of broadcasts."""
    config = machine.path("two.json")
    config.write_text(json.dumps({
        "guests": [{"name": "a"}, {"name": "b"}],
        "nics": [{"name": "nica", "guest": "a", "port": "gen:size=64,rate=100kpps"},
                 {"name": "nicb", "guest": "b", "port": "echo"}]}))
    server = machine.serve(["--config", config])
    stopped = server.start([LOAD, "--receive", "--forever"], guest="a")
    wait_until(lambda: "ready" in stopped.log.read_text(), 10, "guest a is ready")
    os.killpg(stopped.pid, signal.SIGSTOP)
    done = server.exec([LOAD, "--messages", "20000"], guest="b")
    result = done.ok().steps()[-1]
    assert result["done"] == 20000 and result["frames"] > 0
    os.killpg(stopped.pid, signal.SIGCONT)


@pytest.mark.full
def test_four_saturated_nics_get_fair_shares(machine):
    """Least and best share of one core differ by less than 20 %. Each guest
    asks for far more than its share: its messages are cheap to send and dear
    to carry out (large sends that the host must cut)."""
    nics = []
    for i in range(4):
        nics += ["--nic", f"name=n{i},queues=1,port=sink"]
    server = machine.serve(["--cpus", "0", *nics])
    guests = [server.start([LOAD, "--forever", "--nic", str(i), "--lso"]) for i in range(4)]
    for g in guests:
        wait_until(lambda g=g: "ready" in g.log.read_text(), 10, "a guest is ready")

    def messages():
        return [server.counters(f"n{i}")["tx_messages"] for i in range(4)]
    wait_until(lambda: min(messages()) > 1000, 30, "all NICs carry messages")
    first = messages()
    time.sleep(8)
    shares = [b - a for a, b in zip(first, messages())]
    print("shares:", shares)
    assert min(shares) > 0.8 * max(shares)


# ---- idle ----

@pytest.mark.full
def test_an_idle_host_costs_less_than_a_hundredth_of_a_core(machine):
    """A guest with four queues open and silent, for ten seconds."""
    server = machine.serve(["--nic", "queues=4,port=echo"])
    guest = server.start([LOAD, "--receive", "--forever", "--queues", "4"])
    wait_until(lambda: "ready" in guest.log.read_text(), 10, "the guest is ready")
    os.killpg(guest.pid, signal.SIGSTOP)    # it polls: leave the processor to hvsim
    time.sleep(1)
    before = server.cpu_seconds()
    time.sleep(10)
    spent = server.cpu_seconds() - before
    print(f"idle: {spent / 10 * 100:.2f} % of a core")
    assert spent < 0.1


@pytest.mark.full
def test_the_first_frame_after_a_pause_wakes_the_host_by_itself(machine):
    """The guest's store into the monitor page is what wakes it, not a timer:
    each pause ends with a fault on the page. The times are printed only; they
    are to be below 2 ms on a machine that has nothing else to do."""
    done = machine.run(["--nic", "port=echo"], [LOAD, "--pauses", "20"])
    result = done.ok().steps()[-1]
    print(result)
    assert len(result["first_us"]) == 20
    guest = done.stats["guests"][0]["counters"]
    assert guest["monitor_faults"] >= 20, guest


@pytest.mark.quick
@pytest.mark.sanitized
def test_a_second_instance_does_not_collide_with_the_first(machine):
    servers = [machine.serve(["--nic", "port=echo"]) for _ in range(2)]
    for server in servers:
        server.exec([LOAD, "--messages", "1000"]).ok()


@pytest.mark.quick
def test_long_paths_work(machine):
    deep = machine.folder
    for _ in range(6):
        deep = deep / ("d" * 60)
    deep.mkdir(parents=True)
    done = run([HVSIM, "run", "--control", deep / "control", "--nic", "port=echo", "--", LOAD,
                "--messages", "500"], env={"TMPDIR": str(deep)}, cwd=deep)
    done.ok()


@pytest.mark.quick
@pytest.mark.sanitized
def test_rings_cut_short_under_the_host_harm_only_their_guest(machine):
    """The memory of a ring is a file that its guest's owner can cut short: the
    host's next look at it would be a SIGBUS."""
    machine.env["ASAN_OPTIONS"] += ":handle_sigbus=0"   # a dead guest is no report
    server = machine.serve(["--nic", "guest=a,queues=2,port=echo",
                            "--nic", "guest=b,queues=2,port=echo"])
    load = server.start([LOAD, "--forever", "--queues", "2"], guest="a")
    wait_until(lambda: "ready" in load.log.read_text(), 10, "the guest is ready")
    rings = [entry for entry in Path(f"/proc/{load.pid}/map_files").iterdir()
             if re.search("memfd:(txrx_rings|subchannel ring)", os.readlink(entry))]
    assert rings
    os.truncate(rings[0], 0)        # the guest itself dies of it at once
    server.exec([LOAD, "--messages", "1000", "--queues", "2"], guest="b").ok()
    assert server.proc.poll() is None
