#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Adds up the results of devtools/test.sh: meson's testlog.json files (cmocka
cases are counted one by one), pytest's junit files and build steps. Prints
"N passed, N failed, N skipped" as its last line; fails if anything failed or
nothing ran."""

import json
import pathlib
import re
import sys
import xml.etree.ElementTree

CMOCKA = re.compile(r"\[  (PASSED|FAILED|SKIPPED)\s*\] (\d+) test\(s\)")


def count_unit(path):
    passed = failed = skipped = 0
    for line in path.read_text().splitlines():
        test = json.loads(line)
        cases = {"PASSED": 0, "FAILED": 0, "SKIPPED": 0}
        for kind, n in CMOCKA.findall(test.get("stdout", "") + test.get("stderr", "")):
            cases[kind] += int(n)
        if test["result"] == "SKIP":
            cases["SKIPPED"] += 1
        elif test["result"] != "OK" and cases["FAILED"] == 0:
            cases["FAILED"] = 1     # crashed or timed out before it could say so
        elif test["result"] == "OK" and sum(cases.values()) == 0:
            cases["PASSED"] = 1     # a program that is one test
        passed += cases["PASSED"]
        failed += cases["FAILED"]
        skipped += cases["SKIPPED"]
    return passed, failed, skipped


def count_junit(path):
    passed = failed = skipped = 0
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            print(f"failed: {case.get('classname')}.{case.get('name')}")
        elif case.find("skipped") is not None:
            skipped += 1
            print(f"skipped: {case.get('name')}: {case.find('skipped').get('message')}")
        else:
            passed += 1
    return passed, failed, skipped


def count_steps(path):
    words = [line.split()[1] for line in path.read_text().splitlines()]
    return words.count("passed"), words.count("failed"), 0


def main():
    folder = pathlib.Path(sys.argv[1])
    counts = [count_unit(path) for path in sorted(folder.glob("unit-*.json"))]
    counts += [count_junit(path) for path in sorted(folder.glob("scenarios-*.xml"))]
    counts += [count_steps(path) for path in folder.glob("steps")]
    passed, failed, skipped = (sum(column) for column in zip(*counts)) if counts else (0, 0, 0)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
