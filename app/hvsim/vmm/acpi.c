/* SPDX-License-Identifier: BSD-3-Clause */

/* See acpi.h. Offsets of fields are those of the ACPI specification 6.4. */

#include "acpi.h"

#include <string.h>

#include "dsdt.h"

#define XSDT_AT 0x40u
#define FADT_AT 0x100u
#define MADT_AT 0x300u
#define DSDT_AT 0x900u

#define HEADER_BYTES 36u
#define FADT_BYTES 276u

#define FADT_WBINVD (1u << 0)
#define FADT_NO_POWER_BUTTON (1u << 4)
#define FADT_NO_SLEEP_BUTTON (1u << 5)
#define FADT_RESET_REG (1u << 10)
#define FADT_BOOT_NO_VGA (1u << 2)
#define SCI_IRQ 9u

static void
put(uint8_t *at, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

/* The byte that makes the sum zero. */
static uint8_t
checksum(const uint8_t *at, uint32_t bytes)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + at[i]);
	return (uint8_t)-sum;
}

static void
header_put(uint8_t *table, const char *signature, uint32_t bytes, uint8_t revision)
{
	memcpy(table, signature, 4);
	put(table + 4, bytes, 4);
	table[8] = revision;
	memcpy(table + 10, "HVSIM ", 6);
	memcpy(table + 16, "HVSIM   ", 8);
	put(table + 24, 1, 4);
	memcpy(table + 28, "HVSM", 4);
	put(table + 32, 1, 4);
	table[9] = checksum(table, bytes);
}

/* A Generic Address Structure in I/O space. */
static void
io_address_put(uint8_t *at, uint8_t bits, uint64_t port)
{
	at[0] = 1;
	at[1] = bits;
	at[3] = bits == 8 ? 1 : bits == 16 ? 2 : 3;
	put(at + 4, port, 8);
}

static void
fadt_write(uint8_t *area)
{
	uint8_t *t = area + FADT_AT;

	put(t + 40, ACPI_GPA + DSDT_AT, 4);
	put(t + 46, SCI_IRQ, 2);
	put(t + 56, ACPI_PM1_EVENT_PORT, 4);
	put(t + 64, ACPI_PM1_CONTROL_PORT, 4);
	t[88] = 4;
	t[89] = 2;
	put(t + 96, 0xffff, 2);         /* no C2, no C3 */
	put(t + 98, 0xffff, 2);
	put(t + 109, FADT_BOOT_NO_VGA, 2);
	put(t + 112, FADT_WBINVD | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON | FADT_RESET_REG, 4);
	io_address_put(t + 116, 8, ACPI_RESET_PORT);
	t[128] = ACPI_RESET_VALUE;
	put(t + 140, ACPI_GPA + DSDT_AT, 8);
	io_address_put(t + 148, 32, ACPI_PM1_EVENT_PORT);
	io_address_put(t + 172, 16, ACPI_PM1_CONTROL_PORT);
	header_put(t, "FACP", FADT_BYTES, 6);
}

static void
madt_write(uint8_t *area, unsigned int cpus)
{
	uint8_t *t = area + MADT_AT, *at = t + HEADER_BYTES;

	put(at, LAPIC_GPA, 4);
	put(at + 4, 1, 4);              /* there are 8259s, too */
	at += 8;
	for (unsigned int i = 0; i < cpus; i++, at += 8) {
		at[0] = 0;
		at[1] = 8;
		at[2] = (uint8_t)i;
		at[3] = (uint8_t)i;
		put(at + 4, 1, 4);
	}
	at[0] = 1;
	at[1] = 12;
	put(at + 4, IOAPIC_GPA, 4);
	at += 12;
	header_put(t, "APIC", (uint32_t)(at - t), 5);
}

static void
xsdt_write(uint8_t *area)
{
	uint8_t *t = area + XSDT_AT;

	put(t + HEADER_BYTES, ACPI_GPA + FADT_AT, 8);
	put(t + HEADER_BYTES + 8, ACPI_GPA + MADT_AT, 8);
	header_put(t, "XSDT", HEADER_BYTES + 16, 1);
}

static void
rsdp_write(uint8_t *area)
{
	memcpy(area, "RSD PTR ", 8);
	memcpy(area + 9, "HVSIM ", 6);
	area[15] = 2;
	put(area + 20, 36, 4);
	put(area + 24, ACPI_GPA + XSDT_AT, 8);
	area[8] = checksum(area, 20);
	area[32] = checksum(area, 36);
}

void
vmm_acpi_write(uint8_t *area, unsigned int cpus)
{
	memcpy(area + DSDT_AT, dsdt_aml, sizeof(dsdt_aml));
	fadt_write(area);
	madt_write(area, cpus);
	xsdt_write(area);
	rsdp_write(area);
}
