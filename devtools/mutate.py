# SPDX-License-Identifier: BSD-3-Clause
"""The small faults that devtools/mutants.py plants: found in C source text by
its tokens, without a parser. No fault changes the number of lines."""

import json
import re
import subprocess
from dataclasses import dataclass

RELATIONS = {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"],
             "==": ["!="], "!=": ["=="]}
WEAKER = {"ACQUIRE": ["RELAXED"], "RELEASE": ["RELAXED"], "ACQ_REL": ["RELAXED"],
          "SEQ_CST": ["ACQ_REL", "RELAXED"]}
# What takes only some of the orders: gcc refuses the others as errors or warns.
LOAD_OR_STORE = {"load": "ACQUIRE", "store": "RELEASE"}
KEYWORDS = {"if", "for", "while", "switch", "return", "sizeof", "do", "else", "case"}

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
# What no test is asked to notice: log lines, assertions, hints to the compiler.
SILENT = re.compile(r"\b(?:VMBUS_LOG|NETVSC_LOG|RTE_LOG_REGISTER\w*|RTE_ASSERT|static_assert|"
                    r"_Static_assert|rte_log|rte_prefetch\w*|rte_pause|__attribute__)\s*\(")
HINT = re.compile(r"__builtin_expect\(|__builtin_prefetch\(")
NUMBER = re.compile(r"(?<![\w.])(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)(?![\w.])")
RELATION = re.compile(r"(?<![<>=!+\-*/&|^])(<=|>=|==|!=|<|>)(?![<>=])")
CALL = re.compile(r"(?:(?<=[;{})])|(?<=\belse))(\s*)((?:\(void\)\s*)?([A-Za-z_]\w*)\s*\()")
RETURN = re.compile(r"\breturn\s+(-E[A-Z]+|0|true|false)\s*;")
ORDER = re.compile(r"\b((?:__ATOMIC_|(?:rte_)?memory_order_)"
                   r"(?:ACQUIRE|RELEASE|ACQ_REL|SEQ_CST|acquire|release|acq_rel|seq_cst))\b")
ORDERED_CALL = re.compile(r"\bvmbus_shm_(load_acquire|store_release)\b")


@dataclass(frozen=True)
class Mutant:
    """One fault: text[start:end] of a file becomes `new`."""
    file: str
    start: int
    end: int
    kind: str
    new: str
    function: str
    line: int
    before: str     # the whole lines, spaces collapsed
    after: str

    def apply(self, text):
        return text[:self.start] + self.new + text[self.end:]

    def key(self):
        return self.file, self.function, self.before, self.after


def blank(text, start, end):
    """The same with spaces there, newlines kept."""
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]


def closing(text, at):
    """Where the bracket at `at` is closed, one behind; None if nowhere."""
    depth = 0
    for i in range(at, len(text)):
        if text[i] == "(":
            depth += 1
        elif text[i] == ")":
            depth -= 1
            if depth == 0:
                return i + 1
    return None


def code_of(text):
    """The text with everything blank that is not to be changed."""
    code = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
    for found in list(SILENT.finditer(code)):
        end = closing(code, found.end() - 1)
        if end:
            code = blank(code, found.start(), end)
    for found in list(HINT.finditer(code)):
        end = closing(code, found.end() - 1)
        comma = code.rfind(",", found.start(), end)
        if end and comma > 0:
            code = blank(code, comma, end - 1)
    return code


def without_directives(code):
    """Of preprocessor lines only what a #define stands for is left."""
    lines, directive, kept = [], False, False
    for line in code.split("\n"):
        start = re.match(r"\s*#\s*(\w+)", line)
        if start or directive:
            define = re.match(r"\s*#\s*define\s+\w+(?:\([^)]*\))?", line)
            kept = (directive and kept) or define is not None
            head = define.end() if define else 0
            new = " " * head + line[head:] if kept else " " * len(line)
            directive = line.rstrip().endswith("\\")
            lines.append(new)
        else:
            lines.append(line)
    return "\n".join(lines)


def functions(path):
    """Line ranges of the functions of a file: [first, last, name]."""
    done = subprocess.run(["ctags", "--output-format=json", "--fields=+ne", "--kinds-C=f",
                           "--language-force=C", "-f", "-", str(path)],
                          capture_output=True, text=True, check=True)
    tags = [json.loads(line) for line in done.stdout.splitlines()]
    return [(t["line"], t["end"], t["name"]) for t in tags if "end" in t]


