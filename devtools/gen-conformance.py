#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes doc/design/conformance.md: the items of conformance-items.txt beside
it, each with the tests that prove it. A test says so by a mark:

  Python   @pytest.mark.conformance(27, 28)
  C        /* Conformance: 27, 28. */  directly above the cmocka test

With --check it writes nothing and fails if the page is stale, if a mark names
an item that does not exist or stands above no test, or if an item has neither
tests nor a reason, or both."""

import argparse
import ast
import pathlib
import re
import sys

TREE = pathlib.Path(__file__).resolve().parent.parent
TESTS = TREE / "app" / "test"
ITEMS = TREE / "doc" / "design" / "conformance-items.txt"
PAGE = TREE / "doc" / "design" / "conformance.md"

COMMENT = r"/\*(?:[^*]|\*(?!/))*\*/"
C_TEST = re.compile(rf"((?:{COMMENT}\s*)+)static void\s+(\w+)\(void \*\*\w*\)")
C_MARK = re.compile(r"Conformance:\s*([\d,\s*-]+)\.")


class Items:
    """The file of items: groups, texts, and what is said of tests."""

    def __init__(self, text):
        self.groups, self.text = [], {}
        self.open, self.partly, self.unfinished, self.unmarked = {}, {}, {}, set()
        for number, line in self.lines(text):
            self.line(number, line)

    @staticmethod
    def lines(text):
        """Lines of the file, continuations joined, comments gone."""
        joined = []
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith(" "):
                joined[-1] = (joined[-1][0], joined[-1][1] + line)
            elif line and not line.startswith("#"):
                joined.append((number, line))
        return joined

    def line(self, number, line):
        group = re.fullmatch(r"== (.+)", line)
        item = re.fullmatch(r"(\d+): (.+)", line)
        said = re.fullmatch(r"(open|partly|unfinished|unmarked) ([\d, -]+)(?:: (.+))?", line)
        if group:
            self.groups.append((group.group(1), []))
        elif item:
            self.text[int(item.group(1))] = item.group(2)
            self.groups[-1][1].append(int(item.group(1)))
        elif said and said.group(1) == "unmarked":
            self.unmarked |= set(numbers(said.group(2)))
        elif said and said.group(3):
            getattr(self, said.group(1)).update({n: said.group(3) for n in numbers(said.group(2))})
        else:
            sys.exit(f"{ITEMS.name}:{number}: cannot be read: {line}")


def numbers(text):
    """"1, 3-5" -> [1, 3, 4, 5]"""
    out = []
    for piece in re.split(r"[,\s*]+", text.strip(" *,\n\t")):
        first, _, last = piece.partition("-")
        out += range(int(first), int(last or first) + 1)
    return out


def ranges(items):
    """[1, 3, 4, 5] -> "1, 3-5" """
    runs = []
    for n in sorted(items):
        if runs and runs[-1][1] == n - 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)


# ---- marks ----

def mark_of(node):
    """The items of one mark, or None."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            and node.func.attr == "conformance"):
        return None
    return [a.value if isinstance(a, ast.Constant) else None for a in node.args]


def python_marks(path):
    """(test, items) of a scenario file: marks in decorators, also those of
    single parameters; test is None where the mark stands elsewhere."""
    tree = ast.parse(path.read_text(), str(path))
    seen = 0
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        for mark in (m for d in node.decorator_list for m in ast.walk(d)):
            if mark_of(mark) is not None:
                seen += 1
                yield node.name, mark_of(mark)
    for _ in range(sum(mark_of(n) is not None for n in ast.walk(tree)) - seen):
        yield None, []


def c_marks(path):
    """(test, items) of a C file; test is None where the mark stands above none."""
    text = path.read_text()
    found = 0
    for comments, name in C_TEST.findall(text):
        for piece in C_MARK.findall(comments):
            found += 1
            # In the list of tests: cmocka's macro, or one made of it.
            registered = re.search(rf"^\s.*\(\s*{name}\s*[,)]", text, re.M)
            yield name if registered else None, numbers(piece)
    for _ in range(text.count("Conformance:") - found):
        yield None, []


