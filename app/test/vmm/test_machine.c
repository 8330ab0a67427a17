/* SPDX-License-Identifier: BSD-3-Clause */

/* The parts of the virtual machine that need no KVM: CPUID, ACPI, boot loader,
 * memory, UART, message and event flag pages. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/acpi.h"
#include "vmm/boot.h"
#include "vmm/cpuid.h"
#include "vmm/memory.h"
#include "vmm/synic.h"
#include "vmm/uart.h"

#define MIB (1ull << 20)

/* ---- CPUID ---- */

static const struct kvm_cpuid_entry2 *
leaf(const struct vmm_cpuid *cpuid, uint32_t function)
{
	for (uint32_t i = 0; i < cpuid->head.nent; i++) {
		if (cpuid->entry[i].function == function)
			return &cpuid->entry[i];
	}
	return NULL;
}

static void
no_other_hypervisor_is_left_in_the_cpuid(void **state)
{
	static struct vmm_cpuid supported, cpuid;
	const struct kvm_cpuid_entry2 entries[] = {
		{ .function = 0, .eax = 0x10 }, { .function = 1, .ebx = 0x12345678 },
		{ .function = 0x40000000, .ebx = 0x4b4d564b }, { .function = 0x40000001 },
		{ .function = 0x40000100, .ebx = 0x4b4d564b }, { .function = 0x8000001e },
	};

	(void)state;
	memcpy(supported.entry, entries, sizeof(entries));
	supported.head.nent = ARRAY_SIZE(entries);
	assert_int_equal(vmm_cpuid_make(&cpuid, &supported, 3, 4), 0);
	assert_int_equal(cpuid.head.nent, 3 + 6);
	assert_int_equal(leaf(&cpuid, 0x40000000)->ebx, 0x7263694d);
	assert_int_equal(leaf(&cpuid, 0x40000001)->eax, 0x31237648);
	assert_null(leaf(&cpuid, 0x40000100));
	assert_int_equal(leaf(&cpuid, 1)->ebx, 0x03045678);
	assert_true((leaf(&cpuid, 1)->ecx & 1u << 31) != 0);
	assert_int_equal(leaf(&cpuid, 0x8000001e)->eax, 3);
	/* Neither the partition id, which KVM cannot answer, nor the root partition,
	 * nor isolation. */
	assert_int_equal(leaf(&cpuid, 0x40000003)->ebx & (1u << 1 | 1u << 12 | 1u << 22), 0);
}

static void
more_cpuid_entries_than_there_is_room_for_fail(void **state)
{
	static struct vmm_cpuid supported, cpuid;

	(void)state;
	supported.head.nent = CPUID_ENTRIES_MAX;
	assert_int_equal(vmm_cpuid_make(&cpuid, &supported, 0, 1), -E2BIG);
	supported.head.nent = UINT32_MAX;
	assert_int_equal(vmm_cpuid_make(&cpuid, &supported, 0, 1), -E2BIG);
}

/* ---- ACPI ---- */

static uint32_t
get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint8_t
sum(const uint8_t *at, uint32_t bytes)
{
	uint8_t total = 0;

	while (bytes-- > 0)
		total = (uint8_t)(total + *at++);
	return total;
}

static void
acpi_tables_are_found_from_the_rsdp_and_sum_to_zero(void **state)
{
	static uint8_t area[ACPI_BYTES];
	const uint8_t *xsdt, *fadt, *madt, *dsdt;

	(void)state;
	for (unsigned int cpus = 1; cpus <= 64; cpus += 63) {
		memset(area, 0, sizeof(area));
		vmm_acpi_write(area, cpus);
		assert_memory_equal(area, "RSD PTR ", 8);
		assert_int_equal(sum(area, 20), 0);
		assert_int_equal(sum(area, 36), 0);
		xsdt = area + get32(area + 24) - ACPI_GPA;
		assert_memory_equal(xsdt, "XSDT", 4);
		fadt = area + get32(xsdt + 36) - ACPI_GPA;
		madt = area + get32(xsdt + 44) - ACPI_GPA;
		dsdt = area + get32(fadt + 40) - ACPI_GPA;
		assert_memory_equal(fadt, "FACP", 4);
		assert_memory_equal(madt, "APIC", 4);
		assert_memory_equal(dsdt, "DSDT", 4);
		assert_int_equal(sum(xsdt, get32(xsdt + 4)), 0);
		assert_int_equal(sum(fadt, get32(fadt + 4)), 0);
		assert_int_equal(sum(madt, get32(madt + 4)), 0);
		assert_int_equal(sum(dsdt, get32(dsdt + 4)), 0);
		assert_int_equal(get32(madt + 4), 36 + 8 + 8 * cpus + 12);
		assert_true(dsdt + get32(dsdt + 4) <= area + sizeof(area));
		assert_true(madt + get32(madt + 4) <= dsdt);
	}
}

