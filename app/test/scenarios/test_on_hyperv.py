# SPDX-License-Identifier: BSD-3-Clause
"""What is meant for real Hyper-V guests, on hvsim: the bind tool, and
devtools/on-hyperv.sh with its survey, its run and its report."""

import json
import os
import re
import signal
import subprocess
import textwrap

import pytest

from conftest import TREE, run, wait_until
from test_protocol import KERNELS

GUID = "01234567-89ab-4def-8123-456789abcdef"
BIND = TREE / "usertools/netvsc-bind"
ON_HYPERV = TREE / "devtools/on-hyperv.sh"
NIC = ["--nic", f"queues=4,port=echo,guid={GUID}"]


def bound(server):
    """Driver and override of the NIC, as the bind tool sees it."""
    nic = json.loads(server.exec([BIND, "list", "--json"]).ok().out)[0]
    assert nic["uuid"] == GUID
    return nic["driver"], nic["driver_override"]



@pytest.fixture
def command(machine, plugin):
    """on-hyperv.sh with its report in a known place."""
    report = machine.path("report.txt")

    def make(*options):
        return [ON_HYPERV, "--plugin", plugin, "--report", report, "--seconds", "1",
                "--memory", "no-huge", *map(str, options)]
    make.report = report
    return make


# ---- the bind tool ----

@pytest.mark.full
@pytest.mark.sanitized
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_nic_changes_hands_and_back_on_each_kernel(machine, kernel):
    server = machine.serve(["--kernel", kernel, *NIC])
    assert bound(server) == ("uio_hv_generic", "")
    for _ in range(2):
        server.exec([BIND, "unbind", GUID]).ok()
        assert bound(server) == ("hv_netvsc", "")
        server.exec([BIND, "bind", GUID.upper()]).ok()
        assert bound(server) == ("uio_hv_generic", "uio_hv_generic")
    assert "already" in server.exec([BIND, "bind", "uio0"]).ok().out
    assert server.exec([BIND, "unbind", "--dry-run", GUID]).ok().out.count("would be") == 1
    assert bound(server)[0] == "uio_hv_generic"


@pytest.mark.full
def test_before_driver_override_a_nic_changes_hands_by_its_class(machine):
    server = machine.serve(["--kernel", "4.16", *NIC])

    def driver():
        return json.loads(server.exec([BIND, "list", "--json"]).ok().out)[0]["driver"]
    assert driver() == "uio_hv_generic"
    for _ in range(2):
        server.exec([BIND, "unbind", GUID]).ok()
        assert driver() == "hv_netvsc"
        server.exec([BIND, "bind", GUID]).ok()
        assert driver() == "uio_hv_generic"


@pytest.mark.quick
def test_a_nic_that_the_kernel_does_not_bind_stays_where_it_was(machine):
    """Kernels before 6.12 take no NIC without a monitor."""
    server = machine.serve(["--kernel", "6.1", "--nic", f"port=echo,monitor=off,guid={GUID}"])
    assert bound(server) == ("hv_netvsc", "")
    done = server.exec([BIND, "bind", GUID])
    assert done.status == 1 and "without a monitor" in done.err
    assert bound(server) == ("hv_netvsc", "")


def by_hand():
    """The guide's commands for binding, back, and before Linux 4.18."""
    text = (TREE / "doc/guides/nics/netvsc.rst").read_text()
    blocks = [textwrap.dedent(b) for b in
              re.findall(r"code-block:: none\n\n((?:   .+\n)+)", text) if "/sys/bus/vmbus" in b]
    assert len(blocks) == 3
    # The interface and the module are the real kernel's.
    return [re.sub(r"^modprobe.*|^device=.*", "", b, flags=re.M) for b in blocks]


@pytest.mark.quick
def test_the_guides_commands_bind_a_nic_by_hand_and_back(machine):
    to_uio, back, new_id = by_hand()
    server = machine.serve(NIC)
    server.exec([BIND, "unbind", GUID]).ok()
    begin = f"set -eu; device={GUID}; "
    server.exec(["bash", "-c", begin + to_uio]).ok()
    assert bound(server) == ("uio_hv_generic", "uio_hv_generic")
    server.exec(["bash", "-c", begin + back]).ok()
    assert bound(server) == ("hv_netvsc", "")
    # hvsim's driver was told already, as the kernel's may have been.
    done = server.exec(["bash", "-c", begin + new_id])
    assert done.status == 1 and "File exists" in done.err
    assert bound(server) == ("hv_netvsc", "")


