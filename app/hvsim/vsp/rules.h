/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VSP_RULES_H
#define HVSIM_VSP_RULES_H

/*
 * Every rule that a real host checks, by name. RULE(id, consequence, text).
 * The consequence is what a real host shows the guest:
 *   FAIL     the message is completed with a failure status, the channel lives
 *   DEAD     silence on this channel until it is closed and opened again
 *   REPORT   nothing the guest could see: counted and logged
 * Sources: host-protocol notes, doc/guides/hvsim lists them per rule.
 */
#define VSP_RULES(RULE) \
	/* rings and packets */ \
	RULE(RING_INDEX, DEAD, "ring index out of range or not a multiple of 8") \
	RULE(RING_MASK, DEAD, "the guest wrote the interrupt mask of its own transmit ring") \
	RULE(PACKET_TYPE, DEAD, "unknown channel packet type") \
	RULE(PACKET_FLAGS, DEAD, "unknown flag in a packet descriptor") \
	RULE(PACKET_LENGTH, DEAD, "packet length or data offset out of range") \
	RULE(PACKET_TRANSFER_PAGES, DEAD, "transfer pages sent by a guest") \
	RULE(GPA_RANGE, DEAD, "malformed page list") \
	RULE(SIGNAL_SPURIOUS, REPORT, "signalled though the host had not asked for it") \
	RULE(FOREIGN_BIT, REPORT, "touched a bit of a VM-wide page that is not its own") \
	/* VMBus control messages, of a guest that is a whole kernel */ \
	RULE(VMBUS_MESSAGE, REPORT, "VMBus message unknown, too short or of impossible content") \
	RULE(VMBUS_ORDER, REPORT, "VMBus message out of order") \
	RULE(VMBUS_CHANNEL, REPORT, "VMBus message about a channel that is not the guest's") \
	RULE(VMBUS_GPADL, REPORT, "malformed or unusable GPADL") \
	/* NVSP */ \
	RULE(NVSP_TYPE, DEAD, "unknown NVSP message type") \
	RULE(NVSP_LENGTH, DEAD, "NVSP message too short") \
	RULE(NVSP_ORDER, DEAD, "NVSP message out of order") \
	RULE(NVSP_ON_SUBCHANNEL, DEAD, "NVSP control message on a subchannel") \
	RULE(NVSP_VERSION, REPORT, "NVSP message newer than the negotiated version") \
	RULE(RECV_BUFFER, DEAD, "receive buffer GPADL unknown or unusable") \
	RULE(SEND_BUFFER, DEAD, "send buffer GPADL unknown or unusable") \
	RULE(SECTION_INDEX, DEAD, "send section index or size outside the send buffer") \
	RULE(COMPLETION_ID, DEAD, "completed a receive transaction that is not outstanding here") \
	RULE(COMPLETION_TYPE, DEAD, "receive completion of the wrong type or too short") \
	RULE(SUBCHANNEL_COUNT, FAIL, "subchannel request the host cannot grant") \
	RULE(COMPLETION_NOT_REQUESTED, REPORT, "RNDIS message sent without asking for its completion") \
	/* RNDIS control */ \
	RULE(RNDIS_TYPE, DEAD, "unknown RNDIS message type") \
	RULE(RNDIS_TRUNCATED, DEAD, "truncated RNDIS control message") \
	RULE(RNDIS_INIT_TWICE, DEAD, "second RNDIS INIT") \
	RULE(RNDIS_ORDER, DEAD, "RNDIS message before the receive buffer or before INIT") \
	RULE(RNDIS_RESET, DEAD, "RNDIS RESET, SET_EX or INDICATE_STATUS from a guest") \
	RULE(RNDIS_CONTROL_ON_SUBCHANNEL, FAIL, "RNDIS control message on a subchannel") \
	RULE(RNDIS_QUEUE, FAIL, "more than 100 KiB of RNDIS control messages queued") \
	RULE(OID_DATA, REPORT, "OID request with malformed information") \
	/* RNDIS data */ \
	RULE(RNDIS_HEADER, FAIL, "missing, short or split RNDIS packet header") \
	RULE(RNDIS_OOB, FAIL, "out-of-band fields or VC handle not zero") \
	RULE(RNDIS_DATA_RANGE, FAIL, "frame empty or outside its message") \
	RULE(RNDIS_NOT_PACKET, FAIL, "not a packet message after a packet message") \
	RULE(RNDIS_PACKETS_PER_MESSAGE, REPORT, "more packets in one message than the host announced") \
	RULE(RNDIS_ALIGNMENT, REPORT, "packet message not aligned as the host announced") \
	RULE(PPI_RANGE, FAIL, "per-packet information out of bounds or of size 0") \
	RULE(PAGE_UNKNOWN, FAIL, "page number that leads nowhere") \
	RULE(PAGE_PRIVATE, FAIL, "page list of an isolated guest, whose pages no host can read") \
	RULE(FRAME_LENGTH, REPORT, "frame shorter than 14 bytes or longer than the MTU") \
	RULE(CSUM_OFFSET, FAIL, "checksum offload with a wrong L4 header offset") \
	RULE(CSUM_REQUEST, REPORT, "checksum offload that does not fit the frame") \
	RULE(LSO_HEADER, FAIL, "segmentation offload whose headers are outside the frame") \
	RULE(LSO_REQUEST, REPORT, "segmentation offload the host did not offer, or mss 0") \
	RULE(VLAN_INBAND, REPORT, "offload asked for a frame with an in-band VLAN tag") \
	RULE(SEGMENTS, REPORT, "a frame of 256 or more memory segments")

enum vsp_consequence {
	VSP_FAIL,
	VSP_DEAD,
	VSP_REPORT,
};

enum vsp_rule {
#define RULE(id, consequence, text) VSP_RULE_##id,
	VSP_RULES(RULE)
#undef RULE
	VSP_RULE_COUNT,
};

/* "RING_INDEX", its text and its consequence (vsp/check.c). */
const char *vsp_rule_name(enum vsp_rule rule);
const char *vsp_rule_text(enum vsp_rule rule);
enum vsp_consequence vsp_rule_consequence(enum vsp_rule rule);

#endif /* HVSIM_VSP_RULES_H */
