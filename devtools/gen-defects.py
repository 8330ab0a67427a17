#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes doc/design/defects.md from the marks of the scenarios that compare
DPDK's built-in driver with ours (app/test/scenarios/test_defects_*.py). The
outcomes in the table are what the tests assert. With --check it writes nothing
and fails if the table is stale; with --results FOLDER it also demands that a
test run (DEFECTS_RESULTS=FOLDER) has seen every outcome of the table."""

import argparse
import ast
import json
import pathlib
import sys

TREE = pathlib.Path(__file__).resolve().parent.parent
SCENARIOS = TREE / "app" / "test" / "scenarios"
TABLE = TREE / "doc" / "design" / "defects.md"

HEAD = """<!-- SPDX-License-Identifier: BSD-3-Clause -->
<!-- Made by devtools/gen-defects.py: do not edit. -->

# Defects of the built-in driver

Each row is one scenario, run on hvsim with the same application
(`app/test/ethdev`, `test_lines`) on two drivers: the one that the distribution's
DPDK 22.11.11 ships, unmodified, and ours. The outcomes are sentences that the
tests make from what they measure, and a test fails if its sentence is not the
one that stands here. `source` is the paragraph of the survey of the built-in
driver in which the defect was written down. To run them:

    devtools/test.sh --full --only defects

The faults of the host (a lie in one message, silence) are hvsim's: `hvsim faults`.
What such a test proves is what the drivers do on hvsim; nothing here was run on
a real Hyper-V host.
"""


def decorators(path):
    """(function, decorator) of all defects in a file."""
    for node in ast.parse(path.read_text(), str(path)).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for d in node.decorator_list:
            if isinstance(d, ast.Call) and getattr(d.func, "id", "") == "defect":
                yield node, d


def defects():
    rows = []
    for path in sorted(SCENARIOS.glob("test_defects_*.py")):
        for function, call in decorators(path):
            named = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
            name, source = (ast.literal_eval(a) for a in call.args)
            does = " ".join((ast.get_docstring(function) or "").split())
            rows.append({"name": name, "source": source, "does": does, "test": function.name,
                         "file": path.name, "builtin": named["builtin"], "ours": named["ours"]})
    return rows


def left_out():
    for node in ast.parse((SCENARIOS / "defects.py").read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "LEFT_OUT":
            return ast.literal_eval(node.value)
    sys.exit("gen-defects: defects.py has no LEFT_OUT")


def wrong(rows):
    """Rows that cannot be right, whatever the tests see."""
    errors, names = [], set()
    for row in rows:
        if row["name"] in names:
            errors.append(f"{row['file']}: \"{row['name']}\" stands twice")
        names.add(row["name"])
        if not row["does"]:
            errors.append(f"{row['file']}: {row['test']} does not say what it does")
        if not row["test"].startswith("test_"):
            errors.append(f"{row['file']}: {row['test']} is no test")
    return errors


def cells(*texts):
    """One row; a bar in a text is no border."""
    return "| " + " | ".join(t.replace("|", "\\|") for t in texts) + " |"


def table(rows):
    lines = ["| defect | source | what the scenario does | built-in 22.11.11 | ours | test |",
             "|---|---|---|---|---|---|"]
    for r in rows:
        lines.append(cells(r["name"], r["source"], r["does"], r["builtin"], r["ours"],
                           f"`{r['test']}`"))
    return "\n".join(lines) + "\n"


def page(rows):
    shown = [r for r in rows if r["builtin"] != r["ours"]]
    same = [r for r in rows if r["builtin"] == r["ours"]]
    out = [HEAD, f"## Shown ({len(shown)})\n", table(shown)]
    if same:
        out += [f"## Listed, but not seen in 22.11.11 ({len(same)})\n", table(same)]
    left = left_out()
    out += [f"## Left out ({len(left)})\n",
            "| defect | source | why |\n|---|---|---|\n" +
            "".join(cells(*row) + "\n" for row in left)]
    return "\n".join(out)


def unseen(rows, folder):
    """Outcomes of the table that a run did not see."""
    path = pathlib.Path(folder) / "defects.jsonl"
    seen = {(r["defect"], r["driver"]): r["outcome"]
            for r in map(json.loads, path.read_text().splitlines())} if path.exists() else {}
    return [f"{row['name']}, {driver}: the run saw {seen.get((row['name'], driver))!r}"
            for row in rows for driver in ("builtin", "ours")
            if seen.get((row["name"], driver)) != row[driver]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--results", metavar="FOLDER")
    options = parser.parse_args()
    rows = defects()
    errors = wrong(rows)
    if options.results:
        errors += unseen(rows, options.results)
    if not options.check and not errors:
        TABLE.write_text(page(rows))
    elif options.check and (not TABLE.exists() or TABLE.read_text() != page(rows)):
        errors.append("defects.md is stale: run devtools/gen-defects.py")
    print("\n".join(errors) if errors else f"defects: {len(rows)} are as the tests say")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
