#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Looks at a Hyper-V or Azure guest and, if a NIC is named, runs the driver on it.

Without --nic it only reads: kernel, devices, uio maps, subchannels, memory,
limits, DPDK. With --nic it then gives that NIC to uio_hv_generic, runs stock
testpmd with the driver for about half a minute (a few hundred small frames are
sent, also to an address that nobody has; stop, start, more queues, another
MTU), and gives the NIC back to whoever had it, also when it is interrupted.
Either way it writes one report that can be sent to the developers.

A NIC that the machine's network uses is refused. While the run lasts the NIC's
kernel interface is gone; its addresses come back only if a network service
(NetworkManager, systemd-networkd, cloud-init) sets them."""

import argparse
import json
import os
import platform
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "app/test/scenarios"))
from testpmd_terminal import Terminal, Trouble  # noqa: E402

BIND = TREE / "usertools/netvsc-bind"
DEVICES = Path("/sys/bus/vmbus/devices")
START_S, COMMAND_S = 150, 90    # a real host was seen to take 15 s for an answer
BURST = 32                      # testpmd's
CLASSES = {"f8615163-df3e-46c5-913f-f2d2f965ed0e": "NIC",
           "ba6163d9-04a1-4d29-b605-72e2ffb1dc7f": "SCSI",
           "32412632-86cb-44a2-9b5c-50d1417354f5": "IDE",
           "44c4f61d-4444-4400-9d52-802e27ede19f": "PCI pass-through"}
MODULES = ("hv_vmbus", "hv_netvsc", "uio", "uio_hv_generic", "hv_pci", "pci_hyperv",
           "mlx4_core", "mlx5_core", "mana")
DMESG = re.compile(r"Hyper-V|hv_vmbus|hv_netvsc|uio_hv|Isolation|Memory Encryption|lockdown", re.I)
PASSED, FAILED, USAGE, REFUSED, STOPPED = 0, 1, 2, 3, 4


class Interrupted(Exception):
    """Somebody wants us to end."""


class Refused(Exception):
    """Nothing was done, and why."""


# ---- the report ----

class Report:
    """What goes to the file, and to the terminal as it happens."""

    def __init__(self, mask):
        self.mask, self.lines, self.known = mask, [], {}

    def hide(self, kind, text):
        """The same stand-in for the same text throughout."""
        key = (kind, text.lower())
        number = sum(k[0] == kind for k in self.known) + 1
        return self.known.setdefault(key, f"<{kind} {number}>")

    def masked(self, text):
        if not self.mask:
            return text
        home, host = str(Path.home()), re.escape(platform.node())
        if len(home) > 1:
            text = text.replace(home + "/", "~/")
        uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
        for kind, pattern in (
                ("uuid", uuid), ("mac", r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b"),
                ("address", r"\b\d{1,3}(?:\.\d{1,3}){3}\b(?!-)"),
                ("host", rf"\b{host}\b" if host else r"(?!)")):
            text = re.sub(pattern, lambda m, k=kind: m.group() if k == "uuid" and
                          m.group().lower() in CLASSES else self.hide(k, m.group()), text,
                          flags=re.I)
        return text

    def say(self, text="", loud=False):
        for line in text.splitlines() or [""]:
            self.lines.append(self.masked(line.rstrip()))
            if loud:
                print(line.rstrip(), flush=True)

    def head(self, title):
        self.say()
        self.say(f"== {title}")

    def fact(self, name, value):
        self.say(f"{name:<28} {value}")

    def write(self, path):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write("\n".join(self.lines) + "\n")


def read(path):
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError as err:
        return f"({err.strerror})"


def names(folder):
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def output(*command):
    try:
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, timeout=30,
                              capture_output=True, text=True, errors="replace", check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        return f"({err})"
    return (done.stdout or done.stderr).strip() or f"(status {done.returncode})"


# ---- the survey: reads only ----

def survey_machine(report):
    report.head("machine")
    report.fact("date", datetime.now().astimezone().isoformat(timespec="seconds"))
    report.fact("host", platform.node())
    for name in ("sys_vendor", "product_name", "product_version", "bios_version",
                 "chassis_asset_tag"):
        report.fact(f"dmi {name}", read(f"/sys/class/dmi/id/{name}"))
    report.fact("kernel", " ".join(platform.uname()[i] for i in (0, 2, 3, 4)))
    release = dict(line.split("=", 1) for line in read("/etc/os-release").splitlines() if "=" in line)
    report.fact("distribution", release.get("PRETTY_NAME", "?").strip('"'))
    model = re.search(r"model name\s*: (.*)", read("/proc/cpuinfo"))
    report.fact("processors", f"{os.cpu_count()} x {model.group(1) if model else platform.machine()}")
    report.fact("container", output("systemd-detect-virt", "--container"))
    report.fact("lockdown", read("/sys/kernel/security/lockdown"))


def cpuid(leaf):
    """(eax, ebx, ecx, edx), or None where the kernel shows none."""
    try:
        fd = os.open("/dev/cpu/0/cpuid", os.O_RDONLY)
    except OSError:
        return None
    try:
        return struct.unpack("<4I", os.pread(fd, 16, leaf))
    except (OSError, struct.error):
        return None
    finally:
        os.close(fd)


def encryption_flags():
    return sorted(set(re.findall(r"\b(tdx_guest|sev_snp|sev_es|sev)\b", read("/proc/cpuinfo"))))


def isolation():
    """How Hyper-V isolates this guest from its host: "no", a type, or "?"."""
    base = cpuid(0x40000000)
    if base is None:
        return "? (cpuid is not readable: root, and: modprobe cpuid)"
    if base[0] < 0x4000000c or not (cpuid(0x40000003) or (0, 0))[1] >> 22 & 1:
        return "no"
    return f"yes, type {(cpuid(0x4000000c) or (0, 0))[1] & 15}"


def confidential():
    """The host cannot read this guest's memory: no page lists."""
    return (isolation().startswith("yes") or cvm() not in ("none", "?")
            or bool({"tdx_guest", "sev_snp"} & set(encryption_flags())))