def value_of(word):
    octal = len(word) > 1 and word[0] == "0"
    return int(word, 0) if word[:2] in ("0x", "0X") else int(word, 8 if octal else 10)


def numbers(code):
    for found in NUMBER.finditer(code):
        word, suffix = found.groups()
        for other in (value_of(word) + 1, value_of(word) - 1):
            if other >= 0:
                text = f"0x{other:x}" if word[:2] in ("0x", "0X") else str(other)
                yield found.start(), found.end(), "constant", text + suffix


def relations(code):
    for found in RELATION.finditer(code):
        around = code[max(found.start() - 1, 0):found.end() + 1]
        if "->" in around:
            continue
        for other in RELATIONS[found.group(1)]:
            yield found.start(1), found.end(1), "relation", other


def calls(code, spans):
    for found in CALL.finditer(code):
        if found.group(3) in KEYWORDS or not inside(spans, code, found.start(2)):
            continue
        end = closing(code, found.end() - 1)
        if end and re.match(r"\s*;", code[end:end + 20]):
            lines = code.count("\n", found.start(2), end)
            yield found.start(2), end, "call deleted", "(void)0" + "\n" * lines


def checks(code, spans):
    """Checks that are not made, and those whose two ways are swapped."""
    for found in re.finditer(r"\bif\s*\(", code):
        if not inside(spans, code, found.start()):
            continue
        end = closing(code, found.end() - 1)
        if end is None:
            continue
        condition = code[found.end() - 1:end]
        yield found.end() - 1, end, "check deleted", f"({condition} && 0)"
        if re.match(r"\s*(?:\{\s*)?(?:return|goto|break|continue)\b", code[end:end + 200]):
            yield found.end() - 1, end, "path swapped", f"(!{condition})"


def returns(code):
    for found in RETURN.finditer(code):
        other = {"0": "-EIO", "true": "false", "false": "true"}.get(found.group(1), "0")
        yield found.start(1), found.end(1), "path swapped", other


def orders(code):
    for found in ORDER.finditer(code):
        word = found.group(1)
        stem, order = re.match(r"(.*?)((?:acquire|release|acq_rel|seq_cst))$", word, re.I).groups()
        call = re.search(r"(load|store)[\w]*\s*\([^;]*$", code[max(found.start() - 200, 0):
                                                               found.start()])
        for weaker in WEAKER[order.upper()]:
            if weaker == "ACQ_REL" and call:
                weaker = LOAD_OR_STORE[call.group(1)]
            new = weaker if order.isupper() else weaker.lower()
            yield found.start(1), found.end(1), "order weakened", stem + new
    for found in ORDERED_CALL.finditer(code):
        new = found.group(1).split("_")[0] + "_relaxed"
        yield found.start(1), found.end(1), "order weakened", new


def inside(spans, code, at):
    line = code.count("\n", 0, at) + 1
    return any(first <= line <= last for first, last, _ in spans)


def function_at(spans, line):
    return next((name for first, last, name in spans if first <= line <= last), "-")


def collapsed(text):
    return " ".join(text.split())


def mutants_of(tree, file):
    """All faults that can be planted in a file, in the order of their places."""
    path = tree / file
    text = path.read_text()
    spans = functions(path)
    code = code_of(text)
    plain = without_directives(code)
    found = [*numbers(plain), *relations(plain), *calls(plain, spans), *checks(plain, spans),
             *returns(plain), *orders(plain)]
    result = []
    for start, end, kind, new in sorted(set(found)):
        if kind in ("check deleted", "path swapped") and new.startswith("("):
            # The condition as it stands, comments and all.
            new = new.replace(code[start:end], text[start:end])
        first = text.rfind("\n", 0, start) + 1
        last = text.find("\n", end)
        last = len(text) if last < 0 else last
        line = text.count("\n", 0, start) + 1
        result.append(Mutant(file, start, end, kind, new, function_at(spans, line), line,
                             collapsed(text[first:last]),
                             collapsed(text[first:start] + new + text[end:last])))
    return result
