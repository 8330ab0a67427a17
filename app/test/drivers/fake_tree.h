/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_TREE_H
#define FAKE_TREE_H

/* A sysfs folder of VMBus devices below /tmp, as the tests write it. Include it
 * before a source of the bus: that then looks here. */

#include <stdint.h>

#include "vmbus_sysfs.h"

#undef VMBUS_SYSFS_DEVICES
#define VMBUS_SYSFS_DEVICES fake_tree_root

extern char fake_tree_root[64];

int fake_tree_create(void **state);
int fake_tree_destroy(void **state);

/* Writes a file, and the folders above it; `format` is of its path. */
__attribute__((format(printf, 2, 3)))
void fake_tree_put(const char *text, const char *format, ...);
__attribute__((format(printf, 1, 2)))
void fake_tree_folder(const char *format, ...);
/* Removes a file, or a folder with all that is in it. */
void fake_tree_drop(const char *path);
/* The same for a file of zeros. */
void fake_tree_zeros(const char *path, uint64_t bytes);

/* A NIC that is bound to uio_hv_generic as uio<uio>, with its maps; the folder's
 * name is `name`. */
void fake_tree_nic(const char *name, const char *guid, unsigned int relid, unsigned int uio);
/* A folder of channels/, with a monitor; its ring comes extra. */
void fake_tree_channel(const char *name, unsigned int relid, unsigned int index);

#define FAKE_RINGS_BYTES (2u * 3u * 4096u)
#define FAKE_BUFFER_BYTES 0x10000u

#endif /* FAKE_TREE_H */
