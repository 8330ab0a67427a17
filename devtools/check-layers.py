#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks which way includes point: hvsim shares only the wire headers with the
driver and knows no DPDK; its parts see each other only through their contract
headers; the guest library sees nothing but its protocol."""

import pathlib
import re
import sys

TREE = pathlib.Path(__file__).resolve().parent.parent
HVSIM = TREE / "app" / "hvsim"
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
WIRE = re.compile(r"drivers/(bus/vmbus/(vmbus_wire|uio_layout)|net/netvsc/(nvsp|rndis|ndis)_wire)\.h$")

# part of hvsim -> what it may include from other parts ("part/" or one header)
MAY = {
    "core": [],
    "fault": ["core/"],
    "switch": ["core/"],
    "vsp": ["core/", "fault/fault.h", "switch/switch.h", "switch/frame.h", "transport.h", "control/trace.h"],
    "kernel": ["core/", "transport.h", "guest/guest_proto.h", "control/trace.h"],
    "vmm": ["core/", "transport.h"],
    "control": ["core/", "fault/fault.h", "switch/", "vsp/vsp.h", "vsp/rules.h", "kernel/kernel.h",
                "vmm/vmm.h", "transport.h"],
    "cmd": ["core/", "fault/fault.h", "switch/", "vsp/vsp.h", "vsp/rules.h", "kernel/kernel.h",
            "vmm/vmm.h", "control/", "transport.h"],
    "guest": [],
}


def own_parts(path):
    """The tree-relative name of an included file, or None if it is none of ours."""
    try:
        return path.resolve().relative_to(TREE).as_posix()
    except ValueError:
        return None


def check_file(path):
    part = path.relative_to(HVSIM).parts[0]
    errors = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, name = match.groups()
        where = f"{path.relative_to(TREE)}:{number}"
        if kind == "<":
            if name.startswith("rte_") or "dpdk" in name:
                errors.append(f"{where}: hvsim must not know DPDK ({name})")
            continue
        target = own_parts(path.parent / name)
        if target is None or not (TREE / target).exists():
            errors.append(f"{where}: no such file in the tree ({name})")
        elif target.startswith("drivers/"):
            if not WIRE.match(target):
                errors.append(f"{where}: only the wire headers are shared ({name})")
        elif part in MAY:
            inner = target.removeprefix("app/hvsim/")
            if not inner.startswith(part + "/") and not any(
                    inner.startswith(ok) for ok in MAY[part]):
                errors.append(f"{where}: {part}/ must not include {inner}")
    return errors


def main():
    files = sorted(p for p in HVSIM.rglob("*.[ch]"))
    errors = [e for p in files for e in check_file(p)]
    print("\n".join(errors) if errors else f"layers: {len(files)} files are in order")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
