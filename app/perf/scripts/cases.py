# SPDX-License-Identifier: BSD-3-Clause
"""What is measured: each case is one kind of work in one setting."""

import dataclasses
import statistics


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

    def value(self, result):
        """The figure of one run."""
        if self.metric == "mpps":
            return result["rx"]["frames"] / result["seconds"] / 1e6
        return statistics.median(self.slices(result))

    def slices(self, result):
        return result[self.side]["per_frame"]


# Few sections and mbufs in turn: what they touch stays in the cache.
WARM = "recv-sections=64"
WARM_MBUFS = ("--mbufs", "1024")


def receive(name, what, size, per_transfer, burst=32, frames=2000000, **more):
    return Case(name, what, "rx",
                (f"queues=1,{WARM},frames-per-transfer={per_transfer},"
                 f"port=gen:size={size},rate=max",),
                ("--burst", str(burst), "--frames", str(frames), "--warmup", "100000",
                 *WARM_MBUFS), **more)


def transmit(name, what, size, burst=32, frames=2000000, **more):
    return Case(name, what, "tx", ("queues=1,port=sink:verify=no",),
                ("--bytes", str(size), "--burst", str(burst), "--frames", str(frames),
                 "--warmup", "100000", "--slice", "256" if burst > 1 else "4096",
                 *WARM_MBUFS), side="tx", **more)


GATED = [
    receive("rx64_warm", "receive 64 B, 32 frames a transfer, burst 32", 64, 32, limit=0.40),
    receive("rx64_single", "receive 64 B, one frame a transfer", 64, 1, limit=0.20),
    receive("rx1500", "receive 1,500 B", 1500, 32, frames=500000, limit=0.75),
    transmit("tx64", "transmit 64 B, burst 32", 64, limit=0.32),
    transmit("tx64_single", "transmit 64 B, burst 1", 64, burst=1, frames=1000000, limit=0.40),
    transmit("tx1500", "transmit 1,500 B by page list", 1500, frames=500000, limit=0.35),
    Case("idle_poll", "an empty poll", "idle", ("queues=1,port=sink",),
         ("--frames", "10000000", "--slice", "64"), limit=0.30),
    Case("loop64_mpps", "closed loop 64 B on two cores, Mpps", "loop", ("queues=1,port=echo",),
         ("--frames", "3000000", "--warmup", "300000"), metric="mpps", same_core=False,
         limit=2.0),
]
