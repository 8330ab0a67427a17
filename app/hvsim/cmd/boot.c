/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * hvsim boot: one guest, which is a Linux kernel on /dev/kvm. Its console is
 * hvsim's standard input and output; hvsim ends when it powers off.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../control/machine.h"
#include "../core/engine.h"
#include "../core/units.h"
#include "../core/util.h"
#include "../vmm/vmm.h"
#include "session.h"

#define MEMORY_DEFAULT (512ull << 20)
#define MEMORY_MIN (128ull << 20)
#define MEMORY_MAX (64ull << 30)
#define MEMORY_UNIT (2ull << 20)
#define CPUS_MAX 64u
#define VMBUS_DEFAULT (5u << 16 | 3u)

static const struct option_row boot_rows[] = {
	{ "kernel", true }, { "initrd", true }, { "cmdline", true }, { "cpus", true },
	{ "memory", true }, { "vmbus", true }, { "no-reboot", false }, { "com2", true },
	{ "probe", false }, { "host-cpus", true },
};

struct boot {
	struct machine_options options;
	struct session session;
	struct vmm_config vmm;
	bool probe;
};

/* ---- options ---- */

static int
cpus_set(struct vmm_config *vmm, const char *value, char *error, unsigned int bytes)
{
	uint64_t n;

	if (units_parse_uint(value, &n) < 0 || n < 1 || n > CPUS_MAX) {
		snprintf(error, bytes, "cpus=%s: expected how many the guest has, 1 to %u", value,
			CPUS_MAX);
		return -EINVAL;
	}
	vmm->cpus = (unsigned int)n;
	return 0;
}

static int
memory_set(struct vmm_config *vmm, const char *value, char *error, unsigned int bytes)
{
	uint64_t n;

	if (units_parse_bytes(value, &n) < 0 || n < MEMORY_MIN || n > MEMORY_MAX ||
	    n % MEMORY_UNIT != 0) {
		snprintf(error, bytes, "memory=%s: expected a size such as 512M, 128M to 64G",
			value);
		return -EINVAL;
	}
	vmm->memory_bytes = n;
	return 0;
}

