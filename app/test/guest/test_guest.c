/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * libhvsim-guest.so for real: the kernel part runs in this process, a guest
 * program (guest_client.c, or bash, python3) runs preloaded as a child. Each
 * case of the client is a test of the same name here.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/util.h"
#include "guest_host.h"

#define GUID HOST_GUID

struct program {
	char *const *argv;
	int out;                /* its standard output; -1: the test's */
};

static void
program_exec(void *arg)
{
	const struct program *program = arg;
	const char *old = getenv("ASAN_OPTIONS");
	char *options;

	setenv("HVSIM_DIR", host_dir(), 1);
	setenv("LD_PRELOAD", getenv("HVSIM_GUEST_PRELOAD"), 1);
	if (asprintf(&options, "%s:detect_leaks=0", old != NULL ? old : "") > 0)
		setenv("ASAN_OPTIONS", options, 1);
	if (program->out >= 0)
		dup2(program->out, STDOUT_FILENO);
	execvp(program->argv[0], program->argv);
	_exit(127);
}

static int
guest_run(char *const argv[], int out)
{
	struct program program = { argv, out };

	assert_non_null(getenv("HVSIM_GUEST_PRELOAD"));
	return host_serve(program_exec, &program);
}

static unsigned int
open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static unsigned int
shared_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[PATH_MAX];
	unsigned int count = 0;

	while (fgets(line, sizeof(line), maps))
		count += strstr(line, "memfd:") != NULL;
	fclose(maps);
	return count;
}

/* A client case passes, and hvsim has nothing left of the guest after it. */
static void
client_case(const char *name, const char *profile, const char *deeper)
{
	static const char *const clients[] = { "HVSIM_GUEST_CLIENT", "HVSIM_GUEST_CLIENT32" };

	for (unsigned int i = 0; i < ARRAY_SIZE(clients); i++) {
		const char *client = getenv(clients[i]);
		char *argv[] = { NULL, NULL, NULL };
		unsigned int fds, maps;
		char program[PATH_MAX], arg[64];

		assert_non_null(client);
		snprintf(program, sizeof(program), "%s", client);
		snprintf(arg, sizeof(arg), "%s", name);
		argv[0] = program;
		argv[1] = arg;
		fds = open_descriptors();
		maps = shared_mappings();
		host_start(profile, deeper);
		assert_int_equal(guest_run(argv, -1), 0);
		host_stop();
		assert_int_equal(open_descriptors(), fds);
		assert_int_equal(shared_mappings(), maps);
	}
}

/* Runs a shell line as the guest; its output is what is expected. */
static void
shell_says(const char *line, const char *expected)
{
	char sh[] = "bash", option[] = "-c", command[1024];
	char *argv[] = { sh, option, command, NULL };
	char said[4096] = "";
	int pipes[2], status;
	ssize_t bytes;

	snprintf(command, sizeof(command), "%s", line);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	host_start("", "");
	status = guest_run(argv, pipes[1]);
	if (status != 0)
		fail_msg("exit status %d of: %s", status, line);
	host_stop();
	close(pipes[1]);
	bytes = read(pipes[0], said, sizeof(said) - 1);
	close(pipes[0]);
	assert_true(bytes >= 0);
	said[bytes] = '\0';
	assert_string_equal(said, expected);
}

/* ---- tests ---- */

