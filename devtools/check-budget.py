#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts the instructions that hvsim's data path spends on a frame, under
callgrind, and compares them with app/test/vsp/budget.txt. Unlike cycles they
do not depend on what else the machine does.

check-budget.py BUILD-FOLDER    exit status 1 if a budget is exceeded
"""

import pathlib
import platform
import re
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parent.parent
BUDGET = TREE / "app/test/vsp/budget.txt"
MESSAGES_PER_ROUND = 32
ROUNDS = 60


def instructions(bench, frame_bytes, per_message):
    """Of the host alone, per frame: what the bench's guest does is left out."""
    with tempfile.NamedTemporaryFile(prefix="callgrind-") as out:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--toggle-collect=channel_poll_nic",
             f"--callgrind-out-file={out.name}", bench, str(frame_bytes), str(per_message),
             "9000", str(ROUNDS)],
            capture_output=True, text=True, timeout=300, check=False)
        found = re.search(r"^(?:summary|totals): (\d+)", pathlib.Path(out.name).read_text(), re.M)
    if done.returncode != 0 or found is None or int(found.group(1)) == 0:
        sys.exit(f"check-budget: callgrind counted nothing:\n{done.stderr[-2000:]}")
    return int(found.group(1)) / (ROUNDS * MESSAGES_PER_ROUND * per_message)


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if len(sys.argv) == 2 else 2
    bench = pathlib.Path(sys.argv[1]).resolve() / "app/test/vsp/bench_vsp"
    if not bench.exists():
        sys.exit(f"check-budget: {bench} is not built")
    if platform.machine() != "x86_64":
        print(f"check-budget: the numbers are of x86_64, not of {platform.machine()}")
        return 0
    exceeded = False
    for line in BUDGET.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        frame_bytes, per_message, budget, percent = (float(word) for word in line.split())
        spent = instructions(bench, int(frame_bytes), int(per_message))
        over = spent > budget * (1 + percent / 100)
        exceeded |= over
        print(f"{frame_bytes:.0f} B, {per_message:.0f} a message: {spent:.1f} instructions a "
              f"frame, budget {budget:.1f} + {percent:.0f} %{': EXCEEDED' if over else ''}")
        if spent < budget * (1 - percent / 100):
            print("  lower by more than the tolerance: write the new number down")
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