/* ---- memory ---- */

static void
guest_addresses_lead_to_memory_or_nowhere(void **state)
{
	struct vmm_memory memory;

	(void)state;
	assert_int_equal(vmm_memory_create(&memory, VMM_LOW_MAX + 4 * MIB), 0);
	assert_ptr_equal(vmm_memory_at(&memory, 0, 1), memory.base);
	assert_ptr_equal(vmm_memory_at(&memory, VMM_HIGH_BASE, 4 * MIB),
		memory.base + VMM_LOW_MAX);
	assert_non_null(vmm_memory_at(&memory, VMM_LOW_MAX - 1, 1));
	assert_null(vmm_memory_at(&memory, VMM_LOW_MAX - 1, 2));
	assert_null(vmm_memory_at(&memory, VMM_LOW_MAX, 1));
	assert_null(vmm_memory_at(&memory, VMM_HIGH_BASE - 1, 2));
	assert_null(vmm_memory_at(&memory, VMM_HIGH_BASE + 4 * MIB, 1));
	assert_null(vmm_memory_at(&memory, UINT64_MAX, 2));
	assert_null(vmm_memory_at(&memory, 1, UINT64_MAX));
	vmm_memory_destroy(&memory);
}

static void
scattered_pages_become_one_piece_of_the_same_memory(void **state)
{
	const uint64_t pages[] = { 7, 8, 9, 3, 1, 2, 100 };
	const uint64_t wrong[][2] = {
		{ 1, 1000000 }, { UINT64_MAX, 1 }, { 1, UINT64_MAX >> 12 }, { 1ull << 52, 1 },
	};
	struct vmm_memory memory;
	uint8_t *base;

	(void)state;
	assert_int_equal(vmm_memory_create(&memory, 2 * MIB), 0);
	assert_int_equal(vmm_memory_map(&memory, pages, ARRAY_SIZE(pages), &base), 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(pages); i++) {
		base[i * HV_PAGE_BYTES + i] = (uint8_t)(i + 1);
		assert_int_equal(memory.base[pages[i] * HV_PAGE_BYTES + i], i + 1);
	}
	vmm_memory_unmap(base, ARRAY_SIZE(pages));
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(vmm_memory_map(&memory, wrong[i], 2, &base), -EFAULT);
		assert_null(base);
	}
	vmm_memory_clear(&memory);
	assert_int_equal(memory.base[7 * HV_PAGE_BYTES], 0);
	vmm_memory_destroy(&memory);
}

/* ---- boot loader ---- */

static void
kernel_write(const char *path, uint32_t bytes, uint8_t xloadflags, uint32_t init_size)
{
	uint8_t *image = calloc(1, bytes);
	FILE *f = fopen(path, "w");

	assert_non_null(image);
	assert_non_null(f);
	image[0x1f1] = 3;
	image[0x201] = 0x6a;
	memcpy(image + 0x202, "HdrS", 4);
	image[0x236] = xloadflags;
	memcpy(image + 0x260, &init_size, sizeof(init_size));
	memset(image + 4 * 512, 0x5a, bytes - 4 * 512);
	assert_int_equal(fwrite(image, 1, bytes, f), bytes);
	fclose(f);
	free(image);
}

