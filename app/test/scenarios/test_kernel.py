# SPDX-License-Identifier: BSD-3-Clause
"""Real kernels as guests of `hvsim boot`: the kernel's own hv_netvsc is a
witness for the host side, and our driver runs through the real uio_hv_generic.

devtools/guest.sh runs the scripts of the folder guest/: directly where /dev/kvm
can, else in an emulated machine, where a run takes a minute or two. What a
script checks is in the script; here are the kernels, and what the host saw."""

import json
import os
import re
import shlex
import shutil
import subprocess
import time
import warnings

import pytest

from conftest import BUILD, HVSIM, TREE, cannot, need_program

pytestmark = pytest.mark.full
LONG = pytest.mark.long         # more of the same: with devtools/test.sh --long
GUEST = TREE / "devtools/guest.sh"
SCRIPTS = TREE / "app/test/scenarios/guest"
CALLS = BUILD / "app/test/testguest/test_guest_calls"
AGAIN = "THE EMULATED MACHINE BROKE"
# As the machine is emulated, and others may use this one.
SECONDS = 1200
# One that signals by the monitor page, one by hypercall.
TWO_NICS = ["--nic", "name=a,mac=00:15:5d:00:00:0a,queues=4,rsc=on",
            "--nic", "name=b,queues=4,rsc=on,monitor=off"]
TAP = ["--nic", "name=c,monitor=off,port=tap:name=hvsim-c"]
FORWARD = ["--nic", "name=a,queues=4,port=[gen:size=64-1500,rate=100pps,flows=64]",
           "--nic", "name=b,queues=4,port=echo:swap=mac"]


class Run:
    """A finished guest: its status, what it and hvsim printed, the counters."""

    def __init__(self, folder, script, options, nics):
        for program in ("busybox", "cpio", "qemu-system-x86_64"):
            need_program(program)
        command = [str(GUEST), "--build", str(BUILD), "--out", str(folder),
                   "--timeout", str(SECONDS), *options, str(SCRIPTS / script), "--", *nics]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, timeout=SECONDS + 120, text=True,
                                  errors="replace", check=False)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{GUEST} does not end")
        self.status, self.out = done.returncode, done.stdout
        if AGAIN in self.out:
            warnings.warn(f"{script}: {AGAIN}\n{self.out[:self.out.index(AGAIN)][-3000:]}")
        if re.search(r"^E: |apt-get update:", self.out, re.MULTILINE):      # apt's own errors
            cannot("Debian's packages cannot be fetched")
        # Empty where hvsim did not end: guest.sh says why.
        stats = folder / "stats.json"
        text = stats.read_text() if stats.exists() else ""
        self.stats = json.loads(text) if text else None

    def guest(self):
        return self.stats["guests"][0]["counters"]

    def assert_good(self):
        assert self.status == 0 and "FAILED" not in self.out, self.out
        assert "ok: " in self.out, self.out
        assert self.stats["host"]["violations"] == 0, self.out


def with_settings(folder, script, **settings):
    """A copy of the script that has these variables."""
    path = folder / script
    path.write_text("".join(f"{name}={shlex.quote(str(value))}\n" for name, value in settings.items()) +
                    (SCRIPTS / script).read_text())
    return path


def test_our_drivers_guest_script_binds_by_the_commands_of_the_guide():
    guide = (TREE / "doc/guides/nics/netvsc.rst").read_text()
    by_hand = guide[guide.index("By hand, through sysfs"):guide.index("Before 4.18")]
    commands = re.findall(r"^   (echo .*)$", by_hand, re.MULTILINE)
    script = [line.strip() for line in (SCRIPTS / "driver.sh").read_text().splitlines()]
    assert len(commands) == 6
    assert [line for line in script if line in commands] == commands


def real_host(folder, kernel, options=(), nics=(), cpus=2):
    run = Run(folder, "netvsc.sh", ["--kernel", kernel, "--cpus", str(cpus), *options],
              ["--strict", *TWO_NICS, *nics])
    run.assert_good()
    assert run.guest()["vmbus_version"] == 5 << 16 | 3
    assert run.guest()["event_flags_lost"] == 0
    assert run.guest()["monitor_signals"] > 0
    assert run.guest()["hypercall_signals"] > 0
    # The host writes no memory that the guest has taken back.
    assert run.guest()["teardowns_in_use"] == 0
    return run


@pytest.mark.parametrize("kernel, cpus", [
    ("6.1", 2), ("6.12", 2), pytest.param("6.12", 4, marks=LONG)])
def test_the_kernels_netvsc_finds_a_real_host(tmp_path, kernel, cpus):
    real_host(tmp_path, kernel, cpus=cpus)


@LONG
@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_the_kernels_netvsc_reaches_the_machine_of_the_host_through_a_tap(tmp_path, kernel):
    run = real_host(tmp_path, kernel, ["--beside", str(SCRIPTS / "beside.sh")], TAP)
    assert "ok: the tap's counters are the host's" in run.out, run.out


