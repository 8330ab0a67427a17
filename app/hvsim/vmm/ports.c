/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The legacy devices that a kernel expects of a PC: two UARTs, a clock, and
 * the registers that power off and reset. What is not there reads as ones,
 * except where a kernel would wait for that to change.
 */

#include <string.h>
#include <time.h>

#include "acpi.h"
#include "internal.h"

#define COM1_PORT 0x3f8u
#define COM2_PORT 0x2f8u
#define CMOS_INDEX_PORT 0x70u
#define CMOS_DATA_PORT 0x71u
#define KEYBOARD_PORT 0x64u
#define KEYBOARD_RESET 0xfeu

static uint8_t
bcd(int value)
{
	return (uint8_t)(value / 10 % 10 << 4 | value % 10);
}

static uint8_t
cmos_read(uint8_t index)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	switch (index) {
	case 0x00:
		return bcd(tm.tm_sec);
	case 0x02:
		return bcd(tm.tm_min);
	case 0x04:
		return bcd(tm.tm_hour);
	case 0x06:
		return bcd(tm.tm_wday + 1);
	case 0x07:
		return bcd(tm.tm_mday);
	case 0x08:
		return bcd(tm.tm_mon + 1);
	case 0x09:
		return bcd(tm.tm_year % 100);
	case 0x32:
		return bcd((tm.tm_year + 1900) / 100);
	case 0x0a:
		return 0x26;    /* 32768 Hz, no update in progress */
	case 0x0b:
		return 0x02;    /* 24 hours, BCD */
	case 0x0d:
		return 0x80;    /* the battery is good */
	default:
		return 0;
	}
}

static struct vmm_uart *
uart_of(struct vmm *vmm, uint16_t port, unsigned int *reg)
{
	*reg = port % UART_PORTS;
	if (port - *reg == COM1_PORT)
		return &vmm->com[0];
	return port - *reg == COM2_PORT ? &vmm->com[1] : NULL;
}

static uint8_t
in_byte(struct vmm *vmm, uint16_t port)
{
	unsigned int reg;
	struct vmm_uart *uart = uart_of(vmm, port, &reg);

	if (uart != NULL)
		return vmm_uart_read(uart, reg);
	if (port == CMOS_DATA_PORT)
		return cmos_read(vmm->cmos_index);
	/* The keyboard controller is polled until it is not busy. */
	if (port == KEYBOARD_PORT)
		return 0;
	/* Status: nothing ever happens. Enable: as it was written. */
	if (port == ACPI_PM1_EVENT_PORT || port == ACPI_PM1_EVENT_PORT + 1)
		return 0;
	if (port == ACPI_PM1_EVENT_PORT + 2 || port == ACPI_PM1_EVENT_PORT + 3)
		return vmm->pm1_enable[port - ACPI_PM1_EVENT_PORT - 2];
	if (port == ACPI_PM1_CONTROL_PORT)
		return (uint8_t)vmm->pm1_control;
	if (port == ACPI_PM1_CONTROL_PORT + 1)
		return (uint8_t)(vmm->pm1_control >> 8);
	return 0xff;
}

void
ports_in(struct vmm *vmm, uint16_t port, uint8_t *data, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		data[i] = in_byte(vmm, (uint16_t)(port + i));
}

static void
pm1_control_write(struct vmm *vmm, uint16_t value)
{
	vmm->pm1_control = (value & (uint16_t)~ACPI_PM1_SLEEP_EN) | ACPI_PM1_SCI_EN;
	if ((value & ACPI_PM1_SLEEP_EN) != 0 &&
	    ACPI_PM1_SLEEP_TYPE(value) == ACPI_SLEEP_TYPE_OFF)
		vmm_event_raise(vmm, VMM_POWER_OFF);
}

static void
out_byte(struct vmm *vmm, uint16_t port, uint8_t value)
{
	unsigned int reg;
	struct vmm_uart *uart = uart_of(vmm, port, &reg);

	if (uart != NULL)
		vmm_uart_write(uart, reg, value);
	else if (port == CMOS_INDEX_PORT)
		vmm->cmos_index = value & 0x7f;
	else if (port == ACPI_PM1_EVENT_PORT + 2 || port == ACPI_PM1_EVENT_PORT + 3)
		vmm->pm1_enable[port - ACPI_PM1_EVENT_PORT - 2] = value;
	else if (port == ACPI_RESET_PORT && value == ACPI_RESET_VALUE)
		vmm_event_raise(vmm, VMM_RESET);
	else if (port == KEYBOARD_PORT && value == KEYBOARD_RESET)
		vmm_event_raise(vmm, VMM_RESET);
}

void
ports_out(struct vmm *vmm, uint16_t port, const uint8_t *data, uint32_t bytes)
{
	uint16_t word;

	if (port == ACPI_PM1_CONTROL_PORT && bytes == sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		pm1_control_write(vmm, word);
		return;
	}
	for (uint32_t i = 0; i < bytes; i++)
		out_byte(vmm, (uint16_t)(port + i), data[i]);
}

void
ports_reset(struct vmm *vmm)
{
	vmm->cmos_index = 0;
	vmm->pm1_enable[0] = vmm->pm1_enable[1] = 0;
	vmm->pm1_control = ACPI_PM1_SCI_EN;
	vmm_uart_reset(&vmm->com[0]);
	vmm_uart_reset(&vmm->com[1]);
}
