/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_FUZZ_LINES_H
#define TEST_FUZZ_LINES_H

/* Cases of the differential test: a line each on stdin, "KIND READ WRITE HEX";
 * each answered by one line of JSON. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 65536u

struct line {
	char kind[16];
	uint32_t read, write;
	uint8_t *bytes;         /* exactly `count` of them, of malloc() */
	uint32_t count;
};

/* False at the end of the input; the caller frees line->bytes. */
static inline int
line_read(struct line *line)
{
	static char text[LINE_BYTES], hex[LINE_BYTES];

	if (fgets(text, sizeof(text), stdin) == NULL)
		return 0;
	hex[0] = '\0';
	if (sscanf(text, "%15s %u %u %65535s", line->kind, &line->read, &line->write, hex) < 3) {
		fprintf(stderr, "no case: %s", text);
		exit(2);
	}
	line->count = (uint32_t)(strlen(hex) / 2);
	line->bytes = malloc(line->count);
	for (uint32_t i = 0; i < line->count; i++) {
		unsigned int value;

		sscanf(hex + (size_t)i * 2, "%2x", &value);
		line->bytes[i] = (uint8_t)value;
	}
	return 1;
}

#endif /* TEST_FUZZ_LINES_H */
