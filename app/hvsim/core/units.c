/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Numbers, addresses and option lists as people write them. A value is a
 * plain decimal with an optional fraction, then a unit from a table; sizes
 * count in 1024s, rates in 1000s. All arithmetic is exact: what does not fit
 * is refused, not rounded into something else.
 */

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "units.h"
#include "util.h"

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit byte_units[] = {
	{ "", 1 }, { "B", 1 },
	{ "k", 1ull << 10 }, { "K", 1ull << 10 }, { "kB", 1ull << 10 }, { "KB", 1ull << 10 },
	{ "KiB", 1ull << 10 },
	{ "M", 1ull << 20 }, { "MB", 1ull << 20 }, { "MiB", 1ull << 20 },
	{ "G", 1ull << 30 }, { "GB", 1ull << 30 }, { "GiB", 1ull << 30 },
};

static const struct unit time_units[] = {
	{ "ns", 1 }, { "us", 1000 }, { "\xc2\xb5s", 1000 }, { "ms", 1000000 },
	{ "s", 1000000000 }, { "min", 60000000000 }, { "h", 3600000000000 },
};

/* Behind these, "pps", "bps", "bit/s" or nothing. */
static const struct unit rate_units[] = {
	{ "", 1 }, { "k", 1000 }, { "K", 1000 }, { "M", 1000000 }, { "G", 1000000000 },
	{ "T", 1000000000000 },
};

/* A decimal: whole + fraction / scale. */
struct decimal {
	uint64_t whole;
	uint64_t fraction;
	uint64_t scale;
};

/* Reads digits into *value; returns where they end, NULL if it overflows or
 * there are none. */
static const char *
digits_read(const char *text, uint64_t *value)
{
	const char *p = text;

	*value = 0;
	for (; isdigit((unsigned char)*p); p++) {
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(*p - '0'), value))
			return NULL;
	}
	return p == text ? NULL : p;
}

static const char *
decimal_read(const char *text, struct decimal *decimal)
{
	const char *p = digits_read(text, &decimal->whole);
	const char *start;

	decimal->fraction = 0;
	decimal->scale = 1;
	if (p == NULL || *p != '.')
		return p;
	start = ++p;
	p = digits_read(p, &decimal->fraction);
	if (p == NULL || p - start > 12)
		return NULL;
	for (; start < p; start++)
		decimal->scale *= 10;
	return p;
}

static int
decimal_scale(const struct decimal *decimal, uint64_t factor, uint64_t *value)
{
	unsigned __int128 product = (unsigned __int128)decimal->whole * factor +
		(unsigned __int128)decimal->fraction * factor / decimal->scale;

	if (product > UINT64_MAX)
		return -EINVAL;
	*value = (uint64_t)product;
	return 0;
}

static const struct unit *
unit_find(const struct unit *units, unsigned int count, const char *suffix)
{
	for (unsigned int i = 0; i < count; i++) {
		if (strcmp(units[i].suffix, suffix) == 0)
			return &units[i];
	}
	return NULL;
}

int
units_parse_uint(const char *text, uint64_t *value)
{
	const char *p = text;
	uint64_t result = 0;

	if (p[0] != '0' || (p[1] != 'x' && p[1] != 'X')) {
		p = digits_read(text, &result);
		if (p == NULL || *p != '\0')
			return -EINVAL;
		*value = result;
		return 0;
	}
	for (p += 2; isxdigit((unsigned char)*p); p++) {
		if (result >> 60 != 0)
			return -EINVAL;
		result = result << 4 | (uint64_t)(isdigit((unsigned char)*p) ?
			*p - '0' : tolower((unsigned char)*p) - 'a' + 10);
	}
	if (*p != '\0' || p == text + 2)
		return -EINVAL;
	*value = result;
	return 0;
}

int
units_parse_bytes(const char *text, uint64_t *bytes)
{
	struct decimal decimal;
	const char *suffix;
	const struct unit *unit;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return units_parse_uint(text, bytes);
	suffix = decimal_read(text, &decimal);
	if (suffix == NULL)
		return -EINVAL;
	unit = unit_find(byte_units, ARRAY_SIZE(byte_units), suffix);
	if (unit == NULL || (unit->factor == 1 && decimal.fraction != 0))
		return -EINVAL;
	return decimal_scale(&decimal, unit->factor, bytes);
}

