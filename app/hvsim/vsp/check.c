/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Violations of the rules in rules.h: named, counted, logged (each rule of a
 * NIC a few times) and, for those that end a channel on a real host, followed
 * by silence.
 */

#include <stdarg.h>
#include <stdio.h>

#include "../control/trace.h"
#include "../core/log.h"
#include "data.h"

/* Lines per rule and NIC: a wrong guest must not fill the disk. */
#define LINES_PER_RULE 10u

static const struct {
	const char *name;
	const char *text;
	enum vsp_consequence consequence;
} rules[] = {
#define RULE(id, consequence, text) [VSP_RULE_##id] = { #id, text, VSP_##consequence },
	VSP_RULES(RULE)
#undef RULE
};

struct vsp_settings vsp_settings;
static uint64_t violations;

void
vsp_init(const struct vsp_settings *settings)
{
	vsp_settings = *settings;
	violations = 0;
}

uint64_t
vsp_violations(void)
{
	return violations;
}

const char *
vsp_rule_name(enum vsp_rule rule)
{
	return rule < VSP_RULE_COUNT ? rules[rule].name : "?";
}

const char *
vsp_rule_text(enum vsp_rule rule)
{
	return rule < VSP_RULE_COUNT ? rules[rule].text : "?";
}

enum vsp_consequence
vsp_rule_consequence(enum vsp_rule rule)
{
	return rule < VSP_RULE_COUNT ? rules[rule].consequence : VSP_REPORT;
}

static const char *
consequence_text(enum vsp_rule rule)
{
	switch (rules[rule].consequence) {
	case VSP_FAIL:
		return "; the message fails";
	case VSP_DEAD:
		return "; the channel falls silent";
	default:
		return "";
	}
}

static void
violation_log(const struct vsp_channel *channel, enum vsp_rule rule, const char *details)
{
	const struct vsp_nic *nic = channel->nic;
	uint64_t times = nic->rule_counts[rule];

	if (times > LINES_PER_RULE)
		return;
	log_warning("%s: channel %u: violation %s: %s (%s)%s%s", nic->config.name,
		channel->index, vsp_rule_name(rule), vsp_rule_text(rule), details,
		consequence_text(rule),
		times == LINES_PER_RULE ? "; further ones are only counted" : "");
}

void
vsp_violation(struct vsp_channel *channel, enum vsp_rule rule, const char *format, ...)
{
	struct vsp_nic *nic = channel->nic;
	char details[256];
	va_list args;

	violations++;
	nic->violations++;
	nic->rule_counts[rule]++;
	channel->counters.violations++;
	va_start(args, format);
	vsnprintf(details, sizeof(details), format, args);
	va_end(args);
	violation_log(channel, rule, details);
	if (nic->rule_counts[rule] <= LINES_PER_RULE)
		trace_event(nic->config.name, channel_relid(channel), "violation %s: %s",
			vsp_rule_name(rule), details);
	if (rules[rule].consequence == VSP_DEAD && channel->state != CHANNEL_CLOSED &&
	    channel->state != CHANNEL_DEAD) {
		channel->state = CHANNEL_DEAD;
		channel->counters.dead++;
	}
}

/* In the name of a NIC, or of nobody. */
static void
guest_violation(struct vsp_nic *nic, enum vsp_rule rule, const char *what)
{
	static unsigned int lines;

	if (nic != NULL) {
		vsp_violation(&nic->channel[0], rule, "%s", what);
		return;
	}
	violations++;
	if (lines++ < LINES_PER_RULE)
		log_warning("violation %s: %s (%s)", vsp_rule_name(rule), vsp_rule_text(rule),
			what);
}

void
vsp_foreign_bit(struct hv_guest *guest, struct vsp_nic *nic, const char *what)
{
	(void)guest;
	guest_violation(nic, VSP_RULE_FOREIGN_BIT, what);
}

void
vsp_vmbus_violation(struct hv_guest *guest, struct vsp_nic *nic, enum hv_vmbus_rule rule,
	const char *what)
{
	static const enum vsp_rule rule_of[] = {
		[HV_VMBUS_MESSAGE] = VSP_RULE_VMBUS_MESSAGE,
		[HV_VMBUS_ORDER] = VSP_RULE_VMBUS_ORDER,
		[HV_VMBUS_CHANNEL] = VSP_RULE_VMBUS_CHANNEL,
		[HV_VMBUS_GPADL] = VSP_RULE_VMBUS_GPADL,
	};

	(void)guest;
	guest_violation(nic, rule_of[rule], what);
}
