# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures of the scenario tests: they start hvsim with guests and look at it
from outside. Everything is bounded in time and taken back.

A test that cannot run on this machine fails, and says what is missing; with
HVSIM_ALLOW_SKIP=1 it is skipped instead.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("HVSIM_BUILD") or TREE / "build").resolve()
HVSIM = BUILD / "app/hvsim/hvsim"
RIGHT = BUILD / "app/test/testguest/test_guest_right"
WRONG = BUILD / "app/test/testguest/test_guest_wrong"
LOAD = BUILD / "app/test/testguest/test_guest_load"
ETHDEV = BUILD / "app/test/ethdev/test_ethdev"
NOBODY = 65534


def pytest_configure(config):
    for marker in ("quick: a few minutes for all of them",
                   "full: the rest",
                   "sanitized: also run on an ASan build",
                   "long: only with HVSIM_LONG=1 (devtools/test.sh --long)",
                   "conformance(*items): proves these items of doc/design/conformance.md",
                   "op(*names): proves these members of struct eth_dev_ops",
                   "defect(name): shows a defect of the built-in driver that ours has not"):
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(config, items):
    """Every test belongs to exactly one tier; long ones are run when asked for."""
    if os.environ.get("HVSIM_LONG") != "1":
        long = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)
    for item in items:
        tiers = {"quick", "full"} & {m.name for m in item.iter_markers()}
        if len(tiers) != 1:
            raise pytest.UsageError(f"{item.nodeid}: tiers {sorted(tiers)}, must be one")


def cannot(reason):
    if os.environ.get("HVSIM_ALLOW_SKIP") == "1":
        pytest.skip(reason)
    pytest.fail(f"this test cannot run here: {reason}", pytrace=False)


def need_root():
    if os.geteuid() != 0:
        cannot("it needs root")


def need_program(name):
    if shutil.which(name) is None:
        cannot(f"{name} is not installed (devtools/setup.sh)")


def wait_until(condition, seconds, what):
    """Looks every few milliseconds, at most so long; returns what it saw."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seen = condition()
        if seen:
            return seen
        time.sleep(0.005)
    pytest.fail(f"after {seconds} s still not: {what}")


class Done:
    """A finished command."""

    def __init__(self, args, status, out, err, stats=None):
        self.args, self.status, self.out, self.err = args, status, out, err
        self.stats = stats

    def steps(self):
        """The JSON lines of a guest program."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    def results(self):
        return [s["result"] for s in self.steps() if s.get("step") == "traffic"]

    def nic(self, name="nic0"):
        return next(n for n in self.stats["nics"] if n["name"] == name)["counters"]

    def violations(self):
        return {k: v for n in self.stats["nics"] for k, v in n["counters"].items()
                if k.startswith("violation_")}

    def ok(self):
        tail = "\n".join(self.out.splitlines()[-30:] + ["--"] + self.err.splitlines()[-30:])
        assert self.status == 0, f"status {self.status}: {self.args}\n{tail}"
        return self


def run(args, timeout=60, env=None, user=None, cwd=None):
    """Runs a command in a session of its own, so that nothing of it survives."""
    args = [str(a) for a in args]
    if user is not None:
        args = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] + args
    proc = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, errors="replace",
                            env={**os.environ, **(env or {})}, cwd=cwd,
                            start_new_session=True)
    try:
        out, err = proc.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(proc.pid, signal.SIGKILL)
        out, err = proc.communicate()
        tail = "\n".join(out.splitlines()[-20:] + ["--"] + err.splitlines()[-20:])
        pytest.fail(f"not done after {timeout} s: {' '.join(args)}\n{tail}")
    return Done(args, proc.returncode, out, err)


def sanitizer_env(folder):
    """Sends what the sanitizers report, of hvsim and of any guest, to files
    that the end of the test looks for."""
    env = {}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        old = os.environ.get(name)
        env[name] = ":".join([*([old] if old else []), f"log_path='{folder}/sanitizer-report'"])
    return env


class Machine:
    """How tests start hvsim: `run` for one command as the guest, `serve` for
    a host that stays."""

    def __init__(self, folder, env, user=None, places=None):
        """places: where an ordinary user finds what is elsewhere for root."""
        self.folder, self.user, self.places = folder, user, places or {}
        self.env = {**sanitizer_env(folder), **env}
        self.count = 0
        self.servers = []

    def reachable(self, args):
        args = [str(a) for a in args]
        for place, copy in self.places.items():
            args = [a.replace(str(place), str(copy)) for a in args]
        return args

    def path(self, name):
        self.count += 1
        return self.folder / f"{self.count}-{name}"

    def run(self, options, command, timeout=120):
        stats = self.path("stats.json")
        command = [HVSIM, "run", "--stats-json", stats, *options, "--", *command]
        done = run(self.reachable(command), timeout=timeout, env=self.env, user=self.user,
                   cwd=self.folder)
        if stats.exists():
            done.stats = json.loads(stats.read_text())
        return done

    def serve(self, options):
        server = Server(self, options)
        self.servers.append(server)
        server.wait_ready()
        return server

    def end(self):
        for server in self.servers:
            server.end()
        reports = sorted(self.folder.glob("sanitizer-report*"))
        if reports:
            pytest.fail("\n".join(p.read_text(errors="replace")[:4000] for p in reports),
                        pytrace=False)