#define CLIENT_CASE(name) \
	static void \
	name(void **state) \
	{ \
		(void)state; \
		client_case(#name, "", ""); \
	}

CLIENT_CASE(the_tree_is_found_by_every_way_of_looking)
CLIENT_CASE(paths_lead_into_the_tree_from_anywhere)
CLIENT_CASE(links_and_real_paths_are_those_of_sysfs)
CLIENT_CASE(walkers_report_paths_of_sysfs)
CLIENT_CASE(attributes_are_read_by_every_call)
CLIENT_CASE(attribute_stores_return_the_kernels_error)
CLIENT_CASE(other_files_are_untouched)
CLIENT_CASE(uio_device_is_a_character_device)
CLIENT_CASE(uio_read_returns_the_event_count)
CLIENT_CASE(uio_read_takes_exactly_four_bytes)
CLIENT_CASE(uio_read_blocks_until_an_event)
CLIENT_CASE(uio_events_coalesce_and_poll_agrees)
CLIENT_CASE(uio_write_sets_the_mask_before_it_returns)
CLIENT_CASE(uio_write_masks_all_channels)
CLIENT_CASE(uio_maps_have_the_kernels_bounds)
CLIENT_CASE(mappings_keep_the_device_open)
CLIENT_CASE(mappings_end_by_overmapping_and_moving)
CLIENT_CASE(partial_unmapping_keeps_the_device_open)
CLIENT_CASE(duplicates_keep_the_device_open)
CLIENT_CASE(a_lock_keeps_others_out_until_its_holder_is_gone)
CLIENT_CASE(descriptors_survive_exec)
CLIENT_CASE(forked_children_keep_the_device_open)
CLIENT_CASE(fclose_and_fdopen_follow_the_descriptor)
CLIENT_CASE(hidden_descriptors_survive_the_program)
CLIENT_CASE(ring_attribute_maps_the_channels_ring)
CLIENT_CASE(ring_mapping_does_not_keep_the_device_open)
CLIENT_CASE(rescind_gives_eio_and_stays_readable)
CLIENT_CASE(shared_memory_is_read_in_place)
CLIENT_CASE(unmapped_memory_is_let_go)
CLIENT_CASE(private_memory_is_copied)
CLIENT_CASE(children_inherit_known_memory)
CLIENT_CASE(hugepages_are_free_after_munmap)
CLIENT_CASE(physical_pages_are_found)
CLIENT_CASE(shrunk_files_do_not_kill_the_host)
CLIENT_CASE(inotify_succeeds_and_stays_silent)
CLIENT_CASE(vanished_host_gives_errors_and_no_signal)
CLIENT_CASE(restarted_host_is_found_and_the_old_one_stays_dead)
CLIENT_CASE(restarted_host_knows_the_memory_of_parent_and_child)
CLIENT_CASE(threads_open_and_close_at_once)

static void
a_long_path_works(void **state)
{
	char deeper[256] = "/";

	(void)state;
	memset(deeper + 1, 'd', 200);
	client_case("uio_read_returns_the_event_count", "", deeper);
}

static void
old_kernels_mask_the_primary_only(void **state)
{
	(void)state;
	client_case("old_kernels_mask_the_primary_only", "5.15", "");
}

static void
ring_attribute_of_old_kernels_says_four_megabytes(void **state)
{
	(void)state;
	client_case("ring_attribute_of_old_kernels_says_four_megabytes", "5.15", "");
}

static void
shells_list_and_read_the_tree(void **state)
{
	(void)state;
	shell_says("ls /sys/bus/vmbus/devices", GUID "\n");
	shell_says("cd /sys/bus/vmbus/devices/*/ && pwd -P && cat class_id",
		"/sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00/" GUID "\n"
		"{f8615163-df3e-46c5-913f-f2d2f965ed0e}\n");
	shell_says("cd /sys/bus && ls vmbus/devices", GUID "\n");
	shell_says("find /sys/bus/vmbus/devices/ -name '" GUID "'",
		"/sys/bus/vmbus/devices/" GUID "\n");
	shell_says("readlink -f /sys/bus/vmbus/devices/" GUID,
		"/sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00/" GUID "\n");
	shell_says("ls -l /sys/bus/vmbus/devices 2>&1 >/dev/null; test -c /dev/uio*; echo $?", "1\n");
}

static void
shells_store_into_attributes(void **state)
{
	const char *say = "cd /sys/bus/vmbus/devices/" GUID "; ";
	char line[512];

	(void)state;
	/* The shell's own echo, and a program that inherits the descriptor. */
	snprintf(line, sizeof(line), "%s echo one >driver_override; cat driver_override", say);
	shell_says(line, "one\n");
	snprintf(line, sizeof(line), "%s /bin/echo two >driver_override; cat driver_override", say);
	shell_says(line, "two\n");
	snprintf(line, sizeof(line), "%s echo three | tee driver_override", say);
	shell_says(line, "three\n");
	snprintf(line, sizeof(line), "%s echo x 2>&- >class_id || echo refused", say);
	shell_says(line, "refused\n");
	snprintf(line, sizeof(line), "%s echo four >driver_override; echo seen; "
		"cat driver_override", say);
	shell_says(line, "seen\nfour\n");
}

static void
python_reads_the_tree(void **state)
{
	(void)state;
	shell_says("python3 -c 'import os,glob\n"
		"d=\"/sys/bus/vmbus/devices\"\n"
		"print(os.listdir(d), glob.glob(d+\"/*/id\")[0][:30])\n"
		"print(open(d+\"/\"+os.listdir(d)[0]+\"/class_id\").read().strip())\n"
		"print(os.path.realpath(d+\"/\"+os.listdir(d)[0])[:40])'",
		"['" GUID "'] /sys/bus/vmbus/devices/f5cbd6a\n"
		"{f8615163-df3e-46c5-913f-f2d2f965ed0e}\n"
		"/sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACP\n");
	shell_says("python3 -c 'import os\n"
		"p=\"/sys/bus/vmbus/devices/" GUID "/driver_override\"\n"
		"open(p,\"w\").write(\"py\")\n"
		"print(open(p).read().strip())'", "py\n");
}

int
main(void)
{
#define CASE(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		CASE(the_tree_is_found_by_every_way_of_looking),
		CASE(paths_lead_into_the_tree_from_anywhere),
		CASE(links_and_real_paths_are_those_of_sysfs),
		CASE(walkers_report_paths_of_sysfs),
		CASE(attributes_are_read_by_every_call),
		CASE(attribute_stores_return_the_kernels_error),
		CASE(other_files_are_untouched),
		CASE(uio_device_is_a_character_device),
		CASE(uio_read_returns_the_event_count),
		CASE(uio_read_takes_exactly_four_bytes),
		CASE(uio_read_blocks_until_an_event),
		CASE(uio_events_coalesce_and_poll_agrees),
		CASE(uio_write_sets_the_mask_before_it_returns),
		CASE(uio_write_masks_all_channels),
		CASE(uio_maps_have_the_kernels_bounds),
		CASE(mappings_keep_the_device_open),
		CASE(mappings_end_by_overmapping_and_moving),
		CASE(partial_unmapping_keeps_the_device_open),
		CASE(duplicates_keep_the_device_open),
		CASE(a_lock_keeps_others_out_until_its_holder_is_gone),
		CASE(descriptors_survive_exec),
		CASE(forked_children_keep_the_device_open),
		CASE(fclose_and_fdopen_follow_the_descriptor),
		CASE(hidden_descriptors_survive_the_program),
		CASE(ring_attribute_maps_the_channels_ring),
		CASE(ring_mapping_does_not_keep_the_device_open),
		CASE(rescind_gives_eio_and_stays_readable),
		CASE(shared_memory_is_read_in_place),
		CASE(unmapped_memory_is_let_go),
		CASE(private_memory_is_copied),
		CASE(children_inherit_known_memory),
		CASE(hugepages_are_free_after_munmap),
		CASE(physical_pages_are_found),
		CASE(shrunk_files_do_not_kill_the_host),
		CASE(inotify_succeeds_and_stays_silent),
		CASE(vanished_host_gives_errors_and_no_signal),
		CASE(restarted_host_is_found_and_the_old_one_stays_dead),
		CASE(restarted_host_knows_the_memory_of_parent_and_child),
		CASE(threads_open_and_close_at_once),
		CASE(a_long_path_works),
		CASE(old_kernels_mask_the_primary_only),
		CASE(ring_attribute_of_old_kernels_says_four_megabytes),
		CASE(shells_list_and_read_the_tree),
		CASE(shells_store_into_attributes),
		CASE(python_reads_the_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
