# SPDX-License-Identifier: BSD-3-Clause
"""Runs one measured process under hvsim, or between two virtual NICs of DPDK."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

PERF = Path(os.environ.get("NETVSC_PERF", shutil.which("netvsc-perf") or "netvsc-perf"))
SECONDS_MAX = 120


class Failed(Exception):
    """A run that gave no figures; says why."""


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


def find(setup_args):
    """From the command line's --hvsim, --plugin and --cpus, or the build folder
    that this program is in."""
    build = PERF.resolve().parents[2] if len(PERF.resolve().parents) > 2 else Path("/")
    hvsim = Path(setup_args.hvsim or build / "app/hvsim/hvsim")
    if not hvsim.exists():
        hvsim = Path(shutil.which("hvsim") or hvsim)
    plugin = Path(setup_args.plugin or build / "drivers/librte_netvsc.so")
    for path, option in ((hvsim, "--hvsim"), (plugin, "--plugin")):
        if not path.exists():
            raise Failed(f"there is no {path}: say {option} FILE")
    allowed = sorted(os.sched_getaffinity(0))
    cpus = setup_args.cpus or (allowed[-1], allowed[0])
    if len(cpus) != 2 or not set(cpus) <= set(allowed):
        raise Failed(f"--cpus wants two of {allowed}, such as --cpus {allowed[-1]},{allowed[0]}")
    return Setup(hvsim, plugin, *cpus)


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


def eal(setup, cpu, prefix, more=()):
    memory = [] if setup.huge else ["--no-huge"]
    return ["-l", str(cpu), "--no-pci", "--no-telemetry", "--log-level=error",
            f"--file-prefix={prefix}", "--iova-mode=va", *memory, "-m", str(setup.memory_mib),
            *more]


def finished(command, process_env=None):
    """Runs a command to its end and returns the JSON object it printed last."""
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              timeout=SECONDS_MAX, env=process_env, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"no end after {SECONDS_MAX} s: {' '.join(map(str, command))}") from error
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Failed(f"status {done.returncode}: {last}")
    return json.loads(lines[-1])


def netvsc(setup, driver, case):
    """One run of a case on "ours" or "builtin", and hvsim's counters."""
    guest, host = setup.cpus(case.same_core)
    with tempfile.TemporaryDirectory(prefix="netvsc-perf-") as folder:
        stats = Path(folder) / "host.json"
        plugin = ["-d", setup.plugin] if driver == "ours" else []
        result = finished([
            "taskset", "-c", guest, setup.hvsim, "run", "--check", "fast", "--cpus", host,
            "--poll", "adaptive" if case.same_core else "busy", "--stats-json", stats,
            *[word for nic in case.nics for word in ("--nic", nic)], *case.hvsim, "--",
            PERF, "work", *eal(setup, guest, f"perf{os.getpid()}", plugin), "--", case.kind,
            *(["--yield"] if case.same_core else []), *case.work])
        result["host"] = json.loads(stats.read_text()) if stats.exists() else {}
    return result


def cores(setup):
    """Cycles of a cache line's round trip between the two cores."""
    seen = finished([PERF, "cores", setup.guest_cpu, setup.host_cpu])
    return seen["round_trip_cycles"]["p50"]
