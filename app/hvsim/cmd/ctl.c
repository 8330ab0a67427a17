/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * hvsim ctl: what is written on the command line becomes one request. Each
 * form is a row: words in lower case stand as they are, the others are
 * operands and become members of the request.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/util.h"
#include "client.h"
#include "ctl_print.h"
#include "options.h"

#define WORDS_MAX 4u

static const struct form {
	const char *words[WORDS_MAX];
	const char *request;
	const char *members[2];
} forms[] = {
	{ { "list" }, "list", { NULL } },
	{ { "counters" }, "counters", { NULL } },
	{ { "profiles" }, "profiles", { NULL } },
	{ { "guest", "GUEST" }, "guest", { "guest" } },
	{ { "link", "NIC", "UP|DOWN" }, "link", { "nic", "up" } },
	{ { "speed", "NIC", "SPEED" }, "speed", { "nic", "speed" } },
	{ { "network-change", "NIC" }, "network-change", { "nic" } },
	{ { "offload", "NIC" }, "offload", { "nic" } },
	{ { "vf", "NIC", "OFFER|REVOKE" }, "vf", { "nic", "action" } },
	{ { "nic", "add", "OPTIONS" }, "nic-add", { "spec" } },
	{ { "nic", "remove", "NIC" }, "nic-remove", { "nic" } },
	{ { "nic", "offer", "NIC" }, "nic-offer", { "nic" } },
	{ { "nic", "delete", "NIC" }, "nic-delete", { "nic" } },
	{ { "subchannel", "remove", "NIC", "N" }, "subchannel-remove", { "nic", "index" } },
	{ { "port", "add", "PORT" }, "port-add", { "spec" } },
	{ { "port", "remove", "PORT" }, "port-remove", { "port" } },
	{ { "capture", "start", "PORT", "FILE" }, "capture-start", { "port", "file" } },
	{ { "capture", "stop", "PORT" }, "capture-stop", { "port" } },
	{ { "faults" }, "faults", { NULL } },
	{ { "fault", "arm", "FAULT" }, "fault-arm", { "fault" } },
	{ { "fault", "disarm", "NAME" }, "fault-disarm", { "fault" } },
};

static bool
is_operand(const char *word)
{
	return word[0] >= 'A' && word[0] <= 'Z';
}

static unsigned int
form_words(const struct form *form)
{
	unsigned int n = 0;

	while (n < WORDS_MAX && form->words[n] != NULL)
		n++;
	return n;
}

/* How many of the words on the command line fit the form's fixed words. */
static bool
form_starts(const struct form *form, int argc, char **argv)
{
	for (unsigned int i = 0; i < form_words(form); i++) {
		if (is_operand(form->words[i]))
			continue;
		if ((int)i >= argc || strcmp(form->words[i], argv[i]) != 0)
			return false;
	}
	return true;
}

static const struct form *
form_find(int argc, char **argv)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++) {
		if (form_starts(&forms[i], argc, argv))
			return &forms[i];
	}
	return NULL;
}

/* "link NIC UP|DOWN" */
static void
form_text(const struct form *form, char *text, size_t bytes)
{
	size_t n = 0;

	for (unsigned int i = 0; i < form_words(form) && n < bytes; i++)
		n += (size_t)snprintf(text + n, bytes - n, "%s%s", i == 0 ? "" : " ",
			form->words[i]);
}

static json_t *
member_value(const char *member, const char *word, char *error, unsigned int bytes)
{
	char here[PATH_MAX];

	if (strcmp(member, "up") == 0) {
		if (strcmp(word, "up") == 0 || strcmp(word, "down") == 0)
			return json_boolean(word[0] == 'u');
		snprintf(error, bytes, "a link is up or down, not \"%s\"", word);
		return NULL;
	}
	/* hvsim may run in another folder. */
	if (strcmp(member, "file") == 0 && *word != '/' && getcwd(here, sizeof(here)) != NULL)
		return json_sprintf("%s/%s", here, word);
	return json_string(word);
}

static json_t *
form_members(const struct form *form, char **argv, char *error, unsigned int bytes)
{
	json_t *members = json_object();
	unsigned int next = 0;

	for (unsigned int i = 0; i < form_words(form); i++) {
		json_t *value;

		if (!is_operand(form->words[i]))
			continue;
		snprintf(error, bytes, "\"%s\" is not UTF-8", argv[i]);
		value = member_value(form->members[next], argv[i], error, bytes);
		if (value == NULL) {
			json_decref(members);
			return NULL;
		}
		json_object_set_new(members, form->members[next++], value);
	}
	return members;
}

