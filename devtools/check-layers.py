#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks which way includes point: hvsim shares only the wire headers with the
driver and knows no DPDK; its parts see each other only through their contract
headers; the guest library sees nothing but its protocol. The NIC's driver sees the
bus through one header, the bus knows no NIC, wire headers include none of ours, and
what differs between DPDK's versions is in the two compat headers."""

import pathlib
import re
import sys

TREE = pathlib.Path(__file__).resolve().parent.parent
HVSIM = TREE / "app" / "hvsim"
DRIVERS = TREE / "drivers"
DOOR = "drivers/bus/vmbus/vmbus_driver.h"
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
VERSION = re.compile(r"\bRTE_VER(SION|_\w+)\b")
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


def check_driver(path):
    name, errors = path.relative_to(TREE).as_posix(), []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match, where = INCLUDE.match(line), f"{name}:{number}"
        if VERSION.search(line) and not name.endswith("_compat.h"):
            errors.append(f"{where}: versions of DPDK are for the compat headers")
        if not match or match.group(1) == "<":
            continue
        target = own_parts(path.parent / match.group(2)) or match.group(2)
        if WIRE.search(name):
            errors.append(f"{where}: a wire header includes none of ours ({match.group(2)})")
        elif name.startswith("drivers/net/") and target != DOOR and \
                pathlib.PurePath(target).name.startswith(("vmbus_", "uio_")):
            errors.append(f"{where}: of the bus only {DOOR} may be seen ({target})")
        elif name.startswith("drivers/bus/") and "netvsc" in target:
            errors.append(f"{where}: the bus knows no NIC ({target})")
    return errors


def main():
    files = sorted(p for p in HVSIM.rglob("*.[ch]"))
    errors = [e for p in files for e in check_file(p)]
    drivers = sorted(DRIVERS.rglob("*.[ch]"))
    errors += [e for p in drivers for e in check_driver(p)]
    files += drivers
    print("\n".join(errors) if errors else f"layers: {len(files)} files are in order")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
