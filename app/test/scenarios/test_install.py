# SPDX-License-Identifier: BSD-3-Clause
"""The plugin installed among DPDK's own: what `meson install` puts where, and
which copy serves when there are several, or none that fits.

What is installed is only seen by processes of this test: they run in a mount
namespace of their own, in which DPDK's folder of plugins is one of ours.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import BUILD, HVSIM, NO_HUGE, ethdev, need_root, run
from test_builtin import echo_ok

TAKE_OVER = "taking over from DPDK's built-in vmbus bus"


def stock_folder():
    """Where EAL looks for plugins: the libraries themselves know."""
    libdir = run(["pkg-config", "--variable=libdir", "libdpdk"]).ok().out.strip()
    eal = os.path.realpath(f"{libdir}/librte_eal.so")
    with open(eal, "rb") as file:
        match = re.search(rb"(/[!-~]+/dpdk/pmds-[0-9.]+)\0", file.read())
    return match.group(1).decode()


@pytest.fixture(name="destdir")
def destdir_fixture(tmp_path):
    """`meson install` into a folder of the test's own."""
    dest = tmp_path / "dest"
    run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", dest], timeout=120).ok()
    return dest


@pytest.fixture(name="private")
def private_fixture(plugin):
    """Where EAL takes plugins from, as it does not below /tmp."""
    folder = Path(plugin).parent / f"test-install-{os.getpid()}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def in_namespace(over, command):
    """The command with `over` in the place of each named folder."""
    binds = " && ".join(f"mount --bind {shlex.quote(str(src))} {shlex.quote(str(dst))}"
                        for dst, src in over.items())
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
            f'{binds} && exec "$@"', "sh", *[str(a) for a in command]]


def install_into(private, plugin_files):
    """DPDK's folder of plugins with files of ours in it: {name: file}."""
    folder = private / "pmds"
    shutil.copytree(stock_folder(), folder, symlinks=True)
    for name, file in plugin_files.items():
        shutil.copy(file, folder / name)
    return folder


def run_installed(machine, over, eal=(), options=("--rounds", "1")):
    stats = machine.path("stats.json")
    command = [HVSIM, "run", "--stats-json", stats, "--strict", "--nic", "port=echo", "--",
               *ethdev([*NO_HUGE, *eal], *options)]
    done = run(in_namespace(over, command), timeout=60, env=machine.env, cwd=machine.folder)
    if stats.exists():
        done.stats = json.loads(stats.read_text())
    return done


def lines_of(done):
    return [line for line in (done.out + done.err).splitlines() if "librte_netvsc" in line]


# ---- what is installed ----

@pytest.mark.quick
def test_install_puts_the_plugin_where_dpdk_looks_and_uninstall_takes_it_away(destdir):
    installed = destdir / stock_folder().lstrip("/") / "librte_netvsc.so"
    assert installed.exists(), sorted(str(p) for p in destdir.rglob("*"))
    names = [x.split()[-1] for x in
             run(["nm", "-D", "--defined-only", installed]).ok().out.splitlines()]
    assert names == ["DPDK_PLUGIN"], "it exports the name of its version node only"
    run(["ninja", "-C", BUILD, "uninstall"], timeout=120).ok()
    assert not [p for p in destdir.rglob("*") if p.is_file()]


@pytest.mark.quick
def test_an_installed_plugin_serves_a_program_without_d(machine, plugin, private):
    """Among the distribution's own plugins, whose bus of the same name it takes over."""
    need_root()
    folder = install_into(private, {"librte_netvsc.so": plugin})
    assert list(folder.glob("librte_bus_vmbus.so*"))
    done = run_installed(machine, {stock_folder(): folder})
    echo_ok(done, 1)
    assert (done.out + done.err).count(TAKE_OVER) == 1
    assert not lines_of(done)


@pytest.mark.full
@pytest.mark.parametrize("name", ["librte_aaa.so", "librte_zzz.so"])
def test_installed_under_any_name_it_serves(machine, plugin, private, name):
    """EAL loads a folder in the order of the directory: names must not matter."""
    need_root()
    done = run_installed(machine, {stock_folder(): install_into(private, {name: plugin})})
    echo_ok(done, 1)
    assert (done.out + done.err).count(TAKE_OVER) == 1


@pytest.mark.full
def test_dumpcap_loads_the_installed_plugin(machine, plugin, private):
    """It builds its own EAL arguments and takes no -d."""
    need_root()
    folder = install_into(private, {"librte_netvsc.so": plugin})
    command = ["env", "LD_DEBUG=files", "dpdk-dumpcap", "--list-interfaces"]
    done = run(in_namespace({stock_folder(): folder}, command), timeout=60)
    assert re.search(r"calling init: \S*/librte_netvsc\.so", done.err), done.out[-2000:]


# ---- several copies ----

