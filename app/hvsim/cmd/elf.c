/* SPDX-License-Identifier: BSD-3-Clause */

/* See elf.h: reads the program headers and the list of needed libraries of a
 * 64-bit little-endian file, trusting no offset in it. */

#include "elf.h"

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/util.h"

#define NEEDED_MAX 4096u

struct elf_file {
	const uint8_t *base;
	uint64_t bytes;
	Elf64_Ehdr header;
};

/* A copy of program header i; false if there is none. */
static bool
segment_at(const struct elf_file *file, unsigned int i, Elf64_Phdr *segment)
{
	uint64_t offset = (uint64_t)i * sizeof(*segment);

	if (i >= file->header.e_phnum || file->header.e_phentsize != sizeof(*segment) ||
	    !range_ok(file->header.e_phoff, offset + sizeof(*segment), file->bytes))
		return false;
	memcpy(segment, file->base + file->header.e_phoff + offset, sizeof(*segment));
	return true;
}

static bool
segment_find(const struct elf_file *file, uint32_t type, Elf64_Phdr *segment)
{
	for (unsigned int i = 0; segment_at(file, i, segment); i++) {
		if (segment->p_type == type)
			return true;
	}
	return false;
}

/* Where in the file an address is; UINT64_MAX if nowhere. */
static uint64_t
address_offset(const struct elf_file *file, uint64_t address)
{
	Elf64_Phdr segment;

	for (unsigned int i = 0; segment_at(file, i, &segment); i++) {
		if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
		    address - segment.p_vaddr < segment.p_filesz)
			return segment.p_offset + (address - segment.p_vaddr);
	}
	return UINT64_MAX;
}

static bool
dynamic_at(const struct elf_file *file, const Elf64_Phdr *dynamic, unsigned int i,
	Elf64_Dyn *entry)
{
	uint64_t offset = (uint64_t)i * sizeof(*entry);

	if (i >= NEEDED_MAX || !range_ok(offset, sizeof(*entry), dynamic->p_filesz) ||
	    !range_ok(dynamic->p_offset, offset + sizeof(*entry), file->bytes))
		return false;
	memcpy(entry, file->base + dynamic->p_offset + offset, sizeof(*entry));
	return entry->d_tag != DT_NULL;
}

/* Copies the name at the offset if it is the sanitizer's library. */
static bool
name_is_asan(const struct elf_file *file, uint64_t offset, char *name, size_t bytes)
{
	static const char prefix[] = "libasan.so";
	uint64_t room;

	if (offset >= file->bytes)
		return false;
	room = file->bytes - offset;
	if (room < sizeof(prefix) || memcmp(file->base + offset, prefix, sizeof(prefix) - 1) != 0)
		return false;
	snprintf(name, bytes, "%.*s", (int)HV_MIN(room, bytes - 1),
		(const char *)file->base + offset);
	return true;
}

static void
find_asan(const struct elf_file *file, struct elf_facts *facts)
{
	Elf64_Phdr dynamic;
	Elf64_Dyn entry;
	uint64_t strings = UINT64_MAX;

	if (!segment_find(file, PT_DYNAMIC, &dynamic))
		return;
	for (unsigned int i = 0; dynamic_at(file, &dynamic, i, &entry); i++) {
		if (entry.d_tag == DT_STRTAB)
			strings = address_offset(file, entry.d_un.d_ptr);
	}
	for (unsigned int i = 0; dynamic_at(file, &dynamic, i, &entry); i++) {
		uint64_t offset;

		if (entry.d_tag == DT_NEEDED && strings != UINT64_MAX &&
		    !__builtin_add_overflow(strings, entry.d_un.d_val, &offset) &&
		    name_is_asan(file, offset, facts->asan, sizeof(facts->asan)))
			return;
	}
}

static void
file_inspect(struct elf_file *file, struct elf_facts *facts)
{
	Elf64_Phdr segment;

	memcpy(&file->header, file->base, sizeof(file->header));
	if (memcmp(file->header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    file->header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    file->header.e_ident[EI_DATA] != ELFDATA2LSB)
		return;
	facts->elf = true;
	facts->dynamic = segment_find(file, PT_INTERP, &segment);
	find_asan(file, facts);
}

void
elf_inspect(const char *path, struct elf_facts *facts)
{
	struct elf_file file = { 0 };
	struct stat st;
	void *base;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	memset(facts, 0, sizeof(*facts));
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size >= (off_t)sizeof(file.header)) {
		file.bytes = (uint64_t)st.st_size;
		base = mmap(NULL, file.bytes, PROT_READ, MAP_PRIVATE, fd, 0);
		if (base != MAP_FAILED) {
			file.base = base;
			file_inspect(&file, facts);
			munmap(base, file.bytes);
		}
	}
	close(fd);
}
