/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_UNITS_H
#define HVSIM_UNITS_H

/*
 * Numbers as people write them. Each returns 0, or -EINVAL with the value
 * untouched (also for trailing rubbish, signs, and what does not fit).
 */

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

int units_parse_uint(const char *text, uint64_t *value);        /* "1514", "0x10" */
int units_parse_bool(const char *text, bool *value);            /* "on", "no", "1"; "" = on */
int units_parse_bytes(const char *text, uint64_t *bytes);       /* "1514", "9k", "2M", "1G": 1024 */
int units_parse_time_ns(const char *text, uint64_t *ns);        /* "100us", "2ms", "1s", "5min" */
int units_parse_pps(const char *text, double *packets_per_s);   /* "1Mpps", "500kpps", "max" = 0 */
int units_parse_bps(const char *text, uint64_t *bits_per_s);    /* "10G", "40Gbps", "100M" */
int units_parse_mac(const char *text, uint8_t mac[6]);
int units_parse_guid(const char *text, uint8_t guid[16]);       /* with or without braces */
void units_format_guid(const uint8_t guid[16], char text[37]);
/* "12.3 M", three significant digits. */
void units_format_rate(double value, char *text, size_t bytes);

/*
 * Option lists: "name=tap0,rate=1Mpps,swap". Walks them without changing the
 * text; a value may be quoted by brackets: "sizes=[64,1514]". Unknown keys
 * are for the caller to refuse.
 */
struct option_cursor {
	const char *rest;
	char key[32];
	char value[4096];       /* "" where there is no "=" */
	int error;              /* -EINVAL if the list is malformed */
};
void option_start(struct option_cursor *cursor, const char *text);
/* Returns 1 and fills key and value, or 0 at the end or on error. */
int option_next(struct option_cursor *cursor);

#endif /* HVSIM_UNITS_H */
