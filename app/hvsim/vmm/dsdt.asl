/* SPDX-License-Identifier: BSD-3-Clause */
/* The namespace of a guest on KVM. dsdt.h is this, compiled:
 * iasl -f -tc dsdt.asl (-f: iasl does not know of names such as VMBUS). */
DefinitionBlock ("", "DSDT", 2, "HVSIM", "HVSIM", 1)
{
    /* Power-off is sleep type 5, written to PM1a_CNT. */
    Name (\_S5, Package () { 5, 5, 0, 0 })

    Scope (\_SB)
    {
        /* Without this device hv_vmbus does not load. */
        Device (VMB)
        {
            Name (_HID, "VMBUS")
            Name (_UID, 0)
            Name (_STA, 0x0F)
            Name (_CRS, ResourceTemplate () { })
        }
        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 1)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x3F8, 0x3F8, 0, 8)
                IRQNoFlags () { 4 }
            })
        }
        Device (COM2)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 2)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x2F8, 0x2F8, 0, 8)
                IRQNoFlags () { 3 }
            })
        }
    }
}