ROUTES = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"


def fake_machine(folder):
    """The files that the bind tool looks at, with the NIC as eth1."""
    device = folder / "sys/bus/vmbus/devices" / GUID
    driver = folder / "sys/bus/vmbus/drivers/hv_netvsc"
    net = folder / "sys/class/net/eth1"
    for made in (device, driver, net, folder / "sys/bus/vmbus/drivers/uio_hv_generic",
                 folder / "proc/net", folder / "addresses"):
        made.mkdir(parents=True)
    (device / "class_id").write_text("{f8615163-df3e-46c5-913f-f2d2f965ed0e}\n")
    (device / "device_id").write_text("{%s}\n" % GUID)
    (device / "driver_override").write_text("(null)\n")
    (device / "driver").symlink_to(driver)
    (net / "device").symlink_to(device)
    (net / "address").write_text("00:15:5d:01:02:03\n")
    (folder / "proc/net/route").write_text(ROUTES)
    return folder


def fake_uses(folder, use):
    route, v6 = folder / "proc/net/route", folder / "proc/net/ipv6_route"
    if use == "default route":
        route.write_text(ROUTES + "eth1 00000000 0100000A 0003 0 0 0 00000000 0 0 0\n")
    elif use == "routing table":
        route.write_text(ROUTES + "eth1 0000000A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n")
    elif use == "IPv6":
        v6.write_text(f"{'0' * 32} 00 {'0' * 32} 00 {'fe80' + '0' * 28} 0400 1 0 00000003 eth1\n")
    elif use == "ssh session":
        (folder / "addresses/eth1").write_text("10.0.0.4")
        (folder / "proc/net/tcp").write_text("sl local remote st\n"
                                             " 0: 0400000A:0016 0100000A:D431 01 0\n")
    elif use == "bridge":
        (folder / "sys/class/net/eth1/master").symlink_to("../br0")
    elif use == "other's":
        route.write_text(ROUTES + "eth0 00000000 0100000A 0003 0 0 0 00000000 0 0 0\n")
        v6.write_text(f"{'fe80' + '0' * 28} 40 {'0' * 32} 00 {'0' * 32} 0100 1 0 00000001 eth1\n")


@pytest.mark.quick
@pytest.mark.parametrize("use,says", [
    ("default route", "default route goes through eth1"), ("routing table", "routing table"),
    ("IPv6", "default route goes through eth1"), ("ssh session", "ssh session comes in"),
    ("bridge", "bridge or bond"), ("other's", None)])
def test_a_nic_that_the_machine_needs_is_refused_unless_forced(tmp_path, use, says):
    folder = fake_machine(tmp_path)
    fake_uses(folder, use)
    tool = [BIND, "--root", folder]
    for name in ("eth1", GUID, "00:15:5d:01:02:03"):
        done = run([*tool, "bind", "--dry-run", name], env={"SSH_CONNECTION": ""})
        if says is None:
            done.ok()
        else:
            assert done.status == 1 and says in done.err, done.err
    run([*tool, "bind", "--dry-run", "--force", "eth1"]).ok()
    assert (folder / f"sys/bus/vmbus/devices/{GUID}/driver_override").read_text() == "(null)\n"
    assert run([*tool, "bind", "eth7"]).status == 1


@pytest.mark.quick
def test_without_driver_override_the_driver_is_told_of_the_class(tmp_path):
    """Linux before 4.18."""
    folder = fake_machine(tmp_path)
    (folder / f"sys/bus/vmbus/devices/{GUID}/driver_override").unlink()
    done = run([BIND, "--root", folder, "bind", "--dry-run", GUID]).ok()
    written = re.findall(r"^  (\S+) > .*/(\S+/\S+)$", done.err, re.M)
    assert written == [("f8615163-df3e-46c5-913f-f2d2f965ed0e", "uio_hv_generic/new_id"),
                       (GUID, "hv_netvsc/unbind"), (GUID, "uio_hv_generic/bind")]


# ---- survey and run ----

