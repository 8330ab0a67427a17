#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""netvsc-perf's commands that run others."""

import importlib
import signal
import sys

import machine
import options

COMMANDS = ("compare", "cost", "throughput", "overload", "latency", "startup", "instructions")


def interrupted(_number, _frame):
    raise KeyboardInterrupt


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in COMMANDS:
        print(f"netvsc-perf: there is no script for '{name}'", file=sys.stderr)
        return 2
    # What was started is taken back, however this ends.
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGHUP, interrupted)
    command = importlib.import_module(name)
    parser = options.Parser(prog=f"netvsc-perf {name}", description=command.__doc__)
    command.arguments(parser)
    args = parser.parse_args(sys.argv[2:])
    try:
        return command.run(machine.find(args), args)
    except machine.Failed as error:
        print(f"netvsc-perf {name}: {error}", file=sys.stderr)
        return 2 if isinstance(error, machine.BadOption) else 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
