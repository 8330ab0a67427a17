# SPDX-License-Identifier: BSD-3-Clause
"""Reads objdump's listing of the plugin: where instructions are that lock the
bus, where functions begin and end, and what they reach."""

import re

INSTRUCTION = re.compile(r"^ +([0-9a-f]+):\t(\S.*)$")
LABEL = re.compile(r"^([0-9a-f]+) <([^>]+)>:$")
# On x86 an xchg with memory is locked by itself.
LOCKED = re.compile(r"^(lock |xchg .*\(|mfence|cpuid)")
# A lock may also be given back by a plain store, which x86 keeps in order.
RELEASE = re.compile(r"^mov\w* +\$0x0,.*\(")


def kind(text, function, inlined):
    """fence, lock, unlock, pool lock, pool unlock, signal, or what it is and where."""
    if text.startswith("mfence") or re.match(r"lock (add|or)l? *\$0x0,", text):
        return "fence"
    # The pool of send-buffer sections, of which a queue takes many at a time.
    pool = "pool " if function.startswith("netvsc_sendbuf_") else ""
    if "rte_spinlock_unlock" in inlined:
        return pool + "unlock"
    if "rte_spinlock_lock" in inlined or "rte_spinlock_trylock" in inlined:
        return pool + "lock"
    if function == "vmbus_channel_signal":
        return "signal"
    return f"{' '.join(text.split()[:2])} in {function}"


def locked(listing):
    """(address, kind) of each; with objdump -l the lines before an instruction name
    the innermost function it comes from."""
    found, function, inlined = [], "", ""
    for line in listing.splitlines():
        label, code = LABEL.match(line), INSTRUCTION.match(line)
        if label:
            function = label.group(2)
        elif code:
            if LOCKED.match(code.group(2)):
                found.append((int(code.group(1), 16), kind(code.group(2), function, inlined)))
            elif inlined == "vmbus_channel_unlock" and RELEASE.match(code.group(2)):
                found.append((int(code.group(1), 16), "unlock"))
        elif line.endswith("():"):
            inlined = line[:-3]
    return found


def entries_and_ends(listing, names, parts):
    """Where these functions begin, and where they or the parts that they jump to
    return."""
    enters, ends, function = [], [], ""
    for line in listing.splitlines():
        label, code = LABEL.match(line), INSTRUCTION.match(line)
        if label:
            function = label.group(2)
            if function in names:
                enters.append((int(label.group(1), 16), function))
        elif code and function in (*names, *parts) and re.match(r"(repz )?ret", code.group(2)):
            ends.append(int(code.group(1), 16))
    return enters, ends


def reached(listing, names, but):
    """All that these functions call or jump to within the plugin, except what begins
    with `but`: {name: lines}."""
    functions, function = {}, None
    for line in listing.splitlines():
        label, code = LABEL.match(line), INSTRUCTION.match(line)
        if label:
            function = functions.setdefault(label.group(2), [])
        elif code:
            function.append(code.group(2))
    found, todo = {}, list(names)
    while todo:
        name = todo.pop()
        if name in found or name not in functions or name.startswith(but):
            continue
        found[name] = functions[name]
        for text in functions[name]:
            to = re.match(r"(?:call|j\w+) +[0-9a-f]+ <([^+>]+)", text)
            todo += [to.group(1)] if to else []
    return found


def addresses(lines):
    """What instructions name relative to themselves."""
    return {int(at, 16) for text in lines for at in re.findall(r"\(%rip\).*# ([0-9a-f]+)", text)}