def cvm():
    """What systemd makes of it; "?" before systemd 254."""
    word = output("systemd-detect-virt", "--cvm")
    return word if re.fullmatch(r"[\w-]+", word) else "?"


def survey_hypervisor(report):
    report.head("hypervisor")
    report.fact("sys/hypervisor/type", read("/sys/hypervisor/type"))
    base = cpuid(0x40000000)
    report.fact("cpuid vendor", struct.pack("<3I", *base[1:]).decode("latin-1").strip("\0")
                if base else "?")
    report.fact("isolated (confidential)", isolation())
    report.fact("confidential VM, by systemd", cvm())
    report.fact("memory encryption flags", " ".join(encryption_flags()) or "none")
    report.say("kernel messages about it:")
    found = [line for line in output("dmesg").splitlines()
             if DMESG.search(line) and "ommand line" not in line]
    for line in found[:60] or ["(none, or dmesg is root's)"]:
        report.say("  " + line)


def survey_memory(report):
    report.head("memory and limits")
    report.fact("MemTotal", (re.search(r"MemTotal:\s*(.*)", read("/proc/meminfo")) or "??")[1])
    pages = Path("/sys/kernel/mm/hugepages")
    for size in names(pages):
        report.fact(size, f"{read(pages / size / 'nr_hugepages')} pages, "
                          f"{read(pages / size / 'free_hugepages')} free")
    mounts = [m.split()[1] for m in read("/proc/mounts").splitlines() if " hugetlbfs " in m]
    report.fact("hugetlbfs", " ".join(mounts) or "not mounted")
    for name in ("RLIMIT_MEMLOCK", "RLIMIT_NOFILE"):
        soft, hard = resource.getrlimit(getattr(resource, name))
        show = ["unlimited" if v == resource.RLIM_INFINITY else str(v) for v in (soft, hard)]
        report.fact(name, f"{show[0]} (hard {show[1]})")
    report.fact("effective user", os.geteuid())
    report.fact("IOMMUs", " ".join(names("/sys/class/iommu")) or "none")
    report.fact("NUMA nodes", read("/sys/devices/system/node/online"))


def survey_software(report, args):
    report.head("software")
    for module in MODULES:
        folder = Path("/sys/module") / module
        if folder.is_dir():
            version = read(folder / "version")
            report.fact(f"module {module}", "there" if version.startswith("(") else version)
    config = read(f"/boot/config-{platform.release()}")
    for key in ("CONFIG_HYPERV", "CONFIG_HYPERV_NET", "CONFIG_UIO", "CONFIG_UIO_HV_GENERIC"):
        value = re.search(rf"^{key}=(.)$", config, re.M)
        report.fact(key, value.group(1) if value else "?")
    report.fact("libdpdk", output("pkg-config", "--modversion", "libdpdk"))
    report.fact("testpmd", args.testpmd or "not found")
    report.fact("plugin", args.plugin or "not built")
    report.fact("driver source", output("git", "-C", TREE, "describe", "--always", "--dirty"))


