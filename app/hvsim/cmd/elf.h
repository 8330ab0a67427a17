/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_ELF_H
#define HVSIM_ELF_H

/* What must be known of a program before a library is preloaded into it. */

#include <stdbool.h>

struct elf_facts {
	bool elf;               /* else a script, or unreadable */
	bool dynamic;           /* has an interpreter: preloading reaches it */
	char asan[64];          /* the address sanitizer's library it needs, or "" */
};

void elf_inspect(const char *path, struct elf_facts *facts);

#endif /* HVSIM_ELF_H */
