#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Do the tests notice faults? The last line is
# "mutants: N planted, N caught, N equivalent".
set -euo pipefail

usage() {
	cat <<'END'
Usage: devtools/mutants.sh [--seed N] [--count N] [--jobs N] [--only REGEX]
                           [--units] [--base DIR] [--check] [--help]

Plants small faults in a copy of drivers/, one at a time: a relational operator
changed, a constant one more or less, a call or a check left out, the two ways of
an error swapped, a memory order weakened. Each is compiled; those that do not
compile or give the same objects do not count. The unit programs that hold the
changed object run, and if all pass, a few scenarios with the whole plugin. A
fault that nothing notices is listed as missed, or, if it is one of those in
doc/design/mutants-equivalent.txt, as equivalent, with the reason given there.
Fails if less than 85 % of the others are caught.

  --seed N      which faults: the same seed, the same faults (default: the time)
  --count N     how many that count (default 300: hours)
  --jobs N      how many at a time (default: as many as there are processors)
  --only REGEX  only in files whose path matches
  --units       without the scenarios: faster, and more survive
  --base DIR    keep the copy that is built, and take it if it is there; for
                drivers and tests that do not change meanwhile
  --check       only look whether the list of equivalent faults and that of the
                scenarios fit the sources
END
}

for word in "$@"; do
	case $word in -h | --help) usage; exit 0 ;; esac
done
export PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/mutants.py" "$@"
