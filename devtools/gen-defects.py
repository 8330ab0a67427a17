#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes doc/design/defects.md from the marks of the scenarios that compare
DPDK's built-in driver with ours (app/test/scenarios/test_defects_*.py), and from
the lists of outcomes in test_fault_list.py. The outcomes in the tables are what
the tests assert. With --check it writes nothing
and fails if the table is stale; with --results FOLDER it also demands that a
test run (DEFECTS_RESULTS=FOLDER) has seen every outcome of the table."""

import argparse
import ast
import json
import pathlib
import sys

TREE = pathlib.Path(__file__).resolve().parent.parent
SCENARIOS = TREE / "app" / "test" / "scenarios"
FAULT_LIST = SCENARIOS / "test_fault_list.py"
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


def constants(path):
    """What stands in capital letters at the top of a file, as far as it is text and lists."""
    known = {}
    for node in ast.parse(path.read_text(), str(path)).body:
        if not isinstance(node, ast.Assign):
            continue
        for part in ast.walk(node.value):
            for field, value in ast.iter_fields(part):
                if isinstance(value, list):
                    setattr(part, field, [named(known, v) for v in value])
        try:
            known[node.targets[0].id] = ast.literal_eval(node.value)
        except ValueError:
            pass
    return known


def named(known, node):
    return ast.Constant(known[node.id]) if getattr(node, "id", None) in known else node


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


FAULTS_HEAD = """## All faults of frames under way

Each fault of `hvsim faults` that concerns a port at work, told to a port of one queue
that exchanges frames and is asked for promiscuous mode; then the host is honest again.
What becomes of the program and of the port, and what is missing for good.

    devtools/test.sh --full --only fault_list
"""
LIES_HEAD = """### Lies

Each field of these messages, one lie at a time, with a new program after each that did
harm: every value that hvsim tries where the message is about frames, two of them else.
Here stands what some of the lies led to; after all others the port works by itself, and
nothing is missing. The fields that make the host stop are left out.

    devtools/test.sh --full --long --only fault_list
"""


def fault_tables():
    known = constants(FAULT_LIST)
    lines = [FAULTS_HEAD, "| fault | built-in 22.11.11 | ours |\n|---|---|---|"]
    lines += [cells(f"`{fault}`", builtin, ours) for fault, builtin, ours in known["FAULTS"]]
    lines += ["", LIES_HEAD, "| message | built-in 22.11.11 | ours |\n|---|---|---|"]
    lines += [cells(f"`{message}`", *("; ".join(s) or "no harm" for s in seen))
              for message, *seen in known["LIES"]]
    return "\n".join(lines) + "\n"


def page(rows):
    shown = [r for r in rows if r["builtin"] != r["ours"]]
    same = [r for r in rows if r["builtin"] == r["ours"]]
    out = [HEAD, f"## Shown ({len(shown)})\n", table(shown)]
    if same:
        out += [f"## Listed, but not seen in 22.11.11 ({len(same)})\n", table(same)]
    out.append(fault_tables())
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
