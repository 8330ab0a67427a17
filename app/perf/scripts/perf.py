#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""netvsc-perf's commands that run others."""

import argparse
import sys

import compare
import cost
import machine

COMMANDS = {"compare": compare, "cost": cost}


def cpu_pair(text):
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no pair such as 1,0") from error


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in COMMANDS:
        sys.exit(f"netvsc-perf: there is no script for '{name}'")
    command = COMMANDS[name]
    parser = argparse.ArgumentParser(prog=f"netvsc-perf {name}", description=command.__doc__)
    parser.add_argument("--hvsim", help="the host (default: beside this program)")
    parser.add_argument("--plugin", help="the driver (default: beside this program)")
    parser.add_argument("--cpus", type=cpu_pair, metavar="GUEST,HOST",
                        help="two cores (default: the last and the first)")
    command.arguments(parser)
    args = parser.parse_args(sys.argv[2:])
    try:
        return command.run(machine.find(args), args)
    except machine.Failed as error:
        print(f"netvsc-perf {name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