@pytest.mark.quick
def test_the_survey_tells_of_the_nic_and_changes_nothing(machine, command):
    server = machine.serve(NIC)
    server.exec([BIND, "unbind", GUID]).ok()
    server.exec(command()).ok()
    assert bound(server) == ("hv_netvsc", "")
    text = command.report.read_text()
    assert f"{GUID} NIC:" in text and "verdict: survey only" in text
    assert re.search(r"^  driver +hv_netvsc$", text, re.M)
    assert re.search(r"^RLIMIT_MEMLOCK +\w", text, re.M)
    assert command.report.stat().st_mode & 0o077 == 0


@pytest.mark.quick
def test_a_run_binds_the_nic_passes_every_step_and_gives_it_back(machine, command):
    server = machine.serve(["--strict", *NIC])
    server.exec([BIND, "unbind", GUID]).ok()
    done = server.exec(command("--nic", GUID), timeout=180)
    text = command.report.read_text()
    assert done.status == 0, done.out + text[-3000:]
    for step in ("probe", "traffic, 1 queue", "stop and start", "4 queues", "traffic, 4 queues",
                 "MTU 1400", "stop, close, end"):
        assert f"step {step}: passed" in text, step
    assert re.search(r"uio0 map3 +recv:", text) is None     # the first survey: not bound yet
    assert "512 of 512 frames sent, 512 received" in text
    assert "verdict: passed" in text and "FAILED" not in text
    assert bound(server) == ("hv_netvsc", "")
    assert "violation_" not in json.dumps(server.ctl("counters"))


@pytest.mark.full
@pytest.mark.sanitized
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_run_passes_on_each_kernel_and_leaves_a_bound_nic_bound(machine, command, kernel):
    server = machine.serve(["--strict", "--kernel", kernel, *NIC])
    server.exec(command("--nic", "uio0"), timeout=180).ok()
    assert bound(server) == ("uio_hv_generic", "")


@pytest.mark.quick
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_gives_the_nic_back(machine, command, number):
    server = machine.serve(NIC)
    server.exec([BIND, "unbind", GUID]).ok()
    proc = server.start(command("--nic", GUID, "--seconds", "100"))
    wait_until(lambda: "1 queue: traffic" in proc.log.read_text(), 90, "traffic")
    assert bound(server)[0] == "uio_hv_generic"
    for _ in range(1200):           # impatient users press it again and again
        os.killpg(proc.pid, number)
        try:
            proc.wait(0.05)
            break
        except subprocess.TimeoutExpired:
            continue
    assert proc.poll() is not None, "it does not end"
    assert bound(server) == ("hv_netvsc", "")
    text = command.report.read_text()
    assert f"interrupted: {number.name}" in text and "verdict: interrupted" in text


@pytest.mark.quick
def test_a_run_that_fails_says_so_and_gives_the_nic_back(machine, command):
    """Here the driver refuses its devargs."""
    server = machine.serve(NIC)
    server.exec([BIND, "unbind", GUID]).ok()
    done = server.exec(command("--nic", GUID, "--devargs", "latency=never"), timeout=180)
    assert done.status == 1 and "verdict: FAILED" in command.report.read_text()
    assert "devargs: latency=never" in command.report.read_text()
    assert bound(server) == ("hv_netvsc", "")


@pytest.mark.quick
def test_a_dry_run_says_what_would_be_done_and_does_nothing(machine, command):
    server = machine.serve(NIC)
    server.exec([BIND, "unbind", GUID]).ok()
    done = server.exec(command("--nic", GUID, "--dry-run")).ok()
    assert "would be bound to uio_hv_generic" in done.out and "dpdk-testpmd" in done.out
    assert bound(server) == ("hv_netvsc", "")
    assert server.counters().get("opens", 0) == 0


@pytest.mark.quick
def test_a_masked_report_has_no_addresses_and_names(machine, command):
    server = machine.serve(["--nic", f"port=echo,guid={GUID},mac=00:15:5d:aa:bb:cc"])
    server.exec(command("--mask", "--nic", GUID, "--seconds", "0"), timeout=180).ok()
    text = command.report.read_text().lower()
    assert GUID not in text and "00:15:5d:aa:bb:cc" not in text
    assert not re.search(rf"\b{re.escape(os.uname().nodename.lower())}\b", text)
    assert "<uuid 1>" in text and "<mac 1>" in text and "verdict: passed" in text


@pytest.mark.quick
def test_a_nic_that_is_not_there_is_refused(machine, command):
    done = machine.run(NIC, command("--nic", "eth77"))
    assert done.status == 3 and "there is no such synthetic NIC" in done.err
    assert not command.report.exists()
