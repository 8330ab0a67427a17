# SPDX-License-Identifier: BSD-3-Clause
"""netvsc-perf: every command runs with small numbers and tells what it should.
What the figures are is no matter here: they are those of this very machine."""

import json
import math
import statistics
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import BUILD, TREE, need_program, need_root, run, wait_until

sys.path.insert(0, str(TREE / "app/perf/scripts"))

import compare  # noqa: E402
import cost  # noqa: E402
import instructions  # noqa: E402
import machine as perf_machine  # noqa: E402
import numbers_of  # noqa: E402
import overload  # noqa: E402
import rounds  # noqa: E402
import startup  # noqa: E402
import throughput  # noqa: E402

PERF = BUILD / "app/perf/netvsc-perf"
LATENCIES = {"p50", "p99", "p99.9"}
RATIOS = {"rx64_warm", "rx64_single", "rx1500", "tx64", "tx64_single", "tx1500", "idle_poll",
          "loop64_mpps", "loop64_vs_virtio"}


def alive(pid):
    return Path(f"/proc/{pid}").exists()


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch):
    """Folders of a command are gone, and interfaces of commands that ended."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield
    assert not list(tmp_path.glob("netvsc-perf-*"))
    pairs = [path.name for path in Path("/sys/class/net").glob("np[0-9]*[ab]")]
    ended = [name for name in pairs if not alive(name[2:-1])]
    assert not ended, f"left behind: {ended}"


def perf(*words, timeout=240, status=0):
    done = run([PERF, *words], timeout=timeout)
    assert done.status == status, f"{done.args}\n{done.out[-2000:]}\n{done.err[-2000:]}"
    return done


def report(*words, timeout=240):
    return json.loads(perf(*words, "--json", timeout=timeout).out)


def positive(*values):
    assert all(isinstance(v, (int, float)) and math.isfinite(v) and v > 0 for v in values), values


# ---- the statistics ----

@pytest.mark.quick
def test_percentiles_are_those_of_the_sorted_values():
    values = [5, 1, 4, 2, 3]
    assert [numbers_of.percentile(values, p) for p in (0, 50, 100)] == [1, 3, 5]
    assert numbers_of.percentile(range(101), 90) == 90
    assert values == [5, 1, 4, 2, 3], "the caller's list is as it was"


@pytest.mark.quick
def test_the_spread_tells_a_disturbed_round_from_a_quiet_one():
    assert numbers_of.spread([10.0] * 50) == 1.0
    assert numbers_of.spread([100, 101, 99, 102] * 20) < numbers_of.SPREAD_MAX
    assert numbers_of.spread([100] * 50 + [200] * 50) == 2.0 > numbers_of.SPREAD_MAX
    assert numbers_of.spread([100] * 95 + [10 ** 6] * 5) == 1.0, "few outliers move nothing"
    assert numbers_of.spread([]) == math.inf
    assert numbers_of.spread([0.0, 1.0]) == math.inf


@pytest.mark.quick
def test_the_confidence_interval_holds_the_median_and_narrows_with_more_rounds():
    few = [1.0, 1.1, 0.9, 1.2, 0.8]
    low, high = numbers_of.confidence(few)
    assert min(few) <= low <= statistics.median(few) <= high <= max(few)
    many_low, many_high = numbers_of.confidence(few * 20)
    assert many_high - many_low < high - low
    assert numbers_of.confidence(few) == (low, high), "the same from run to run"
    assert numbers_of.confidence([3.0, 2.0]) == (2.0, 3.0)
    assert numbers_of.confidence([7.0] * 9) == (7.0, 7.0)


@pytest.mark.quick
def test_ratios_are_taken_pair_by_pair():
    # One pair ran on a machine ten times as slow: the ratio is the same.
    found = numbers_of.paired([1.0, 10.0, 1.0], [2.0, 20.0, 2.0])
    assert found == {"ratio": 0.5, "low": 0.5, "high": 0.5, "pairs": 3}
    assert numbers_of.paired([1.0, 3.0], [0.0, 2.0])["pairs"] == 1
    assert numbers_of.paired([], []) is None and numbers_of.paired([1.0], [0.0]) is None


@pytest.mark.quick
def test_a_core_that_moved_is_noticed():
    assert not numbers_of.moved([240, 250, 236])
    assert numbers_of.moved([240, 1250]) and numbers_of.moved([240, 240, 301])
    assert not numbers_of.moved([]) and not numbers_of.moved([0, 0]) and not numbers_of.moved([9])


def fake_round(monkeypatch, spreads, cores=()):
    """A Round whose runs have these spreads, and the cores these round trips."""
    monkeypatch.setattr(perf_machine, "cores", lambda _setup, it=iter(cores): next(it))
    spread = iter(spreads)
    return rounds.Round(None, lambda: next(spread), lambda wide: [100] * 50 + [100 * wide] * 50,
                        not cores, rounds.Budget(1000))


@pytest.mark.quick
def test_a_disturbed_round_is_repeated_and_the_best_one_is_kept(monkeypatch):
    quiet = fake_round(monkeypatch, [1.0])
    assert (quiet.repeated, quiet.result, quiet.dropped) == (0, 1.0, False)
    second = fake_round(monkeypatch, [5.0, 1.1])
    assert (second.repeated, second.result) == (1, 1.1)
    never = fake_round(monkeypatch, [5.0, 3.0, 4.0])
    assert (never.repeated, never.result) == (2, 3.0), "at most three attempts"


@pytest.mark.quick
def test_a_round_in_which_a_core_moved_is_repeated_and_at_last_dropped(monkeypatch):
    once = fake_round(monkeypatch, [1.0, 1.0], cores=[240, 1250, 240, 240])
    assert (once.repeated, once.dropped, once.cores) == (1, False, [240, 240])
    always = fake_round(monkeypatch, [1.0] * 3, cores=[240, 1250] * 3)
    assert (always.repeated, always.dropped) == (2, True)
    near = fake_round(monkeypatch, [1.0], cores=[240, 240])
    far = fake_round(monkeypatch, [1.0], cores=[1250, 1250])
    assert rounds.kept([(near, far), (near, near), (near, always), (far, far)]) == \
        [(near, near), (far, far)], "also not between the two of a pair"


@pytest.mark.quick
def test_pairs_alternate_and_end_with_the_time_that_there_is():
    seen = []
    got = rounds.pairs(lambda name, number: seen.append(name) or (name, number), ("a", "b"), 3,
                       rounds.Budget(1000))
    assert seen == ["a", "b", "b", "a", "a", "b"]
    assert got == [(("a", n), ("b", n)) for n in range(3)]
    assert len(rounds.pairs(lambda *_: 0, ("a", "b"), 99, rounds.Budget(-1))) == 1


@pytest.mark.quick
def test_a_frame_that_is_lost_is_lost_somewhere():
    nic = {"rx_drop_no_section": 5, "rx_drop_ring_full": 2, "rx_drop_not_open": 3,
           "rx_drop_filter": 1, "tx_failed": 7}
    result = {"lost": 4, "host": {
        "nics": [{"name": "nic0", "counters": nic}],
        "ports": [{"kind": "gen", "counters": {"gen_missed": 9, "gen_host_drops": 30}}]}}
    assert overload.losses(result) == {"generator_late": 9, "no_section": 5, "ring_full": 2,
                                       "guest_transmit": 4, "host_transmit": 7, "host_queue": 19}


@pytest.mark.quick
def test_who_polls_in_vain_is_not_the_bottleneck():
    side = {"empty_cycles": 500, "empty_bursts": 10}
    result = {"kind": "rx", "rx": side, "timer_cycles": 5, "seconds": 1.0, "tsc_hz": 1000}
    assert throughput.guest_busy_percent(result) == pytest.approx(40)
    assert throughput.bottleneck(95, 100) == "guest"
    assert throughput.bottleneck(40, 95) == "host"
    assert throughput.bottleneck(40, 50).startswith("neither")


@pytest.mark.quick
def test_memory_of_a_queue_is_what_more_queues_take_more():
    rows = [{"queues": 1, "heap_bytes": 100}, {"queues": 4, "heap_bytes": 190}]
    assert startup.memory(rows) == {"queue_bytes": 30, "port_bytes": 100, "port_queues": 1}
    assert startup.memory(rows[:1]) is None


@pytest.mark.quick
def test_one_queue_beside_64_gets_the_same_frames():
    args = SimpleNamespace(queues=(1, 64), offload=(), freeing=False, frames=1000000, cold=False,
                           two_cores=False, devargs="")
    for side in ("rx", "tx"):
        one, many = (cost.case_of(args, (side, 64, 32, 4, queues)) for queues in (1, 64))
        assert one.nics == tuple(nic.replace("queues=64", "queues=1") for nic in many.nics)
        words = list(many.work)
        words[words.index("--queues") + 1] = "1"
        assert list(one.work) == words
        assert words[words.index("--offload") + 1] == "hash"
    args.queues = (1,)
    assert "hash" not in cost.case_of(args, ("rx", 64, 32, 4, 1)).work


@pytest.mark.quick
def test_many_queues_are_compared_with_the_fewest_of_the_same_setting():
    rows = [dict(zip(("direction", "queues", "median"), row), bytes=64, burst=32, transfer=4,
                 driver="ours") for row in (("rx", 1, 40.0), ("rx", 64, 60.0), ("tx", 8, 30.0))]
    rows.append({**rows[1], "driver": "builtin", "error": "no time was left"})
    cost.times_fewest(rows)
    assert [row["times_fewest"] for row in rows] == [None, 1.5, None, None]


@pytest.mark.quick
def test_a_limit_is_met_from_the_right_side():
    less, more = {"more_is_better": False}, {"more_is_better": True}
    assert compare.reached(less | {"ratio": 0.3, "limit": 0.4})
    assert not compare.reached(less | {"ratio": 0.5, "limit": 0.4})
    assert compare.reached(more | {"ratio": 2.5, "limit": 2.0})
    assert not compare.reached(more | {"ratio": 1.5, "limit": 2.0})


# ---- budgets of instructions ----

BUDGET = "# of tests\nrx64_warm   100.0 5  # the path\nfloor_rx 70.0 5\n"


@pytest.mark.quick
def test_the_c_librarys_instructions_are_not_counted_however_it_is_named(tmp_path):
    file = tmp_path / "callgrind.out"
    file.write_text("ob=(1) /plugin.so\nfn=(1) a\n10 5\ncob=(2) /lib/libc.so.6\n"
                    "calls=1 0\n11 70\n+1 2\nob=(2)\nfn=(2) memcpy\n20 70\n")
    assert instructions.counted(file) == 7


@pytest.mark.quick
def test_more_instructions_than_the_budget_are_told_and_fewer_too():
    wanted = instructions.budgets(BUDGET)
    assert wanted == {"rx64_warm": (100, 5), "floor_rx": (70, 5)}
    assert instructions.judged({"rx64_warm": 104.9}, wanted) == ([], [])
    assert len(instructions.judged({"rx64_warm": 105.1}, wanted)[0]) == 1
    assert len(instructions.judged({"rx64_warm": 94.9}, wanted)[1]) == 1
    assert "no budget" in instructions.judged({"tx64": 1}, wanted)[0][0]
    # The floor has a limit that no budget can lift.
    assert len(instructions.judged({"floor_rx": 75.5}, {"floor_rx": (90, 5)})[0]) == 1


@pytest.mark.quick
def test_what_exceeds_its_budget_is_counted_three_times_at_most_and_the_least_counts():
    wanted = instructions.budgets(BUDGET)
    counts = iter([120.0, 104.0, 80.0])
    asked = []

    def again(names):
        asked.append(names)
        return {"rx64_warm": next(counts), "idle_poll": 1.0}

    assert instructions.least({"rx64_warm": 130.0, "tx64": 5.0}, wanted, again) == {
        "rx64_warm": 104.0, "tx64": 5.0}
    assert asked == [("rx64_warm",)] * 2
    assert instructions.least({"rx64_warm": 104.0}, wanted, again) == {"rx64_warm": 104.0}
    counts = iter([120.0, 125.0, 80.0])
    assert instructions.least({"rx64_warm": 130.0}, wanted, again) == {"rx64_warm": 120.0}
    assert len(asked) == 4


@pytest.mark.quick
def test_an_update_rewrites_the_numbers_and_nothing_else():
    new = instructions.updated(BUDGET, {"rx64_warm": 81.25, "tx64": 60})
    assert new == BUDGET.replace("100.0", "81.2") + "tx64              60.0 3\n"
    assert instructions.budgets(new)["tx64"] == (60, 3)
    with pytest.raises(perf_machine.BadOption, match="line 1"):
        instructions.budgets("rx64_warm many 5\n")


@pytest.mark.quick
def test_every_path_has_a_budget():
    wanted = instructions.budgets((TREE / "app/perf/budget.txt").read_text())
    assert set(wanted) == {p.name for p in instructions.paths()} | set(instructions.FLOOR_LIMITS)
    for name, limit in instructions.FLOOR_LIMITS.items():
        assert wanted[name][0] <= limit


# ---- bad options ----

@pytest.mark.quick
@pytest.mark.parametrize("words,said", [
    ("compare --rounds none", "'none' is no number from 1 to 99"),
    ("compare --only rx65", "there is no 'rx65'"),
    ("compare --json /nonexistent/a", "/nonexistent/a: No such file"),
    ("cost --bytes 59", "'59' is no number from 60 to 9014"),
    ("cost --burst 65", "'65' is no number from 1 to 64"),
    ("cost --transfer 376", "from 1 to 375"),
    ("cost --offload hash,lro", "there is no 'lro'"),
    ("cost --offload rsc", "at least 70 bytes"),
    ("cost --bytes 64,128,256,512 --burst 1,2,4,8 --queues 1,2,4,8,16,32 --transfer 1,8",
     "settings are more"),
    ("throughput --work fly", "there is no 'fly'"),
    ("throughput --bytes 1515", "60 to 1514"),
    ("overload --loads 0", "'0' is no number from 0.01 to 100"),
    ("latency --host asleep", "there is no 'asleep'"),
    ("latency --cpus 1", "'1' is no pair"),
    ("latency --cpus 9999,0", "--cpus wants two of"),
    ("startup --queues 65", "from 1 to 64"),
    ("startup --plugin /nonexistent/p", "say --plugin FILE"),
    ("instructions --only fast", "there is no 'fast'"),
    ("instructions --budget /nonexistent/b", "/nonexistent/b: No such file"),
    ("floor --burst 0", "'0' is no number"),
    ("cores 0 0", "two different CPU numbers"),
    ("dance", "no command 'dance'"),
])
def test_bad_options_are_one_line_and_status_2(words, said):
    done = perf(*words.split(), status=2, timeout=60)
    assert said in done.err and len(done.err.strip().splitlines()) == 1, done.err
    assert done.out == ""


@pytest.mark.quick
def test_every_command_has_help():
    commands = [line.split()[0] for line in perf("--help").out.splitlines()
                if line.startswith("  ")]
    assert len(commands) == 10
    for command in commands:
        done = perf(command, "--help", timeout=60)
        assert command in done.out and "--help" in done.out


# ---- the commands ----

def sane_row(row):
    positive(row["median"], row["min"], row["max"], row["frames"], row["cycles"], row["bursts"])
    assert row["min"] <= row["median"] <= row["max"]
    assert len(row["build_id"]) == 40
    assert {"spread", "repeated", "dropped", "values", "times_floor"} <= set(row)


@pytest.mark.quick
def test_cost_tells_cycles_and_multiples_of_the_floor():
    said = report("cost", "--frames", "20000", "--rounds", "1", "--bytes", "64,imix", "--offload",
                  "hash,csum,vlan")
    assert [(r["direction"], r["bytes"]) for r in said["rows"]] == \
        [("rx", 64), ("rx", "imix"), ("tx", 64), ("tx", "imix")]
    for row in said["rows"]:
        sane_row(row)
        positive(row["low"], row["high"])
        assert (row["times_floor"] is None) == (row["bytes"] == "imix")


@pytest.mark.full
def test_cost_works_at_the_ends_of_each_dimension():
    small = ("--frames", "5000", "--rounds", "1")
    for words in (("--bytes", "60,9014", "--burst", "1,64"), ("--transfer", "1,8,375", "--cold"),
                  ("--queues", "64"), ("--two-cores",), ("--offload", "rsc", "--bytes", "1514")):
        said = report("cost", *small, *words)
        for row in said["rows"]:
            assert "error" not in row, row
            sane_row(row)


@pytest.mark.full
def test_a_setting_that_a_driver_cannot_do_is_told_in_its_row():
    # The built-in driver takes no MTU of 9000 here.
    said = report("cost", "--frames", "5000", "--rounds", "1", "--direction", "rx", "--bytes",
                  "9014", "--driver", "builtin,ours")
    assert "Invalid argument" in said["rows"][0]["error"] and said["rows"][1]["median"] > 0
    perf("cost", "--frames", "5000", "--rounds", "1", "--direction", "rx", "--bytes", "9014",
         "--driver", "builtin", status=1)


@pytest.mark.full
def test_throughput_tells_who_the_bottleneck_was():
    said = report("throughput", "--seconds", "0.2", "--rounds", "1", "--bytes", "64", "--work",
                  "rx,forward-macswap")
    for row in said["rows"]:
        positive(row["mpps"], row["gbps"])
        assert 0 <= row["guest_busy_percent"] <= 100 and 0 <= row["host_busy_percent"] <= 100
        assert row["bottleneck"].split(":")[0] in ("guest", "host", "neither")


@pytest.mark.full
def test_throughput_runs_every_work_on_both_drivers():
    said = report("throughput", "--seconds", "0.2", "--rounds", "1", "--bytes", "imix",
                  "--driver", "ours,builtin")
    assert len(said["rows"]) == 2 * len(throughput.WORKS)
    for row in said["rows"]:
        positive(row["mpps"], row["gbps"])
        # No frame is shorter than IMIX's shortest or longer than its longest.
        bytes_each = row["gbps"] * 1e3 / 8 / row["mpps"]
        assert 60 + throughput.WIRE_BYTES <= bytes_each <= 1514 + throughput.WIRE_BYTES


@pytest.mark.full
def test_overload_tells_what_is_delivered_and_lost_and_how_late():
    said = report("overload", "--seconds", "0.3", "--loads", "0.5,4")
    (one,) = said["drivers"]
    positive(one["capacity_mpps"], one["peak_mpps"])
    assert [p["load"] for p in one["points"]] == [0.5, 4] and not one["left_out"]
    for point in one["points"]:
        assert set(point["latency_us"]) == LATENCIES
        us = point["latency_us"]
        positive(point["delivered_mpps"], point["latency_bound_us"], us["p50"])
        assert us["p50"] <= us["p99"] <= us["p99.9"]
        assert 0 < point["percent_of_peak"] <= 100
        assert set(point["lost"]) == set(overload.LOST) | {"host_queue"}


@pytest.mark.full
def test_latency_tells_of_each_kind_of_host_and_of_load():
    said = report("latency", "--seconds", "0.3", "--trips", "100", "--loads", "0.5")
    assert [(r["host"], r["load"]) for r in said["rows"]] == \
        [("polling", 0), ("monitor-50", 0), ("monitor-100", 0), ("polling", 0.5)]
    for row in said["rows"]:
        us = row["latency_us"]
        assert LATENCIES <= set(us) and us["p50"] <= us["p99"] <= us["p99.9"]
        positive(us["p50"])


@pytest.mark.quick
def test_startup_tells_each_step_and_the_memory():
    said = report("startup", "--queues", "1,4", "--rounds", "1", "--driver", "ours,builtin")
    ours = [row for row in said["rows"] if row["driver"] == "ours"]
    for row in ours:
        positive(row["heap_bytes"], *(row[f"{step}_ms"] for step in startup.STEPS))
    assert said["memory"]["ours"]["queue_bytes"] == (ours[1]["heap_bytes"] -
                                                     ours[0]["heap_bytes"]) / 3
    theirs = [row for row in said["rows"] if row["driver"] == "builtin"]
    assert [row["probe_ms"] for row in theirs] == [None, None], "it cannot be unplugged"


@pytest.mark.quick
def test_compare_has_all_ratios_by_their_names(tmp_path):
    file = tmp_path / "compare.json"
    done = perf("compare", "--quick", "--rounds", "1", "--frames", "20000", "--json", file)
    said = json.loads(file.read_text())
    assert set(said["ratios"]) == set(said["details"]) == RATIOS
    # A machine whose cores move all the time has no ratio of two of them.
    for name, ratio in said["ratios"].items():
        if not name.startswith("loop64"):
            positive(ratio)
    for row in said["rows"]:
        if row["driver"] != "virtio":
            sane_row(row)
        if row["driver"] in said["ids"]:
            assert row["build_id"] == said["ids"][row["driver"]]
    assert said["ids"]["ours"] != said["ids"]["builtin"]
    positive(said["cores_before"], said["cores_after"])
    assert "none of Hyper-V or Azure" in done.out and "pair 1 of 1" in done.err


@pytest.mark.full
@pytest.mark.long
def test_compare_writes_a_report_that_needs_no_other_file(tmp_path):
    need_root()     # for the veth pair of af_packet
    page = tmp_path / "compare.html"
    perf("compare", "--rounds", "1", "--frames", "5000", "--only", "tx64,loop64_vs_virtio",
         "--html", page, "--json", tmp_path / "a.json", timeout=900)
    text, said = page.read_text(), json.loads((tmp_path / "a.json").read_text())
    for title in ("Ratios", "Cost by frame size", "Cost by burst", "Cost by number of queues",
                  "Overload"):
        assert f"<h2>{title}</h2>" in text
    assert text.count("<svg") == 5 and said["ids"]["ours"] in text
    for outside in ("src=", "href=\"http", "<script", "@import"):
        assert outside not in text
    assert not said["skipped"], said["skipped"]
    assert {"loop64_vs_memif", "loop64_vs_afpacket", "loop64_vs_virtio"} <= set(said["details"])
    positive(*(row["peer_cycles"] for row in said["rows"] if "peer_cycles" in row))


@pytest.mark.full
def test_virtio_user_says_its_figures_also_when_vhost_has_ended():
    said = report("compare", "--quick", "--rounds", "1", "--frames", "5000",
                  "--only", "loop64_vs_virtio")
    assert not said["skipped"], said["skipped"]


@pytest.mark.full
def test_instructions_are_counted_and_compared(tmp_path):
    need_program("valgrind")
    budget = tmp_path / "budget.txt"
    budget.write_text("floor_rx 1.0 5\nidle_poll 1.0 5\n")
    only = ("--only", "floor_rx,idle_poll")
    done = perf("instructions", *only, "--budget", budget, status=1)
    assert done.err.count("exceed the budget of 1.0") == 2
    perf("instructions", *only, "--update", budget)
    perf("instructions", *only, "--budget", budget)
    assert 10 < instructions.budgets(budget.read_text())["floor_rx"][0] <= 75


@pytest.mark.full
def test_an_interrupted_command_takes_back_all_it_started():
    proc = subprocess.Popen([PERF, "throughput", "--work", "rx", "--seconds", "30"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            start_new_session=True)

    def guests():
        seen = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True,
                              check=True).stdout
        return [line for line in seen.splitlines() if f"perf{proc.pid} " in line]
    try:
        wait_until(guests, 60, "the measured process runs")
        proc.terminate()
        assert proc.wait(30) == 130
        wait_until(lambda: not guests(), 30, "it is gone")
    finally:
        if proc.poll() is None:
            proc.kill()
            proc.wait()