static void
a_kernel_and_its_initrd_lie_where_the_boot_protocol_says(void **state)
{
	char path[] = "/tmp/test-kernel-XXXXXX", error[256];
	struct vmm_boot boot = { .kernel = path, .initrd = path, .cmdline = "quiet", .cpus = 2 };
	struct vmm_memory memory;
	uint64_t entry;
	int fd = mkstemp(path);

	(void)state;
	close(fd);
	kernel_write(path, 0x4000, 1, 0x100000);
	assert_int_equal(vmm_memory_create(&memory, 8 * MIB), 0);
	assert_int_equal(vmm_boot_load(&memory, &boot, &entry, error, sizeof(error)), 0);
	assert_int_equal(entry, 0x100200);
	assert_int_equal(memory.base[0x100000], 0x5a);
	assert_int_equal(get32(memory.base + 0x7000 + 0x218), 8 * MIB - 0x4000);
	assert_int_equal(get32(memory.base + 0x7000 + 0x21c), 0x4000);
	assert_string_equal((char *)memory.base + get32(memory.base + 0x7000 + 0x228), "quiet");
	assert_int_equal(memory.base[0x7000 + 0x1e8], 3);
	vmm_memory_destroy(&memory);
	unlink(path);
}

static void
what_is_no_kernel_or_does_not_fit_is_refused(void **state)
{
	static const struct {
		uint32_t bytes, init_size;
		uint8_t xloadflags;
	} cases[] = {
		{ 0x4000, 0x100000, 0 }, { 0x800, 0x100000, 1 }, { 0x4000, 0xffffffff, 1 },
		{ 0x4000, 8 * MIB, 1 },
	};
	char path[] = "/tmp/test-kernel-XXXXXX", error[256];
	struct vmm_boot boot = { .kernel = path, .cmdline = "", .cpus = 1 };
	struct vmm_memory memory;
	uint64_t entry;
	int fd = mkstemp(path);

	(void)state;
	close(fd);
	assert_int_equal(vmm_memory_create(&memory, 8 * MIB), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		kernel_write(path, cases[i].bytes, cases[i].xloadflags, cases[i].init_size);
		error[0] = '\0';
		assert_true(vmm_boot_load(&memory, &boot, &entry, error, sizeof(error)) < 0);
		assert_non_null(strstr(error, path));
	}
	unlink(path);
	assert_int_equal(vmm_boot_load(&memory, &boot, &entry, error, sizeof(error)), -ENOENT);
	vmm_memory_destroy(&memory);
}

/* ---- UART ---- */

static bool line;

static void
line_set(void *arg, bool high)
{
	(void)arg;
	line = high;
}

static void
a_uart_writes_lines_and_interrupts_for_input(void **state)
{
	static struct vmm_uart uart;
	char text[16] = { 0 };
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	vmm_uart_init(&uart, fds[1], line_set, NULL);
	vmm_uart_write(&uart, 0, 'h');
	vmm_uart_write(&uart, 0, 'i');
	vmm_uart_write(&uart, 0, '\n');
	assert_int_equal(read(fds[0], text, sizeof(text)), 3);
	assert_string_equal(text, "hi\n");
	assert_false(line);
	vmm_uart_write(&uart, 1, 1);
	assert_int_equal(vmm_uart_input(&uart, (const uint8_t *)"ok", 2), 2);
	assert_true(line);
	assert_int_equal(vmm_uart_read(&uart, 2) & 0x0f, 0x04);
	assert_int_equal(vmm_uart_read(&uart, 5), 0x61);
	assert_int_equal(vmm_uart_read(&uart, 0), 'o');
	assert_int_equal(vmm_uart_read(&uart, 0), 'k');
	assert_false(line);
	assert_int_equal(vmm_uart_read(&uart, 5), 0x60);
	vmm_uart_write(&uart, 1, 2);    /* it may send: said once */
	assert_true(line);
	assert_int_equal(vmm_uart_read(&uart, 2) & 0x0f, 0x02);
	assert_false(line);
	vmm_uart_write(&uart, 3, 0x80);
	vmm_uart_write(&uart, 0, 0x0c);
	assert_int_equal(vmm_uart_read(&uart, 0), 0x0c);
	close(fds[0]);
	close(fds[1]);
}

static void
a_uart_takes_no_more_input_than_it_has_room_for(void **state)
{
	static struct vmm_uart uart;
	static uint8_t much[UART_INPUT_MAX + 5];

	(void)state;
	vmm_uart_init(&uart, -1, line_set, NULL);
	assert_int_equal(vmm_uart_input(&uart, much, sizeof(much)), UART_INPUT_MAX);
	assert_int_equal(vmm_uart_room(&uart), 0);
	vmm_uart_read(&uart, 0);
	assert_int_equal(vmm_uart_room(&uart), 1);
}

