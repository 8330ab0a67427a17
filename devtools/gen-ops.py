#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes doc/design/ethdev-ops.rst: each operation that the driver must have,
the function that does it, and the tests that say they prove it. Fails if an
operation is missing, or has no test, or if a test names one that there is not.
With --check it writes nothing and fails if the page is stale, too."""

import argparse
import ast
import pathlib
import re
import sys

TREE = pathlib.Path(__file__).resolve().parent.parent
PAGE = TREE / "doc/design/ethdev-ops.rst"
LIST = TREE / "app/test/ethdev/ops_list.h"
DRIVER = TREE / "drivers/net/netvsc"
# What there is from a version of DPDK on: assigned in the compat header.
LATER = {"tx_queue_count": "24.03", "get_restore_flags": "24.11"}
ALIAS = {"rx_burst": "rx_pkt_burst", "tx_burst": "tx_pkt_burst", "tx_prepare": "tx_pkt_prepare"}

HEAD = """.. SPDX-License-Identifier: BSD-3-Clause
.. Made by devtools/gen-ops.py: do not edit.

Operations of the port
======================

Every operation that an application can ask of the driver, what does it, and the
tests that prove it behaves. ``test_every_operation_that_must_be_there_is_there``
looks at the table of the loaded driver; the list is ``app/test/ethdev/ops_list.h``.
Those with a version are there from that one on; they are compiled by
``devtools/check-dpdk-versions.sh``, and the tests call what does them.

.. list-table::
   :header-rows: 1
   :widths: 22 26 52

   * - operation
     - function
     - proven by
"""


def targets():
    """The operations that must be there: of the table, of the port itself."""
    text = LIST.read_text()
    return re.findall(r"\bOP\((\w+)\)", text.split("NETVSC_TEST_FAST")[0]), \
        [name for name in re.findall(r"\bFAST\((\w+)\)", text)]


def functions():
    """Operation -> function, as the sources assign them. What exists with some
    versions of DPDK only is assigned in the compat header."""
    text = (DRIVER / "netvsc_ethdev.c").read_text()
    table = re.search(r"struct eth_dev_ops netvsc_ops = \{(.*?)\n\};", text, re.S).group(1)
    found = dict(re.findall(r"\.(\w+) = (\w+),", table))
    found.update(re.findall(r"\beth->(\w+) = (netvsc_\w+);", text))
    found.update(re.findall(r"\.(\w+) = (netvsc_compat_\w+),",
                            (DRIVER / "netvsc_compat.h").read_text()))
    found.update((name.lower(), function) for name, function in
                 re.findall(r"NETVSC_COMPAT_(\w+)_SET\(eth, (netvsc_\w+)\);", text))
    return found


def python_tests():
    """(operation, test) of the marks of scenarios."""
    for path in sorted((TREE / "app/test/scenarios").glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            for mark in getattr(node, "decorator_list", []):
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.op":
                    for arg in mark.args:
                        yield arg.value, f"{path.stem}: {node.name[len('test_'):]}"


def c_tests():
    for path in sorted((TREE / "app/test").rglob("test_*.c")):
        for names, test in re.findall(r"/\* Op: ([\w, ]+)\. \*/\nstatic void\n(\w+)\(",
                                      path.read_text()):
            for name in names.split(", "):
                yield name, f"{path.stem}: {test}"


def page(ops, done, proofs):
    out = HEAD
    for op in ops:
        since = f" (DPDK {LATER[op]})" if op in LATER else ""
        out += f"   * - ``{op}``{since}\n     - ``{done.get(op, 'missing')}``\n"
        out += "     - " + "\n       ".join(f"| {p.replace('_', ' ')}"
                                          for p in proofs[op]) + "\n"
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    table, fast = targets()
    ops = table + fast + list(LATER)
    done, proofs, errors = functions(), {op: [] for op in ops}, []
    for name, test in [*python_tests(), *c_tests()]:
        name = ALIAS.get(name, name)
        if name in proofs:
            proofs[name].append(test)
        elif name not in done:
            errors.append(f"{test}: there is no operation {name}")
    errors += [f"{op}: the driver has no such operation" for op in ops if op not in done]
    errors += [f"{op}: no test says that it proves it" for op in ops if not proofs[op]]
    errors += [f"{op}: not in {LIST.name}" for op in done if op not in ops]
    text = page(ops, done, {op: sorted(set(tests)) for op, tests in proofs.items()})
    if not check:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        errors.append(f"{PAGE.relative_to(TREE)} is stale: run devtools/gen-ops.py")
    print("\n".join(errors) if errors else f"operations: {len(ops)}, each with a test")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
