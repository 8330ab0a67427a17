#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs a command within bounds and leaves no process of it behind, not even one
that made a session of its own.

bounded.py SECONDS CPU-SECONDS COMMAND...    its exit status; 124: it took too long
"""

import ctypes
import glob
import os
import resource
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def descendants(pid):
    result = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path, encoding="ascii") as file:
                children = [int(word) for word in file.read().split()]
        except OSError:
            continue
        result += [each for child in children for each in (child, *descendants(child))]
    return result


def end_all():
    """Whoever lost its parent has become our child."""
    for _ in range(200):
        left = descendants(os.getpid())
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0] > 0:
                pass
        except ChildProcessError:
            pass
        time.sleep(0.02)


def main():
    if len(sys.argv) < 4:
        print(__doc__.strip())
        return 2
    seconds, cpu = float(sys.argv[1]), int(float(sys.argv[2]))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    def ended(*_):
        end_all()
        os._exit(143)
    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGINT, ended)

    def limits():
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    proc = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL, start_new_session=True,
                            preexec_fn=limits)
    try:
        status = proc.wait(seconds)
    except subprocess.TimeoutExpired:
        status = 124
    end_all()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
