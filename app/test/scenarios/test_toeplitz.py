# SPDX-License-Identifier: BSD-3-Clause
"""The oracle of the RSS tests is right itself."""

import pytest

from toeplitz import KEY, VECTORS, flow_bytes, toeplitz

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v[2])
def test_the_published_vectors_come_out(vector):
    destination, destination_port, source, source_port, addresses, everything = vector
    assert toeplitz(KEY, flow_bytes(source, destination)) == addresses
    assert toeplitz(KEY, flow_bytes(source, destination, source_port,
                                    destination_port)) == everything