@pytest.mark.quick
def test_the_same_file_installed_and_given_with_d_serves_once(machine, plugin, private):
    need_root()
    folder = install_into(private, {"librte_netvsc.so": plugin})
    done = run_installed(machine, {stock_folder(): folder},
                         eal=["-d", f"{stock_folder()}/librte_netvsc.so"])
    echo_ok(done, 1)
    assert (done.out + done.err).count(TAKE_OVER) == 1


@pytest.mark.quick
def test_another_copy_given_with_d_serves_and_the_other_says_one_line(machine, plugin, private):
    need_root()
    folder = install_into(private, {"librte_netvsc.so": plugin})
    done = run_installed(machine, {stock_folder(): folder}, eal=["-d", plugin])
    echo_ok(done, 1)
    assert (done.out + done.err).count(TAKE_OVER) == 1
    assert lines_of(done) == [f"librte_netvsc: {plugin} is loaded already: "
                              f"{stock_folder()}/librte_netvsc.so is not used"]


@pytest.mark.full
def test_three_copies_are_one_driver(machine, plugin, private):
    """Also with traffic over several lives of the port, and a clean end."""
    copies = [private / "one.so", private / "two.so"]
    for copy in copies:
        shutil.copy(plugin, copy)
    done = machine.run(["--strict", "--nic", "port=echo"],
                       ethdev([*NO_HUGE, "-d", plugin, "-d", copies[0], "-d", copies[1]],
                              "--rounds", "2"))
    echo_ok(done, 2)
    assert len(lines_of(done)) == 2 and not done.violations()


# ---- upgrades ----

def fake_version(folder, text):
    source = folder / "version.c"
    source.write_text('const char *rte_version(void); '
                      f'const char *rte_version(void) {{ return "{text}"; }}\n')
    fake = folder / "libversion.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", fake, source], check=True)
    return fake


@pytest.mark.quick
@pytest.mark.parametrize("version,works", [("DPDK 22.11.12", True), ("DPDK 22.11.0", True),
                                           ("DPDK 23.03.0", False), ("DPDK 122.11.0", False)])
def test_a_release_of_the_same_abi_works_and_another_one_refuses(machine, plugin, tmp_path,
                                                                 version, works):
    """An upgrade within a stable branch keeps the folder and the plugin in it."""
    fake = fake_version(tmp_path, version)
    command = ["sh", "-c", 'LD_PRELOAD="$LD_PRELOAD:$0" exec "$@"', fake,
               *ethdev([*NO_HUGE, "-d", plugin], "--rounds", "1")]
    done = machine.run(["--nic", "port=echo"], command)
    if works:
        echo_ok(done, 1)
        assert not lines_of(done) and (done.out + done.err).count(TAKE_OVER) == 1
        return
    lines = lines_of(done)
    assert len(lines) == 1 and version in lines[0] and "DPDK 22.11" in lines[0], lines
    assert (done.out + done.err).count(TAKE_OVER) == 0
    assert done.status >= 0, "the program went on and ended by itself"


def dpdk_folder(place, name, *files):
    (place / name).mkdir(parents=True)
    for file in files:
        (place / name / file).touch()


@pytest.mark.quick
def test_a_new_dpdk_that_does_not_load_the_plugin_is_named(destdir):
    """Its folder of plugins is another one: EAL would be silent."""
    place = (destdir / stock_folder().lstrip("/")).parent
    notice = place / "netvsc-plugin-notice"
    assert run([notice]).ok().err == ""
    dpdk_folder(place, "pmds-25.0", "librte_bus_vmbus.so.25")
    lines = run([notice]).ok().err.splitlines()
    assert len(lines) == 1 and f"{place}/pmds-25.0 do not load" in lines[0], lines
    assert stock_folder() in lines[0] and "install it again" in lines[0]
    shutil.copy(place / os.path.basename(stock_folder()) / "librte_netvsc.so", place / "pmds-25.0")
    assert run([notice]).ok().err == ""


@pytest.mark.full
def test_dpkg_runs_the_notice_and_does_not_mind_when_it_is_gone(destdir, tmp_path):
    """With dpkg itself, on a database of its own, in a namespace of its own."""
    need_root()
    place = (destdir / stock_folder().lstrip("/")).parent
    dpdk_folder(place, "pmds-99.0", "librte_bus_vmbus.so.99")
    admin = tmp_path / "admin"
    for folder in ("info", "updates", "triggers"):
        (admin / folder).mkdir(parents=True)
    for file in ("status", "available"):
        (admin / file).touch()
    over = {"/etc/dpkg/dpkg.cfg.d": destdir / "etc/dpkg/dpkg.cfg.d",
            os.path.dirname(stock_folder()): place}
    dpkg = ["dpkg", f"--admindir={admin}", "--configure", "--pending"]
    done = run(in_namespace(over, dpkg)).ok()
    assert len([x for x in done.err.splitlines() if "pmds-99.0 do not load" in x]) == 1, done.err
    (place / "netvsc-plugin-notice").unlink()
    assert run(in_namespace(over, dpkg)).ok().err == ""
