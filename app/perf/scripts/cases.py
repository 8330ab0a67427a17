# SPDX-License-Identifier: BSD-3-Clause
"""What is measured: each case is one kind of work in one setting."""

import dataclasses
import statistics

import machine


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    what: str
    kind: str                   # of netvsc-perf work
    nics: tuple                 # hvsim's --nic
    work: tuple = ()            # options of netvsc-perf work
    side: str = "rx"            # whose cycles count
    metric: str = "cycles"      # or "mpps": more is better
    same_core: bool = True
    hvsim: tuple = ()
    limit: float = None         # the ratio to the built-in driver that is wanted
    floor: tuple = None         # bytes, burst, frames a transfer, sections
    devargs: str = ""
    asleep: bool = False        # the host sleeps whenever there is nothing to do

    def value(self, result):
        """The figure of one run."""
        if self.metric == "mpps":
            return result[self.side]["frames"] / result["seconds"] / 1e6
        return statistics.median(self.slices(result))

    def slices(self, result):
        return result[self.side]["per_frame"]

    def with_frames(self, frames, warmup=None):
        """The same, shorter or longer."""
        words = list(self.work)
        words[words.index("--frames") + 1] = str(frames)
        if warmup is not None and "--warmup" in words:
            words[words.index("--warmup") + 1] = str(warmup)
        return dataclasses.replace(self, work=tuple(words))

    def frames(self):
        return int(self.work[self.work.index("--frames") + 1])

    def times_floor(self, setup):
        """The floor's cycles a frame in this setting, measured now; or None."""
        seen = machine.floor(setup, *self.floor) if self.floor else None
        return seen[f"{self.side}_cycles"] if seen else None


# Few sections and mbufs in turn, so that what they touch stays in the cache:
# 256 sections are 8 bursts for each turn that the host gives its core away, and
# what the turn itself made cold is an eighth of what is counted. The mempool
# hands out what was freed last: the same few mbufs again and again.
# With many queues as much is under way as fills a burst of each: more would be
# colder by itself.
# Fewer queues that are compared with many (`most`) get the same frames: as many
# under way, of as many flows, and RSS with its hash in each.
WARM_SECTIONS = 256
FLOWS = 1024
WARM_MBUFS = 1024
COLD_MBUFS = 16384


def warm_frames(burst, queues):
    return max(WARM_SECTIONS, burst * queues)


def many_queues(most, work):
    """Options of netvsc-perf work for what is compared with `most` queues."""
    return (*work, "--offload", "hash") if most > 1 else work


def receive(name, what, size, per_transfer=32, burst=32, frames=2000000, queues=1, most=1,
            cold=False, nic="", gen="", work=(), **more):
    most = max(most, queues)
    sections = "" if cold else f"recv-sections={warm_frames(burst, most)},"
    flows = 1 if most == 1 else FLOWS
    return Case(name, what, "rx",
                (f"queues={queues},{sections}{nic}frames-per-transfer={per_transfer},"
                 f"port=gen:size={size},rate=max,flows={flows}{gen}",),
                ("--burst", str(burst), "--queues", str(queues), "--frames", str(frames),
                 "--warmup", str(min(frames // 4, 100000)), "--slice", "256", "--mbufs",
                 str(COLD_MBUFS if cold else WARM_MBUFS + 512 * (most - 1)),
                 *many_queues(most, work)),
                floor=(size, burst, per_transfer, 4096 if cold else WARM_SECTIONS), **more)


def transmit(name, what, size, burst=32, frames=2000000, queues=1, most=1, cold=False, work=(),
             **more):
    most = max(most, queues)
    return Case(name, what, "tx", (f"queues={queues},port=sink:verify=no",),
                ("--bytes", str(size), "--burst", str(burst), "--queues", str(queues),
                 "--frames", str(frames), "--warmup", str(min(frames // 4, 100000)),
                 "--slice", "256" if burst > 1 else "4096", "--mbufs",
                 str(COLD_MBUFS if cold else WARM_MBUFS + 512 * (most - 1)),
                 *(("--turn", str(warm_frames(burst, most))) if most > 1 else ()),
                 *many_queues(most, work)),
                side="tx", floor=(size, burst, burst, WARM_SECTIONS), **more)


GATED = [
    receive("rx64_warm", "receive 64 B, 32 frames a transfer, burst 32", 64, limit=0.40),
    receive("rx64_single", "receive 64 B, one frame a transfer", 64, 1, limit=0.20),
    receive("rx1500", "receive 1,500 B", 1500, frames=500000, limit=0.75),
    transmit("tx64", "transmit 64 B, burst 32", 64, limit=0.32),
    transmit("tx64_single", "transmit 64 B, burst 1", 64, burst=1, frames=1000000, limit=0.40),
    transmit("tx1500", "transmit 1,500 B by page list", 1500, frames=500000, limit=0.35),
    Case("idle_poll", "an empty poll", "idle", ("queues=1,port=sink",),
         ("--frames", "10000000", "--slice", "64"), limit=0.30),
    Case("loop64_mpps", "closed loop 64 B on two cores, Mpps", "loop", ("queues=1,port=echo",),
         ("--frames", "3000000", "--warmup", "300000"), metric="mpps", same_core=False,
         limit=2.0),
]
LOOP = GATED[-1]
VS_VIRTIO = "loop64_vs_virtio"
VS_VIRTIO_LIMIT = 1.5
NAMES = (*(case.name for case in GATED), VS_VIRTIO)
