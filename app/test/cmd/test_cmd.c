/* SPDX-License-Identifier: BSD-3-Clause */

/* The hvsim program as its users see it: exit statuses, sentences, what is
 * left behind. $HVSIM is the program, $HVSIM_GUEST_LIB its guest library, and
 * $HVSIM_WRONG_GUEST a guest that breaks rules. */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/util.h"

static char output[1 << 18];
static char folder[256];        /* private folders are made here */

/* Runs a shell command, at most 30 s; standard error joins the output. Returns
 * the exit status as the shell counts it. */
__attribute__((format(printf, 1, 2)))
static int
shell(const char *format, ...)
{
	static char line[8192];
	int n = snprintf(line, sizeof(line), "exec 2>&1; ");
	size_t used = 0, got;
	va_list args;
	FILE *pipe;
	int status;

	va_start(args, format);
	vsnprintf(line + n, sizeof(line) - (size_t)n, format, args);
	va_end(args);
	pipe = popen(line, "r");
	assert_non_null(pipe);
	while ((got = fread(output + used, 1, sizeof(output) - 1 - used, pipe)) > 0)
		used += got;
	output[used] = '\0';
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void
expect_output(const char *expected)
{
	if (strcmp(output, expected) != 0)
		fail_msg("expected:\n%s\ngot:\n%s", expected, output);
}

static void
expect_in_output(const char *expected)
{
	if (strstr(output, expected) == NULL)
		fail_msg("expected somewhere:\n%s\ngot:\n%s", expected, output);
}

static void
expect_nothing_left(void)
{
	shell("ls -A %s", folder);
	expect_output("");
}

static int
setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/hvsim-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	setenv("XDG_RUNTIME_DIR", folder, 1);
	unsetenv("LD_PRELOAD");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return shell("rm -rf %s", folder);
}

/* ---- the command line ---- */

static void
every_command_explains_itself_with_examples(void **state)
{
	static const char *const names[] = { "run", "serve", "exec", "ctl", "top", "trace" };

	(void)state;
	assert_int_equal(shell("$HVSIM --help"), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		char text[64];

		expect_in_output(names[i]);
		assert_int_equal(shell("$HVSIM %s --help", names[i]), 0);
		snprintf(text, sizeof(text), "Usage: hvsim %s ", names[i]);
		assert_memory_equal(output, text, strlen(text));
		snprintf(text, sizeof(text), "\n  hvsim %s", names[i]);
		expect_in_output(text);
		assert_int_equal(shell("$HVSIM --help"), 0);
	}
	assert_int_equal(shell("$HVSIM ports"), 0);
	expect_in_output("gen");
	assert_int_equal(shell("$HVSIM profiles"), 0);
	expect_in_output("ws2022");
	expect_in_output("6.12.41");
	assert_int_equal(shell("$HVSIM faults"), 0);
	expect_in_output("transfer-id");
}

static void
a_fault_is_armed_by_a_topology_file(void **state)
{
	(void)state;
	assert_int_equal(shell("echo '{\"nics\": [\"port=echo\"], \"faults\": "
		"[\"held:message=init,nth=9\"]}' >%s/t.json; $HVSIM run --config %s/t.json -- "
		"$HVSIM ctl faults | grep armed; rm %s/t.json", folder, folder, folder), 0);
	expect_in_output("  held ");
	expect_in_output("[armed, fired 0 times]");
}

