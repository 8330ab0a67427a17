/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VMM_ACPI_H
#define HVSIM_VMM_ACPI_H

/* ACPI tables of a guest on KVM: what a kernel needs to find its CPUs, its
 * UARTs, the VMBus, and the way to power off and reset. */

#include <stdint.h>

#define ACPI_GPA 0xe0000u               /* the RSDP; the others follow */
#define ACPI_BYTES 0x2000u

#define ACPI_PM1_EVENT_PORT 0x600u      /* 4 bytes */
#define ACPI_PM1_CONTROL_PORT 0x604u    /* 2 bytes */
#define ACPI_RESET_PORT 0x608u
#define ACPI_RESET_VALUE 0x06u
#define ACPI_PM1_SCI_EN 0x0001u
#define ACPI_PM1_SLEEP_EN 0x2000u
#define ACPI_PM1_SLEEP_TYPE(control) ((control) >> 10 & 7u)
#define ACPI_SLEEP_TYPE_OFF 5u

#define IOAPIC_GPA 0xfec00000u
#define LAPIC_GPA 0xfee00000u

/* Writes the tables; area is ACPI_BYTES of guest RAM at ACPI_GPA, zeroed. */
void vmm_acpi_write(uint8_t *area, unsigned int cpus);

#endif /* HVSIM_VMM_ACPI_H */
