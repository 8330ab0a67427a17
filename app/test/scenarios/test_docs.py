# SPDX-License-Identifier: BSD-3-Clause
"""The linters that keep the documents true: each must fail when a document and
the code part. They run on a copy of what they read."""

import shutil

import pytest

from conftest import TREE, run

DEVARGS = "doc/guides/nics/netvsc-devargs.inc"
GUIDE = "doc/guides/nics/netvsc.rst"
INI = "doc/guides/nics/features/netvsc.ini"
ITEMS = "doc/design/conformance-items.txt"
ARGS = "drivers/net/netvsc/netvsc_args.c"
STATS = "drivers/net/netvsc/netvsc_stats.c"
ETHDEV = "drivers/net/netvsc/netvsc_ethdev.c"


@pytest.fixture
def copy(tmp_path):
    """The tree without its tests."""
    for folder in ("doc", "drivers", "devtools", "usertools", "app/hvsim", ".ci"):
        shutil.copytree(TREE / folder, tmp_path / folder)
    for file in ("README.md", "LICENSE"):
        shutil.copy(TREE / file, tmp_path)
    for folder in ("testguest", "ethdev", "scenarios"):
        (tmp_path / "app/test" / folder).mkdir(parents=True)
    (tmp_path / ITEMS).write_text("== Things\n1: the first\n2: the second\n3: the third\n"
                                  "open 3: it is late\nunfinished 2: it is long\nunmarked 1\n")
    return tmp_path


def change(tree, file, old, new):
    """Returns what the file was."""
    text = (tree / file).read_text()
    assert text.count(old) >= 1, f"{file} has no {old!r}"
    (tree / file).write_text(text.replace(old, new, 1))
    return text


def complains(tree, tool, words, *options):
    done = run(["/usr/bin/python3", tree / "devtools" / tool, *options])
    assert done.status == 1 and words in done.out, words + "\n" + done.out + done.err


def finds_each(tree, tool, changes):
    """The tool is content, and is not after any one of the changes."""
    run(["/usr/bin/python3", tree / "devtools" / tool]).ok()
    for file, old, new, words in changes:
        text = change(tree, file, old, new)
        complains(tree, tool, words)
        (tree / file).write_text(text)


FEATURES = [
    (INI, "TSO ", "Turbo ", "Turbo: DPDK has no such feature"),
    (INI, "LRO                  = Y", "LRO                  = N", "LRO = N: neither"),
    (INI, "MTU update           = Y\n", "", "MTU update: the code has it"),
    (INI, "Link status          = Y\n", "Rx interrupt         = Y\nLink status          = Y\n",
     "Rx interrupt: claimed, but there is no op rx_queue_intr_enable"),
    (INI, "Usage doc", "Perf doc             = Y\nUsage doc", "Perf doc: nothing in this driver"),
    (INI, "[Features]\n", "[Features]\nLink status event    = Y\n", "doubled, or not in the order"),
    (ETHDEV, "\t.mtu_set = netvsc_mtu_set,\n", "", "MTU update: claimed, but there is no op mtu_set"),
]


@pytest.mark.quick
def test_features_that_are_not_those_of_the_code_are_found(copy):
    finds_each(copy, "check-features.py", FEATURES)


SAYINGS = [
    (ARGS, "ARG(latency_us), 50,", "ARG(latency_us), 51,", "devarg latency"),
    (ARGS, '\t{ "numa_aware"', '\t{ "numa_blind"', "devarg numa_blind"),
    (DEVARGS, "0 to 6553", "0 to 6554", "devarg latency"),
    (DEVARGS, "   * - ``tx_copybreak``", "   * - ``copybreak``", "devarg copybreak"),
    (STATS, "RX(oversize)", "RX(overweight)", "counter overweight is not in the guide"),
    (STATS, '"control_timeouts"', '"timeouts"', "counter control_timeouts is none"),
    (GUIDE, '"the host took the device away"', '"the host ate the device"',
     'no source says "the host ate the device"'),
    (GUIDE, "``pmd.net.netvsc.rx``", "``pmd.net.rx``", "log type pmd.net.netvsc.rx: not in"),
    ("README.md", "devtools/demo.sh ", "devtools/show.sh ", "there is no devtools/show.sh"),
    ("README.md", "(doc/design/driver.rst)", "(doc/design/car.rst)", "there is no doc/design/car.rst"),
    ("doc/design/driver.rst", "``burst_copy()``", "``burst_sub()``", "no function burst_sub()"),
]


@pytest.mark.quick
def test_a_guide_that_says_other_than_the_code_is_found(copy):
    finds_each(copy, "check-guide.py", SAYINGS)


C_TEST = """/* Conformance: %s. */
static void
the_first_holds(void **state)
{
}
#define CASE(name) cmocka_unit_test_setup(name, setup)
const struct CMUnitTest tests[] = {
	CASE(%s),
};
"""
PY_TEST = "%s@pytest.mark.quick\n@pytest.mark.conformance(%s)\ndef test_the_second_holds():\n    pass\n"


@pytest.mark.quick
def test_marks_of_python_and_c_tests_become_the_table(copy):
    (copy / "app/test/test_a.c").write_text(C_TEST % ("1", "the_first_holds"))
    (copy / "app/test/test_b.py").write_text(PY_TEST % ("", "1, 2"))
    tool = ["/usr/bin/python3", copy / "devtools/gen-conformance.py"]
    complains(copy, "gen-conformance.py", "stale", "--check")
    run(tool).ok()
    run([*tool, "--check"]).ok()
    page = (copy / "doc/design/conformance.md").read_text()
    assert "| 1 | the first | `test_b.py`: the second holds<br>`test_a.c`: the first holds |" in page
    assert "| 2 | the second | `test_b.py`: the second holds<br>" in page
    assert "| 3 | the third | **open:** it is late |" in page
    assert "Of 3 items 1 are proved, 1 in part; 1 are open." in page
    assert "the second holds<br>*Not all of it:* it is long |" in page
    assert "unmarked" not in (copy / ITEMS).read_text()


ALONE = [
    (("1", "the_first_holds"), ("", "2, 9"), None, "there is no conformance item 9"),
    (("1", "another"), ("", "2"), None, "a conformance mark stands above no test"),
    (("1", "the_first_holds"), ("pytestmark = [pytest.mark.conformance(1)]\n", "2"), None,
     "a conformance mark stands above no test"),
    (("1", "the_first_holds"), ("", "2, 3"), None, "item 3 has tests and is said to be open"),
    (("1", "the_first_holds"), ("", "2"), ("open 3: it is late\n", ""), "item 3 has neither a test"),
    (("1", "the_first_holds"), ("", "2"), ("open 3: it", "partly 3: it"), "item 3 is said to be proved"),
]


@pytest.mark.quick
def test_a_mark_or_an_item_that_stands_alone_is_found(copy):
    for c, py, items, words in ALONE:
        (copy / "app/test/test_a.c").write_text(C_TEST % c)
        (copy / "app/test/test_b.py").write_text(PY_TEST % py)
        text = change(copy, ITEMS, *(items or ("", "")))
        complains(copy, "gen-conformance.py", words, "--check")
        complains(copy, "gen-conformance.py", words)
        (copy / ITEMS).write_text(text)
