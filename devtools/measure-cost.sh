#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Measures by hand what hvsim costs next to the driver it serves. Times depend
# on the machine and on what else it does: no test does this.
set -euo pipefail

usage() {
	cat <<'END'
Usage: devtools/measure-cost.sh [--build DIR] [--runs N] [--frames N] [--window N]
                                [--two-cores] [--help]

64-byte frames there and back through the echo port on one queue, --check fast:
the cycles that hvsim is busy for a frame, and those that the built-in driver
of the distribution's DPDK spends on it in the same run. The two take turns on
one core, another one in each run. Prints each run, and median and spread of all.

  --build DIR   what to measure (default: build-test in the tree)
  --runs N      how many runs (default 10)
  --frames N    frames of each run (default 4000000)
  --window N    frames under way (default 256): more are colder to the driver
  --two-cores   each on a core of its own: then what is measured is mostly how
                lines travel between them
END
}

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$tree/build-test
runs=10
frames=4000000
window=256
apart=0
while [ $# -gt 0 ]; do
	case $1 in
	--build) build=${2:?--build needs a folder}; shift ;;
	--runs) runs=${2:?--runs needs a number}; shift ;;
	--frames) frames=${2:?--frames needs a number}; shift ;;
	--window) window=${2:?--window needs a number}; shift ;;
	--two-cores) apart=1 ;;
	-h | --help) usage; exit 0 ;;
	*) echo "measure-cost.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
	esac
	shift
done

hvsim=$build/app/hvsim/hvsim
client=$build/app/test/ethdev/test_ethdev
for program in "$hvsim" "$client"; do
	[ -x "$program" ] || { echo "measure-cost.sh: $program is not built" >&2; exit 1; }
done
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
[ $apart -eq 0 ] || [ "$(nproc)" -gt 1 ] || { echo "measure-cost.sh: it takes two cores" >&2; exit 1; }

for ((run = 0; run < runs; run++)); do
	guest=$((run % $(nproc) % 2))
	host=$(((guest + apart) % 2))
	"$hvsim" run --check fast --cpus $host --stats-json "$results/$run.host" \
		--nic queues=1,port=echo -- "$client" -l $guest --no-pci --no-telemetry \
		--file-prefix="measure$$" --iova-mode=va --no-huge -m 256 -- --mode speed \
		--bytes 64 --rounds 1 --frames "$frames" --seconds 20 --window "$window" \
		>"$results/$run.guest" 2>"$results/$run.log" ||
		{ tail -n 5 "$results/$run.log" >&2; echo "measure-cost.sh: run $run failed" >&2; exit 1; }
done
/usr/bin/python3 - "$results" "$runs" <<'END'
import json, pathlib, statistics, sys

folder, runs = pathlib.Path(sys.argv[1]), int(sys.argv[2])
rows = []
for run in range(runs):
    busy = json.loads((folder / f"{run}.host").read_text())["host"]["busy_cycles"]
    lines = (folder / f"{run}.guest").read_text().splitlines()
    traffic = next(s["result"] for s in map(json.loads, (l for l in lines if l.startswith("{")))
                   if s["step"] == "traffic")
    host, driver = busy / traffic["frames"], traffic["cycles"] / traffic["frames"]
    rows.append((host, driver, host / driver))
    print(f"run {run + 1}: hvsim {host:.0f} cycles a frame, "
          f"driver {driver:.0f}, share {host / driver:.3f}")
for name, column in zip(("hvsim", "driver", "share"), zip(*rows)):
    print(f"{name}: median {statistics.median(column):.3f}, "
          f"from {min(column):.3f} to {max(column):.3f}")
END
