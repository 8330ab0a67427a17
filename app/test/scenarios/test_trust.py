# SPDX-License-Identifier: BSD-3-Clause
"""What the host is shown, and what becomes of the driver when the host lies."""

import pytest

from conftest import NO_HUGE
from test_builtin import echo_ok
from test_bus import Tree
from test_driver import no_violations, ours

pytestmark = pytest.mark.sanitized

A = "aaaaaaaa-89ab-4def-8123-456789abcdef"
CONFIDENTIAL = "confidential: the host is shown the rings and its buffers only"


def eal_of(*args, head=NO_HUGE):
    return [*head, "-a", ",".join((f"vmbus:{A}", *args))]


# ---- confidential guests ----

@pytest.mark.quick
def test_an_isolated_guest_shows_the_host_nothing_but_rings_and_buffers(machine, plugin):
    """hvsim refuses every page list of an isolated guest, control requests too. All
    sizes go out and come back, though the devargs ask for page lists."""
    done = machine.run(["--strict", "--isolated", "--nic", f"guid={A},queues=2,port=echo"],
                       ours(plugin, "--queues", "2", "--rounds", "2",
                            eal=eal_of("tx_copybreak=0", "rx_extmbuf_enable=1")))
    echo_ok(done, 2)
    assert done.violations() == {}
    assert done.nic().get("tx_page_lists", 0) == 0 and done.nic()["tx_sections"] > 0
    assert (done.out + done.err).count(CONFIDENTIAL) == 1


@pytest.mark.full
def test_physical_addresses_change_nothing_for_an_isolated_guest(machine, plugin, hugepages):
    eal = eal_of("tx_copybreak=0", head=["--huge-dir", hugepages, "-m", "256"])
    done = machine.run(["--strict", "--isolated", "--iova", "pa",
                        "--nic", f"guid={A},port=echo"],
                       ours(plugin, "--rounds", "1", eal=eal))
    echo_ok(done, 1)
    assert done.steps()[1]["iova"] == "pa"
    assert done.violations() == {} and done.nic().get("tx_page_lists", 0) == 0


@pytest.mark.quick
@pytest.mark.parametrize("args,confidential", [
    ("confidential=1", True), ("confidential=auto", False), ("confidential=0", False)])
def test_the_mode_is_an_argument_in_other_guests(machine, plugin, args, confidential):
    done = machine.run(["--strict", "--nic", f"guid={A},port=echo"],
                       ours(plugin, "--rounds", "1", eal=eal_of("tx_copybreak=0", args)))
    echo_ok(done, 1)
    assert done.violations() == {}
    assert (done.nic().get("tx_page_lists", 0) == 0) == confidential
    assert (CONFIDENTIAL in done.out + done.err) == confidential


@pytest.mark.quick
def test_a_page_list_of_an_isolated_guest_is_a_violation(machine, plugin):
    """What the scenarios above rest on: told to, the driver sends one, and it is
    refused. Not even the first control request gets through."""
    server = machine.serve(["--isolated", "--nic", f"guid={A},port=echo"])
    Tree(server).put(f"{A}/iova", "va\n")
    done = server.exec(ours(plugin, "--rounds", "1",
                            eal=eal_of("tx_copybreak=0", "confidential=0")))
    assert "this guest is isolated, but confidential=0" in done.out + done.err
    assert done.status != 0
    with pytest.raises(AssertionError, match="violation_PAGE_PRIVATE"):
        no_violations(server)
