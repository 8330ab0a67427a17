# SPDX-License-Identifier: BSD-3-Clause
"""Zero-copy receive: mbufs that point to their frames in the receive buffer."""

import pytest

from conftest import NO_HUGE, ethdev
from lines import Ops
from test_builtin import echo_ok

GUID = "01234567-89ab-4def-8123-456789abcdef"
LEND = f"vmbus:{GUID},rx_extmbuf_enable=1"


@pytest.mark.sanitized
@pytest.mark.full
@pytest.mark.conformance(28, 30)
@pytest.mark.parametrize("args,lent", [("", 1), ("rx_copybreak=1000", 1), ("confidential=1", 0)])
def test_lent_frames_of_all_lengths_come_back_whole(machine, plugin, args, lent):
    """All lengths go out and come back, several to a transfer, over two lives of the port."""
    eal = [*NO_HUGE, "-a", ",".join(filter(None, (LEND, args))), "-d", plugin]
    done = machine.run(["--strict", "--nic", f"guid={GUID},queues=2,port=echo"],
                       ethdev(eal, "--queues", "2", "--rounds", "2", "--bytes", "60-1514"))
    echo_ok(done, 2)
    assert done.violations() == {}
    shortest = 1000 if "1000" in args else 256
    for result in done.results():
        assert result["lent"] == (1514 - shortest) * lent * result["total"] // (1514 - 60 + 1)


@pytest.mark.full
@pytest.mark.conformance(30)
def test_an_application_that_keeps_its_frames_starves_nobody_and_may_close_the_port(machine, plugin):
    """The host has few sections; the application keeps more frames than that over
    stop, reopen, and close, and reads them at the end."""
    server = machine.serve(["--strict", "--nic", f"guid={GUID},recv-sections=64,port=echo"])
    ops = Ops(server, plugin, "rx_extmbuf_enable=1").up()

    def keeps(frames):
        ops("tx", n=frames, bytes=1400)
        assert ops("rx", n=frames, ms=20000, seconds=60, hold=1)["got"] == frames
        ops("rx", n=1, ms=100)

    for _ in range(10):
        keeps(20)
    assert 16 <= server.counters()["sections_out"] <= 32
    assert ops("xstats")["of"]["rx_q0_lend_refused"] >= 200 - 32
    ops.ok("stop")
    ops.ok("mtu", mtu=2000)             # the link is opened again
    ops.ok("start")
    assert server.counters()["sections_out"] == 0
    keeps(20)
    assert server.counters()["sections_out"] >= 10
    ops.ok("stop")
    ops.ok("close")
    kept = ops("release")
    assert kept["released"] == 220
    assert kept["sum"] >= 220 * (1400 - 54) * 0x5a      # the headers are not 0 either
    assert ops("missing")["mbufs"] == 0
    ops.ok("heap")
    assert [k for k, v in server.counters().items() if k.startswith("violation_") and v] == []
