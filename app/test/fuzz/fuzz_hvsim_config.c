/* SPDX-License-Identifier: BSD-3-Clause */

/* hvsim's topology file, and the same settings as on the command line: one line
 * each, "nic ...", "port ..." or "name value". */

#include "memory_file.h"

#include "core/config.h"
#include "core/log.h"

static void
setting(struct config *config, char *line, char *error, unsigned int error_bytes)
{
	char *value = strchr(line, ' ');

	if (value == NULL)
		return;
	*value++ = '\0';
	if (strcmp(line, "nic") == 0)
		config_add_nic(config, value, error, error_bytes);
	else if (strcmp(line, "port") == 0)
		config_add_port(config, value, error, error_bytes);
	else
		config_set(config, line, value, error, error_bytes);
}

static void
command_line(struct config *config, const uint8_t *data, size_t size, char *error,
	unsigned int error_bytes)
{
	char *text = malloc(size + 1), *rest = text, *line;

	fuzz_check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	while ((line = strsep(&rest, "\n")) != NULL)
		setting(config, line, error, error_bytes);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config;
	char name[64], error[512] = "";
	int fd;

	log_set_level(LOG_ERROR);
	config_init(&config);
	if (size > 0 && data[0] != '{') {
		command_line(&config, data, size, error, sizeof(error));
	} else {
		fd = memory_file(data, size, name);
		if (config_load_file(&config, name, error, sizeof(error)) < 0)
			fuzz_check(error[0] != '\0');
		close(fd);
	}
	error[0] = '\0';
	if (config_finish(&config, error, sizeof(error)) < 0)
		fuzz_check(error[0] != '\0');
	config_fini(&config);
	return 0;
}
