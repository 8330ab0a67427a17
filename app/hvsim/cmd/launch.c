/* SPDX-License-Identifier: BSD-3-Clause */

/* See launch.h. */

#include "launch.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/log.h"
#include "cmd.h"
#include "elf.h"

#define LIBRARY_NAME "libhvsim-guest.so"

/* ---- finding things ---- */

/* False if it did not fit. */
__attribute__((format(printf, 3, 4)))
static bool
text_set(char *text, size_t bytes, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, bytes, format, args);
	va_end(args);
	return n >= 0 && (size_t)n < bytes;
}

static bool
library_beside(const char *program, const char *subfolder, char *path, unsigned int bytes)
{
	const char *slash = strrchr(program, '/');

	return slash != NULL && text_set(path, bytes, "%.*s/%s%s", (int)(slash - program),
		program, subfolder, LIBRARY_NAME) && access(path, R_OK) == 0;
}

int
launch_find_library(char *path, unsigned int path_bytes, char *error, unsigned int bytes)
{
	const char *given = getenv("HVSIM_GUEST_LIB");
	char program[PATH_MAX];
	ssize_t n;

	if (given != NULL && *given != '\0') {
		if (text_set(path, path_bytes, "%s", given) && access(path, R_OK) == 0)
			return 0;
		text_set(error, bytes, "HVSIM_GUEST_LIB=%s: %s", given, strerror(errno));
		return -ENOENT;
	}
	n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	program[n > 0 ? n : 0] = '\0';
	if (library_beside(program, "guest/", path, path_bytes) ||
	    library_beside(program, "", path, path_bytes))
		return 0;
	if (text_set(path, path_bytes, "%s/%s", HVSIM_LIBDIR, LIBRARY_NAME) &&
	    access(path, R_OK) == 0)
		return 0;
	text_set(error, bytes, "%s is neither beside the program nor in %s; say where by "
		"HVSIM_GUEST_LIB", LIBRARY_NAME, HVSIM_LIBDIR);
	return -ENOENT;
}

/* Where execvp() would find the program; false if nowhere. */
static bool
program_find(const char *name, char *path, size_t bytes)
{
	const char *p = getenv("PATH");

	if (strchr(name, '/') != NULL)
		return text_set(path, bytes, "%s", name);
	for (; p != NULL && *p != '\0'; p += *p == ':') {
		size_t length = strcspn(p, ":");

		if (text_set(path, bytes, "%.*s/%s", (int)length, p, name) &&
		    access(path, X_OK) == 0)
			return true;
		p += length;
	}
	return false;
}

/* ---- preloading ---- */

/* The dynamic loader splits LD_PRELOAD at colons and spaces. */
static bool
preloadable(const char *path)
{
	return strpbrk(path, ": \t") == NULL;
}

static bool
list_has(const char *list, const char *entry)
{
	size_t length = strlen(entry);

	for (const char *p = strstr(list, entry); p != NULL; p = strstr(p + 1, entry)) {
		bool starts = p == list || strchr(": ", p[-1]) != NULL;

		if (starts && strchr(": ", p[length]) != NULL)
			return true;
	}
	return false;
}

/* The sanitizer's library must come first, ours after what the user preloads. */
static int
preload_set(const char *library, const char *asan)
{
	const char *old = getenv("LD_PRELOAD");
	char *list;
	int ret;

	if (old == NULL)
		old = "";
	if (list_has(old, library))
		library = "";
	if (*asan != '\0' && strstr(old, "libasan.so") != NULL)
		asan = "";
	if (asprintf(&list, "%s%s%s%s%s", asan, *asan != '\0' && *old != '\0' ? ":" : "", old,
			*library != '\0' && (*asan != '\0' || *old != '\0') ? ":" : "",
			library) < 0)
		return -ENOMEM;
	ret = setenv("LD_PRELOAD", list, 1) < 0 ? -errno : 0;
	free(list);
	return ret;
}

/* A program that is not built with the sanitizer has it loaded for our library
 * alone: what such a program leaks is its own business. */
static int
sanitizer_ignore_leaks(void)
{
	const char *old = getenv("ASAN_OPTIONS");
	char *options;
	int ret;

	if (asprintf(&options, "%s%sdetect_leaks=0", old != NULL ? old : "",
			old != NULL && *old != '\0' ? ":" : "") < 0)
		return -ENOMEM;
	ret = setenv("ASAN_OPTIONS", options, 1) < 0 ? -errno : 0;
	free(options);
	return ret;
}

int
launch_exec(const char *command, const char *guest_dir, const char *control,
	const char *library, char **argv)
{
	struct elf_facts program = { 0 }, guest;
	char path[PATH_MAX];
	int ret;

	elf_inspect(library, &guest);
	if (program_find(argv[0], path, sizeof(path)))
		elf_inspect(path, &program);
	if (program.elf && !program.dynamic)
		log_warning("%s: %s is statically linked: it cannot be a guest", command, path);
	if (!preloadable(library)) {
		command_failed(command, "%s: a preloaded library's path may have neither a "
			"space nor a colon", library);
		return EXIT_CANNOT_RUN;
	}
	if (setenv("HVSIM_DIR", guest_dir, 1) < 0 || setenv("HVSIM_CONTROL", control, 1) < 0 ||
	    preload_set(library, program.asan[0] != '\0' ? program.asan : guest.asan) < 0 ||
	    (guest.asan[0] != '\0' && program.asan[0] == '\0' && sanitizer_ignore_leaks() < 0)) {
		command_failed(command, "environment: %s", strerror(errno));
		return EXIT_CANNOT_RUN;
	}
	execvp(argv[0], argv);
	ret = errno;
	command_failed(command, "cannot run \"%s\": %s", argv[0], strerror(ret));
	return ret == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}