class Server:
    """`hvsim serve`, driven through its control socket."""

    def __init__(self, machine, options):
        self.machine = machine
        self.control = machine.path("control")
        self.log = machine.path("serve.log")
        self.guests = []
        self.command = [str(a) for a in [HVSIM, "serve", "--control", self.control, *options]]
        self.launch()

    def launch(self):
        with open(self.log, "a", encoding="utf-8") as log:
            self.proc = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.machine.folder, env={**os.environ, **self.machine.env},
                start_new_session=True)
        self.pid = self.proc.pid

    def kill(self):
        """As a host dies that is switched off."""
        self.proc.kill()
        self.proc.wait(10)

    def start_again(self):
        """The same once more; with a --folder, guests of the one before find it."""
        self.launch()
        self.wait_ready()

    def wait_ready(self):
        def ready():
            if self.proc.poll() is not None:
                pytest.fail(f"hvsim serve ended:\n{self.log.read_text()}")
            return self.control.exists() and self.try_ctl("list") is not None
        wait_until(ready, 60, "hvsim serve answers")

    def try_ctl(self, *words):
        done = run([HVSIM, "ctl", "--control", self.control, "--json", *words], timeout=20)
        return json.loads(done.out) if done.status == 0 and done.out.strip() else None

    def ctl(self, *words):
        answer = self.try_ctl(*words)
        assert answer is not None, f"hvsim ctl {' '.join(words)} failed"
        return answer

    def counters(self, nic="nic0"):
        answer = self.ctl("counters")
        answer = answer.get("result", answer)
        return next(n for n in answer["nics"] if n["name"] == nic)["counters"]

    def guest_command(self, command, guest=None):
        which = ["--guest", guest] if guest else []
        return [str(a) for a in
                [HVSIM, "exec", "--control", self.control, *which, "--", *command]]

    def exec(self, command, guest=None, timeout=60):
        return run(self.guest_command(command, guest), timeout=timeout,
                   env=self.machine.env, cwd=self.machine.folder)

    def start(self, command, guest=None):
        """Starts a guest program in the background; its first line is read."""
        log = open(self.machine.path("guest.log"), "w+", encoding="utf-8")
        proc = subprocess.Popen(self.guest_command(command, guest), stdin=subprocess.DEVNULL,
                                stdout=log, stderr=subprocess.STDOUT,
                                env={**os.environ, **self.machine.env},
                                cwd=self.machine.folder, start_new_session=True)
        proc.log = Path(log.name)
        log.close()
        self.guests.append(proc)
        return proc

    def end(self):
        for guest in self.guests:
            end_gently(guest)
            kill_group(guest)
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(30)
            except subprocess.TimeoutExpired:
                kill_group(self.proc)
                pytest.fail("hvsim serve did not end on SIGTERM")

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def end_gently(proc):
    """Lets a guest end by itself, where what it counted is wanted: one that is
    killed writes no coverage (devtools/coverage.sh)."""
    if os.environ.get("HVSIM_GENTLE_END") != "1" or proc.poll() is not None:
        return
    proc.send_signal(signal.SIGTERM)
    try:
        proc.wait(10)
    except subprocess.TimeoutExpired:
        pass


