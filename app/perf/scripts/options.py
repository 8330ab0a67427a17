# SPDX-License-Identifier: BSD-3-Clause
"""Options that several commands take, and complaints about bad ones."""

import argparse
import json
import sys

import machine

DRIVERS = ("ours", "builtin")
LIST_MAX = 64


class Parser(argparse.ArgumentParser):
    """One line for what is wrong, and status 2."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def number(low, high):
    def parse(text):
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is no number from {low} to {high}")
        return int(text)
    return parse


def real(low, high):
    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is no number from {low} to {high}")
        return value
    return parse


def listed(parse_one):
    """Some of them, comma-separated."""
    def parse(text):
        words = text.split(",")
        if len(words) > LIST_MAX:
            raise argparse.ArgumentTypeError(f"more than {LIST_MAX} values")
        return tuple(dict.fromkeys(parse_one(word) for word in words))
    return parse


def one_of(*names):
    def parse(text):
        if text not in names:
            raise argparse.ArgumentTypeError(f"there is no '{text}'; there are {', '.join(names)}")
        return text
    return parse


def frame_bytes(text):
    return text if text == "imix" else number(60, 9014)(text)


def cpu_pair(text):
    try:
        guest, host = (int(word) for word in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no pair such as 1,0") from error
    return guest, host


def common(parser):
    parser.add_argument("--hvsim", metavar="FILE", help="the host (default: beside this program)")
    parser.add_argument("--plugin", metavar="FILE",
                        help="the driver (default: beside this program)")
    parser.add_argument("--cpus", type=cpu_pair, metavar="GUEST,HOST",
                        help="two cores (default: the last and the first)")
    parser.add_argument("--huge", action="store_true",
                        help="guests' memory in hugepages, which must be there")
    parser.add_argument("--json", metavar="FILE", nargs="?", const="-",
                        help="all figures, machine-readable; without FILE to standard output, "
                             "instead of the table")


def drivers(parser):
    parser.add_argument("--driver", type=listed(one_of(*DRIVERS)), default=("ours",),
                        metavar="LIST", help="ours, builtin (default ours)")


def open_output(name):
    """Now rather than after half an hour of work."""
    try:
        return sys.stdout if name == "-" else open(name, "w", encoding="utf-8")
    except OSError as error:
        raise machine.BadOption(f"{name}: {error.strerror}") from error


def check_outputs(*names):
    for name in names:
        if name and name != "-":
            open_output(name).close()


def status(rows):
    """Of a command: that some could not be measured is said in their rows."""
    return 0 if any("error" not in row for row in rows) else 1


def tell(report, table, json_name):
    """The table and the JSON, or the JSON alone on standard output."""
    if json_name:
        with open_output(json_name) as out:
            json.dump(report, out, indent=1)
            out.write("\n")
    if json_name != "-":
        table(report)
