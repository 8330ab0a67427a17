#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What devtools/demo.sh shows, once everything is built. See there."""

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "app/test/scenarios"))
from testpmd_terminal import Terminal, Trouble  # noqa: E402

QUEUES = 4
PORT = 5201
ADDRESSES = ("198.18.0.1", "198.18.0.2")


class Failure(Exception):
    """Something of the demo itself did not work."""


def sh(*args, check=True, timeout=20):
    done = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=timeout)
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(map(str, args))}: {done.stderr.strip()}")
    return done.stdout


def lcores():
    """Two, on processors that this process may use, whatever their numbers; they
    share one where there is no second."""
    cpus = sorted(os.sched_getaffinity(0))
    return f"--lcores=0@{cpus[0]},1@{cpus[1 % len(cpus)]}"


class Host:
    """hvsim, and testpmd in its guest."""

    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.hvsim = args.build / "app/hvsim/hvsim"
        self.control = folder / "control"
        self.pmd = None
        nic = "queues=%d,mac-filter=off" % QUEUES
        self.log = open(folder / "hvsim.log", "w", encoding="utf-8")
        self.proc = subprocess.Popen(
            [str(self.hvsim), "serve", "--control", str(self.control), "--check", "full",
             *(["--fault", args.fault] if args.fault else []),
             "--nic", f"name=nic0,sw=left,{nic}", "--nic", f"name=nic1,sw=right,{nic}"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        self.until(lambda: self.control.exists() and self.try_ctl("list"), 10, "hvsim starts")

    def until(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            if self.proc.poll() is not None:
                raise Failure("hvsim ended:\n" + (self.folder / "hvsim.log").read_text())
            time.sleep(0.02)
        raise Failure(f"after {seconds} s still not: {what}")

    def try_ctl(self, *words):
        done = subprocess.run([str(self.hvsim), "ctl", "--control", str(self.control), "--json",
                               *words], capture_output=True, text=True, timeout=20)
        if done.returncode != 0 or not done.stdout.strip():
            self.error = done.stderr.strip()
            return None
        answer = json.loads(done.stdout)
        return answer.get("result", answer)

    def ctl(self, *words):
        answer = self.try_ctl(*words)
        if answer is None:
            raise Failure(f"hvsim ctl {' '.join(words)}: {self.error}")
        return answer

    def counters(self, kind, prefix):
        rows = self.ctl("counters")[kind]
        return next((r["counters"] for r in rows if r["name"].startswith(prefix)), {})

    def forwarded(self):
        return sum(self.counters("nics", n).get("tx_frames", 0) for n in ("nic0", "nic1"))

    def port_name(self, switch, kind):
        ports = next(s["ports"] for s in self.ctl("list")["switches"] if s["name"] == switch)
        return next(p["name"] for p in ports if p["kind"] == kind)

    def settle(self):
        """What is under way arrives."""
        seen, same, end = -1, 0, time.monotonic() + 10
        while same < 10 and time.monotonic() < end:
            now = self.forwarded()
            same = same + 1 if now == seen else 0
            seen = now
            time.sleep(0.02)

    def host_drops(self):
        """Frames for which testpmd left no room in time."""
        return sum(v for n in ("nic0", "nic1") for k, v in self.counters("nics", n).items()
                   if k in ("rx_drop_no_section", "rx_drop_ring_full"))

    def testpmd(self):
        command = [str(self.hvsim), "exec", "--control", str(self.control), "--",
                   "dpdk-testpmd", lcores(), "--no-pci", "--no-telemetry", "--no-huge",
                   "-m", "512", "--iova-mode=va", f"--file-prefix=demo{os.getpid()}",
                   "-d", self.args.plugin, "--", "-i", f"--rxq={QUEUES}", f"--txq={QUEUES}",
                   "--total-num-mbufs=8192", "--no-flush-rx", "--record-core-cycles",
                   "--enable-scatter", "--forward-mode=io"]
        print("demo: running", " ".join(command[5:]))
        self.pmd = Terminal(command)
        self.pmd.wait("testpmd> $", 30)
        # A tap takes its time: frames wait in the receive buffer meanwhile.
        self.pmd("set fwd io retry", "set burst tx delay 1 retry 100000",
                 "port config all rss all", "start")

    def end(self):
        if self.pmd is not None:
            self.pmd.end()
        if self.proc.poll() is None:
            self.proc.terminate()
            try:
                self.proc.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.proc.pid, signal.SIGKILL)
                self.proc.wait(10)
        self.log.close()


class Rates:
    """A line of live rates each second."""

    def __init__(self, host):
        self.host = host
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.show)

    def __enter__(self):
        self.start = time.monotonic()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.took = time.monotonic() - self.start
        self.stop.set()
        self.thread.join()

    def show(self):
        seen, at = self.host.forwarded(), time.monotonic()
        while not self.stop.wait(1):
            now, when = self.host.forwarded(), time.monotonic()
            print(f"  {(now - seen) / (when - at):12,.0f} packets/s   {now:12,} in all",
                  flush=True)
            seen, at = now, when


# ---- as root: two namespaces ----

class Namespaces:
    def __init__(self, host):
        self.host = host
        self.names = [f"nvdemo{i}-{os.getpid()}" for i in (0, 1)]
        self.made = []

    def __enter__(self):
        try:
            for i, (name, side) in enumerate(zip(self.names, ("left", "right"))):
                tap = f"nvd{i}-{os.getpid() % 100000}"
                self.host.ctl("port", "add", f"tap:name={tap},sw={side}")
                sh("ip", "netns", "add", name)
                self.made.append(name)
                sh("ip", "link", "set", tap, "netns", name)
                inside = ("ip", "netns", "exec", name)
                # No chatter of the kernel's own among what is counted.
                sh(*inside, "sysctl", "-qw", f"net.ipv6.conf.{tap}.disable_ipv6=1", check=False)
                sh(*inside, "ip", "address", "add", f"{ADDRESSES[i]}/24", "dev", tap)
                sh(*inside, "ip", "link", "set", tap, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in self.made:
            sh("ip", "netns", "del", name, check=False)
        self.made = []

    def inside(self, i, *command):
        return ["ip", "netns", "exec", self.names[i], *command]


STREAMS = 8             # enough for RSS to use all queues
# What all streams have under way fits the receive buffer of a NIC: a frame that
# is lost is a defect then, and not this machine that was busy elsewhere.
WINDOW_BYTES = 1 << 19


def receive_one(connection):
    digest = hashlib.sha256()
    connection.settimeout(30)
    with connection:
        while piece := connection.recv(1 << 18):
            digest.update(piece)
    return digest.hexdigest()


def receiver():
    """Run in the second namespace: prints the hashes of what comes."""
    with socket.create_server((ADDRESSES[1], PORT)) as server, \
            ThreadPoolExecutor(STREAMS) as pool:
        server.settimeout(30)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
        print("ready", flush=True)
        hashes = [pool.submit(receive_one, server.accept()[0]) for _ in range(STREAMS)]
        print(json.dumps(sorted(h.result() for h in hashes)))


def send_one(seconds):
    digest, total, end = hashlib.sha256(), 0, time.monotonic() + seconds
    with socket.create_connection((ADDRESSES[1], PORT), timeout=30) as connection:
        while time.monotonic() < end:
            piece = os.urandom(1 << 16)
            connection.sendall(piece)
            digest.update(piece)
            total += len(piece)
    return digest.hexdigest(), total


def sender(seconds):
    """Run in the first namespace: random bytes for so long."""
    with ThreadPoolExecutor(STREAMS) as pool:
        sent = list(pool.map(send_one, [seconds] * STREAMS))
    print(json.dumps([sorted(h for h, _ in sent), sum(n for _, n in sent)]))


def tcp_transfer(spaces, seconds):
    me = ["/usr/bin/python3", __file__]
    with subprocess.Popen(spaces.inside(1, *me, "receiver"), stdout=subprocess.PIPE,
                          text=True) as server:
        try:
            server.stdout.readline()
            sent, total = json.loads(sh(*spaces.inside(0, *me, "sender", str(seconds)),
                                        timeout=seconds + 60))
            got = json.loads(server.communicate(timeout=60)[0])
        finally:
            server.kill()
    broken = len(set(sent) - set(got))
    print(f"demo: TCP, {STREAMS} streams: {total / 1e6:,.0f} MB of random bytes arrived, "
          f"SHA-256 of {STREAMS - broken} equal, of {broken} different")
    return broken


def pings(spaces):
    """Returns how many were sent and lost."""
    sent = lost = 0
    for size in (56, 512, 1472):
        text = sh(*spaces.inside(0, "ping", "-q", "-c", "20", "-i", "0.02", "-W", "10", "-s", size,
                                 ADDRESSES[1]), check=False)
        match = re.search(r"(\d+) packets transmitted, (\d+) received", text)
        if match is None:
            raise Failure(f"ping: {text}")
        sent += int(match[1])
        lost += int(match[1]) - int(match[2])
        print(f"demo: ping {size} bytes: {match[2]} of {match[1]} answered")
    return sent, lost


def root_traffic(host, seconds):
    with Namespaces(host) as spaces, Rates(host) as rates:
        _, lost = pings(spaces)
        corrupted = tcp_transfer(spaces, seconds)
        host.settle()
    return {"lost": lost, "corrupted": corrupted, "took": rates.took}


# ---- without root: generator and capture file ----

def capture_make(path, count):
    """A pcap file of UDP frames of all lengths with random contents."""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    from scapy.packet import Raw
    from scapy.utils import wrpcap

    frames = []
    for i in range(count):
        payload = os.urandom(18 + i % 1455)
        frames.append(Ether(src="02:00:00:00:00:11", dst="02:00:00:00:00:22") /
                      IP(src=ADDRESSES[0], dst=ADDRESSES[1]) /
                      UDP(sport=1024 + i % 64, dport=PORT) / Raw(payload))
    wrpcap(str(path), frames)
    return [bytes(f) for f in frames]


def capture_compare(sent, path):
    """The frames of ours in a capture; returns how many are lost and corrupt."""
    from scapy.utils import rdpcap

    wanted = {}
    for frame in sent:
        wanted[frame] = wanted.get(frame, 0) + 1
    corrupted = 0
    for packet in rdpcap(str(path)):
        frame = bytes(packet)
        if frame[6:12] != bytes.fromhex("020000000011"):
            continue                # the generator's
        if wanted.get(frame, 0) > 0:
            wanted[frame] -= 1
        else:
            corrupted += 1
    lost = max(sum(wanted.values()) - corrupted, 0)
    return lost, corrupted


def user_traffic(host, seconds):
    replay, record = host.folder / "in.pcap", host.folder / "out.pcapng"
    sent = capture_make(replay, 2000)
    host.ctl("port", "add", f"pcap:record={record},sw=right")
    with Rates(host) as rates:
        host.ctl("port", "add", f"pcap:replay={replay},rate=2kpps,sw=left")
        host.until(lambda: host.forwarded() >= len(sent), 20, "the capture file is replayed")
        host.ctl("port", "remove", host.port_name("right", "pcap"))
        host.ctl("port", "add", "sink:sw=right")
        host.ctl("port", "add", f"gen:size=64-1514,rate={host.args.rate},flows=256,duration={seconds}s,"
                 "sw=left")
        host.until(lambda: host.counters("ports", "gen").get("gen_finished"), seconds + 10,
                   "the generator is done")
        host.settle()
    lost, corrupted = capture_compare(sent, record)
    print(f"demo: capture file: {len(sent)} frames replayed, {lost} lost, {corrupted} corrupted")
    gen, sink = host.counters("ports", "gen"), host.counters("ports", "sink")
    missing = gen.get("gen_sent", 0) - sink.get("gen_received", 0)
    broken = sink.get("gen_corrupt", 0)
    print(f"demo: generator: {gen.get('gen_sent', 0):,} frames sent, {missing} lost, "
          f"{sink.get('gen_reordered', 0)} out of order, {broken} corrupted")
    return {"lost": lost + missing, "corrupted": corrupted + broken, "took": rates.took}


# ---- the end ----

def table(host, took):
    """Per queue, from testpmd's own counters; returns the driver's losses."""
    text = host.pmd("stop", "show port stats all")
    print("\n  queue          received   forwarded    dropped    Mpps")
    found = re.findall(r"RX Port=\s*(\d+)/Queue=\s*(\d+) -> TX Port=\s*(\d+).*?"
                       r"RX-packets: (\d+)\s+TX-packets: (\d+)\s+TX-dropped: (\d+)", text, re.S)
    # testpmd leaves out queues to which no flow led.
    rows = {(port, queue, 1 - port): (0, 0, 0) for port in (0, 1) for queue in range(QUEUES)}
    rows.update({tuple(map(int, row[:3])): tuple(map(int, row[3:])) for row in found})
    for (rx_port, queue, tx_port), (received, sent, dropped) in sorted(rows.items()):
        print(f"  {rx_port} -> {tx_port}, {queue}  {received:13,} {sent:11,} {dropped:10,} "
              f"{sent / took / 1e6:7.3f}")
    total = re.search(r"Accumulated.*?RX-packets: (\d+).*?TX-packets: (\d+)\s+TX-dropped: (\d+)",
                      text, re.S)
    cycles = re.search(r"CPU cycles/packet=([\d.]+)", text)
    print(f"  all        {int(total[1]):13,} {int(total[2]):11,} {int(total[3]):10,} "
          f"{int(total[2]) / took / 1e6:7.3f}   on average over {took:.1f} s")
    if cycles:
        print(f"  cycles per packet: {float(cycles[1]):,.0f} (testpmd's whole loop, on this machine)")
    lost = host.host_drops()
    lost += sum(int(n) for n in re.findall(r"RX-missed: (\d+)|TX-errors: (\d+)|RX-errors: (\d+)",
                                          text) for n in n if n)
    return int(total[2]), int(total[3]) + lost


def violations(host):
    return {k: v for n in host.ctl("counters")["nics"] for k, v in n["counters"].items()
            if k.startswith("violation_")}


def demo(args, folder):
    host = Host(args, folder)
    try:
        host.testpmd()
        result = (root_traffic if args.root else user_traffic)(host, args.seconds)
        forwarded, dropped = table(host, result["took"])
        broken = violations(host)
        if broken:
            raise Failure(f"the host saw violations of its rules: {broken}")
    finally:
        host.end()
    # What is missing at the ends is in the counters on the way, too.
    lost = max(result["lost"], dropped)
    print("\nNothing here touched a real Hyper-V host, and these are no figures of one. There:\n"
          "bind the NIC to uio_hv_generic and run the same command without hvsim;\n"
          "doc/guides/nics/netvsc says how.")
    print(f"demo: {forwarded} packets forwarded, {lost} lost, {result['corrupted']} corrupted")
    return 0 if lost == 0 and result["corrupted"] == 0 and forwarded > 0 else 1


def main():
    if sys.argv[1:2] == ["receiver"]:
        return receiver()
    if sys.argv[1:2] == ["sender"]:
        return sender(float(sys.argv[2]))
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rate", type=int, default=100000)
    parser.add_argument("--fault")
    parser.add_argument("--build", type=lambda p: Path(p).resolve(), required=True)
    parser.add_argument("--plugin", required=True)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="netvsc-demo-"))
    try:
        return demo(args, folder)
    except (Failure, Trouble, subprocess.TimeoutExpired) as err:
        print(f"demo: failed: {err}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
