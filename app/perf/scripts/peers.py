# SPDX-License-Identifier: BSD-3-Clause
"""Virtual NICs that do the same job elsewhere: virtio_user with vhost, memif,
and af_packet on a veth pair. Each is a closed loop between two processes of
`netvsc-perf work`, so that the cycles of both sides are known."""

import contextlib
import dataclasses
import os
import select
import subprocess
import tempfile
import time
from pathlib import Path

import machine


@dataclasses.dataclass(frozen=True)
class Peer:
    guest: str          # EAL's --vdev of the side that keeps the window
    host: str           # of the side that sends back; {dir} is a private folder
    socket: str = ""    # in that folder: there when the host side is ready
    veth: bool = False


# af_packet: a block is a page, and a frame with its header fits into an mbuf.
AF_PACKET = "blocksz=4096,framesz=2048,framecnt=512"
PEERS = {
    "virtio": Peer("net_virtio_user0,path={dir}/vhost,queues=1,queue_size=1024",
                   "net_vhost0,iface={dir}/vhost,queues=1", socket="vhost"),
    "memif": Peer("net_memif0,role=client,socket={dir}/memif,socket-abstract=no",
                  "net_memif0,role=server,socket={dir}/memif,socket-abstract=no",
                  socket="memif"),
    "afpacket": Peer("net_af_packet0,iface={veth}a," + AF_PACKET,
                     "net_af_packet0,iface={veth}b," + AF_PACKET, veth=True),
}
READY_S = 20
SETTLE_S = 0.5


@contextlib.contextmanager
def veth(name):
    """A pair of interfaces that exists meanwhile, quiet by itself."""
    def ip(*words, check=True):
        done = subprocess.run(["ip", "link", *words], check=False, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise machine.Failed(f"ip link {' '.join(words)}: {done.stderr.strip()}")
    ip("add", f"{name}a", "type", "veth", "peer", "name", f"{name}b")
    try:
        for end in "ab":
            ip("set", f"{name}{end}", "addrgenmode", "none", "arp", "off", "up")
        yield
    finally:
        ip("del", f"{name}a", check=False)


def command(setup, cpu, prefix, vdev, words):
    return [machine.PERF, "work", "-l", cpu, "--no-pci", "--no-telemetry", "--log-level=error",
            *machine.memory(setup, prefix), f"--vdev={vdev}", "--", *words]


def wait_for(path, child):
    """Until the host side listens."""
    end = time.monotonic() + READY_S
    while not path.exists():
        if child.poll() is not None:
            raise machine.Failed((child.communicate()[1].strip().splitlines() or ["it ended"])[-1])
        if time.monotonic() > end:
            raise machine.Failed(f"its other side is not ready after {READY_S} s")
        time.sleep(0.02)


def both(setup, peer, places, words, seconds):
    """Starts the host side, runs the guest side, ends both."""
    echo = ["echo", "--seconds", seconds + READY_S + 10, "--frames", 10 ** 12]
    host = machine.start(command(setup, setup.host_cpu, f"peerh{os.getpid()}",
                                 peer.host.format(**places), echo))
    try:
        if peer.socket:
            wait_for(Path(places["dir"]) / peer.socket, host)
        time.sleep(SETTLE_S)
        result = guest_figures(command(setup, setup.guest_cpu, f"peerg{os.getpid()}",
                                       peer.guest.format(**places),
                                       ["loop", *words, "--seconds", seconds, "--stay"]), host)
    finally:
        if host.poll() is None:
            machine.end(host)
    return result


def guest_figures(words, host):
    """Those of the guest side, and under "peer" those of the host side, which
    ends first: memif's driver does not bear a client that goes while it is
    polled, and dies of it now and then."""
    guest = machine.start(words)
    try:
        select.select([guest.stdout], [], [], machine.SECONDS_MAX)  # all is told at once
        host.terminate()        # it says its figures
        out, err = machine.ended(host, 30)
        peer = machine.answer(host.returncode, out, err)
        guest.terminate()
        out, err = machine.ended(guest, 30)
        return {**machine.answer(guest.returncode, out, err), "peer": peer}
    finally:
        if guest.poll() is None:
            machine.end(guest)


def loop(setup, name, words, seconds):
    """Runs the loop for so long; the guest side's figures, and under "peer" the
    other's. Raises Failed where the machine cannot do it."""
    peer = PEERS[name]
    if peer.veth and os.geteuid() != 0:
        raise machine.Failed("it needs root")
    pair = f"np{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="netvsc-perf-") as folder, \
            veth(pair) if peer.veth else contextlib.nullcontext():
        return both(setup, peer, {"dir": folder, "veth": pair}, words, seconds)
