# SPDX-License-Identifier: BSD-3-Clause
"""The demo, as a user starts it: what its last line and its status say."""

import os
import re
import shutil
from pathlib import Path

import pytest

from conftest import BUILD, TREE, need_program, need_root, run

LAST = re.compile(r"demo: (\d+) packets forwarded, (\d+) lost, (\d+) corrupted")


def demo(tmp_path, *options, before=(), **env):
    """Its status, the numbers of its last line, and what it said. The rate is one
    that a machine with much else to do does not lose frames at."""
    need_program("dpdk-testpmd")
    done = run([*before, TREE / "devtools/demo.sh", "--no-setup", "--no-build", "--build", BUILD,
                "--seconds", "2", "--rate", "5000", *options], timeout=150,
               env={"TMPDIR": str(tmp_path), **env})
    last = LAST.fullmatch(done.out.splitlines()[-1] if done.out else "")
    assert last, f"{done.out[-2000:]}\n--\n{done.err[-2000:]}"
    return done.status, [int(n) for n in last.groups()], done.out


@pytest.mark.full
@pytest.mark.parametrize("root", [False, True], ids=["as-a-user", "as-root"])
def test_the_demo_forwards_and_loses_nothing(tmp_path, root):
    if root:
        need_root()
    status, (forwarded, lost, corrupted), out = demo(tmp_path, *([] if root else ["--no-root"]))
    assert (status, lost, corrupted) == (0, 0, 0), out
    # How many is the machine's: a generator without processor time skips some.
    assert forwarded >= (1000 if root else 3000)
    assert re.search(r"^ +[\d,]+ packets/s +[\d,]+ in all$", out, re.M), "live rates"
    # The generator's flows lead to all queues; those of a few TCP streams may not.
    received = r"\d[\d,]*" if root else r"[1-9][\d,]*"
    queues = re.findall(rf"^  0 -> 1, (\d) +{received} +[\d,]+ +0 +\d+\.\d{{3}}$", out, re.M)
    assert queues == ["0", "1", "2", "3"], out
    assert re.search(r"^  cycles per packet: [1-9][\d,]* ", out, re.M), out
    assert "bind the NIC to uio_hv_generic and run the same command without hvsim" in out
    assert not list(tmp_path.iterdir()), "it leaves nothing"


@pytest.mark.full
def test_the_demo_fails_by_one_frame_that_the_host_spoils(tmp_path):
    status, numbers, out = demo(tmp_path, "--no-root", "--fault",
                                "frame-ppi-offset:nth=3000,count=1")
    assert status == 1 and numbers[1:] == [1, 0], out


@pytest.mark.full
def test_the_demo_works_on_any_one_processor(tmp_path):
    """The last of those there are: none may be called 0 or 1."""
    last = max(os.sched_getaffinity(0))
    status, numbers, out = demo(tmp_path, "--no-root", before=["taskset", "-c", str(last)])
    assert f"--lcores=0@{last},1@{last}" in out
    assert status == 0 and numbers[1:] == [0, 0], out


# ---- where EAL takes no plugin ----

@pytest.fixture(name="shared")
def shared_fixture(tmp_path):
    """A build below /tmp, where everybody may write."""
    build = tmp_path / "build"
    (build / "drivers").mkdir(parents=True)
    shutil.copy(BUILD / "drivers/librte_netvsc.so", build / "drivers")
    (build / "app").symlink_to(BUILD / "app")
    tmp_path.chmod(0o777)
    return build


@pytest.mark.full
def test_a_build_that_everybody_may_write_to_runs_from_a_private_copy(tmp_path, plugin, shared):
    private = Path(plugin).parent / f"test-demo-{os.getpid()}"
    private.mkdir()
    try:
        status, numbers, out = demo(tmp_path, "--no-root", "--build", shared,
                                    XDG_CACHE_HOME=str(private))
        assert f" -d {private}/netvsc-dpdk/plugin-" in out
        assert status == 0 and numbers[1:] == [0, 0], out
    finally:
        shutil.rmtree(private)


@pytest.mark.quick
@pytest.mark.parametrize("tool", ["demo.sh", "plugin-path"])
def test_where_there_is_no_place_for_the_plugin_one_line_says_what_to_do(tmp_path, shared, tool):
    options = {"demo.sh": ["--no-setup", "--no-build", "--no-root", "--build", shared],
               "plugin-path": [shared]}[tool]
    done = run([TREE / "devtools" / tool, *options], timeout=60,
               env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert done.status == 1 and done.out == ""
    assert re.fullmatch(r"plugin-path: EAL takes no plugin below \S+, which everybody may write "
                        r"to, nor below \S+: move the tree, or set XDG_CACHE_HOME to a private "
                        r"folder\n", done.err), done.err