@LONG
def test_the_kernels_netvsc_signals_by_hypercall_where_there_is_no_monitor(tmp_path):
    nics = [text.replace("name=a", "name=a,monitor=off") for text in TWO_NICS]
    run = Run(tmp_path, "netvsc.sh", ["--cpus", "2"], ["--strict", "--vmbus", "4.0", *nics])
    run.assert_good()
    assert run.guest()["vmbus_version"] == 4 << 16
    assert run.guest()["hypercall_signals"] > 0
    assert run.guest()["monitor_signals"] == 0


@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_the_kernels_netvsc_bears_what_a_live_host_does(tmp_path, kernel):
    run = Run(tmp_path, "events.sh", ["--kernel", kernel],
              ["--strict", "--nic", "name=a,port=echo"])
    run.assert_good()
    assert run.guest()["rescinds"] >= 2
    assert run.guest()["teardowns_in_use"] == 0


# And hvsim may be anywhere: here below /tmp, over which the machine must mount nothing.
def test_a_guest_that_reboots_finds_the_same_host(tmp_path):
    elsewhere = tmp_path / "build/app/hvsim"
    elsewhere.mkdir(parents=True)
    shutil.copy(HVSIM, elsewhere)
    run = Run(tmp_path, "reboot.sh", ["--reboot", "--build", str(tmp_path / "build")],
              ["--strict", "--nic", "name=a,port=echo"])
    run.assert_good()
    assert run.guest()["contacts"] == 2


def test_a_guest_that_panics_unloads_and_is_reported(tmp_path):
    run = Run(tmp_path, "crash.sh", [], ["--nic", "name=a,port=echo"])
    assert run.status != 0, run.out
    assert "the guest's kernel crashed" in run.out
    assert run.guest()["crashed"] == 1
    assert run.guest()["unloads"] == 1
    assert run.guest()["message_violations"] == 0


# QEMU's emulation ends guests now and then in which two processors are interrupted at
# the same time (doc/design/kernels.rst): with more than one only when asked for.
@LONG
@pytest.mark.parametrize("kernel, cpus", [
    ("6.12.57", 2), ("6.1", 1), ("6.1", 2), ("6.1", 4), ("6.12.43", 2), ("6.12", 2)])
def test_our_driver_forwards_through_the_real_uio_hv_generic(tmp_path, kernel, cpus):
    run = Run(tmp_path, "driver.sh", ["--dpdk", "--kernel", kernel, "--cpus", str(cpus)],
              ["--strict", *FORWARD])
    run.assert_good()


@LONG
def test_our_driver_signals_by_hypercall_where_there_is_no_monitor(tmp_path):
    nics = [re.sub(r"^(name=\w+)", r"\1,monitor=off", text) for text in FORWARD]
    run = Run(tmp_path, "driver.sh", ["--dpdk", "--kernel", "6.12"], ["--strict", *nics])
    run.assert_good()
    assert run.guest()["hypercall_signals"] > 0


# All that the one above does, too. With several queues the kernel unmaps rings in
# the middle of bursts.
@pytest.mark.parametrize("kernel, cpus, queues", [
    ("6.12.57", 1, 2), ("6.1", 1, 1), ("6.12", 1, 2), pytest.param("6.12", 2, 2, marks=LONG)])
def test_our_driver_forwards_and_survives_a_rescind_under_load(tmp_path, kernel, cpus, queues):
    run = Run(tmp_path, with_settings(tmp_path, "driver.sh", RESCIND=1, QUEUES=queues),
              ["--dpdk", "--kernel", kernel, "--cpus", str(cpus)], ["--strict", *FORWARD])
    run.assert_good()


# The same kernel, NICs and frames as above: an interrupt of a subchannel, which that
# driver leaves unmasked, is the end of the guest.
def test_the_builtin_driver_ends_6_12_57_where_ours_forwards(tmp_path):
    run = Run(tmp_path, with_settings(tmp_path, "builtin.sh", QUEUES=2),
              ["--dpdk", "--kernel", "6.12.57"], FORWARD)
    assert run.guest()["crashed"] == 1, run.out
    assert re.search("testpmd starts.*BUG: kernel NULL pointer dereference.*hv_uio_channel_cb",
                     run.out, re.DOTALL), run.out


@LONG
@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_our_driver_receives_on_64_channels_of_the_real_kernel(tmp_path, kernel):
    run = Run(tmp_path, "queues.sh", ["--dpdk", "--kernel", kernel, "--memory", "1200M"],
              ["--strict", "--nic", "name=a,queues=64,port=[gen:size=64-1500,rate=100pps,flows=256]"])
    run.assert_good()


# In QEMU's place: runs that end as FAKE_RUNS says, one letter each.
FAKE_QEMU = r"""#!/bin/sh
job=$(echo "$*" | sed 's/.*path=\([^,]*\),.*/\1/')
echo "$*" >>"$FAKE_RUNS.commands"
sha256sum <"$job/initrd" >>"$FAKE_RUNS.images"
sha256sum <"$(echo "$*" | sed 's/.*-initrd \([^ ]*\) .*/\1/')" >>"$FAKE_RUNS.images"
kind=$(head -c 1 "$FAKE_RUNS")
sed -i 's/^.//' "$FAKE_RUNS"
echo "ok: first" >"$job/console.log"
: >"$job/hvsim.log"
case $kind in
f) echo "FAILED: second" >>"$job/console.log" ;;
esac
case $kind in
x) exit 0 ;;
g) echo 0 >"$job/status" ;;
*) echo "hvsim: warning: CPU 1: triple fault: at fff0" >"$job/hvsim.log" ;;
esac
echo 0 >"$job/hvsim.status"
"""


