# SPDX-License-Identifier: BSD-3-Clause
"""Runs one measured process under hvsim, or another program of ours."""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

PERF = Path(os.environ.get("NETVSC_PERF", shutil.which("netvsc-perf") or "netvsc-perf"))
SECONDS_MAX = 120
# So that a device can be named with its devargs.
GUID = "6e767363-0000-4000-8000-706572660000"
# The newest on which the built-in driver opens more than one queue.
KERNEL = "6.1"


class Failed(Exception):
    """A run that gave no figures; says why."""


class BadOption(Failed):
    """Of the command line's, found out late."""


@dataclasses.dataclass(frozen=True)
class Setup:
    """Where things are and which cores are used."""
    hvsim: Path
    plugin: Path
    guest_cpu: int
    host_cpu: int
    memory_mib: int = 256
    huge: bool = False

    def cpus(self, same_core):
        return (self.guest_cpu, self.guest_cpu if same_core else self.host_cpu)

    def two_cores(self):
        if self.guest_cpu == self.host_cpu:
            raise Failed("this takes two cores, and this process may use one only")
        return self

    def place(self):
        """What figures depend on, for the reports."""
        return {"guest_cpu": self.guest_cpu, "host_cpu": self.host_cpu,
                "memory": "hugepages" if self.huge else "4 KB pages",
                "note": "figures of an emulated host, none of Hyper-V or Azure"}

    def driver_file(self, driver):
        return self.plugin if driver == "ours" else builtin_driver()


def find(args):
    """From the command line's --hvsim, --plugin, --cpus and --huge, or the build
    folder that this program is in."""
    build = PERF.resolve().parents[2] if len(PERF.resolve().parents) > 2 else Path("/")
    hvsim = Path(args.hvsim or build / "app/hvsim/hvsim")
    if not args.hvsim and not hvsim.exists():
        hvsim = Path(shutil.which("hvsim") or hvsim)
    plugin = Path(args.plugin or build / "drivers/librte_netvsc.so")
    for path, option in ((hvsim, "--hvsim"), (plugin, "--plugin")):
        if not path.exists():
            raise BadOption(f"there is no {path}: say {option} FILE")
    allowed = sorted(os.sched_getaffinity(0))
    cpus = args.cpus or (allowed[-1], allowed[0])
    if not set(cpus) <= set(allowed):
        raise BadOption(f"--cpus wants two of {allowed}, such as --cpus {allowed[-1]},{allowed[0]}")
    return Setup(hvsim.resolve(), plugin.resolve(), *cpus, huge=args.huge)


def build_id(path):
    """Of the driver that was measured, so that a figure can be traced to it."""
    out = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=False)
    found = re.search(r"Build ID: ([0-9a-f]+)", out.stdout)
    return found.group(1) if found else "unknown"


def builtin_driver():
    """The distribution's driver, in DPDK's plugin folder."""
    libs = subprocess.run(["pkg-config", "--variable=libdir", "libdpdk"], capture_output=True,
                          text=True, check=False).stdout.strip() or "/usr/lib"
    found = sorted(Path(libs).glob("dpdk/pmds-*/librte_net_netvsc.so"))
    return found[-1] if found else Path("librte_net_netvsc.so")


def memory(setup, prefix):
    """EAL's options: no file of it stays behind, whatever happens."""
    kind = ["--in-memory", "--single-file-segments"] if setup.huge else \
        ["--no-huge", f"--file-prefix={prefix}"]
    return [*kind, "-m", str(setup.memory_mib)]


def eal(setup, cpu, prefix, more=()):
    return ["-l", str(cpu), "--no-pci", "--no-telemetry", "--log-level=error", "--iova-mode=va",
            *memory(setup, prefix), *more]


def ended(child, seconds=SECONDS_MAX):
    """Its output. It runs in a group of its own, of which nothing survives."""
    try:
        return child.communicate(timeout=seconds)
    except BaseException as error:
        end(child)
        if isinstance(error, subprocess.TimeoutExpired):
            raise Failed(f"no end after {seconds} s: {' '.join(child.args)}") from error
        raise


def start(command, process_env=None):
    return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=process_env, start_new_session=True)


def end(child):
    """SIGTERM, so that hvsim takes its guest along; then SIGKILL for all."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, sign)
            child.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
    child.wait()


def answer(status, out, err):
    """The JSON object that a program printed last."""
    lines = [line for line in out.splitlines() if line.startswith("{")]
    if status != 0 or not lines:
        last = (err.strip().splitlines() or ["it said nothing"])[-1]
        raise Failed(f"status {status}: {last}")
    return json.loads(lines[-1])


def finished(command, process_env=None, seconds=SECONDS_MAX):
    """Runs a command to its end."""
    child = start(command, process_env)
    out, err = ended(child, seconds)
    return answer(child.returncode, out, err)


def netvsc(setup, driver, case):
    """One run of a case on "ours" or "builtin", and hvsim's counters."""
    guest, host = setup.cpus(case.same_core)
    plugin = ["-d", setup.plugin] if driver == "ours" else []
    allow = ["-a", f"vmbus:{GUID},{case.devargs}"] if case.devargs else []
    with tempfile.TemporaryDirectory(prefix="netvsc-perf-") as folder:
        stats = Path(folder) / "host.json"
        result = finished([
            "taskset", "-c", guest, setup.hvsim, "run", "--check", "fast", "--kernel", KERNEL,
            "--cpus", host, "--poll", "adaptive" if case.same_core or case.asleep else "busy",
            "--stats-json", stats, *[word for nic in case.nics for word in ("--nic", nic)],
            *case.hvsim, "--", PERF, "work",
            *eal(setup, guest, f"perf{os.getpid()}", [*plugin, *allow]), "--", case.kind,
            *(["--yield"] if case.same_core else []), *case.work])
        result["host"] = json.loads(stats.read_text()) if stats.exists() else {}
    return result


def nic(result, name="nic0"):
    return next(nic["counters"] for nic in result["host"]["nics"] if nic["name"] == name)


def port(result, kind):
    return next(port["counters"] for port in result["host"]["ports"] if port["kind"] == kind)


def floor(setup, size, burst, transfer, sections, rounds=20000):
    """Cycles a frame of the floor, receive and transmit; None where it has none."""
    if size == "imix" or int(size) > 1514:
        return None
    return finished(["taskset", "-c", setup.guest_cpu, PERF, "floor", "--json", "--bytes", size,
                     "--burst", burst, "--transfer", min(transfer, burst),
                     "--sections", max(sections, burst), "--rounds", rounds])


def cores(setup):
    """Cycles of a cache line's round trip between the two cores; 0 for one core."""
    if setup.guest_cpu == setup.host_cpu:
        return 0
    seen = finished([PERF, "cores", setup.guest_cpu, setup.host_cpu])
    return seen["round_trip_cycles"]["p50"]