def survey_nic(report, folder):
    for facts in json.loads(output(BIND, "list", "--json") or "[]"):
        if facts["uuid"] in (folder.name.lower(), read(folder / "device_id").strip("{}")):
            for key, value in facts.items():
                report.fact(f"  {key}", value or "-")
            if facts["interface"]:
                net = Path("/sys/class/net") / facts["interface"]
                for key in ("operstate", "mtu", "speed"):
                    report.fact(f"  {key}", read(net / key))
    for uio in names(folder / "uio"):
        for which in names(folder / "uio" / uio / "maps"):
            at = folder / "uio" / uio / "maps" / which
            report.fact(f"  {uio} {which}", f"{read(at / 'name')} {read(at / 'size')}")


def survey_devices(report):
    report.head("VMBus devices")
    if not DEVICES.is_dir():
        report.say(f"there is no {DEVICES}: this is no Hyper-V guest, or hv_vmbus is not loaded")
    for name in names(DEVICES):
        folder = DEVICES / name
        kind = CLASSES.get(read(folder / "class_id").strip("{}").lower(), "other")
        attributes = " ".join(f"{a}={read(folder / a)}" for a in
                              ("id", "state", "monitor_id", "numa_node", "vendor", "device"))
        report.say(f"{name} {kind}: {attributes}")
        if kind != "NIC":
            continue
        survey_nic(report, folder)
        for channel in names(folder / "channels"):
            at = folder / "channels" / channel
            attributes = " ".join(f"{a}={read(at / a)}" for a in
                                  ("subchannel_id", "monitor_id", "cpu", "in_mask", "out_mask",
                                   "interrupts", "events"))
            try:
                ring = f"ring={os.stat(at / 'ring').st_size}"
            except OSError:
                ring = "no ring file"
            report.say(f"  channel {channel}: {attributes} {ring}")


def survey(report, args):
    report.say("netvsc driver: report of devtools/on-hyperv.sh"
               + (", addresses masked" if report.mask else ""))
    survey_machine(report)
    survey_hypervisor(report)
    survey_memory(report)
    survey_software(report, args)
    survey_devices(report)


# ---- the run ----

def bind_tool(*words, dry=False):
    command = [str(BIND), *words, *(["--dry-run"] if dry else [])]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, timeout=120)
    return done.returncode, (done.stdout + done.stderr).strip()


def nic_facts(nic):
    for facts in json.loads(output(BIND, "list", "--json")):
        if nic.lower() in {facts["uuid"], facts["interface"].lower(), facts["mac"], facts["uio"]} - {""}:
            return facts
    raise Refused(f"--nic {nic}: there is no such synthetic NIC; see {BIND.name} list")


def free_hugepages():
    return int("0" + re.sub(r"\D", "", read("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")))


def testpmd_command(args, uuid):
    cpus = sorted(os.sched_getaffinity(0))
    lcores = f"{cpus[0]},{cpus[1]}" if len(cpus) > 1 else f"(0-1)@{cpus[0]}"
    huge = args.memory == "huge" or (args.memory == "auto" and free_hugepages() >= 192
                                     and os.geteuid() == 0)
    devargs = args.devargs or ("tx_page_lists=0" if confidential() else "")
    memory = ["--in-memory", "-m", "256"] if huge else ["--no-huge", "--no-shconf", "-m", "384"]
    return [args.testpmd, *(["-l", lcores] if len(cpus) > 1 else ["--lcores", lcores]),
            "-v", "--no-pci", "--no-telemetry", f"--file-prefix=on-hyperv-{os.getpid()}", *memory,
            "-d", args.plugin, "-a", f"vmbus:{uuid}" + (f",{devargs}" if devargs else ""),
            "--", "-i", "--rxq=1", "--txq=1", "--total-num-mbufs=8192", "--forward-mode=rxonly"]


