/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One thread per virtual CPU. It handles ports itself; what concerns VMBus it
 * hands to the engine's thread and goes on: a hypercall never waits for it.
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../core/log.h"
#include "internal.h"

#define HYPERCALL_POST_MESSAGE 0x5cu
#define HYPERCALL_SIGNAL_EVENT 0x5du
#define HYPERCALL_FAST (1u << 16)
#define STATUS_OK 0u
#define STATUS_BAD_CODE 2u
#define STATUS_BAD_INPUT 3u
#define STATUS_BAD_ALIGNMENT 4u
#define STATUS_BAD_PARAMETER 5u
#define STATUS_BAD_CONNECTION 0x12u
#define STATUS_NO_BUFFERS 0x13u

#define MSR_CRASH_P0 0x40000100u
#define CRASH_PARAMETERS 5u
#define KICK_SIGNAL SIGUSR1

struct post_message {
	uint32_t connection_id, reserved;
	uint32_t type, bytes;
	uint8_t payload[VMBUS_MESSAGE_MAX];
};

/* ---- hypercalls ---- */

static bool
connection_ok(const struct vmm *vmm, uint32_t id)
{
	return id == VMBUS_CONNECTION_OLD ||
		(id == VMBUS_CONNECTION_NEW && vmm->vmbus.version_max >= VMBUS_V5_0);
}

static uint64_t
post_message(struct vmm *vmm, uint64_t input, uint64_t gpa)
{
	struct post_message message;
	const uint8_t *from;

	if ((input & HYPERCALL_FAST) != 0)
		return STATUS_BAD_INPUT;
	if (gpa % 8 != 0 || gpa % HV_PAGE_BYTES > HV_PAGE_BYTES - sizeof(message))
		return STATUS_BAD_ALIGNMENT;
	from = vmm_memory_at(&vmm->memory, gpa, sizeof(message));
	if (from == NULL)
		return STATUS_BAD_PARAMETER;
	memcpy(&message, from, sizeof(message));        /* once: the guest may change it */
	if (!connection_ok(vmm, message.connection_id))
		return STATUS_BAD_CONNECTION;
	if (message.type != 1 || message.bytes > sizeof(message.payload))
		return STATUS_BAD_PARAMETER;
	return vmm_inbox_put(vmm, message.payload, message.bytes) ? STATUS_OK :
		STATUS_NO_BUFFERS;
}

static uint64_t
hypercall(struct vmm *vmm, uint64_t input, const __u64 *params)
{
	switch (input & 0xffff) {
	case HYPERCALL_POST_MESSAGE:
		return post_message(vmm, input, params[0]);
	case HYPERCALL_SIGNAL_EVENT:
		/* KVM knows those of open channels, and asks us about no other. */
		return STATUS_BAD_CONNECTION;
	default:
		return STATUS_BAD_CODE;
	}
}

static void
exit_hyperv(struct vmm_vcpu *vcpu)
{
	struct kvm_hyperv_exit *hv = &vcpu->run->hyperv;

	if (hv->type == KVM_EXIT_HYPERV_SYNIC) {
		vmm_synic_update(&vcpu->vmm->synic, vcpu->id, hv->u.synic.control,
			hv->u.synic.evt_page, hv->u.synic.msg_page);
		vmm_event_raise(vcpu->vmm, VMM_RUNS);   /* messages may wait for it */
	} else if (hv->type == KVM_EXIT_HYPERV_HCALL) {
		vcpu->hypercalls++;
		hv->u.hcall.result = hypercall(vcpu->vmm, hv->u.hcall.input, hv->u.hcall.params);
	}
}

/* ---- other exits ---- */

static void
exit_ports(struct vmm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	vcpu->port_exits++;
	vcpu->last_port = run->io.port;
	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_IN)
			ports_in(vcpu->vmm, run->io.port, data, run->io.size);
		else
			ports_out(vcpu->vmm, run->io.port, data, run->io.size);
	}
}

static void
crash_log(struct vmm_vcpu *vcpu)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[CRASH_PARAMETERS];
	} msrs = { .head = { .nmsrs = CRASH_PARAMETERS } };

	for (unsigned int i = 0; i < CRASH_PARAMETERS; i++)
		msrs.entry[i].index = MSR_CRASH_P0 + i;
	ioctl(vcpu->fd, KVM_GET_MSRS, &msrs);
	log_error("the guest's kernel crashed: %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64
		" %" PRIx64, (uint64_t)msrs.entry[0].data, (uint64_t)msrs.entry[1].data,
		(uint64_t)msrs.entry[2].data, (uint64_t)msrs.entry[3].data,
		(uint64_t)msrs.entry[4].data);
	__atomic_store_n(&vcpu->vmm->crashed, true, __ATOMIC_RELAXED);
}

