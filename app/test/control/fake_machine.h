/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_FAKE_MACHINE_H
#define TEST_FAKE_MACHINE_H

/* A VSP, a switch and a kernel that do nothing but remember what they were
 * asked for, for tests of the control socket. */

struct fake_machine {
	char last[256];         /* "link nic0 down" */
	int result;             /* what the VSP's calls return */
	unsigned int nics, guests, ports;
};
extern struct fake_machine fake;

#endif /* TEST_FAKE_MACHINE_H */
