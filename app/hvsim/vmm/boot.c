/* SPDX-License-Identifier: BSD-3-Clause */

/* See boot.h. */

#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/util.h"
#include "acpi.h"

/* Where things are put: below the kernel, and the initrd at the top. */
#define GDT_GPA 0x500u
#define BOOT_PARAMS_GPA 0x7000u
#define PAGE_TABLES_GPA 0x9000u
#define STACK_GPA 0x8ff0u
#define CMDLINE_GPA 0x20000u
#define KERNEL_GPA 0x100000u

#define PAGE 4096u
#define CMDLINE_MAX 2048u
#define SECTOR 512u
/* Offsets in the kernel's setup header, which are those in boot_params, too. */
#define HDR_SETUP_SECTS 0x1f1
#define HDR_MAGIC 0x202
#define HDR_LOADER 0x210
#define HDR_INITRD 0x218
#define HDR_INITRD_BYTES 0x21c
#define HDR_CMDLINE 0x228
#define HDR_XLOADFLAGS 0x236
#define HDR_INIT_SIZE 0x260
#define XLF_KERNEL_64 1u
#define PARAMS_RSDP 0x070
#define PARAMS_E820_COUNT 0x1e8
#define PARAMS_E820 0x2d0
#define E820_RAM 1u
#define E820_RESERVED 2u

static void
put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static uint32_t
get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static int
read_all(int fd, uint64_t at, uint8_t *to, uint64_t bytes)
{
	while (bytes > 0) {
		ssize_t n = pread(fd, to, bytes, (off_t)at);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		to += n;
		at += (uint64_t)n;
		bytes -= (uint64_t)n;
	}
	return 0;
}

static int
open_file(const char *path, uint64_t *bytes, char *error, size_t error_bytes)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0) {
		int ret = -errno;

		snprintf(error, error_bytes, "%s: %s", path, strerror(-ret));
		if (fd >= 0)
			close(fd);
		return ret;
	}
	*bytes = (uint64_t)st.st_size;
	return fd;
}

static int
wrong(const char *path, const char *what, char *error, size_t error_bytes)
{
	snprintf(error, error_bytes, "%s: %s", path, what);
	return -EINVAL;
}

/* The setup header goes into boot_params, the rest of the file to 1 MiB. */
static int
kernel_read(const struct vmm_memory *memory, int fd, uint64_t bytes, const char *path,
	char *error, size_t error_bytes)
{
	uint8_t head[0x1000], *params = vmm_memory_at(memory, BOOT_PARAMS_GPA, PAGE);
	uint64_t setup, header_end;
	uint8_t *to;

	if (bytes < sizeof(head) || read_all(fd, 0, head, sizeof(head)) < 0 ||
	    memcmp(head + HDR_MAGIC, "HdrS", 4) != 0)
		return wrong(path, "is no bzImage", error, error_bytes);
	if ((head[HDR_XLOADFLAGS] & XLF_KERNEL_64) == 0)
		return wrong(path, "has no 64-bit entry", error, error_bytes);
	setup = (head[HDR_SETUP_SECTS] == 0 ? 5u : head[HDR_SETUP_SECTS] + 1u) * SECTOR;
	header_end = 0x202u + head[0x201];
	if (setup >= bytes)
		return wrong(path, "is cut short", error, error_bytes);
	to = vmm_memory_at(memory, KERNEL_GPA,
		HV_MAX(bytes - setup, get32(head + HDR_INIT_SIZE)));
	if (params == NULL || to == NULL)
		return wrong(path, "needs more memory", error, error_bytes);
	memcpy(params + HDR_SETUP_SECTS, head + HDR_SETUP_SECTS, header_end - HDR_SETUP_SECTS);
	return read_all(fd, setup, to, bytes - setup);
}

static int
kernel_load(const struct vmm_memory *memory, const char *path, char *error, size_t error_bytes)
{
	uint64_t bytes = 0;
	int fd = open_file(path, &bytes, error, error_bytes), ret;

	if (fd < 0)
		return fd;
	snprintf(error, error_bytes, "%s: cannot be read", path);
	ret = kernel_read(memory, fd, bytes, path, error, error_bytes);
	close(fd);
	return ret;
}

static int
initrd_load(const struct vmm_memory *memory, const char *path, char *error, size_t error_bytes)
{
	uint8_t *params = vmm_memory_at(memory, BOOT_PARAMS_GPA, PAGE), *to = NULL;
	uint64_t bytes = 0, at = 0;
	int fd = open_file(path, &bytes, error, error_bytes), ret = -EIO;

	if (fd < 0)
		return fd;
	if (bytes <= memory->low_bytes) {
		at = (memory->low_bytes - bytes) & ~(uint64_t)(PAGE - 1);
		to = vmm_memory_at(memory, at, bytes);
	}
	/* Above where the kernel unpacks itself. */
	if (to == NULL || at < KERNEL_GPA + get32(params + HDR_INIT_SIZE)) {
		close(fd);
		return wrong(path, "does not fit into the memory", error, error_bytes);
	}
	ret = read_all(fd, 0, to, bytes);
	close(fd);
	if (ret < 0)
		snprintf(error, error_bytes, "%s: %s", path, strerror(-ret));
	put32(params + HDR_INITRD, (uint32_t)at);
	put32(params + HDR_INITRD_BYTES, (uint32_t)bytes);
	return ret;
}