def fake_run(folder, runs):
    """guest.sh with that in QEMU's place."""
    need_program("busybox")
    need_program("cpio")
    machine = folder / "cache/netvsc-dpdk/guest/kernel/6.1.0-1-amd64"
    for name in ("boot", "lib/modules/6.1.0-1-amd64"):
        (machine / name).mkdir(parents=True)
    kernel = machine / "boot/vmlinuz-6.1.0-1-amd64"
    script, fake, left = folder / "script", folder / "qemu-system-x86_64", folder / "runs"
    kernel.write_text("")
    script.write_text("exit 0")
    fake.write_text(FAKE_QEMU)
    fake.chmod(0o755)
    left.write_text(runs)
    return subprocess.run(
        [str(GUEST), "--nested", "--build", str(BUILD), "--timeout", "60", "--vmlinuz",
         str(kernel), "--modules", str(machine / "lib/modules/6.1.0-1-amd64"), str(script)],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "FAKE_RUNS": str(left),
             "XDG_CACHE_HOME": str(folder / "cache")},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=120,
        text=True, check=False)


@pytest.mark.parametrize("runs, used, good", [
    ("g", 1, True), ("tg", 2, True), ("tt", 2, False), ("xg", 2, True), ("xx", 2, False),
    ("fg", 1, False)])
def test_a_nested_guest_is_repeated_once_when_its_machine_breaks_and_it_has_no_complaint(
        tmp_path, runs, used, good):
    done = fake_run(tmp_path, runs)
    assert (done.returncode == 0) == good, done.stdout
    assert len((tmp_path / "runs.commands").read_text().splitlines()) == used, done.stdout
    assert (AGAIN in done.stdout) == (used == 2), done.stdout


def test_the_same_files_make_the_same_images_of_guest_and_machine(tmp_path):
    images = []
    for name, mask in (("one", 0o022), ("two", 0o077)):
        old = os.umask(mask)
        (tmp_path / name).mkdir()
        done = fake_run(tmp_path / name, "g")
        os.umask(old)
        assert done.returncode == 0, done.stdout
        images.append((tmp_path / name / "runs.images").read_text())
        time.sleep(1.1)         # files have times of whole seconds
    assert len(images[0].splitlines()) == 2 and images[0] == images[1]


def facts(text):
    """The lines of facts.sh, without the numbers that are free to choose."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("fact: ")]
    return {re.sub(r"(recv|send):\d+", r"\1:N", line) for line in lines}


LAST_FACT = "fact: call: gone: access of the device's folder = ENOENT"
# What hvsim shows on purpose and no kernel does (doc/design: page lists); and poll(), as
# a socket is in the descriptor's place: it could be written to, which a uio device does
# not say, and once it is gone it is readable, but not in error and hung up (8 + 16).
SIMULATED_ONLY = {"fact: device/iova file 444",
                  "fact: call: poll without an event = 4",
                  "fact: call: the second file's, for POLLOUT too = 5",
                  "fact: call: gone: poll for POLLIN = 1",
                  "fact: call: gone: poll for POLLOUT = 4",
                  "fact: call: gone: epoll = 1"}
REAL_ONLY = {"fact: call: poll without an event = 0",
             "fact: call: the second file's, for POLLOUT too = 1",
             "fact: call: gone: poll for POLLIN = 25",
             "fact: call: gone: poll for POLLOUT = 24",
             "fact: call: gone: epoll = 25"}


@pytest.mark.parametrize("kernel, profile", [
    pytest.param("6.1", "6.1.192", marks=LONG), ("6.12.43", "6.12.41"),
    pytest.param("6.12.57", "6.1.158", marks=LONG), pytest.param("6.12", "6.12.117", marks=LONG)])
def test_what_hvsim_run_imitates_is_what_the_kernel_shows(tmp_path, kernel, profile):
    nic = ["--nic", "port=echo,monitor=on,queues=2"]
    script = with_settings(tmp_path, "facts.sh", CALLS=CALLS, HVSIM=HVSIM)
    run = Run(tmp_path, script, ["--kernel", kernel, "--file", str(CALLS)], nic)
    assert run.status == 0, run.out
    imitated = subprocess.run(
        [str(HVSIM), "run", "--kernel", profile, *nic, "--", "sh", str(script), "simulated"],
        stdout=subprocess.PIPE, text=True, timeout=120, check=True).stdout
    real, ours = facts(run.out), facts(imitated)
    assert len(real) > 190 and LAST_FACT in real, run.out
    assert sorted(real - ours) == sorted(REAL_ONLY)
    assert sorted(ours - real) == sorted(SIMULATED_ONLY)
