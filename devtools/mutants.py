#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Plants small faults in a copy of the drivers, one at a time, and counts how
many the tests notice. devtools/mutants.sh says how to use it."""

import argparse
import filecmp
import json
import os
import random
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from mutate import collapsed, mutants_of

TREE = Path(__file__).resolve().parent.parent
EQUIVALENT = "doc/design/mutants-equivalent.txt"
BOUNDED = Path(__file__).resolve().parent / "bounded.py"
# Of these the driver gets a copy with a fault; the tests, which play the host's
# part, keep theirs.
AGREED = ("_wire.h", "uio_layout.h")
# A test that takes so much longer than without the fault hangs.
SLACK_SECONDS, SLACK_FACTOR = 20, 5
SLACK_CPU, SLACK_CPU_FACTOR = 5, 3
# Fast, and together over all of the driver. They judge what the unit tests let
# through, in one run of pytest that ends with the first that fails.
SCENARIOS = [
    "test_driver.py::test_probe_traffic_stop_start_traffic_close",
    "test_driver.py::test_jumbo_frames_arrive_whole_in_chains",
    "test_driver.py::test_every_queue_carries_its_share",
    "test_driver.py::test_queues_stop_and_start_one_by_one",
    "test_driver.py::test_devargs_decide_how_frames_travel",
    "test_driver.py::test_queue_counters_sum_to_the_ports",
    "test_driver.py::test_a_reset_port_works_again",
    "test_driver.py::test_a_nic_taken_away_under_traffic_is_an_event_and_comes_back",
    "test_driver.py::test_allow_and_block_lists_reach_our_bus",
    "test_ethdev_ops.py::test_counts_and_states_of_descriptors_say_what_waits",
    "test_ethdev_ops.py::test_every_refusal_is_the_errno_that_the_guide_names_and_changes_nothing",
    "test_ethdev_ops.py::test_an_mtu_the_host_clamps_fails_leaves_the_old_one_and_bounds_the_next",
    "test_ethdev_ops.py::test_queue_counters_sum_to_the_ports_and_outlive_their_queues",
    "test_bus.py::test_a_foreign_or_broken_device_never_hides_a_nic",
    "test_bus.py::test_devargs_given_at_run_time_are_those_of_the_port",
    "test_bus.py::test_an_unknown_key_given_at_run_time_is_refused_and_leaks_nothing",
    "test_bus.py::test_a_subchannel_taken_away_alone_is_a_dead_queue_and_no_dead_port",
    "test_bus.py::test_a_second_primary_is_refused_and_the_first_keeps_its_nic",
    "test_bus.py::test_eal_ends_cleanly_with_a_port_that_runs",
    "test_trust.py::test_an_isolated_guest_shows_the_host_nothing_but_rings_and_buffers",
    "test_trust.py::test_the_mode_is_an_argument_in_other_guests",
]
SCENARIO_SECONDS = 900


def die(text):
    sys.exit(f"mutants: {text}")


def note(text):
    print(text, flush=True)


# ---- faults that change nothing ----

def equivalents(path):
    """{key: reason}. A block of the file is a line "FILE FUNCTION", the line as it
    is behind "-", as the fault makes it behind "+", and the reason; an empty line."""
    result = {}
    if not path.exists():
        return result
    for block in re.split(r"\n\s*\n", path.read_text()):
        lines = [line for line in block.splitlines() if line.strip() and line[0] != "#"]
        if not lines:
            continue
        words = lines[0].split()
        if len(words) != 2 or len(lines) < 4 or lines[1][:2] != "- " or lines[2][:2] != "+ ":
            die(f"{path.name}: this is no entry:\n{block}")
        result[(*words, collapsed(lines[1][2:]), collapsed(lines[2][2:]))] = \
            collapsed(" ".join(lines[3:]))
    return result


# ---- the copy, and what is in it ----

def copy_tree(to):
    names = subprocess.run(["git", "-C", TREE, "ls-files", "-co", "--exclude-standard", "-z"],
                           capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        old = to / name
        if (TREE / name).is_file() and not (old.exists() and filecmp.cmp(TREE / name, old, False)):
            old.parent.mkdir(parents=True, exist_ok=True)
            old.unlink(missing_ok=True)
            shutil.copyfile(TREE / name, old)
            shutil.copymode(TREE / name, old)


class Program:
    """One test, with what is linked into its programs."""

    def __init__(self, name, command, targets):
        self.name, self.command, self.targets = name, command, targets
        self.links, self.objects = {}, set()
        self.seconds = self.cpu = 0.0


class Base:
    """The copy without faults, built: what workers link against."""

    def __init__(self, folder, jobs):
        self.root, self.build, self.jobs = folder, folder / "build", jobs
        self.programs, self.plugin = [], None

    def make(self):
        note("mutants: building a copy of the tree")
        copy_tree(self.root)
        if not (self.build / "build.ninja").exists():
            self.must(["meson", "setup", self.build, self.root, "-Dbuildtype=plain",
                       "-Doptimization=2", "-Ddebug=false", "-Dwerror=false"])
        self.must(["ninja", "-C", self.build, f"-j{self.jobs}"])

    def must(self, command, shell=False):
        done = subprocess.run(command, cwd=self.root, shell=shell, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            die(f"{command}:\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout

    def ninja(self, *words):
        return self.must(["ninja", "-C", self.build, *words])

    def read(self):
        """What is compiled how, from what, and which tests hold it."""
        self.compile = {e["output"]: e for e in json.loads(
            (self.build / "compile_commands.json").read_text())}
        self.uses = {}
        for block in self.ninja("-t", "deps").split("\n\n"):
            head, *paths = block.splitlines() or [""]
            found = re.match(r"(?:ninja: .*\n)?(\S+): #deps", head)
            if found:
                for path in paths:
                    self.uses.setdefault(self.name(path.strip()), set()).add(found.group(1))
        tests = json.loads(self.must(["meson", "introspect", "--tests", self.build]))
        for test in tests:
            if "quick" in [s.split(":")[-1] for s in test["suite"]]:
                self.add_program(test)
        self.plugin = self.link_of("drivers/librte_netvsc.so")
        self.plugin_objects = {o for o, e in self.compile.items()
                               if o.startswith("drivers/") and self.of_drivers(e)}

    def name(self, path):
        """Of a file of the copy, from the top of the tree."""
        return os.path.relpath(os.path.join(self.build, path), self.root)

    def of_drivers(self, entry):
        return self.name(entry["file"]).startswith("drivers/")

    def link_of(self, target):
        return self.ninja("-t", "commands", "-s", target).strip().splitlines()[-1]

    def add_program(self, test):
        targets = [os.path.relpath(word, self.build) for word in test["cmd"]
                   if os.path.normpath(word).startswith(f"{self.build}/")]
        program = Program(test["name"], test["cmd"], targets)
        for target in targets:
            command = self.link_of(target)
            trace = self.must(f"cd {shlex.quote(str(self.build))} && {command} -Wl,--trace",
                              shell=True)
            program.links[target] = command
            program.objects |= self.linked(trace)
        if any(self.touches_drivers(o) for o in program.objects):
            self.programs.append(program)

    def linked(self, trace):
        """Objects of this build in what the linker says that it read."""
        result = set()
        for line in trace.splitlines():
            path = re.sub(r"^.*\((.*)\)$", r"\1", line.strip())
            path = os.path.relpath(os.path.join(self.build, path), self.build)
            if path in self.compile:
                result.add(path)
        return result

    def touches_drivers(self, output):
        if self.of_drivers(self.compile[output]):
            return True
        return any(output in users for name, users in self.uses.items()
                   if name.startswith("drivers/") and not name.endswith(AGREED))

    def measure(self):
        """How long each test takes, with leaks looked for where that works."""
        note(f"mutants: {len(self.programs)} tests hold code of the drivers; running them")
        for program in self.programs:
            for leaks in (" -fsanitize=leak", ""):
                for target, command in program.links.items():
                    program.links[target] = command.removesuffix(" -fsanitize=leak") + leaks
                    self.must(f"cd {shlex.quote(str(self.build))} && {program.links[target]}",
                              shell=True)
                before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
                status, log = run_bounded(program.command, 600, 600, self.build, self.root)
                if status == 0:
                    break
            else:
                die(f"{program.name} fails without any fault:\n{log[-3000:]}")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            program.seconds = time.monotonic() - start
            program.cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)

    def measure_scenarios(self):
        status, log = run_scenarios(self.root, SCENARIOS)
        if status != 0:
            die(f"the scenarios fail without any fault:\n{log[-3000:]}")


# ---- running ----

# What runs now, and whether no more shall.
RUNNING, RUNNING_LOCK, STOP = set(), threading.Lock(), threading.Event()


class Stopped(Exception):
    """The run was ended from outside."""


def run_bounded(command, seconds, cpu, cwd, root, env=None):
    """Exit status and output; nothing of it runs afterwards."""
    tmp = Path(tempfile.mkdtemp(dir=root))
    proc = None
    try:
        with RUNNING_LOCK:
            if STOP.is_set():
                raise Stopped
            proc = subprocess.Popen(
                [sys.executable, BOUNDED, str(seconds), str(int(cpu) + 1), *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                cwd=cwd, start_new_session=True,
                env={**os.environ, "TMPDIR": str(tmp), "MALLOC_PERTURB_": "85", **(env or {})})
            RUNNING.add(proc)
        output = proc.communicate()[0]
        if STOP.is_set():
            raise Stopped
        return proc.returncode, output.decode(errors="replace")
    finally:
        with RUNNING_LOCK:
            RUNNING.discard(proc)
        shutil.rmtree(tmp, ignore_errors=True)


def stop_all(threads):
    """Ends what runs, and waits for the workers: they write no more then."""
    with RUNNING_LOCK:
        STOP.set()
        for proc in RUNNING:
            proc.terminate()
    for thread in threads:
        thread.join(120)


def run_scenarios(root, names):
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
               "--tb=line", *(root / "app/test/scenarios" / n for n in names)]
    return run_bounded(command, SCENARIO_SECONDS, SCENARIO_SECONDS, root, root,
                       {"HVSIM_BUILD": str(root / "build"), "PYTHONDONTWRITEBYTECODE": "1",
                        "XDG_CACHE_HOME": str(root / "cache")})


class Verdict:
    """What became of a fault: "void" if it does not compile or changes nothing."""

    def __init__(self, outcome, by="", seconds=0.0):
        self.outcome, self.by, self.seconds = outcome, by, seconds


class Worker:
    """One copy of the base, by hard links; what it writes anew it unlinks first."""

    def __init__(self, base, folder):
        self.base, self.root, self.build = base, folder, folder / "build"
        self.changed = set()
        subprocess.run(["cp", "-al", base.root, folder], check=True)

    def fresh(self, path):
        """Before a file is written that is shared with the base."""
        self.changed.add(path)
        (self.root / path).unlink(missing_ok=True)
        return self.root / path

    def restore(self):
        for path in self.changed:
            (self.root / path).unlink(missing_ok=True)
            os.link(self.base.root / path, self.root / path)
        self.changed.clear()

    def sh(self, command, more=""):
        if STOP.is_set():
            raise Stopped
        command = command.replace(str(self.base.root), str(self.root)) + more
        return subprocess.run(command, cwd=self.build, shell=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode

    def judge(self, mutant):
        start = time.monotonic()
        try:
            text = (self.root / mutant.file).read_text()
            self.fresh(mutant.file).write_text(mutant.apply(text))
            verdict = self.tests(mutant)
        finally:
            self.restore()
        verdict.seconds = time.monotonic() - start
        return verdict

    def compile(self, outputs):
        """Compiles them; those that are others with the fault, or None if one does
        not compile."""
        objects = set()
        for output in sorted(outputs):
            path = self.fresh(f"build/{output}")
            # An object may hold its source's path: that it lies elsewhere is no fault.
            if self.sh(self.base.compile[output]["command"],
                       f" -w -ffile-prefix-map={self.root}={self.base.root}") != 0:
                return None
            if path.read_bytes() != (self.base.build / output).read_bytes():
                objects.add(output)
        return objects

    def tests(self, mutant):
        """The drivers' objects first; what tests compile of their own, with a header
        that has the fault, when their turn comes."""
        users = self.base.uses.get(mutant.file, set())
        if mutant.file.endswith(AGREED):
            users = {o for o in users if self.base.of_drivers(self.base.compile[o])}
        done = users & self.base.plugin_objects
        changed = self.compile(done)
        if changed is None:
            return Verdict("void")
        stem = Path(mutant.file).stem
        for program in sorted((p for p in self.base.programs if p.objects & users),
                              key=lambda p: (not p.name.startswith(stem), p.seconds)):
            more = self.compile((program.objects & users) - done)
            if more is None:
                return Verdict("void")
            done |= program.objects & users
            changed |= more
            if not program.objects & changed:
                continue
            caught = self.run(program)
            if caught is not None:
                return caught
        if not changed:
            return Verdict("void")
        if SCENARIOS and self.base.plugin_objects & changed:
            return self.scenarios()
        return Verdict("missed")

    def run(self, program):
        """The verdict if it fails; None if it passes."""
        if not self.link(program):
            return Verdict("void")
        command = [word.replace(str(self.base.root), str(self.root)) for word in program.command]
        status, _ = run_bounded(command, SLACK_SECONDS + SLACK_FACTOR * program.seconds,
                                SLACK_CPU + SLACK_CPU_FACTOR * program.cpu, self.build, self.root)
        if status == 0:
            return None
        return Verdict("caught", program.name + (", hangs" if status == 124 else ""))

    def link(self, program):
        for target, command in program.links.items():
            self.fresh(f"build/{target}")
            if self.sh(command) != 0:
                return False
        return True

    def scenarios(self):
        """What fails is run again: a loaded machine is no fault of the driver."""
        self.fresh("build/drivers/librte_netvsc.so")
        if self.sh(self.base.plugin) != 0:
            return Verdict("void")
        names = SCENARIOS
        for _ in range(2):
            status, log = run_scenarios(self.root, names)
            if status == 0:
                return Verdict("missed")
            found = re.search(r"^(?:FAILED|ERROR) \S*?(test_\w+\.py(?:::\S+)?)", log, re.M)
            names = [found.group(1)] if found else SCENARIOS
        return Verdict("caught", names[0] if found else "scenarios, which hang")


# ---- the whole run ----

class Run:
    """Hands out faults, in order, until so many have counted. Those that count
    do not depend on the number of workers: faults are handed out only while
    all that are under way might be needed."""

    def __init__(self, sample, count, known):
        self.sample, self.count, self.known = sample, count, known
        self.next = self.underway = self.void = 0
        self.verdicts = []          # of those that count
        self.more = threading.Condition()
        self.failed = None

    def take(self):
        with self.more:
            while len(self.verdicts) + self.underway >= self.count and self.underway and \
                    self.failed is None:
                self.more.wait()
            if self.failed or len(self.verdicts) >= self.count or self.next >= len(self.sample):
                return None
            self.next += 1
            self.underway += 1
            return self.sample[self.next - 1]

    def give(self, mutant, verdict):
        with self.more:
            self.underway -= 1
            if verdict.outcome == "void":
                self.void += 1
            else:
                if verdict.outcome == "missed" and mutant.key() in self.known:
                    verdict.outcome = "equivalent"
                self.verdicts.append((mutant, verdict))
                by = f" by {verdict.by}" if verdict.by else ""
                note(f"[{len(self.verdicts)}/{self.count}] {verdict.outcome}{by}: {mutant.file}:"
                     f"{mutant.line} {mutant.function}, {mutant.kind}, {verdict.seconds:.0f} s")
                if verdict.outcome == "missed":
                    note(f"  - {mutant.before}\n  + {mutant.after}")
            self.more.notify_all()

    def work(self, worker):
        try:
            mutant = self.take()
            while mutant is not None:
                self.give(mutant, worker.judge(mutant))
                mutant = self.take()
        except Exception as err:    # pylint: disable=broad-except
            with self.more:
                self.failed = err
                self.more.notify_all()

    def all(self, workers):
        threads = [threading.Thread(target=self.work, args=(w,), daemon=True) for w in workers]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(1)
        except BaseException:
            stop_all(threads)
            raise
        if self.failed:
            raise self.failed


def show(mutant, reason):
    note(f"{mutant.file}:{mutant.line} {mutant.function}: {mutant.kind}\n"
         f"  - {mutant.before}\n  + {mutant.after}" + (f"\n  {reason}" if reason else ""))


def report(run):
    """What survived, and the last line. True if enough was caught."""
    def those(outcome):
        return sorted((m for m, v in run.verdicts if v.outcome == outcome),
                      key=lambda m: (m.file, m.start, m.new))
    note(f"\n{run.void} more did not compile or gave the same objects")
    for outcome in ("equivalent", "missed"):
        if those(outcome):
            note(f"\n== {outcome}")
        for mutant in those(outcome):
            show(mutant, run.known.get(mutant.key()) if outcome == "equivalent" else None)
    planted, caught, same = len(run.verdicts), len(those("caught")), len(those("equivalent"))
    rate = 100 * caught / max(planted - same, 1)
    note(f"\n{rate:.1f} % of those that change anything are caught")
    note(f"mutants: {planted} planted, {caught} caught, {same} equivalent")
    return rate >= 85


def candidates(root, only):
    names = sorted(str(p.relative_to(root)) for p in (root / "drivers").glob("*/*/*.[ch]"))
    return [m for name in names if re.search(only, name) for m in mutants_of(root, name)]


def arguments():
    parser = argparse.ArgumentParser(prog="devtools/mutants.sh", add_help=False)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", default="")
    parser.add_argument("--base", type=Path)
    parser.add_argument("--units", action="store_true")
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


def check_known(known, everything):
    """Entries of the file that are about no fault that could be planted."""
    stale = sorted(set(known) - {m.key() for m in everything})
    for file, function, before, after in stale:
        note(f"mutants: {EQUIVALENT}: no such fault any more: {file} {function}\n"
             f"  - {before}\n  + {after}")
    return not stale


def check_scenarios():
    """Names of scenarios that there are no more."""
    def there(name):
        file, test = name.split("::")
        return re.search(rf"^def {test}\(", (TREE / "app/test/scenarios" / file).read_text(), re.M)
    missing = [name for name in SCENARIOS if not there(name)]
    for name in missing:
        note(f"mutants: no such scenario: {name}")
    return not missing


def main():
    args = arguments()
    known = equivalents(TREE / EQUIVALENT)
    if args.check:
        fits = [check_known(known, candidates(TREE, "")), check_scenarios()]
        return 0 if all(fits) else 1
    seed = args.seed if args.seed is not None else int(time.time())
    if args.units:
        SCENARIOS.clear()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    scratch = Path(tempfile.mkdtemp(prefix="build-mutants-", dir=TREE))
    try:
        base = Base((args.base or scratch / "base").resolve(), args.jobs)
        base.make()
        base.read()
        everything = candidates(base.root, args.only)
        random.Random(seed).shuffle(everything)
        note(f"mutants: seed {seed}, {len(everything)} faults to choose from")
        base.measure()
        if SCENARIOS:
            base.measure_scenarios()
        run = Run(everything, args.count, known)
        run.all([Worker(base, scratch / f"worker{i}") for i in range(args.jobs)])
        return 0 if report(run) else 1
    except KeyboardInterrupt:
        return 130
    finally:
        stop_all([])
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
