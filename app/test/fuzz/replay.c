/* SPDX-License-Identifier: BSD-3-Clause */

/* Runs a fuzz target over files, and over the files of folders, once each:
 * what the corpus holds stays tested where there is no libFuzzer. */

#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

static unsigned int files_run;

static int
run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data;
	long bytes;

	if (file == NULL || fseek(file, 0, SEEK_END) < 0 || (bytes = ftell(file)) < 0) {
		perror(path);
		return -1;
	}
	rewind(file);
	data = malloc((size_t)bytes + (bytes == 0));
	if (data == NULL || fread(data, 1, (size_t)bytes, file) != (size_t)bytes) {
		perror(path);
		return -1;
	}
	fclose(file);
	/* Said before, so that it is known which one did not end well. */
	printf("%s: %ld bytes\n", path, bytes);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, (size_t)bytes);
	free(data);
	files_run++;
	return 0;
}

static int
run_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort), ret = n < 0 ? -1 : 0;

	for (int i = 0; i < n; i++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && run_file(name) < 0)
			ret = -1;
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return ret;
}

int
main(int argc, char **argv)
{
	int ret = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) < 0) {
			perror(argv[i]);
			ret = 1;
		} else if ((S_ISDIR(st.st_mode) ? run_folder(argv[i]) : run_file(argv[i])) < 0) {
			ret = 1;
		}
	}
	printf("%u inputs replayed\n", files_run);
	return files_run == 0 ? 1 : ret;
}
