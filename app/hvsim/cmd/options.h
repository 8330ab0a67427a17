/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_OPTIONS_H
#define HVSIM_OPTIONS_H

/* Options of a command as a table, and those that run and serve share. */

#include <stdbool.h>

#include "../core/config.h"
#include "cmd.h"

struct option_row {
	const char *name;
	bool value;             /* takes one */
};

struct option_parser {
	const struct command *command;
	const struct option_row *rows;
	unsigned int count;
	bool operands_end;      /* the first operand ends the options */
	/* Returns 0, or -EINVAL with a sentence. value is "" for a flag. */
	int (*apply)(void *context, const char *name, const char *value, char *error,
		unsigned int bytes);
	void *context;
};

/* Returns the index of the first operand, or -1 - status: the command is to
 * end with that status (its help was asked for, or an error was printed). */
int options_parse(const struct option_parser *parser, int argc, char **argv);
#define OPTIONS_STATUS(ret) (-1 - (ret))

/* ---- run and serve ---- */

struct machine_capture {
	struct machine_capture *next;
	const char *port;       /* in `text` */
	const char *file;
	char text[];
};

struct machine_options {
	/* A command's own options, looked at before the shared ones; a row of the
	 * same name hides a shared one. Set before parsing, else NULL. */
	const struct option_row *own_rows;
	unsigned int own_count;
	int (*own_apply)(void *context, const char *name, const char *value, char *error,
		unsigned int bytes);
	void *own_context;
	/* what follows is the parser's */
	struct config config;
	struct machine_capture *captures;
	char *log_file;
	char *stats_json;
	bool stats;
	bool described;         /* NICs, ports or a file were given */
};

/* As options_parse(); the own_ members are set, or the struct is zeroed. On success the configuration is finished and the log
 * set up. The options must be freed in any case. */
int machine_options_parse(struct machine_options *options, const struct command *command,
	int argc, char **argv);
void machine_options_free(struct machine_options *options);
#define MACHINE_OPTIONS_HELP \
	"The machine:\n" \
	"  --nic OPTIONS      a NIC; may be repeated. OPTIONS is a list such as queues=4,port=echo:\n" \
	"      queues=N                 most the host grants, 1 to 64 (8)\n" \
	"      port=PORT                a port of its own at the other end of a wire, such as echo or\n" \
	"                               gen:size=64,rate=1Mpps; takes the rest of the list, or write\n" \
	"                               port=[PORT] (see 'hvsim ports')\n" \
	"      sw=NAME vlan=VLAN        without a port: the switch it is on (sw0); its VLAN: 100,\n" \
	"                               trunk, [trunk:1-10,20]\n" \
	"      name=NAME guest=NAME     (nic0, nic1 ...; guest0)\n" \
	"      mac=ADDRESS guid=GUID    (made from --seed)\n" \
	"      host=PROFILE             what kind of host this NIC sees (as --host)\n" \
	"      link=SPEED mtu=SIZE      (40G; 9k) mtu is the most the host allows\n" \
	"      monitor=on|off           signal through the monitor page (as the profile)\n" \
	"      frames-per-transfer=N    most frames in one receive message, 1 to 375 (375)\n" \
	"      recv-sections=N          sections of the receive buffer (what fits)\n" \
	"      two-sections             a second receive section, of small pieces (ws2008)\n" \
	"      partial-csum rsc vf      partial checksums from other NICs; coalesced TCP; a VF at start\n" \
	"      mac-filter=on|off        drop frames for others (on, on a switch)\n" \
	"      spoofing=on|off          the guest may change its MAC address (on)\n" \
	"  --port PORT        a port of a switch, such as tap:name=tap0; may be repeated;\n" \
	"                     sw=NAME and vlan=VLAN say where\n" \
	"  --config FILE      guests, NICs, ports and settings from a JSON file; options given\n" \
	"                     beside it win\n" \
	"  --host PROFILE     the Windows version to be (ws2022; see 'hvsim profiles')\n" \
	"  --kernel PROFILE   the guest's kernel (the newest; see 'hvsim profiles')\n" \
	"  --iova auto|va|pa  what the guest's page numbers mean (auto: ask its EAL); pa needs root\n" \
	"  --isolated         the guest is a confidential one: its devices say so, and the host reads\n" \
	"                     nothing but rings and buffers (any page list is a violation)\n" \
	"  --seed N           makes addresses and every random choice repeatable (1)\n" \
	"\n" \
	"How it runs:\n" \
	"  --check full|fast  verify all that a host verifies, or memory safety only (full)\n" \
	"  --strict           the first violation of a rule becomes the exit status, 3\n" \
	"  --poll busy|adaptive   never sleep, or sleep when there is nothing to do (adaptive)\n" \
	"  --cpus LIST        where hvsim itself runs, such as 3 or 0-1 (anywhere)\n" \
	"  --numa NODE        where its memory is (any)\n" \
	"  --control PATH     the control socket (in the private folder)\n" \
	"  --folder DIR       the private folder (a new one); it must not exist, and is removed at\n" \
	"                     the end. Guests of an hvsim that ended find the next one by it\n" \
	"  --fault FAULT      the host goes wrong, such as silent:message=rndis-init; may be\n" \
	"                     repeated (see 'hvsim faults')\n" \
	"\n" \
	"What it tells:\n" \
	"  --trace FILE       the NVSP and RNDIS conversation, JSON lines (see 'hvsim trace')\n" \
	"  --capture PORT=FILE    frames of a port or NIC to a pcapng file; may be repeated\n" \
	"  --stats            counters on standard error at the end\n" \
	"  --stats-json FILE  counters to a file at the end\n" \
	"  --log-level LEVEL  error, warning, notice, info or debug (notice)\n" \
	"  --log-file FILE    log lines also go there\n" \
	"\n" \
	"A topology file has the names of the options above as keys:\n" \
	"  {\"settings\": {\"host\": \"ws2019\", \"seed\": 7, \"strict\": true},\n" \
	"   \"guests\": [{\"name\": \"g1\", \"kernel\": \"6.1\", \"iova\": \"va\", \"isolated\": false}],\n" \
	"   \"nics\": [{\"guest\": \"g1\", \"queues\": 4, \"port\": \"echo\"}, \"queues=2,vlan=100\"],\n" \
	"   \"ports\": [{\"port\": \"tap:name=tap0\", \"vlan\": 100}, \"sink:sw=sw1\"]}\n" \
	"\n" \
	"Sizes are written like 1514, 9k or 2M, times like 100us, rates like 10G or 1.5Mpps.\n"

#endif /* HVSIM_OPTIONS_H */