static void
exit_system_event(struct vmm_vcpu *vcpu)
{
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_CRASH:
		crash_log(vcpu);        /* the guest goes on, to unload and reboot */
		break;
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vmm_event_raise(vcpu->vmm, VMM_POWER_OFF);
		break;
	default:
		vmm_event_raise(vcpu->vmm, VMM_RESET);
		break;
	}
}

static void
triple_fault_log(const struct vmm_vcpu *vcpu)
{
	struct kvm_regs regs = { 0 };
	struct kvm_sregs sregs = { 0 };

	ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);
	log_warning("CPU %u: triple fault: at %" PRIx64 ", stack %" PRIx64 ", fault address %"
		PRIx64 ", page tables %" PRIx64 ", descriptors %" PRIx64, vcpu->id,
		(uint64_t)regs.rip, (uint64_t)regs.rsp, (uint64_t)sregs.cr2,
		(uint64_t)sregs.cr3, (uint64_t)sregs.idt.base);
}

static void
exit_handle(struct vmm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		exit_ports(vcpu);
		break;
	case KVM_EXIT_MMIO:
		memset(run->mmio.data, run->mmio.is_write ? 0 : 0xff, sizeof(run->mmio.data));
		break;
	case KVM_EXIT_HYPERV:
		exit_hyperv(vcpu);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		exit_system_event(vcpu);
		break;
	case KVM_EXIT_SHUTDOWN: /* how some reboot; else the guest is broken */
		triple_fault_log(vcpu);
		vmm_event_raise(vcpu->vmm, VMM_RESET);
		break;
	case KVM_EXIT_INTR:
		break;
	default:
		log_error("CPU %u cannot go on: exit %u, %" PRIx64, vcpu->id, run->exit_reason,
			(uint64_t)run->hw.hardware_exit_reason);
		vmm_event_raise(vcpu->vmm, VMM_FAILED);
		break;
	}
}

/* ---- threads ---- */

static bool
stopped(const struct vmm *vmm)
{
	return __atomic_load_n(&vmm->stop, __ATOMIC_ACQUIRE);
}

static void *
vcpu_main(void *arg)
{
	struct vmm_vcpu *vcpu = arg;
	struct vmm *vmm = vcpu->vmm;

	while (!stopped(vmm)) {
		int ret = ioctl(vcpu->fd, KVM_RUN, 0);

		/* EAGAIN: another CPU has started this one. */
		if (ret < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (ret < 0) {
			log_error("CPU %u: KVM_RUN: %s", vcpu->id, strerror(errno));
			vmm_event_raise(vmm, VMM_FAILED);
			break;
		}
		vcpu->exits++;
		exit_handle(vcpu);
		/* Whoever ended the machine does not run on until all have. */
		while (__atomic_load_n(&vmm->event, __ATOMIC_ACQUIRE) != VMM_RUNS && !stopped(vmm))
			usleep(1000);
	}
	return NULL;
}

static void
on_kick(int signal_number)
{
	(void)signal_number;
}

int
vcpu_start_all(struct vmm *vmm)
{
	struct sigaction action = { .sa_handler = on_kick };

	sigaction(KICK_SIGNAL, &action, NULL);
	__atomic_store_n(&vmm->stop, false, __ATOMIC_RELEASE);
	for (unsigned int id = 0; id < vmm->config.cpus; id++) {
		struct vmm_vcpu *vcpu = &vmm->vcpu[id];
		int ret = pthread_create(&vcpu->thread, NULL, vcpu_main, vcpu);

		if (ret != 0)
			return -ret;
		vcpu->started = true;
	}
	return 0;
}

void
vcpu_stop_all(struct vmm *vmm)
{
	__atomic_store_n(&vmm->stop, true, __ATOMIC_RELEASE);
	for (unsigned int id = 0; id < vmm->config.cpus; id++) {
		struct vmm_vcpu *vcpu = &vmm->vcpu[id];

		if (!vcpu->started)
			continue;
		/* Before it enters, or while it runs: it comes back either way. */
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
		pthread_kill(vcpu->thread, KICK_SIGNAL);
		pthread_join(vcpu->thread, NULL);
		vcpu->started = false;
	}
}

void
vcpu_log(struct vmm *vmm)
{
	for (unsigned int id = 0; id < vmm->config.cpus; id++) {
		struct vmm_vcpu *vcpu = &vmm->vcpu[id];
		struct kvm_regs regs = { 0 };

		if (vcpu->run == NULL || vcpu->started)
			continue;
		ioctl(vcpu->fd, KVM_GET_REGS, &regs);
		log_notice("CPU %u: at %" PRIx64 ", %" PRIu64 " exits, %" PRIu64 " for ports, the "
			"last 0x%x, %" PRIu64 " hypercalls", id, (uint64_t)regs.rip, vcpu->exits,
			vcpu->port_exits, vcpu->last_port, vcpu->hypercalls);
	}
}
