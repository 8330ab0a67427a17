/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_CONFIG_PRIVATE_H
#define HVSIM_CONFIG_PRIVATE_H

/* What config.c, config_file.c and config_finish.c share. */

#include <assert.h>
#include <stddef.h>

#include "config.h"
#include "units.h"

struct config_errbuf {
	char *text;
	unsigned int bytes;
};

/* Writes the sentence; always returns -EINVAL. */
int config_error(const struct config_errbuf *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* "a NIC has no option "x"; it has a, b, c". name(i) is NULL after the last. */
int config_unknown(const struct config_errbuf *error, const char *what, const char *word,
	const char *(*name)(unsigned int i));

int config_copy_text(char *to, size_t to_bytes, const char *value);
int config_copy_name(char *to, size_t to_bytes, const char *value);
int config_parse_bounded(const char *value, uint64_t min, uint64_t max, uint32_t *number);
#define CONFIG_BOOL_EXPECTED "on or off"
int config_parse_iova(const char *value, enum config_iova *iova);

void config_nic_defaults(struct config_nic *nic);
/* seen: a bit per option, 0 at first. */
int config_nic_set(struct config_nic *nic, uint32_t *seen, const char *name, const char *value,
	const struct config_errbuf *error);
void config_nic_append(struct config *config, struct config_nic *nic);
/* 1 if name is sw or vlan and was set, 0 if it is neither. */
int config_port_set_place(struct config_port *port, const char *name, const char *value,
	const struct config_errbuf *error);
void config_port_append(struct config *config, struct config_port *port);

#endif /* HVSIM_CONFIG_PRIVATE_H */
