#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Size budgets: functions of at most 70 lines, sources of at most 600, headers
of at most 250 (wire headers and tables are free). Exceptions stand, each with
its reason, in devtools/size-exceptions.txt as "path[:function] reason"."""

import json
import pathlib
import subprocess
import sys

TREE = pathlib.Path(__file__).resolve().parent.parent
FUNCTION_LINES = 70
SOURCE_LINES = 600
HEADER_LINES = 250


def exceptions():
    path = TREE / "devtools" / "size-exceptions.txt"
    if not path.exists():
        return set()
    lines = [line.split(None, 1) for line in path.read_text().splitlines()
             if line.strip() and not line.startswith("#")]
    return {words[0] for words in lines if len(words) == 2}


def functions(files):
    command = ["ctags", "--output-format=json", "--fields=+ne", "--kinds-C=f", "-L", "-", "-f", "-"]
    output = subprocess.run(command, input="\n".join(files), capture_output=True, text=True,
                            cwd=TREE, check=True).stdout
    for line in output.splitlines():
        tag = json.loads(line)
        if tag.get("_type") == "tag" and "end" in tag:
            yield tag["path"], tag["name"], tag["end"] - tag["line"] + 1


def main():
    output = subprocess.run(["git", "ls-files", "*.c", "*.h"], capture_output=True, text=True,
                            cwd=TREE, check=True).stdout
    files = [f for f in output.split() if not f.endswith("_wire.h")]
    allowed = exceptions()
    errors = []
    for name in files:
        limit = HEADER_LINES if name.endswith(".h") else SOURCE_LINES
        lines = len((TREE / name).read_text().splitlines())
        if lines > limit and name not in allowed:
            errors.append(f"{name}: {lines} lines, at most {limit}")
    for name, function, lines in functions(files):
        if lines > FUNCTION_LINES and f"{name}:{function}" not in allowed:
            errors.append(f"{name}:{function}: {lines} lines, at most {FUNCTION_LINES}")
    print("\n".join(errors) if errors else f"sizes: {len(files)} files are within their budgets")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
