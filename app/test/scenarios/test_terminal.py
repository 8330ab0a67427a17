# SPDX-License-Identifier: BSD-3-Clause
"""How the scenarios drive testpmd: what they wait for, and what they say of a
testpmd that does not answer."""

import shutil
import sys

import pytest

from conftest import need_program
from testpmd_terminal import Terminal, Trouble

# Echoes letter by letter as testpmd does, and an event comes in between.
FAKE = r"""
import os, sys, tty
tty.setraw(0)
print("\r\ntestpmd> ", end="", flush=True)
for line in sys.stdin:
    for at, letter in enumerate(line):
        os.write(1, letter.encode())
        if at == len(line) // 2:
            os.write(1, b"\nPort 0: link state change event\n")
    if line.startswith("show port info"):
        port = line.split()[-1]
        os.write(2, f"Invalid port {port}\n".encode())
        os.write(1, b"The valid ports array is [ 0 1 ]\ntestpmd> ")
    elif line.startswith("say"):
        os.write(1, b"word\n")
    else:
        os.write(1, b"Command not found\n")
"""


@pytest.mark.quick
def test_an_answer_is_known_whatever_another_thread_prints_into_the_echo():
    terminal = Terminal([sys.executable, "-c", FAKE])
    try:
        terminal.wait("testpmd> $", 30)
        for _ in range(3):
            said = terminal("say", seconds=30)
            assert "\nword\n" in said and "Invalid port" not in said
    finally:
        terminal.end()


@pytest.mark.full
def test_a_testpmd_that_does_not_answer_is_shown_with_where_its_threads_are(tmp_path):
    need_program("gdb")
    program = tmp_path / "testpmd"
    shutil.copy("/bin/sleep", program)
    terminal = Terminal([program, "100"])
    try:
        with pytest.raises(Trouble, match=r"(?s)did not say 'never'.*-- testpmd: .*#0 .*sleep"):
            terminal.wait("never", 0.1)
    finally:
        terminal.end()