/* ---- messages and event flags ---- */

static void
messages_wait_in_order_until_the_guest_has_taken_the_one_before(void **state)
{
	static struct vmm_synic synic;
	struct vmm_memory memory;
	uint8_t *slot;
	uint64_t count;

	(void)state;
	assert_int_equal(vmm_memory_create(&memory, 2 * MIB), 0);
	assert_int_equal(vmm_synic_create(&synic, &memory, 2), 0);
	memset(memory.base + 0x5000, 0xff, 0x1000);
	vmm_synic_post(&synic, 1, "first", 5);
	assert_int_equal(synic.waiting, 1);     /* it is not enabled */
	vmm_synic_update(&synic, 1, 1, 0x4001, 0x5001);
	vmm_synic_deliver(&synic);
	slot = memory.base + 0x5000 + 2 * 256;
	assert_int_equal(get32(slot), 1);
	assert_int_equal(slot[4], 5);
	assert_int_equal(slot[5], 0);
	assert_memory_equal(slot + 16, "first", 5);
	assert_int_equal(read(synic.vp[1].irq_fd, &count, sizeof(count)), sizeof(count));
	vmm_synic_post(&synic, 1, "second", 6);
	assert_int_equal(slot[5], 1);           /* the guest is to say when it is done */
	assert_int_equal(synic.waiting, 1);
	memset(slot, 0, 4);
	vmm_synic_deliver(&synic);
	assert_memory_equal(slot + 16, "second", 6);
	assert_int_equal(synic.waiting, 0);
	vmm_synic_destroy(&synic);
	vmm_memory_destroy(&memory);
}

static void
an_event_flag_interrupts_once_until_the_guest_clears_it(void **state)
{
	static struct vmm_synic synic;
	struct vmm_memory memory;
	uint64_t count;

	(void)state;
	assert_int_equal(vmm_memory_create(&memory, 2 * MIB), 0);
	assert_int_equal(vmm_synic_create(&synic, &memory, 1), 0);
	vmm_synic_flag(&synic, 0, 9);           /* nowhere to put it */
	assert_int_equal(synic.flags_lost, 1);
	vmm_synic_update(&synic, 0, 1, 0x4001, 0x5001);
	vmm_synic_flag(&synic, 0, 2047);
	vmm_synic_flag(&synic, 0, 2047);
	assert_int_equal(memory.base[0x4000 + 512 + 255], 0x80);
	assert_int_equal(read(synic.vp[0].irq_fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
	/* A page that leads out of the RAM is none. */
	vmm_synic_update(&synic, 0, 1, 0x7ffffffff001, 0x7ffffffff001);
	vmm_synic_flag(&synic, 0, 1);
	vmm_synic_post(&synic, 0, "x", 1);
	assert_int_equal(synic.flags_lost, 2);
	assert_int_equal(synic.waiting, 1);
	vmm_synic_reset(&synic);
	assert_int_equal(synic.waiting, 0);
	vmm_synic_destroy(&synic);
	vmm_memory_destroy(&memory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_other_hypervisor_is_left_in_the_cpuid),
		cmocka_unit_test(more_cpuid_entries_than_there_is_room_for_fail),
		cmocka_unit_test(acpi_tables_are_found_from_the_rsdp_and_sum_to_zero),
		cmocka_unit_test(guest_addresses_lead_to_memory_or_nowhere),
		cmocka_unit_test(scattered_pages_become_one_piece_of_the_same_memory),
		cmocka_unit_test(a_kernel_and_its_initrd_lie_where_the_boot_protocol_says),
		cmocka_unit_test(what_is_no_kernel_or_does_not_fit_is_refused),
		cmocka_unit_test(a_uart_writes_lines_and_interrupts_for_input),
		cmocka_unit_test(a_uart_takes_no_more_input_than_it_has_room_for),
		cmocka_unit_test(messages_wait_in_order_until_the_guest_has_taken_the_one_before),
		cmocka_unit_test(an_event_flag_interrupts_once_until_the_guest_clears_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
