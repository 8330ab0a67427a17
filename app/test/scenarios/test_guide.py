# SPDX-License-Identifier: BSD-3-Clause
"""What doc/guides/hvsim tells its readers to type."""

import json
import os
import re
import textwrap

import pytest

from conftest import BUILD, ETHDEV, TREE, cannot, need_program, need_root, run

GUIDE = TREE / "doc/guides/hvsim"
BLOCK = re.compile(r"^\.\. code-block:: sh\n   :class: tested( root)?\n\n((?:(?:   .*)?\n)+)",
                   re.M)


def examples():
    for page in sorted(GUIDE.glob("*.rst")):
        for number, match in enumerate(BLOCK.finditer(page.read_text())):
            yield pytest.param(textwrap.dedent(match.group(2)), bool(match.group(1)),
                               id=f"{page.stem}-{number}")


@pytest.mark.quick
@pytest.mark.parametrize("script, root", list(examples()))
def test_every_example_of_the_guide_works(tmp_path, script, root):
    if root:
        need_root()
    for program in re.findall(r"\b(dpdk-testpmd|gdb|tcpdump)\b", script):
        need_program(program)
    if "test_ethdev" in script and not ETHDEV.exists():
        cannot("the ethdev client is not built: no libdpdk, or a sanitized build")
    (tmp_path / "doc").symlink_to(TREE / "doc")
    path = f"{BUILD}/app/hvsim:{BUILD}/app/test/ethdev:{os.environ['PATH']}"
    end = "trap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n"
    run(["bash", "-euo", "pipefail", "-c", end + script], timeout=60, cwd=tmp_path,
        env={"PATH": path, "TMPDIR": str(tmp_path)}).ok()


@pytest.mark.quick
def test_the_guides_topology_is_what_it_says(machine):
    server = machine.serve(["--config", GUIDE / "topology.json"])
    seen = server.ctl("list")
    assert {g["name"]: g["kernel_profile"] for g in seen["guests"]} == {"left": "6.1",
                                                                       "right": "6.18"}
    assert {n["name"]: (n["guest"], n["queues_max"], n["host_profile"])
            for n in seen["nics"]} == {"l0": ("left", 4, "ws2019"), "l1": ("left", 2, "ws2019"),
                                       "r0": ("right", 4, "ws2019"),
                                       "r1": ("right", 8, "ws2012r2")}
    switches = {s["name"]: sorted(p["kind"] for p in s["ports"]) for s in seen["switches"]}
    assert switches == {"sw0": ["echo", "nic", "nic", "pcap"], "l1.wire": ["echo", "nic"],
                        "r1.wire": ["gen", "nic"]}
    assert json.loads((GUIDE / "topology.json").read_text())["settings"]["strict"]


def readme_blocks():
    """The commands of README.md, block by block."""
    text = (TREE / "README.md").read_text()
    return re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)


@pytest.mark.quick
@pytest.mark.parametrize("block", [1, 2, 3])
def test_the_readmes_commands_work(tmp_path, block):
    """The first block is demo.sh and test.sh themselves. The NIC of the last is
    nobody's here: that line is test_on_hyperv.py's."""
    script = readme_blocks()[block]
    if "dpdk-testpmd" in script:
        need_program("dpdk-testpmd")
    script = "\n".join(line for line in script.splitlines() if "--nic eth1" not in line)
    for tool in ("devtools", "usertools"):
        (tmp_path / tool).symlink_to(TREE / tool)
    (tmp_path / "build-test").symlink_to(BUILD)
    run(["bash", "-euo", "pipefail", "-c", f"cd {tmp_path}\n{script}"], timeout=60,
        env={"PATH": f"{BUILD}/app/hvsim:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}).ok()


@pytest.mark.quick
def test_the_readme_begins_with_the_two_commands():
    assert len(readme_blocks()) == 4
    lines = readme_blocks()[0].splitlines()
    assert [line.split()[0] for line in lines] == ["devtools/demo.sh", "devtools/test.sh"]
