#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks doc/design/trust.md: each row of its table of rules names a function of
the drivers and a test, and everything that is named exists."""

import pathlib
import re
import sys

TREE = pathlib.Path(__file__).resolve().parent.parent
PAGE = TREE / "doc" / "design" / "trust.md"
FUNCTION = re.compile(r"^(?:static .*\b)?(\w+)\([^;]*$", re.M)


def defined(files, pattern):
    return {name for path in files for name in pattern.findall(path.read_text())}


def main():
    text = PAGE.read_text()
    drivers = defined((TREE / "drivers").rglob("*.[ch]"), FUNCTION)
    tests = defined((TREE / "app/test").rglob("test_*.c"),
                    re.compile(r"^(\w+)\(void \*\*state\)", re.M))
    tests |= defined((TREE / "app/test/scenarios").glob("test_*.py"),
                     re.compile(r"^def (test_\w+)\(", re.M))
    table = text.split("| rule | code | tests |")[1].split("\n\n")[0].splitlines()[2:]
    errors = []
    for row in table:
        rule, code, proof = [cell.strip() for cell in row.strip("|").split("|")]
        names, proofs = re.findall(r"`(\w+)`", code), re.findall(r"`(\w+)`", proof)
        if not names or not proofs:
            errors.append(f"{rule}: no code or no test is named")
        errors += [f"{rule}: {n} is no function of the drivers" for n in names if n not in drivers]
        errors += [f"{rule}: there is no test {n}" for n in proofs if n not in tests]
    rest = text.split("## All lies")[1]
    errors += [f"All lies: there is no test {n}"
               for n in re.findall(r"`((?:test|no)_\w+)`", rest) if n not in tests]
    for error in errors:
        print(f"trust.md: {error}")
    print(f"trust: {len(table)} rules, each with code and a test" if not errors else
          "trust: see above")
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main())
