#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares doc/guides/nics/netvsc.rst with the driver: its devargs (key, range,
default) with the table of netvsc_args.c, its counters with those of
netvsc_stats.c, its log types with those that are registered, and each log
message that it cites, ``"like this"``, with the strings of the sources; and each
``function()`` that doc/design/driver.rst names, and each file that README.md
names, with those that there are."""

import argparse
import pathlib
import re
import sys

TREE = pathlib.Path(__file__).resolve().parent.parent
GUIDE = "doc/guides/nics/netvsc.rst"
README = "README.md"
DESIGN = "doc/design/driver.rst"
NUMBERS = {"UINT32_MAX": 0xffffffff, "UINT16_MAX": 0xffff}


def section(text, title):
    """The text below a heading of the first level, up to the next."""
    found = re.search(rf"^{re.escape(title)}\n-+\n(.*?)(?=^[^\n]+\n-{{3,}}\n|\Z)", text, re.S | re.M)
    return found.group(1) if found else ""


def heads(text):
    """The header of the first list-table of a text."""
    found = re.search(r"^   \* - (.*?)(?=^   \* - |\Z)", text, re.S | re.M).group(1)
    return [" ".join(cell.split()) for cell in re.split(r"^     -(?: |$)", found, flags=re.M)]


def rows(text):
    """The rows of the list-tables of a text, without their headers."""
    for table in re.findall(r"^\.\. list-table::.*?(?=^\S|\Z)", text, re.S | re.M):
        for row in re.split(r"^   \* - ", table, flags=re.M)[2:]:
            yield [" ".join(cell.split()) for cell in re.split(r"^     -(?: |$)", row, flags=re.M)]


# ---- devargs ----

def number(tree, word):
    """A figure, or a macro that stands for one."""
    if word in NUMBERS:
        return NUMBERS[word]
    for header in sorted((tree / "drivers/net/netvsc").glob("*.[ch]")) if word[0].isalpha() else []:
        macro = re.search(rf"^#define {word}\s+(\w+)\b", header.read_text(), re.M)
        if macro:
            return number(tree, macro.group(1))
    return int(word.rstrip("uU"), 0)


def code_args(tree):
    """key -> (least, most, default)"""
    text = (tree / "drivers/net/netvsc/netvsc_args.c").read_text()
    struct, table = re.search(r"struct arg \{(.*?)\n\} args_known\[\] = \{(.*?)\n\};", text,
                              re.S).groups()
    order = re.search(r"\tuint32_t ([\w, ]+);", struct).group(1).split(", ")
    found = {}
    for key, rest in re.findall(r'\{ "(\w+)", ARG\(\w+\), ((?:"(?:[^"\\]|\\.)*"|[^}"])+)\}', table):
        values = {n: number(tree, w.strip()) for n, w in zip(order, rest.split(","))}
        found[key] = (values.get("min", 0), values["max"], values["preset"])
    if len(found) != len(re.findall(r"ARG\(", table)):
        sys.exit("check-guide: rows of args_known cannot be read")
    return found


def check_args(guide, tree):
    code, told = code_args(tree), {}
    for row in rows(section(guide, "Devargs")):
        cells = dict(zip(heads(section(guide, "Devargs")), row))
        least, most = re.split(r"-| to ", cells["range"])
        # A default beyond the range is written as "auto", in the code too.
        default = int(most) + 1 if cells["default"] == "auto" else int(cells["default"])
        told[cells["key"].strip("`")] = (int(least), int(most), default)
        if not cells.get("effect") or not cells.get("unit"):
            yield f"devarg {row[0]}: no unit or no effect is told"
    for key in sorted(code.keys() | told.keys()):
        if code.get(key) != told.get(key):
            yield (f"devarg {key}: (least, most, default) is {code.get(key)}, "
                   f"the guide says {told.get(key)}")


# ---- counters ----

def check_counters(guide, tree):
    text = (tree / "drivers/net/netvsc/netvsc_stats.c").read_text()
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    code = set(re.findall(r"\b(?:RX|TX|CHANNEL)\((\w+)\)", text))
    code |= set(re.findall(r'\bDEVICE\("(\w+)"', text))
    told = {row[0].strip("`") for row in rows(section(guide, "Counters"))}
    for name in sorted(code - told):
        yield f"counter {name} is not in the guide"
    for name in sorted(told - code):
        yield f"counter {name} is none of the driver's"


# ---- log ----

def strings(tree):
    """All string literals of the drivers; neighbours joined, PRI macros as "%"."""
    found = []
    for path in sorted((tree / "drivers").rglob("*.[ch]")):
        text = re.sub(r"\bPRI\w+|VMBUS_COMPAT_\w+", '"%"', path.read_text())
        for piece in re.findall(r'(?:"(?:[^"\\\n]|\\.)*"\s*)+', text):
            joined = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', piece))
            found.append(joined.replace('\\"', '"'))
    return found


def check_messages(guide, tree):
    known = strings(tree)
    for cited in re.findall(r'``"(.+?)"``', guide, re.S):
        cited = " ".join(cited.split())
        if cited != "quotes" and not any(cited in text for text in known):
            yield f'no source says "{cited}"'


def check_types(guide, tree):
    code = set()
    for path in (tree / "drivers").rglob("*.c"):
        code |= set(re.findall(r"RTE_LOG_REGISTER\(\w+, ([\w.]+),", path.read_text()))
    told = {row[0].strip("`") for row in rows(section(guide, "Log types"))}
    for name in sorted(code ^ told):
        yield f"log type {name}: " + ("not in the guide" if name in code else "there is none")


# ---- the design ----

def check_functions(tree):
    text = "\n".join(p.read_text() for p in (tree / "drivers").rglob("*.[ch]"))
    defined = set(re.findall(r"^(\w+)\(", text, re.M))
    for name in sorted(set(re.findall(r"``(\w+)\(\)``", (tree / DESIGN).read_text())) - defined):
        yield f"there is no function {name}()"


def check_paths(tree):
    text = (tree / README).read_text()
    paths = set(re.findall(r"\]\(([^)#:]+)\)", text))
    paths |= set(re.findall(r"`((?:app|devtools|doc|drivers|usertools|\.ci)/[\w./-]+)`", text))
    paths |= set(re.findall(r"^((?:devtools|usertools)/[\w.-]+)", text, re.M))
    for path in sorted(p for p in paths if not (tree / p).exists()):
        yield f"there is no {path}"


def guide_text(tree):
    """The guide with what it includes."""
    path = tree / GUIDE

    def included(match):
        part = path.parent / match.group(1)
        return part.read_text() if part.exists() else sys.exit(f"check-guide: there is no {part}")
    return re.sub(r"^\.\. include:: (\S+)\n", included, path.read_text(), flags=re.M)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=pathlib.Path, default=TREE, help="another tree")
    tree = parser.parse_args().tree
    guide = guide_text(tree)
    errors = [f"{GUIDE}: {e}" for check in (check_args, check_counters, check_messages, check_types)
              for e in check(guide, tree)]
    errors += [f"{DESIGN}: {e}" for e in check_functions(tree)]
    errors += [f"{README}: {e}" for e in check_paths(tree)]
    print("\n".join(errors) if errors else
          "guide: devargs, counters, messages, functions and files are as the sources say")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
