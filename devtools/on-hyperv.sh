#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# For people who have the real thing: a survey of a Hyper-V or Azure guest, and
# a short run of this driver on a NIC they name. See --help.
set -euo pipefail
exec /usr/bin/env python3 "$(dirname "${BASH_SOURCE[0]}")/on-hyperv.py" "$@"