static int
ctl_send(const char *control, bool json, const struct form *form, json_t *members)
{
	char error[1024];
	struct client client;
	json_t *result;

	if (client_open(&client, control, error, sizeof(error)) < 0) {
		json_decref(members);
		return command_failed("ctl", "%s", error);
	}
	result = client_request(&client, form->request, members, error, sizeof(error));
	client_close(&client);
	if (result == NULL)
		return command_failed("ctl", "%s", error);
	if (json) {
		json_dumpf(result, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		ctl_print(form->request, result);
	}
	json_decref(result);
	return EXIT_SUCCESS;
}

struct ctl_options {
	const char *control;
	bool json;
};

static int
ctl_apply(void *context, const char *name, const char *value, char *error,
	unsigned int bytes)
{
	struct ctl_options *options = context;

	(void)error;
	(void)bytes;
	if (strcmp(name, "control") == 0)
		options->control = value;
	else
		options->json = true;
	return 0;
}

/* "add|remove": what may follow the word that is right so far. */
static void
form_verbs(const char *word, char *list, size_t bytes)
{
	size_t n = 0;

	list[0] = '\0';
	for (unsigned int i = 0; i < ARRAY_SIZE(forms) && n < bytes; i++) {
		if (strcmp(forms[i].words[0], word) == 0)
			n += (size_t)snprintf(list + n, bytes - n, "%s%s", n == 0 ? "" : "|",
				forms[i].words[1]);
	}
}

static int
unknown_form(const char *word)
{
	char list[256] = "";
	size_t n = 0;

	form_verbs(word, list, sizeof(list));
	if (list[0] != '\0')
		return usage_error("ctl", "write it as: hvsim ctl %s %s ...", word, list);

	for (unsigned int i = 0; i < ARRAY_SIZE(forms) && n < sizeof(list); i++) {
		if (i == 0 || strcmp(forms[i].words[0], forms[i - 1].words[0]) != 0)
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s",
				i == 0 ? "" : ", ", forms[i].words[0]);
	}
	return usage_error("ctl", "cannot \"%s\"; there are %s", word, list);
}

static int
ctl_run(int argc, char **argv)
{
	static const struct option_row rows[] = { { "control", true }, { "json", false } };
	struct ctl_options options = { NULL, false };
	struct option_parser parser = {
		.command = &command_ctl, .rows = rows, .count = 2,
		.apply = ctl_apply, .context = &options,
	};
	int first = options_parse(&parser, argc, argv);
	const struct form *form;
	char text[512];
	json_t *members;

	if (first < 0)
		return OPTIONS_STATUS(first);
	argc -= first;
	argv += first;
	if (argc == 0)
		return usage_error("ctl", "say what to do; see 'hvsim ctl --help'");
	form = form_find(argc, argv);
	if (form == NULL)
		return unknown_form(argv[0]);
	if ((unsigned int)argc != form_words(form)) {
		form_text(form, text, sizeof(text));
		return usage_error("ctl", "write it as: hvsim ctl %s", text);
	}
	members = form_members(form, argv, text, sizeof(text));
	if (members == NULL)
		return usage_error("ctl", "%s", text);
	return ctl_send(options.control, options.json, form, members);
}

const struct command command_ctl = {
	.name = "ctl",
	.summary = "look at a running hvsim, and do what a live host does",
	.run = ctl_run,
	.help =
	"Usage: hvsim ctl [--control PATH] [--json] COMMAND\n"
	"\n"
	"  list                      guests, NICs with what they negotiated, switches, ports\n"
	"  counters                  every counter that is not 0\n"
	"  profiles                  host and kernel profiles\n"
	"  guest GUEST               where a guest lives\n"
	"  link NIC up|down          the cable\n"
	"  speed NIC SPEED           a new link speed, such as 10G\n"
	"  network-change NIC        the network behind the NIC has changed\n"
	"  offload NIC               tell the guest its offload settings again\n"
	"  vf NIC offer|revoke       a virtual function comes or goes\n"
	"  nic add OPTIONS           a new NIC; OPTIONS as of 'hvsim run --nic'\n"
	"  nic remove NIC            the host takes it away (rescind)\n"
	"  nic offer NIC             ... and gives it back, with the same GUID\n"
	"  nic delete NIC            takes it away for good\n"
	"  subchannel remove NIC N   rescinds subchannel N alone; the NIC stays\n"
	"  port add PORT             a new port of a switch; PORT as of 'hvsim run --port'\n"
	"  port remove PORT\n"
	"  capture start PORT FILE   frames of a port or NIC to a pcapng file\n"
	"  capture stop PORT\n"
	"  faults                    faults of the host, and which are armed\n"
	"  fault arm FAULT           the host goes wrong; FAULT as of 'hvsim run --fault'\n"
	"  fault disarm NAME|all\n"
	"\n"
	"  --control PATH   the hvsim's control socket ($HVSIM_CONTROL, or the only one that\n"
	"                   runs)\n"
	"  --json           the answer as JSON\n"
	"\n"
	"  hvsim ctl list\n"
	"  hvsim ctl link nic0 down\n"
	"  hvsim ctl nic add queues=2,port=gen:size=64,rate=10kpps\n"
	"  hvsim ctl --json counters | jq .host.busy_percent\n",
};