static void
a_wrong_command_line_is_status_2_and_one_line(void **state)
{
	static const struct {
		const char *arguments;
		const char *line;
	} cases[] = {
		{ "", "hvsim: a command is missing; see 'hvsim --help'\n" },
		{ "frob", "hvsim: there is no command \"frob\"; there are run, boot, serve, exec, "
			"ctl, top, trace, ports, profiles, faults\n" },
		{ "run --fault frob -- true", "hvsim: run: there is no fault \"frob\"; see 'hvsim "
			"faults'\n" },
		{ "run", "hvsim: run: a command is missing: hvsim run [OPTIONS] -- COMMAND\n" },
		{ "run --frob -- true", "hvsim: run: there is no option --frob; see 'hvsim run "
			"--help'\n" },
		{ "run -x -- true", "hvsim: run: there is no option -x; see 'hvsim run --help'\n" },
		{ "run --nic", "hvsim: run: --nic needs a value; see 'hvsim run --help'\n" },
		{ "run --nic queues=65 -- true", "hvsim: run: queues=65: expected a number from 1 "
			"to 64\n" },
		{ "run --check quick -- true", "hvsim: run: check=quick: expected full or fast\n" },
		{ "run --log-level loud -- true", "hvsim: run: log-level=loud: expected error, "
			"warning, notice, info or debug\n" },
		{ "run --capture nic0 -- true", "hvsim: run: capture=nic0: expected a port and a "
			"file such as nic0=nic0.pcapng\n" },
		{ "run --nic guest=a --nic guest=b -- true", "hvsim: run: one command is one "
			"guest, not a and b; use 'hvsim serve' for several\n" },
		{ "run --port frob -- true", "hvsim: run: there is no kind of port 'frob'; the "
			"kinds are echo, sink, gen, pcap, tap, afpacket\n" },
		{ "run --nic port=gen:rate=0 -- true", "hvsim: run: gen: rate=0: expected a rate "
			"such as 1Mpps or 500kpps, or max\n" },
		{ "run --nic port=pcap:replay=/nope -- true", "hvsim: run: pcap: cannot replay "
			"/nope: No such file or directory\n" },
		{ "run --trace /nope/x -- true", "hvsim: run: /nope/x: No such file or "
			"directory\n" },
		{ "run --control /nope/x -- true", "hvsim: run: /nope/x: No such file or "
			"directory\n" },
		{ "run --log-file /nope/x -- true", "hvsim: run: /nope/x: No such file or "
			"directory\n" },
		{ "run --stats-json /nope/x -- true", "hvsim: run: /nope/x: No such file or "
			"directory\n" },
		{ "run --capture nic0=/nope/x -- true", "hvsim: run: --capture: /nope/x: No such "
			"file or directory\n" },
		{ "serve true", "hvsim: serve: \"true\": serve runs no command; use 'hvsim "
			"exec'\n" },
		{ "exec", "hvsim: exec: a command is missing: hvsim exec [OPTIONS] -- COMMAND\n" },
		{ "ctl", "hvsim: ctl: say what to do; see 'hvsim ctl --help'\n" },
		{ "ctl frob", "hvsim: ctl: cannot \"frob\"; there are list, counters, profiles, "
			"guest, link, speed, network-change, offload, vf, nic, subchannel, port, "
			"capture, faults, fault\n" },
		{ "ctl nic", "hvsim: ctl: write it as: hvsim ctl nic add|remove|offer|delete "
			"...\n" },
		{ "ctl capture frob", "hvsim: ctl: write it as: hvsim ctl capture start|stop "
			"...\n" },
		{ "ctl link nic0", "hvsim: ctl: write it as: hvsim ctl link NIC UP|DOWN\n" },
		{ "ctl link nic0 left", "hvsim: ctl: a link is up or down, not \"left\"\n" },
		{ "top --interval 5", "hvsim: top: interval=5: expected a time from 10ms to 1h "
			"such as 1s\n" },
		{ "trace now", "hvsim: trace: \"now\" is too much; see 'hvsim trace --help'\n" },
		{ "ports all", "hvsim: ports: \"all\" is too much; see 'hvsim ports --help'\n" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(shell("$HVSIM %s", cases[i].arguments), 2);
		expect_output(cases[i].line);
	}
	expect_nothing_left();
}

static void
a_wrong_command_line_of_boot_is_status_2_and_one_line(void **state)
{
	static const struct {
		const char *arguments;
		const char *line;
	} cases[] = {
		{ "boot", "hvsim: boot: a kernel is missing: --kernel FILE\n" },
		{ "boot --cpus 65", "hvsim: boot: cpus=65: expected how many the guest has, 1 to "
			"64\n" },
		{ "boot --memory 100M", "hvsim: boot: memory=100M: expected a size such as 512M, "
			"128M to 64G\n" },
		{ "boot --vmbus 5.4", "hvsim: boot: vmbus=5.4: expected the newest VMBus version "
			"that is spoken: 2.4, 3.0, 4.0, 4.1, 5.0, 5.1, 5.2, 5.3 or 6.0\n" },
		{ "boot --kernel k true", "hvsim: boot: \"true\": boot runs no command\n" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(shell("$HVSIM %s", cases[i].arguments), 2);
		expect_output(cases[i].line);
	}
	expect_nothing_left();
}

static void
an_unknown_profile_is_named_with_those_there_are(void **state)
{
	(void)state;
	assert_int_equal(shell("$HVSIM run --host ws95 -- true"), 2);
	assert_memory_equal(output, "hvsim: run: there is no host profile \"ws95\"; there are ",
		53);
	assert_int_equal(shell("$HVSIM run --kernel 2.4 -- true"), 2);
	assert_memory_equal(output, "hvsim: run: there is no kernel profile \"2.4\"; there are ",
		54);
}

/* ---- run ---- */

static void
run_ends_with_what_its_command_ends_with(void **state)
{
	(void)state;
	assert_int_equal(shell("$HVSIM run -- true"), 0);
	expect_output("");
	assert_int_equal(shell("$HVSIM run -- sh -c 'exit 5'"), 5);
	assert_int_equal(shell("$HVSIM run -- sh -c 'kill -9 $$'"), 137);
	assert_int_equal(shell("$HVSIM run -- /nonexistent/program"), 127);
	expect_output("hvsim: run: cannot run \"/nonexistent/program\": No such file or "
		"directory\n");
	assert_int_equal(shell("$HVSIM run -- /etc/passwd"), 126);
	assert_int_equal(shell("echo through | $HVSIM run -- cat"), 0);
	expect_output("through\n");
	expect_nothing_left();
}

static void
strict_makes_a_violation_the_exit_status_of_a_command_that_succeeds(void **state)
{
	static const char guest[] = "--nic queues=4,port=echo --nic queues=4,port=echo -- "
		"$HVSIM_WRONG_GUEST -k 'a frame of 300 memory segments is reported'";

	(void)state;
	assert_int_equal(shell("$HVSIM run %s", guest), 0);
	expect_in_output("SEGMENTS");
	assert_int_equal(shell("$HVSIM run --strict %s", guest), 3);
	expect_in_output("hvsim: notice: 1 violation of the host's rules\n");
	assert_int_equal(shell("$HVSIM run --strict -- false"), 1);
	assert_int_equal(shell("$HVSIM run --strict -- true"), 0);
	expect_nothing_left();
}

static void
physical_addresses_are_refused_to_ordinary_users(void **state)
{
	(void)state;
	if (geteuid() != 0)
		assert_int_equal(shell("$HVSIM run --iova pa -- true"), 1);
	else
		/* The tree may be in a folder that only root can enter. */
		assert_int_equal(shell("cd %s && chmod 777 . && cp $HVSIM hvsim && "
			"cp $HVSIM_GUEST_LIB guest.so && chmod 755 hvsim guest.so && "
			"HVSIM_GUEST_LIB=$PWD/guest.so setpriv --reuid 65534 --regid 65534 "
			"--clear-groups ./hvsim run --iova pa -- true", folder), 1);
	expect_output("hvsim: run: --iova pa: only root may see physical addresses "
		"(CAP_SYS_ADMIN, /proc/PID/pagemap)\n");
}

static void
the_command_sees_its_nic_and_nobody_else_does(void **state)
{
	(void)state;
	assert_int_equal(shell("$HVSIM run --nic "
		"guid=7a08391f-f5a0-4ac0-9802-d13fd964f8df,port=echo "
		"-- ls /sys/bus/vmbus/devices"), 0);
	expect_output("7a08391f-f5a0-4ac0-9802-d13fd964f8df\n");
	shell("ls /sys/bus/vmbus/devices/7a08391f-f5a0-4ac0-9802-d13fd964f8df");
	expect_in_output("No such file");
}

static void
what_is_preloaded_already_stays_and_comes_first(void **state)
{
	const char *first = output;

	(void)state;
	/* the option: for when hvsim itself is built with the sanitizer */
	assert_int_equal(shell("ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 "
		"LD_PRELOAD=libjansson.so.4 $HVSIM run -- "
		"sh -c 'echo $LD_PRELOAD'"), 0);
	/* Nothing may come before the sanitizer's own library. */
	if (strncmp(output, "libasan.so", 10) == 0)
		first += strcspn(output, ":") + 1;
	assert_memory_equal(first, "libjansson.so.4:/", 17);
	expect_in_output("libhvsim-guest.so\n");
}

static void
a_signal_to_hvsim_reaches_the_command(void **state)
{
	static const struct {
		const char *name;
		int status;
	} signals[] = { { "INT", 41 }, { "TERM", 42 }, { "HUP", 43 } };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(signals); i++) {
		/* A process without job control would start with SIGINT ignored;
		 * the command says when it is ready by removing a file. */
		assert_int_equal(shell("cd %s; touch wait; cat > guest <<'E'\n"
			"import signal, sys, os, time\n"
			"for s, n in (('INT', 41), ('TERM', 42), ('HUP', 43)):\n"
			"  signal.signal(getattr(signal, 'SIG' + s), lambda *a, n=n: sys.exit(n))\n"
			"os.unlink('wait'); time.sleep(20); sys.exit(1)\nE\n"
			"$HVSIM run -- python3 ./guest & p=$!\n"
			"for i in $(seq 200); do test -e wait || break; sleep 0.05; done\n"
			"kill -%s $p; wait $p; s=$?; rm -f guest; exit $s", folder,
			signals[i].name), signals[i].status);
	}
	expect_nothing_left();
}

static void
a_command_that_ignores_sigterm_is_killed_in_bounded_time(void **state)
{
	(void)state;
	assert_int_equal(shell("cd %s; touch wait; cat > guest <<'E'\n"
		"import signal, os, time\n"
		"signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
		"os.unlink('wait'); time.sleep(25)\nE\n"
		"$HVSIM run -- python3 ./guest & p=$!\n"
		"for i in $(seq 200); do test -e wait || break; sleep 0.05; done\n"
		"kill -TERM $p; wait $p; s=$?; rm guest; exit $s", folder), 137);
	expect_nothing_left();
}

static void
nothing_is_left_when_hvsim_is_killed(void **state)
{
	(void)state;
	assert_int_equal(shell("cd %s; $HVSIM run --control %s/outside -- "
		"sh -c 'echo $$ > guest.pid; exec sleep 20' & p=$!\n"
		"for i in $(seq 200); do test -s guest.pid && break; sleep 0.05; done\n"
		"test -S outside || echo no socket; test -S hvsim-*/control || echo no link\n"
		"kill -9 $p; kill $(cat guest.pid); rm guest.pid\n"
		"for i in $(seq 200); do test -z \"$(ls -A)\" && exit 0; sleep 0.05; done\n"
		"ls -A", folder, folder), 0);
	expect_nothing_left();
}

static void
hvsim_writes_what_it_was_asked_to_tell(void **state)
{
	json_t *stats;
	char path[512];

	(void)state;
	assert_int_equal(shell("cd %s; $HVSIM run --nic name=left,port=echo --trace t.json "
		"--stats --stats-json s.json --capture left=c.pcapng --log-file l.txt -- true && "
		"head -c 4 c.pcapng | od -An -tx1", folder), 0);
	expect_in_output("host             total_cycles");
	expect_in_output(" 0a 0d 0d 0a\n");
	snprintf(path, sizeof(path), "%s/s.json", folder);
	stats = json_load_file(path, 0, NULL);
	assert_non_null(stats);
	assert_int_equal(json_array_size(json_object_get(stats, "nics")), 1);
	assert_int_equal(json_array_size(json_object_get(stats, "ports")), 2);
	json_decref(stats);
	assert_int_equal(shell("$HVSIM trace --file %s/t.json", folder), 0);
	expect_in_output(" left/");
	expect_in_output("*** offered to guest0\n");
	assert_int_equal(shell("$HVSIM run --trace /nonexistent/t -- true"), 2);
	expect_output("hvsim: run: /nonexistent/t: No such file or directory\n");
	assert_int_equal(shell("$HVSIM run --capture right=x -- true"), 2);
	expect_output("hvsim: run: --capture: there is no port \"right\"\n");
}

static void
a_fifo_that_nobody_holds_is_refused_and_not_waited_for(void **state)
{
	static const char *const options[] = {
		"--trace $d/fifo", "--stats-json $d/fifo", "--log-file $d/fifo",
		"--capture nic0=$d/fifo", "--nic port=pcap:record=$d/fifo",
		"--nic port=pcap:replay=$d/fifo",
	};

	(void)state;
	shell("mkfifo %s/fifo", folder);
	for (unsigned int i = 0; i < ARRAY_SIZE(options); i++) {
		assert_int_equal(shell("d=%s; timeout -s KILL 10 $HVSIM run %s -- true", folder,
			options[i]), 2);
	}
	shell("rm %s/fifo", folder);
	expect_nothing_left();
}

static void
a_topology_file_gives_way_to_options(void **state)
{
	(void)state;
	assert_int_equal(shell("cd %s; echo '{\"settings\": {\"host\": \"ws2012\"}, "
		"\"nics\": [{\"name\": \"x\", \"port\": \"sink\"}]}' > t.json; "
		"$HVSIM run --config t.json -- $HVSIM ctl list", folder), 0);
	expect_in_output("nic x: ");
	expect_in_output("host ws2012");
	assert_int_equal(shell("cd %s; $HVSIM run --host ws2019 --config t.json -- "
		"$HVSIM ctl list; rm t.json", folder), 0);
	expect_in_output("host ws2019");
}

static void
long_paths_work(void **state)
{
	char part[201];

	(void)state;
	memset(part, 'x', 200);
	part[200] = '\0';
	assert_int_equal(shell("mkdir -p %s/%s/%s; XDG_RUNTIME_DIR=%s/%s/%s $HVSIM run -- "
		"sh -c 'ls /sys/bus/vmbus/devices && LD_PRELOAD= $HVSIM ctl list'", folder, part, part, folder,
		part, part), 0);
	expect_in_output("nic nic0: ");
	assert_int_equal(shell("ls -A %s/%s/%s", folder, part, part), 0);
	expect_output("");
}

/* ---- serve, exec, ctl, top ---- */

/* Starts one, with a socket at $c, for the script that follows. */
#define SERVE "cd %s; c=$PWD/sock; $HVSIM serve --control sock " \
	"--nic name=a,queues=2,port=echo > out & p=$!\n" \
	"for i in $(seq 200); do test -s out && break; sleep 0.05; done\n"
#define SERVE_END "\nkill $p; wait $p; s=$?; rm -f out; exit $s"

static void
serve_says_how_to_join_and_ends_cleanly(void **state)
{
	(void)state;
	assert_int_equal(shell(SERVE "cat out" SERVE_END, folder), 0);
	expect_in_output("/sock\nguest guest0: hvsim exec --control /tmp/");
	expect_nothing_left();
}

static void
exec_runs_commands_in_the_guest(void **state)
{
	(void)state;
	assert_int_equal(shell(SERVE "$HVSIM exec --control $c -- ls /sys/class/uio; "
		"$HVSIM exec --control $c -- sh -c 'exit 9'; echo $?; "
		"HVSIM_CONTROL=$c $HVSIM exec --guest other -- true; echo $?; "
		"HVSIM_CONTROL=$c $HVSIM exec -- /nonexistent; echo $?" SERVE_END, folder), 0);
	expect_output("uio0\n9\nhvsim: exec: there is no guest \"other\"\n1\nhvsim: exec: cannot "
		"run \"/nonexistent\": No such file or directory\n127\n");
}

static void
ctl_takes_nics_away_and_gives_them_back(void **state)
{
	(void)state;
	assert_int_equal(shell(SERVE "export HVSIM_CONTROL=$c; look() { $HVSIM exec -- "
		"sh -c 'ls /sys/bus/vmbus/devices | wc -l'; }\n"
		"look; $HVSIM ctl nic add port=sink; look; $HVSIM ctl nic remove nic0; look; "
		"$HVSIM ctl nic remove nic0; $HVSIM ctl nic offer nic0; look; "
		"$HVSIM ctl nic delete nic0; look; $HVSIM ctl nic offer nic0" SERVE_END, folder),
		0);
	expect_output("1\nnic0\n2\n1\nhvsim: ctl: nic0 is not offered\n2\n1\n"
		"hvsim: ctl: there is no NIC \"nic0\"; there are: a\n");
}

static void
top_prints_tables_where_there_is_no_terminal(void **state)
{
	(void)state;
	assert_int_equal(shell(SERVE "$HVSIM top --control $c --interval 50ms --iterations 2"
		SERVE_END, folder), 0);
	expect_in_output("host ");
	expect_in_output("a                0 queues open\n");
	expect_in_output("echo");
	assert_null(strchr(output, '\033'));
	assert_non_null(strstr(strstr(output, "host ") + 1, "\nhost "));
}

static void
trace_follows_a_running_hvsim(void **state)
{
	(void)state;
	assert_int_equal(shell(SERVE "$HVSIM trace --control $c > t & q=$!\n"
		"for i in $(seq 200); do $HVSIM ctl --control $c nic remove a; "
		"$HVSIM ctl --control $c nic offer a; test -s t && break; sleep 0.05; done; cat t"
		"; rm t; kill $q; wait $q" SERVE_END, folder), 0);
	expect_in_output(" a/");
	expect_in_output("***");
}

static void
several_instances_live_side_by_side_and_ctl_asks_which(void **state)
{
	(void)state;
	assert_int_equal(shell("cd %s; $HVSIM serve > out1 & p=$!\n$HVSIM serve > out2 & q=$!\n"
		"for i in $(seq 200); do test -s out1 && test -s out2 && break; sleep 0.05; done\n"
		"$HVSIM ctl list; echo $?; for o in out1 out2; do "
		"$HVSIM ctl --control $(sed -n 's/control: //p' $o) list | grep -c guest0; done\n"
		"kill $p $q; wait $p && wait $q; s=$?; rm out1 out2; exit $s", folder), 0);
	assert_memory_equal(output, "hvsim: ctl: ", 12);
	expect_in_output(" hvsims are running; choose by --control PATH: ");
	expect_in_output("\n1\n1\n1\n");
	expect_nothing_left();
}

static void
a_control_socket_in_use_is_left_alone(void **state)
{
	(void)state;
	assert_int_equal(shell(SERVE "$HVSIM run --control $c -- true; echo $?; "
		"$HVSIM ctl --control $c list | grep -c 'nic a'" SERVE_END, folder), 0);
	expect_in_output("/sock: Address already in use\n1\n1\n");
	expect_nothing_left();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_command_explains_itself_with_examples),
		CASE(a_fault_is_armed_by_a_topology_file),
		CASE(a_wrong_command_line_is_status_2_and_one_line),
		CASE(a_wrong_command_line_of_boot_is_status_2_and_one_line),
		CASE(an_unknown_profile_is_named_with_those_there_are),
		CASE(run_ends_with_what_its_command_ends_with),
		CASE(strict_makes_a_violation_the_exit_status_of_a_command_that_succeeds),
		CASE(physical_addresses_are_refused_to_ordinary_users),
		CASE(the_command_sees_its_nic_and_nobody_else_does),
		CASE(what_is_preloaded_already_stays_and_comes_first),
		CASE(a_signal_to_hvsim_reaches_the_command),
		CASE(a_command_that_ignores_sigterm_is_killed_in_bounded_time),
		CASE(nothing_is_left_when_hvsim_is_killed),
		CASE(hvsim_writes_what_it_was_asked_to_tell),
		CASE(a_fifo_that_nobody_holds_is_refused_and_not_waited_for),
		CASE(a_topology_file_gives_way_to_options),
		CASE(long_paths_work),
		CASE(serve_says_how_to_join_and_ends_cleanly),
		CASE(exec_runs_commands_in_the_guest),
		CASE(ctl_takes_nics_away_and_gives_them_back),
		CASE(top_prints_tables_where_there_is_no_terminal),
		CASE(trace_follows_a_running_hvsim),
		CASE(several_instances_live_side_by_side_and_ctl_asks_which),
		CASE(a_control_socket_in_use_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
