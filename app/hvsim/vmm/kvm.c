/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtual machine as KVM sees it. The order matters: the interrupt chips
 * first, then CPUs with their SynIC enabled, then the interrupt routes, whose
 * acknowledgement is else not connected.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot.h"
#include "internal.h"

#define GSI_SINT 32u            /* + virtual processor */
#define TSS_GPA 0xfffbd000u
#define IDENTITY_MAP_GPA 0xfffbc000u
#define IOAPIC_PINS 24u
#define PIC_PINS 8u
#define REQUIRED_API 12

static int
fail(char *error, size_t bytes, const char *what)
{
	int ret = -errno;

	snprintf(error, bytes, "/dev/kvm: %s: %s", what, strerror(errno));
	return ret != 0 ? ret : -EIO;
}

static const struct {
	int cap;
	const char *name;
} needed[] = {
	{ KVM_CAP_IRQCHIP, "no interrupt chips" },
	{ KVM_CAP_USER_MEMORY, "no user memory" },
	{ KVM_CAP_HYPERV_SYNIC2, "no Hyper-V SynIC" },
	{ KVM_CAP_HYPERV_VP_INDEX, "no Hyper-V VP index" },
	{ KVM_CAP_HYPERV_EVENTFD, "no Hyper-V event descriptors" },
	{ KVM_CAP_IRQFD_RESAMPLE, "no resampling interrupts" },
	{ KVM_CAP_IMMEDIATE_EXIT, "no immediate exit" },
};

int
kvm_open(struct vmm *vmm, char *error, size_t bytes)
{
	vmm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vmm->kvm_fd < 0)
		return fail(error, bytes, "cannot be opened");
	if (ioctl(vmm->kvm_fd, KVM_GET_API_VERSION, 0) != REQUIRED_API) {
		snprintf(error, bytes, "/dev/kvm: speaks another API");
		return -ENOTSUP;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(needed); i++) {
		if (ioctl(vmm->kvm_fd, KVM_CHECK_EXTENSION, needed[i].cap) <= 0) {
			snprintf(error, bytes, "/dev/kvm: %s", needed[i].name);
			return -ENOTSUP;
		}
	}
	vmm->supported.head.nent = CPUID_ENTRIES_MAX;
	if (ioctl(vmm->kvm_fd, KVM_GET_SUPPORTED_CPUID, &vmm->supported.head) < 0)
		return fail(error, bytes, "CPUID");
	vmm->run_bytes = ioctl(vmm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	return vmm->run_bytes > 0 ? 0 : fail(error, bytes, "size of a CPU");
}

/* ---- memory and interrupts ---- */