class Run:
    """testpmd on one NIC: steps, each with a verdict."""

    def __init__(self, report, args, pmd):
        self.report, self.args, self.pmd = report, args, pmd
        self.bad, self.queues = 0, 1

    def command(self, *lines):
        text = self.pmd(*lines, seconds=COMMAND_S)
        self.report.say(text)
        return text

    def verdict(self, step, good, detail=""):
        self.bad += not good
        self.report.say(f"step {step}: {'passed' if good else 'FAILED'}"
                        + (f" ({detail})" if detail else ""), loud=True)

    def number(self, text, name):
        found = re.search(rf"{name}:\s*(\d+)", text)
        return int(found.group(1)) if found else -1

    def traffic(self, step):
        """A few bursts out, then whatever comes in."""
        bursts = 0 if self.args.no_tx else self.args.bursts
        self.command("clear port stats all", "clear port xstats all",
                     f"start tx_first {bursts}" if bursts else "start")
        self.report.say(f"step {step}: traffic", loud=True)
        time.sleep(self.args.seconds)
        text = self.command("stop", "show port stats 0").rpartition("NIC statistics")[2]
        sent = self.number(text, "TX-packets")
        wanted = bursts * BURST * self.queues
        errors = self.number(text, "TX-errors") + self.number(text, "RX-errors")
        self.verdict(step, sent == wanted and errors == 0,
                     f"{sent} of {wanted} frames sent, {self.number(text, 'RX-packets')} received, "
                     f"{errors} errors")

    def probe(self):
        text = self.command("show port info 0", "show device info all")
        driver = re.search(r"Driver name: (\S+)", text)
        self.verdict("probe", driver is not None and driver.group(1) == "net_netvsc",
                     (re.search(r"Firmware-version: (.*)", text) or ["", ""])[1])
        self.most = self.number(text, "Max possible RX queues")

    def restart(self):
        text = self.command("port stop 0", "port start 0", "show port info 0")
        self.verdict("stop and start", "Link status: up" in text, "link is up"
                     if "Link status: up" in text else "link is down")

    def configure(self, queues):
        self.command("port stop 0", f"port config all rxq {queues}",
                     f"port config all txq {queues}")
        text = self.command("port start 0", "show port info 0")
        self.queues = queues
        self.verdict(f"{queues} queues",
                     self.number(text, "Current number of RX queues") == queues)

    def mtu(self, bytes_):
        text = self.command(f"port config mtu 0 {bytes_}", "show port info 0")
        self.verdict(f"MTU {bytes_}", self.number(text, "MTU") == bytes_)

    def all(self):
        self.probe()
        self.traffic("traffic, 1 queue")
        self.restart()
        self.traffic("traffic after stop and start")
        more = min(self.most, 4)
        if more > 1:
            self.configure(more)
            self.traffic(f"traffic, {more} queues")
            self.configure(1)
        self.mtu(1400)
        self.traffic("traffic at MTU 1400")
        self.mtu(1500)
        xstats = self.command("show port xstats 0")
        self.report.say("counters that are not 0: " + ", ".join(
            f"{n}={v}" for n, v in re.findall(r"^(\w+): ([1-9]\d*)$", xstats, re.M)))
        self.command("port stop 0", "port close 0")
        self.pmd.quit()
        self.verdict("stop, close, end", True)


def run_driver(report, args, uuid):
    command = testpmd_command(args, uuid)
    report.head("run")
    report.say("$ " + " ".join(map(str, command)))
    pmd = Terminal(command)
    run = Run(report, args, pmd)
    try:
        start = pmd.wait(r"testpmd> ", START_S)
        report.say(pmd.text[:start.end()])
        run.all()
    except Trouble as trouble:
        report.say(str(trouble))
        run.verdict("run", False, str(trouble).splitlines()[0])
    finally:
        pmd.end()
    return run.bad == 0


def give_back(report, facts, was_up):
    """Whatever happens: the NIC as it was."""
    report.head("giving the NIC back")
    if facts["driver"] == "uio_hv_generic":
        report.say("it was bound to uio_hv_generic and stays so", loud=True)
        return True
    for _ in range(5):              # the channel closes when testpmd's last mapping is gone
        status, text = bind_tool("unbind", "--force", "--driver", facts["driver"], facts["uuid"])
        report.say(text)
        if status == 0:
            break
        time.sleep(1)
    if status == 0 and was_up:
        report.say(output("ip", "link", "set", facts["interface"], "up"))
    report.say(f"{facts['uuid']}: " + (f"has {facts['driver']} again" if status == 0 else
                                       f"COULD NOT BE GIVEN BACK: {undo(facts)}"), loud=True)
    return status == 0


def undo(facts):
    return f"{BIND} unbind --driver {facts['driver']} {facts['uuid']}"


def check_run(args):
    """Facts of the NIC; raises Refused if the run cannot or should not be."""
    facts = nic_facts(args.nic)
    if facts["in_use"] and not args.force:
        raise Refused(f"--nic {args.nic}: {facts['in_use']}; --force takes it all the same")
    if not args.testpmd:
        raise Refused("dpdk-testpmd is not installed (Debian: dpdk-dev), or name it: --testpmd PATH")
    if not args.plugin:
        raise Refused("the driver is not built: meson setup build && ninja -C build; "
                      "or name it: --plugin PATH")
    return facts