def kill_group(proc):
    """Ends a process that a test started, with all it started itself."""
    try:
        os.killpg(proc.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    proc.wait(10)


@pytest.fixture(scope="session", autouse=True)
def built():
    for program in (HVSIM, RIGHT, WRONG, LOAD):
        if not program.exists():
            pytest.exit(f"{program} is not built: set HVSIM_BUILD", returncode=1)


@pytest.fixture
def machine(tmp_path):
    m = Machine(tmp_path, {"TMPDIR": str(tmp_path)})
    yield m
    m.end()
    left = [p for p in tmp_path.rglob("*") if p.is_socket()]
    assert not left, f"hvsim left {left}"


def user_can(what, path):
    return run(["test", what, path], user=NOBODY).status == 0


@pytest.fixture(scope="session")
def user_places():
    """Copies for ordinary users where the tree is in a private folder. Not
    below a folder that everybody may write to: EAL takes no plugin there."""
    need_root()
    need_program("setpriv")
    plugin = run([TREE / "devtools/plugin-path", BUILD]).out.strip()
    library = BUILD / "app/hvsim/guest/libhvsim-guest.so"
    if user_can("-x", HVSIM) and user_can("-r", library) and user_can("-r", plugin or "/"):
        yield {}
        return
    copy = Path(f"/opt/hvsim-test-{os.getpid()}")
    try:
        for file in (HVSIM, library, ETHDEV, LOAD):
            to = copy / file.relative_to(BUILD)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, to)
        if plugin:
            (copy / "drivers").mkdir(parents=True, exist_ok=True)
            shutil.copy(plugin, copy / "drivers/librte_netvsc.so")
        run(["chmod", "-R", "go+rX", copy])
        yield {plugin or BUILD: copy / "drivers/librte_netvsc.so", BUILD: copy}
    finally:
        shutil.rmtree(copy, ignore_errors=True)


@pytest.fixture
def user_machine(user_places):
    """A machine whose hvsim and guests run as an ordinary user."""
    folder = Path("/tmp") / f"hvsim-user-{os.getpid()}"
    folder.mkdir(mode=0o700)
    os.chown(folder, NOBODY, NOBODY)
    env = {"TMPDIR": str(folder), "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    try:
        m = Machine(folder, env, user=NOBODY, places=user_places)
        yield m
        m.end()
    finally:
        shutil.rmtree(folder)


HUGEPAGES = 256


def more_hugepages(count):
    """Changes the kernel's pool; other test runs may do the same meanwhile.
    Returns by how many it changed."""
    with open("/proc/sys/vm/nr_hugepages", "r+", encoding="ascii") as pool:
        fcntl.flock(pool, fcntl.LOCK_EX)
        before = int(pool.read())
        pool.seek(0)
        pool.write(str(max(before + count, 0)))
        pool.flush()
        pool.seek(0)
        return int(pool.read()) - before


@pytest.fixture(scope="session")
def hugepages(tmp_path_factory):
    """A hugetlbfs of 512 MB in a private place; the pages are given back."""
    need_root()
    folder = tmp_path_factory.mktemp("huge")
    mounted, got = False, 0
    try:
        got = more_hugepages(HUGEPAGES)
        if got < HUGEPAGES:
            cannot(f"the kernel has {got} free hugepages, not {HUGEPAGES}")
        mount = run(["mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", folder])
        if mount.status != 0:
            cannot(f"hugetlbfs cannot be mounted: {mount.err.strip()}")
        mounted = True
        yield folder
    except OSError as err:
        cannot(f"hugepages: {err}")
    finally:
        if mounted:
            run(["umount", folder])
        if got > 0:
            more_hugepages(-got)


class Memory:
    """EAL options of the four memory modes."""

    NAMES = ["va-hugepages", "va-no-huge", "va-in-memory", "pa-hugepages"]

    def __init__(self, request):
        self.request = request

    def eal(self, mode):
        if mode == "va-no-huge":
            return ["--iova-mode=va", "--no-huge", "-m", "256"]
        folder = self.request.getfixturevalue("hugepages")
        common = ["--huge-dir", folder, "-m", "256"]
        if mode == "va-in-memory":
            return ["--iova-mode=va", "--in-memory", *common]
        return [f"--iova-mode={mode[:2]}", *common]


@pytest.fixture
def memory(request):
    return Memory(request)


def ethdev(eal, *options):
    """The command line of the ethdev client on the built-in driver."""
    if not ETHDEV.exists():
        cannot("the ethdev client is not built: no libdpdk, or a sanitized build")
    return [ETHDEV, "-l", "0", "--no-pci", "--no-telemetry",
            f"--file-prefix=hvsim{os.getpid()}", *eal, "--", *options]


NO_HUGE = ["--iova-mode=va", "--no-huge", "-m", "256"]


@pytest.fixture(scope="session")
def plugin():
    """Our driver, where EAL takes it."""
    done = run([TREE / "devtools/plugin-path", BUILD])
    if done.status != 0:
        cannot(done.err.strip())
    return done.out.strip().splitlines()[-1]


@pytest.fixture
def namespaces():
    """Two network namespaces, removed with all that is in them."""
    need_root()
    need_program("ip")
    names = [f"hvsim-a-{os.getpid()}", f"hvsim-b-{os.getpid()}"]
    made = []
    try:
        for name in names:
            done = run(["ip", "netns", "add", name])
            if done.status != 0:
                cannot(f"network namespaces: {done.err.strip()}")
            made.append(name)
        yield names
    finally:
        for name in made:
            run(["ip", "netns", "del", name])