static int
slot_set(const struct vmm *vmm, uint32_t slot, uint64_t gpa, uint64_t offset, uint64_t bytes)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = bytes,
		.userspace_addr = (uintptr_t)vmm->memory.base + offset,
	};

	return bytes == 0 ? 0 : ioctl(vmm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static int
chips_create(struct vmm *vmm)
{
	uint64_t identity = IDENTITY_MAP_GPA;
	const struct vmm_memory *memory = &vmm->memory;

	if (ioctl(vmm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 ||
	    ioctl(vmm->vm_fd, KVM_SET_TSS_ADDR, TSS_GPA) < 0 ||
	    ioctl(vmm->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0 ||
	    slot_set(vmm, 0, 0, 0, memory->low_bytes) < 0)
		return -1;
	return slot_set(vmm, 1, VMM_HIGH_BASE, memory->low_bytes,
		memory->bytes - memory->low_bytes);
}

/* Setting routes replaces all: the pins of the chips have to be given again. */
static int
routes_set(const struct vmm *vmm)
{
	struct kvm_irq_routing *routing;
	struct kvm_irq_routing_entry *e;
	int ret;

	routing = calloc(1, sizeof(*routing) +
		(IOAPIC_PINS + 2 * PIC_PINS + VMBUS_VPS_MAX) * sizeof(*e));
	if (routing == NULL)
		return -1;
	e = routing->entries;
	for (uint32_t pin = 0; pin < IOAPIC_PINS; pin++)
		*e++ = (struct kvm_irq_routing_entry) {
			.gsi = pin, .type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = pin },
		};
	for (uint32_t pin = 0; pin < 2 * PIC_PINS; pin++)
		*e++ = (struct kvm_irq_routing_entry) {
			.gsi = pin, .type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { .irqchip = pin < PIC_PINS ? KVM_IRQCHIP_PIC_MASTER :
				KVM_IRQCHIP_PIC_SLAVE, .pin = pin % PIC_PINS },
		};
	for (uint32_t vp = 0; vp < vmm->config.cpus; vp++)
		*e++ = (struct kvm_irq_routing_entry) {
			.gsi = GSI_SINT + vp, .type = KVM_IRQ_ROUTING_HV_SINT,
			.u.hv_sint = { .vcpu = vp, .sint = SYNIC_SINT },
		};
	routing->nr = (uint32_t)(e - routing->entries);
	ret = ioctl(vmm->vm_fd, KVM_SET_GSI_ROUTING, routing);
	free(routing);
	return ret;
}

static int
irqfds_set(const struct vmm *vmm)
{
	for (uint32_t vp = 0; vp < vmm->config.cpus; vp++) {
		struct kvm_irqfd irqfd = {
			.fd = (uint32_t)vmm->synic.vp[vp].irq_fd, .gsi = GSI_SINT + vp,
			.flags = KVM_IRQFD_FLAG_RESAMPLE,
			.resamplefd = (uint32_t)vmm->synic.vp[vp].ack_fd,
		};

		if (ioctl(vmm->vm_fd, KVM_IRQFD, &irqfd) < 0)
			return -1;
	}
	return 0;
}

/* ---- CPUs ---- */

static int
vcpu_registers_set(struct vmm_vcpu *vcpu)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (vcpu->id != 0)      /* the others wait for the guest to start them */
		return 0;
	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		return -1;
	vmm_boot_cpu(&sregs, &regs, vcpu->vmm->entry);
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0)
		return -1;
	return ioctl(vcpu->fd, KVM_SET_REGS, &regs);
}