def plan(report, args, facts):
    report.head("what --nic would do (--dry-run: nothing was changed)")
    if facts["driver"] != "uio_hv_generic":
        report.say(bind_tool("bind", "--force", facts["uuid"], dry=True)[1], loud=True)
    report.say("run: " + " ".join(map(str, testpmd_command(args, facts["uuid"]))), loud=True)
    if facts["driver"] == "uio_hv_generic":
        report.say("leave it bound to uio_hv_generic, as it is", loud=True)
    else:
        report.say("give it back: " + undo(facts), loud=True)
    return PASSED


def exercise(report, args, facts):
    was_up = bool(facts["interface"]) and \
        read(f"/sys/class/net/{facts['interface']}/operstate") == "up"
    if facts["driver"] != "uio_hv_generic":
        print(f"should this program be killed: {undo(facts)}", flush=True)
    good, why = False, ""
    try:
        report.head("binding")
        status, text = bind_tool("bind", *(["--force"] if args.force else []), facts["uuid"])
        report.say(text)
        if status != 0:
            report.say(f"step bind: FAILED: {text.splitlines()[-1]}", loud=True)
        good = status == 0 and run_driver(report, args, facts["uuid"])
    except Interrupted as stop:
        why = str(stop)
        report.say(f"interrupted: {why}", loud=True)
    finally:
        try:
            hold_signals()
        except Interrupted as stop:
            why = str(stop)
        good = give_back(report, facts, was_up) and good
    report.head("devices afterwards")
    survey_devices(report)
    return STOPPED if why else PASSED if good else FAILED


# ---- all ----

def hold_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def catch_signals():
    """The first one ends the run; from then on all are ignored, or the second
    Ctrl-C would end the giving back."""
    def stop(number, _frame):
        hold_signals()
        raise Interrupted(signal.Signals(number).name)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def find_plugin(build):
    for folder in [build] if build else [TREE / "build", TREE / "build-test"]:
        done = subprocess.run([str(TREE / "devtools/plugin-path"), str(folder)],
                              capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.strip().splitlines()[-1]
    return ""


def parse():
    parser = argparse.ArgumentParser(prog="on-hyperv.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--nic", metavar="NIC", help="run on this one: a UUID, an interface, a MAC address")
    add("--force", action="store_true", help="also a NIC that the machine's network uses")
    add("--dry-run", action="store_true", help="with --nic: only say what would be done")
    add("--mask", action="store_true", help="no addresses, UUIDs and host names in the report")
    add("--report", metavar="FILE", help="where the report goes (on-hyperv-DATE.txt)")
    add("--seconds", type=int, default=3, metavar="N", help="how long each traffic step listens (3)")
    add("--bursts", type=int, default=4, metavar="N",
        help=f"bursts of {BURST} frames that each traffic step sends per queue (4)")
    add("--no-tx", action="store_true", help="send nothing")
    add("--memory", choices=("auto", "huge", "no-huge"), default="auto",
        help="hugepages, or ordinary memory and copying only (auto: what is free)")
    add("--devargs", metavar="LIST", help="devargs of the driver (tx_page_lists=0 on a confidential VM)")
    add("--build", metavar="DIR", help="where the driver was built (build, build-test)")
    add("--plugin", metavar="PATH", help="the driver itself, where it was not built here")
    add("--testpmd", metavar="PATH", default=shutil.which("dpdk-testpmd"))
    args = parser.parse_args()
    args.plugin = args.plugin or find_plugin(args.build)
    args.report = Path(args.report or datetime.now().strftime("on-hyperv-%Y%m%d-%H%M%S.txt"))
    return args


def main():
    args = parse()
    report = Report(args.mask)
    status, facts = PASSED, None
    try:
        catch_signals()
        if args.nic:
            facts = check_run(args)
        survey(report, args)
        if facts:
            status = (plan if args.dry_run else exercise)(report, args, facts)
    except Refused as why:
        print(f"on-hyperv: {why}", file=sys.stderr)
        return REFUSED
    except Interrupted as stop:
        print(f"on-hyperv: {stop}: nothing was changed", file=sys.stderr)
        return STOPPED
    words = {PASSED: "passed" if facts and not args.dry_run else "survey only",
             FAILED: "FAILED", STOPPED: "interrupted"}
    report.head(f"verdict: {words[status]}")
    try:
        report.write(args.report)
    except OSError as err:
        print(f"on-hyperv: {args.report}: {err.strerror}", file=sys.stderr)
        return FAILED
    print(f"on-hyperv: {words[status]}; the report is in {args.report}"
          + ("" if args.mask else " (it has addresses and names: --mask leaves them out)"))
    return status


if __name__ == "__main__":
    sys.exit(main())