static void
e820_add(uint8_t *params, uint64_t at, uint64_t end, uint32_t type)
{
	uint8_t *entry = params + PARAMS_E820 + 20u * params[PARAMS_E820_COUNT]++;
	uint64_t bytes = end - at;

	memcpy(entry, &at, 8);
	memcpy(entry + 8, &bytes, 8);
	put32(entry + 16, type);
}

static void
params_write(const struct vmm_memory *memory, const char *cmdline)
{
	uint8_t *params = vmm_memory_at(memory, BOOT_PARAMS_GPA, PAGE);
	uint64_t rsdp = ACPI_GPA;

	params[HDR_LOADER] = 0xff;
	put32(params + HDR_CMDLINE, CMDLINE_GPA);
	memcpy(params + PARAMS_RSDP, &rsdp, sizeof(rsdp));
	memcpy(vmm_memory_at(memory, CMDLINE_GPA, CMDLINE_MAX), cmdline, strlen(cmdline) + 1);
	params[PARAMS_E820_COUNT] = 0;
	e820_add(params, 0, 0xa0000, E820_RAM);
	e820_add(params, ACPI_GPA, KERNEL_GPA, E820_RESERVED);
	e820_add(params, KERNEL_GPA, memory->low_bytes, E820_RAM);
	if (memory->bytes > memory->low_bytes)
		e820_add(params, VMM_HIGH_BASE,
			VMM_HIGH_BASE + memory->bytes - memory->low_bytes, E820_RAM);
}

/* 4 GiB, one to one, in pages of 2 MiB. */
static void
page_tables_write(const struct vmm_memory *memory)
{
	uint64_t *table = (uint64_t *)(void *)vmm_memory_at(memory, PAGE_TABLES_GPA, 6 * PAGE);
	const uint64_t present = 0x3, large = 0x83;

	table[0] = (PAGE_TABLES_GPA + PAGE) | present;
	for (uint64_t i = 0; i < 4; i++)
		table[512 + i] = (PAGE_TABLES_GPA + (2 + i) * PAGE) | present;
	for (uint64_t i = 0; i < 4 * 512; i++)
		table[2 * 512 + i] = i << 21 | large;
}

/* Selector 0x10 is flat 64-bit code, 0x18 flat data. */
static void
gdt_write(const struct vmm_memory *memory)
{
	const uint64_t gdt[] = { 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff };

	memcpy(vmm_memory_at(memory, GDT_GPA, sizeof(gdt)), gdt, sizeof(gdt));
}

int
vmm_boot_load(const struct vmm_memory *memory, const struct vmm_boot *boot, uint64_t *entry,
	char *error, size_t error_bytes)
{
	int ret;

	if (strlen(boot->cmdline) >= CMDLINE_MAX)
		return wrong("the command line", "is too long", error, error_bytes);
	ret = kernel_load(memory, boot->kernel, error, error_bytes);
	if (ret == 0 && boot->initrd != NULL)
		ret = initrd_load(memory, boot->initrd, error, error_bytes);
	if (ret < 0)
		return ret;
	params_write(memory, boot->cmdline);
	page_tables_write(memory);
	gdt_write(memory);
	vmm_acpi_write(vmm_memory_at(memory, ACPI_GPA, ACPI_BYTES), boot->cpus);
	*entry = KERNEL_GPA + 0x200;
	return 0;
}

void
vmm_boot_cpu(struct kvm_sregs *sregs, struct kvm_regs *regs, uint64_t entry)
{
	const struct kvm_segment code = {
		.limit = 0xffffffff, .selector = 0x10, .type = 0xb, .present = 1, .s = 1, .l = 1,
		.g = 1,
	};
	struct kvm_segment data = code;

	data.selector = 0x18;
	data.type = 0x3;
	data.l = 0;
	data.db = 1;
	sregs->cs = code;
	sregs->ds = sregs->es = sregs->ss = sregs->fs = sregs->gs = data;
	sregs->gdt.base = GDT_GPA;
	sregs->gdt.limit = 4 * 8 - 1;
	sregs->cr0 = 0x80000033;        /* PG, NE, ET, MP, PE */
	sregs->cr3 = PAGE_TABLES_GPA;
	sregs->cr4 = 0x20;              /* PAE */
	sregs->efer = 0x500;            /* LMA, LME */
	*regs = (struct kvm_regs) {
		.rip = entry, .rsi = BOOT_PARAMS_GPA, .rsp = STACK_GPA, .rflags = 2,
	};
}