static int
vcpu_create(struct vmm *vmm, unsigned int id)
{
	struct kvm_enable_cap synic = { .cap = KVM_CAP_HYPERV_SYNIC2 };
	struct kvm_enable_cap enforce = { .cap = KVM_CAP_HYPERV_ENFORCE_CPUID, .args = { 1 } };
	struct vmm_vcpu *vcpu = &vmm->vcpu[id];
	struct vmm_cpuid cpuid;
	void *run;

	*vcpu = (struct vmm_vcpu) { .vmm = vmm, .id = id, .fd = -1 };
	vcpu->fd = ioctl(vmm->vm_fd, KVM_CREATE_VCPU, id);
	if (vcpu->fd < 0)
		return -1;
	run = mmap(NULL, (size_t)vmm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return -1;
	vcpu->run = run;
	errno = E2BIG;
	if (vmm_cpuid_make(&cpuid, &vmm->supported, id, vmm->config.cpus) < 0 ||
	    ioctl(vcpu->fd, KVM_SET_CPUID2, &cpuid.head) < 0 ||
	    ioctl(vcpu->fd, KVM_ENABLE_CAP, &synic) < 0)
		return -1;
	/* A guest that uses what the CPUID does not list shall notice. */
	if (ioctl(vmm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_ENFORCE_CPUID) > 0 &&
	    ioctl(vcpu->fd, KVM_ENABLE_CAP, &enforce) < 0)
		return -1;
	return vcpu_registers_set(vcpu);
}

static void
vcpu_destroy(const struct vmm *vmm, struct vmm_vcpu *vcpu)
{
	if (vcpu->run != NULL)
		munmap(vcpu->run, (size_t)vmm->run_bytes);
	if (vcpu->vmm != NULL && vcpu->fd >= 0)
		close(vcpu->fd);
	*vcpu = (struct vmm_vcpu) { .fd = -1 };
}

/* ---- the whole ---- */

int
kvm_machine_create(struct vmm *vmm, char *error, size_t bytes)
{
	vmm->vm_fd = ioctl(vmm->kvm_fd, KVM_CREATE_VM, 0);
	if (vmm->vm_fd < 0)
		return fail(error, bytes, "cannot create a machine");
	if (chips_create(vmm) < 0)
		return fail(error, bytes, "cannot give it memory and interrupt chips");
	for (unsigned int id = 0; id < vmm->config.cpus; id++) {
		if (vcpu_create(vmm, id) < 0)
			return fail(error, bytes, "cannot create a CPU");
	}
	if (routes_set(vmm) < 0 || irqfds_set(vmm) < 0)
		return fail(error, bytes, "cannot route interrupts");
	return 0;
}

void
kvm_machine_destroy(struct vmm *vmm)
{
	for (unsigned int id = 0; id < vmm->config.cpus; id++)
		vcpu_destroy(vmm, &vmm->vcpu[id]);
	if (vmm->vm_fd >= 0)
		close(vmm->vm_fd);
	vmm->vm_fd = -1;
}

void
kvm_irq(struct vmm *vmm, uint32_t gsi, bool high)
{
	struct kvm_irq_level level = { .irq = gsi, .level = high };

	ioctl(vmm->vm_fd, KVM_IRQ_LINE, &level);
}

int
kvm_signal_assign(struct vmm *vmm, uint32_t connection_id, int fd, bool on)
{
	struct kvm_hyperv_eventfd event = {
		.conn_id = connection_id, .fd = fd, .flags = on ? 0 : KVM_HYPERV_EVENTFD_DEASSIGN,
	};

	return ioctl(vmm->vm_fd, KVM_HYPERV_EVENTFD, &event) < 0 ? -errno : 0;
}

/* ---- does it work here? ---- */

/* In real mode: out 0x80, al; hlt. */
static int
probe_run(struct vmm *vmm, char *error, size_t bytes)
{
	static const uint8_t code[] = { 0xe6, 0x80, 0xf4 };
	struct vmm_vcpu *vcpu = &vmm->vcpu[0];
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	struct kvm_sregs sregs;

	memcpy(vmm_memory_at(&vmm->memory, 0x1000, sizeof(code)), code, sizeof(code));
	*vcpu = (struct vmm_vcpu) { .vmm = vmm, .fd = ioctl(vmm->vm_fd, KVM_CREATE_VCPU, 0) };
	if (vcpu->fd < 0)
		return fail(error, bytes, "cannot create a CPU");
	vcpu->run = mmap(NULL, (size_t)vmm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		vcpu->run = NULL;
		return fail(error, bytes, "cannot map a CPU");
	}
	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		return fail(error, bytes, "registers");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0)
		return fail(error, bytes, "registers");
	if (ioctl(vcpu->fd, KVM_RUN, 0) < 0)
		return fail(error, bytes, "a guest does not run");
	if (vcpu->run->exit_reason != KVM_EXIT_IO || vcpu->run->io.port != 0x80) {
		snprintf(error, bytes, "/dev/kvm: a guest does not run (exit %u)",
			vcpu->run->exit_reason);
		return -EIO;
	}
	return 0;
}

int
vmm_probe(char *text, size_t bytes)
{
	static struct vmm vmm;
	int ret;

	memset(&vmm, 0, sizeof(vmm));
	vmm.kvm_fd = vmm.vm_fd = vmm.memory.fd = -1;
	vmm.config.cpus = 1;
	ret = kvm_open(&vmm, text, bytes);
	if (ret == 0)
		ret = vmm_memory_create(&vmm.memory, 2u << 20);
	if (ret == 0) {
		vmm.vm_fd = ioctl(vmm.kvm_fd, KVM_CREATE_VM, 0);
		ret = vmm.vm_fd < 0 || chips_create(&vmm) < 0 ?
			fail(text, bytes, "cannot create a machine") : probe_run(&vmm, text, bytes);
	}
	kvm_machine_destroy(&vmm);
	vmm_memory_destroy(&vmm.memory);
	if (vmm.kvm_fd >= 0)
		close(vmm.kvm_fd);
	if (ret == 0)
		snprintf(text, bytes, "/dev/kvm has what Hyper-V guests need, and runs guests");
	return ret;
}
