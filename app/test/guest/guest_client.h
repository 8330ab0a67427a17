/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_GUEST_CLIENT_H
#define TEST_GUEST_CLIENT_H

/* Helpers and cases of the guest program (guest_client.c, guest_client_map.c). */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest_host.h"

#define CHECK(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "%s:%d: does not hold: %s (errno %s)\n", __FILE__, __LINE__, \
			#condition, strerror(errno)); \
		_exit(1); \
	} \
} while (0)

#define CLASS_TEXT "{f8615163-df3e-46c5-913f-f2d2f965ed0e}\n"

extern char guid[], device_dir[];
const char *attr(const char *name);
int after_exec(int fd);
struct host_reply ask(uint64_t op, uint64_t arg);
bool open_files_become(int64_t count);
const char *uio_path(void);
int uio_open(int flags);
/* Within some seconds. */
bool becomes_readable(int fd);
bool map_fails(int fd, off_t offset, size_t bytes, int prot, int error);
/* Waits until the channel is open and its ring can be opened. */
const char *ring_path(unsigned int channel);
bool host_finds(const void *addr, bool in_place, char byte);

void the_tree_is_found_by_every_way_of_looking(void);
void paths_lead_into_the_tree_from_anywhere(void);
void links_and_real_paths_are_those_of_sysfs(void);
void walkers_report_paths_of_sysfs(void);
void attributes_are_read_by_every_call(void);
void attribute_stores_return_the_kernels_error(void);
void other_files_are_untouched(void);
void uio_device_is_a_character_device(void);
void uio_read_returns_the_event_count(void);
void uio_read_takes_exactly_four_bytes(void);
void uio_read_blocks_until_an_event(void);
void uio_events_coalesce_and_poll_agrees(void);
void uio_write_sets_the_mask_before_it_returns(void);
void uio_write_masks_all_channels(void);
void old_kernels_mask_the_primary_only(void);
void uio_maps_have_the_kernels_bounds(void);
void mappings_keep_the_device_open(void);
void mappings_end_by_overmapping_and_moving(void);
void partial_unmapping_keeps_the_device_open(void);
void duplicates_keep_the_device_open(void);
void a_lock_keeps_others_out_until_its_holder_is_gone(void);
void descriptors_survive_exec(void);
void forked_children_keep_the_device_open(void);
void fclose_and_fdopen_follow_the_descriptor(void);
void hidden_descriptors_survive_the_program(void);
void ring_attribute_maps_the_channels_ring(void);
void ring_attribute_of_old_kernels_says_four_megabytes(void);
void ring_mapping_does_not_keep_the_device_open(void);
void rescind_gives_eio_and_stays_readable(void);
void shared_memory_is_read_in_place(void);
void unmapped_memory_is_let_go(void);
void private_memory_is_copied(void);
void children_inherit_known_memory(void);
void hugepages_are_free_after_munmap(void);
void physical_pages_are_found(void);
void shrunk_files_do_not_kill_the_host(void);
void inotify_succeeds_and_stays_silent(void);
void vanished_host_gives_errors_and_no_signal(void);
void restarted_host_is_found_and_the_old_one_stays_dead(void);
void restarted_host_knows_the_memory_of_parent_and_child(void);
void threads_open_and_close_at_once(void);

#endif /* TEST_GUEST_CLIENT_H */