int
units_parse_time_ns(const char *text, uint64_t *ns)
{
	struct decimal decimal;
	const char *suffix = decimal_read(text, &decimal);
	const struct unit *unit;

	if (suffix == NULL)
		return -EINVAL;
	/* A bare number could mean anything, except 0. */
	if (*suffix == '\0' && decimal.whole == 0 && decimal.fraction == 0) {
		*ns = 0;
		return 0;
	}
	unit = unit_find(time_units, ARRAY_SIZE(time_units), suffix);
	if (unit == NULL)
		return -EINVAL;
	return decimal_scale(&decimal, unit->factor, ns);
}

/* Splits "Mbps" into the prefix's factor; 0 if the rest is none of tails. */
static uint64_t
rate_factor(const char *suffix, const char *const tails[], unsigned int tail_count)
{
	char prefix[8];
	size_t length = strlen(suffix);
	const struct unit *unit;

	for (unsigned int i = 0; i < tail_count; i++) {
		size_t tail = strlen(tails[i]);

		if (length < tail || length - tail >= sizeof(prefix) ||
		    strcmp(suffix + length - tail, tails[i]) != 0)
			continue;
		memcpy(prefix, suffix, length - tail);
		prefix[length - tail] = '\0';
		unit = unit_find(rate_units, ARRAY_SIZE(rate_units), prefix);
		if (unit != NULL)
			return unit->factor;
	}
	return 0;
}

int
units_parse_pps(const char *text, double *packets_per_s)
{
	static const char *const tails[] = { "", "pps", "p/s" };
	struct decimal decimal;
	const char *suffix;
	uint64_t factor;
	double value;

	if (strcmp(text, "max") == 0) {
		*packets_per_s = 0;
		return 0;
	}
	suffix = decimal_read(text, &decimal);
	factor = suffix == NULL ? 0 : rate_factor(suffix, tails, ARRAY_SIZE(tails));
	if (factor == 0)
		return -EINVAL;
	value = ((double)decimal.whole + (double)decimal.fraction / (double)decimal.scale) *
		(double)factor;
	/* 0 means "as fast as possible", which has a word of its own. */
	if (value <= 0 || value > 1e12)
		return -EINVAL;
	*packets_per_s = value;
	return 0;
}

int
units_parse_bps(const char *text, uint64_t *bits_per_s)
{
	static const char *const tails[] = { "", "bps", "bit/s", "b/s", "bit" };
	struct decimal decimal;
	const char *suffix = decimal_read(text, &decimal);
	uint64_t factor = suffix == NULL ? 0 : rate_factor(suffix, tails, ARRAY_SIZE(tails));

	if (factor == 0 || (factor == 1 && decimal.fraction != 0))
		return -EINVAL;
	return decimal_scale(&decimal, factor, bits_per_s);
}

static int
hex_byte(const char *text, uint8_t *byte)
{
	unsigned int value = 0;

	for (unsigned int i = 0; i < 2; i++) {
		unsigned char c = (unsigned char)text[i];

		if (!isxdigit(c))
			return -EINVAL;
		value = value << 4 | (unsigned int)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
	}
	*byte = (uint8_t)value;
	return 0;
}

int
units_parse_mac(const char *text, uint8_t mac[6])
{
	uint8_t parsed[6];

	for (unsigned int i = 0; i < 6; i++, text += 3) {
		char expected = i == 5 ? '\0' : ':';

		if (hex_byte(text, &parsed[i]) < 0)
			return -EINVAL;
		if (text[2] != expected && !(text[2] == '-' && expected == ':'))
			return -EINVAL;
	}
	memcpy(mac, parsed, sizeof(parsed));
	return 0;
}

