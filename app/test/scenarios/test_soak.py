# SPDX-License-Identifier: BSD-3-Clause
"""Random configuration changes under load; soak.py says what must hold."""

import pytest

from soak import Soak

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