def collect(items):
    """item -> [(test, file)], and what is wrong with marks."""
    proofs, errors = {}, []
    sources = [(p, python_marks) for p in sorted(TESTS.rglob("*.py"))]
    sources += [(p, c_marks) for p in sorted(TESTS.rglob("*.c"))]
    for path, marks in sources:
        where = path.relative_to(TREE).as_posix()
        for test, marked in marks(path):
            if test is None:
                errors.append(f"{where}: a conformance mark stands above no test")
                continue
            if not (test.startswith(("test_", "Test")) or path.suffix == ".c"):
                errors.append(f"{where}: {test} has a mark and is no test")
            for n in marked:
                if n not in items.text:
                    errors.append(f"{where}: {test}: there is no conformance item {n}")
                elif (test, where) not in proofs.setdefault(n, []):
                    proofs[n].append((test, where))
    return proofs, errors


def check_reasons(items, proofs):
    errors = []
    for n in sorted(items.text):
        tests = n in proofs
        reason = n in items.open or n in items.unfinished or n in items.unmarked
        if not tests and not reason:
            errors.append(f"item {n} has neither a test nor a reason for being open")
        if tests and n in items.open:
            errors.append(f"item {n} has tests and is said to be open: take it out of the"
                          f" 'open' line, or make that 'partly {n}'")
        if not tests and n in items.partly:
            errors.append(f"item {n} is said to be proved in part, and has no test")
    said = items.open.keys() | items.partly.keys() | items.unfinished.keys() | items.unmarked
    for n in sorted(said - items.text.keys()):
        errors.append(f"{ITEMS.name}: there is no item {n}")
    return errors


# ---- the page ----

HEAD = """<!-- SPDX-License-Identifier: BSD-3-Clause -->
<!-- Made by devtools/gen-conformance.py of conformance-items.txt and the tests' marks: do not edit. -->

# What is proved

What any driver of the synthetic NIC should be shown to do, and the tests that
show it of this one, on hvsim. The sentence is the test's name. Scenarios run
whole programs; the others are unit tests beside the source they are named after.

"""


def sentence(test):
    return test.removeprefix("test_").replace("_", " ")


def row(n, items, proofs):
    text = items.text[n]
    if n in proofs:
        files = {}
        for test, where in proofs[n]:
            files.setdefault(where, []).append(sentence(test))
        proved = "<br>".join(f"`{pathlib.Path(f).name}`: " + "; ".join(t)
                             for f, t in files.items())
        if n in items.partly or n in items.unfinished:
            proved += f"<br>*Not all of it:* {items.partly.get(n) or items.unfinished[n]}"
    elif n in items.open or n in items.unfinished:
        proved = f"**open:** {items.open.get(n) or items.unfinished[n]}"
    else:
        proved = "**open:** no test carries its mark"
    return f"| {n} | {text} | {proved} |"


def page(items, proofs):
    done = sum(n in proofs for n in items.text)
    part = sum(n in proofs for n in items.partly.keys() | items.unfinished.keys())
    out = [HEAD + f"Of {len(items.text)} items {done - part} are proved, {part} in part; "
           f"{len(items.text) - done} are open.\n"]
    for group, members in items.groups:
        out.append(f"\n## {group}\n\n| | item | proved by |\n|---|---|---|")
        out += [row(n, items, proofs) for n in members]
    return "\n".join(out) + "\n"


def drop_marked(items, proofs):
    """Takes items that have tests now out of the 'unmarked' line."""
    left = items.unmarked - proofs.keys()
    line = f"unmarked {ranges(left)}\n" if left else ""
    text = re.sub(r"^unmarked .*\n", "", ITEMS.read_text(), flags=re.M) + line
    ITEMS.write_text(text)
    items.unmarked = left


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    items = Items(ITEMS.read_text())
    proofs, errors = collect(items)
    if not check:
        drop_marked(items, proofs)
    errors += check_reasons(items, proofs)
    made = page(items, proofs)
    if not check:
        PAGE.write_text(made)
    elif not PAGE.exists() or PAGE.read_text() != made or items.unmarked & proofs.keys():
        errors.append("conformance.md is stale: run devtools/gen-conformance.py")
    print("\n".join(errors) if errors else
          f"conformance: {sum(n in proofs for n in items.text)} of {len(items.text)} items have tests")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