static bool
guid_dash_before(unsigned int byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

int
units_parse_guid(const char *text, uint8_t guid[16])
{
	bool braces = *text == '{';
	uint8_t parsed[16];

	text += braces;
	for (unsigned int i = 0; i < 16; i++, text += 2) {
		if (guid_dash_before(i) && *text++ != '-')
			return -EINVAL;
		if (hex_byte(text, &parsed[i]) < 0)
			return -EINVAL;
	}
	if (strcmp(text, braces ? "}" : "") != 0)
		return -EINVAL;
	memcpy(guid, parsed, sizeof(parsed));
	return 0;
}

void
units_format_guid(const uint8_t guid[16], char text[37])
{
	char *p = text;

	for (unsigned int i = 0; i < 16; i++) {
		if (guid_dash_before(i))
			*p++ = '-';
		p += snprintf(p, 3, "%02x", guid[i]);
	}
}

void
units_format_rate(double value, char *text, size_t bytes)
{
	static const char *const prefixes[] = { "", " k", " M", " G", " T", " P" };
	unsigned int i = 0;

	/* 999.5 would be shown as 1000: four digits. */
	while (value >= 999.5 && i < ARRAY_SIZE(prefixes) - 1) {
		value /= 1000;
		i++;
	}
	if (i == 0 && value == (double)(unsigned int)value)
		snprintf(text, bytes, "%u", (unsigned int)value);
	else
		snprintf(text, bytes, "%.*f%s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0,
			value, prefixes[i]);
}

/* ---- option lists ---- */

void
option_start(struct option_cursor *cursor, const char *text)
{
	memset(cursor, 0, sizeof(*cursor));
	cursor->rest = text;
}

static int
option_malformed(struct option_cursor *cursor)
{
	cursor->error = -EINVAL;
	return 0;
}

/* Where the value that starts here ends: at a comma outside brackets, or at
 * the end of the text. NULL if brackets do not match. */
static const char *
option_value_end(const char *text)
{
	unsigned int depth = 0;

	for (; *text != '\0' && !(*text == ',' && depth == 0); text++) {
		if (*text == '[')
			depth++;
		else if (*text == ']' && depth-- == 0)
			return NULL;
	}
	return depth == 0 ? text : NULL;
}

/* True if the first bracket is closed by the last character. */
static bool
option_quoted(const char *value, size_t length)
{
	unsigned int depth = 0;

	if (length < 2 || value[0] != '[')
		return false;
	for (size_t i = 0; i < length; i++) {
		depth += value[i] == '[';
		depth -= value[i] == ']';
		if (depth == 0)
			return i == length - 1;
	}
	return false;
}

static int
option_value(struct option_cursor *cursor, const char *value)
{
	const char *end = option_value_end(value);
	size_t length;

	if (end == NULL)
		return -EINVAL;
	cursor->rest = end;
	length = (size_t)(end - value);
	if (option_quoted(value, length)) {
		value++;
		length -= 2;
	}
	if (length >= sizeof(cursor->value))
		return -EINVAL;
	memcpy(cursor->value, value, length);
	cursor->value[length] = '\0';
	return 0;
}

int
option_next(struct option_cursor *cursor)
{
	const char *p = cursor->rest;
	size_t length;

	if (cursor->error != 0 || *p == '\0')
		return 0;
	length = strcspn(p, "=,");
	if (length == 0 || length >= sizeof(cursor->key))
		return option_malformed(cursor);
	memcpy(cursor->key, p, length);
	cursor->key[length] = '\0';
	cursor->value[0] = '\0';
	cursor->rest = p + length;
	if (p[length] == '=' && option_value(cursor, p + length + 1) < 0)
		return option_malformed(cursor);
	if (*cursor->rest == ',') {
		cursor->rest++;
		if (*cursor->rest == '\0')
			return option_malformed(cursor);
	}
	return 1;
}

int
units_parse_bool(const char *text, bool *value)
{
	static const char *const yes[] = { "", "on", "yes", "true", "1" };
	static const char *const no[] = { "off", "no", "false", "0" };

	for (unsigned int i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcmp(text, yes[i]) == 0) {
			*value = true;
			return 0;
		}
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(no); i++) {
		if (strcmp(text, no[i]) == 0) {
			*value = false;
			return 0;
		}
	}
	return -EINVAL;
}
