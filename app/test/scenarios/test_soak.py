# SPDX-License-Identifier: BSD-3-Clause
"""Random configuration changes under load; soak.py says what must hold."""

import pytest

from soak import Soak, statistics

SEED = 20260301


@pytest.mark.full
@pytest.mark.conformance(34, 51)
def test_an_mtu_change_loses_no_frame_that_is_not_counted(machine, plugin):
    soak = Soak(machine, plugin, SEED)
    soak.OPS = ["mtu"]
    soak.run(seconds=10, every=2)


@pytest.mark.full
def test_nics_that_come_and_go_under_load_leave_nothing(machine, plugin):
    soak = Soak(machine, plugin, SEED)
    soak.OPS = ["remove"]
    soak.run(seconds=10, every=3)


@pytest.mark.full
def test_three_minutes_of_random_changes_under_load_lose_and_leave_nothing(machine, plugin):
    Soak(machine, plugin, SEED).run(seconds=180)


@pytest.mark.full
def test_statistics_are_found_wherever_the_output_is_cut_and_whatever_stands_between():
    port = ("\n  ------- Forward statistics for port {}  -------\n"
            "  RX-packets: {}    RX-dropped: 3    RX-total: 4\n"
            "  TX-packets: {}    TX-dropped: {}    TX-total: 9\n  ------------\n")
    text = port.format(0, 28938, 19477, 12) + port.format(1, 5, 6, 7)
    wanted = [("0", "28938", "19477", "12"), ("1", "5", "6", "7")]
    for cut in range(len(text) + 1):
        first, begun = statistics(text[:cut])
        assert first + statistics(begun + text[cut:])[0] == wanted, cut
    lines = text.splitlines(keepends=True)
    for i in range(len(lines)):
        event = "\nPort 0: link state change event\n"
        assert statistics("".join(lines[:i]) + event + "".join(lines[i:]))[0] == wanted, i