static int
vmbus_set(struct vmm_config *vmm, const char *value, char *error, unsigned int bytes)
{
	static const struct {
		const char *name;
		uint32_t version;
	} versions[] = {
		{ "2.4", 2u << 16 | 4 }, { "3.0", 3u << 16 }, { "4.0", 4u << 16 },
		{ "4.1", 4u << 16 | 1 }, { "5.0", 5u << 16 }, { "5.1", 5u << 16 | 1 },
		{ "5.2", 5u << 16 | 2 }, { "5.3", 5u << 16 | 3 }, { "6.0", 6u << 16 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(versions); i++) {
		if (strcmp(versions[i].name, value) == 0) {
			vmm->vmbus_version = versions[i].version;
			return 0;
		}
	}
	snprintf(error, bytes, "vmbus=%s: expected the newest VMBus version that is spoken: 2.4, "
		"3.0, 4.0, 4.1, 5.0, 5.1, 5.2, 5.3 or 6.0", value);
	return -EINVAL;
}

static int
boot_apply(void *context, const char *name, const char *value, char *error, unsigned int bytes)
{
	struct boot *boot = context;
	struct vmm_config *vmm = &boot->vmm;

	if (strcmp(name, "kernel") == 0)
		vmm->kernel = value;
	else if (strcmp(name, "initrd") == 0)
		vmm->initrd = value;
	else if (strcmp(name, "cmdline") == 0)
		vmm->cmdline = value;
	else if (strcmp(name, "com2") == 0)
		vmm->com2 = value;
	else if (strcmp(name, "no-reboot") == 0)
		vmm->no_reboot = true;
	else if (strcmp(name, "probe") == 0)
		boot->probe = true;
	else if (strcmp(name, "cpus") == 0)
		return cpus_set(vmm, value, error, bytes);
	else if (strcmp(name, "memory") == 0)
		return memory_set(vmm, value, error, bytes);
	else if (strcmp(name, "vmbus") == 0)
		return vmbus_set(vmm, value, error, bytes);
	else
		return config_set(&boot->options.config, "cpus", value, error, bytes);
	return 0;
}

/* ---- the run ---- */

static void
on_signal(void *arg, const struct signalfd_siginfo *info)
{
	(void)arg;
	vmm_report();
	engine_stop(128 + (int)info->ssi_signo);
}

static int
boot_run(struct boot *boot)
{
	int ret = vmm_start(), status;

	if (ret < 0)
		return command_failed("boot", "cannot start the guest: %s", strerror(-ret));
	status = engine_run();
	if (status == 0 && vmm_crashed())
		status = command_failed("boot", "the guest's kernel crashed");
	status = session_verdict(&boot->session, status);
	session_stats(&boot->session);
	return status;
}

static int
boot_machine(struct boot *boot)
{
	static const struct machine_backend backend = {
		.transport = &vmm_transport, .create = vmm_create, .find = vmm_find,
		.destroy_all = vmm_destroy,
	};
	int status;

	if (boot->vmm.kernel == NULL)
		return usage_error("boot", "a kernel is missing: --kernel FILE");
	vmm_configure(&boot->vmm);
	machine_set_backend(&backend);
	status = session_start(&boot->session, "boot", &boot->options);
	boot->session.on_signal = on_signal;
	if (status == 0)
		status = boot_run(boot);
	session_stop(&boot->session);
	return status;
}

static int
probe(void)
{
	char text[256];
	int ret = vmm_probe(text, sizeof(text));

	printf("%s\n", text);
	return ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
boot(int argc, char **argv)
{
	static struct boot boot;
	int operand, status;

	boot.vmm = (struct vmm_config) {
		.cmdline = "console=ttyS0", .cpus = 1, .memory_bytes = MEMORY_DEFAULT,
		.vmbus_version = VMBUS_DEFAULT,
	};
	boot.options.own_rows = boot_rows;
	boot.options.own_count = ARRAY_SIZE(boot_rows);
	boot.options.own_apply = boot_apply;
	boot.options.own_context = &boot;
	operand = machine_options_parse(&boot.options, &command_boot, argc, argv);
	if (operand < 0)
		status = OPTIONS_STATUS(operand);
	else if (operand != argc)
		status = usage_error("boot", "\"%s\": boot runs no command", argv[operand]);
	else if (boot.probe)
		status = probe();
	else
		status = boot_machine(&boot);
	machine_options_free(&boot.options);
	return status;
}

const struct command command_boot = {
	.name = "boot",
	.summary = "boot a Linux kernel on KVM as the guest",
	.run = boot,
	.help =
	"Usage: hvsim boot --kernel FILE [OPTIONS]\n"
	"\n"
	"Boots a kernel in a virtual machine of its own and is its Hyper-V host: the kernel\n"
	"finds Hyper-V, VMBus and the NICs. The console (ttyS0) is standard input and output;\n"
	"Ctrl-A x ends a run at a terminal. Exits when the guest powers off: with 0, with 1 if\n"
	"its kernel crashed or could not go on, or with 3 if, with --strict, it broke a rule of\n"
	"the host's. Needs /dev/kvm with the Hyper-V SynIC; devtools/guest.sh makes one where\n"
	"there is none. Without --nic, --port and --config there is one NIC, port=echo.\n"
	"\n"
	"  --kernel FILE      a bzImage, such as /boot/vmlinuz-*-cloud-amd64\n"
	"  --initrd FILE      its initramfs (none)\n"
	"  --cmdline TEXT     its command line (console=ttyS0)\n"
	"  --cpus N           how many CPUs it has (1)\n"
	"  --memory SIZE      how much memory (512M)\n"
	"  --vmbus VERSION    the newest VMBus version to speak, 2.4 to 6.0 (5.3)\n"
	"  --no-reboot        end when the guest resets, instead of booting it again\n"
	"  --com2 COMMAND     a shell command at the other end of ttyS1\n"
	"  --probe            only say whether this works here\n"
	"  --host-cpus LIST   where hvsim's host part runs, as --cpus of 'hvsim run'\n"
	"\n"
	"  hvsim boot --kernel vmlinuz --initrd guest.cpio --nic port=echo --nic queues=4\n"
	"\n"
	MACHINE_OPTIONS_HELP,
};
