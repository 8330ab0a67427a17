#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# All linters; fails if one complains.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
bad=0

/usr/bin/python3 devtools/check-layers.py || bad=1
/usr/bin/python3 devtools/check-sizes.py || bad=1
/usr/bin/python3 devtools/gen-tables.py --check || bad=1
devtools/mutants.sh --check || bad=1
/usr/bin/python3 devtools/gen-lies.py --check || bad=1
/usr/bin/python3 devtools/check-trust.py || bad=1
/usr/bin/python3 devtools/gen-defects.py --check || bad=1
/usr/bin/python3 devtools/gen-conformance.py --check || bad=1
/usr/bin/python3 devtools/check-features.py || bad=1
/usr/bin/python3 devtools/check-guide.py || bad=1
/usr/bin/python3 devtools/gen-ops.py --check || bad=1
html=$(mktemp -d)
sphinx-build -q -W --keep-going -b html -d "$html/doctrees" doc "$html/html" || bad=1
rm -rf "$html"
mapfile -t scripts < <(git ls-files '*.sh' .ci/run)
shellcheck -S warning "${scripts[@]}" || bad=1
mapfile -t python < <(git ls-files '*.py' 'usertools/*')
/usr/bin/python3 - "${python[@]}" <<'END' || bad=1
import ast, sys
for name in sys.argv[1:]:
    ast.parse(open(name).read(), name)
print(f"python: {len(sys.argv) - 1} files parse")
END
if git grep -nE '[[:space:]]+$' -- '*.c' '*.h' '*.py' '*.sh' '*.build'; then
	echo "lint: white space at the end of the lines above"
	bad=1
fi
while read -r file; do
	head -n 3 "$file" | grep -q 'SPDX-License-Identifier: BSD-3-Clause' || {
		echo "lint: $file: no SPDX line"
		bad=1
	}
done < <(git ls-files '*.c' '*.h' '*.py' '*.sh' '*meson.build' .ci/run)
exit $bad
