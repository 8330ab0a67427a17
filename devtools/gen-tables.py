#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the tables of the guide from the sources they describe: rules, host
and kernel profiles, ports, the commands' help. With --check it writes nothing
and fails if a table is stale, if a counter is missing in counters.rst, or if a
page of doc/design names a file that is not there."""

import argparse
import pathlib
import re
import sys

TREE = pathlib.Path(__file__).resolve().parent.parent
HVSIM = TREE / "app" / "hvsim"
GUIDE = TREE / "doc" / "guides" / "hvsim"
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')

# Where the facts of the host profiles come from.
SOURCES = {
    "OV": "observed from OpenVMM",
    "WIN": "public Windows driver documentation (NDIS, RNDIS)",
    "LINUX": "Linux driver knowledge",
    "PROTO": "follows from the NVSP version",
    "SIM": "a choice of hvsim's in all Windows rows",
}

# Field -> what it is, where its value in the Windows rows comes from.
HOST_FIELDS = {
    "nvsp_max": ("NVSP version, at most", "WIN LINUX"),
    "vmbus_version": ("VMBus version", "LINUX"),
    "offload_revision": ("revision of ``NDIS_OFFLOAD``", "WIN"),
    "rss_revision": ("revision of the RSS capabilities", "WIN"),
    "queues_max": ("queues granted at most", "PROTO OV"),
    "queues_announced": ("queues in the RSS capabilities", "SIM"),
    "rss_table_entries": ("RSS table entries", "OV LINUX"),
    "rss_hash_types": ("RSS hash types", "WIN OV"),
    "vf": ("VF", "PROTO LINUX"),
    "rsc": ("RSC", "PROTO LINUX"),
    "monitor": ("channels have a monitor id", "LINUX OV"),
    "send_buffer": ("takes a send buffer", "LINUX; the refusal of ws2008 is chosen"),
    "two_sections": ("can describe two receive sections", "LINUX"),
    "send_section_bytes": ("send section, bytes", "OV; ws2008 has none"),
    "suballoc_extra_bytes": ("receive sub-allocation: bytes beside the frame", "SIM"),
    "suballoc_round_bytes": ("... rounded up to", "SIM"),
    "frame_offset": ("the frame's place in it", "SIM"),
    "packets_per_message": ("packets per message",
                            "OV; 8 is what it announces, 1 for ws2008 and ws2008r2 a guess"),
    "alignment_shift": ("alignment of packets, bytes",
                        "OV; 8 is what it announces, none for ws2008 and ws2008r2 a guess"),
    "csum_offload": ("transmit checksum offload", "WIN"),
    "lso": ("large send offload", "WIN"),
    "udp_csum": ("... checksum of UDP too", "SIM"),
    "multicast_list": ("multicast list accepted", "WIN"),
    "statistics": ("statistics OIDs answered", "WIN"),
    "mac_filter": ("filters by address", "WIN"),
    "filter_readable": ("packet filter query tells the truth", "WIN"),
    "indirection_offset": ("offset in ``INDIRECTION_TABLE``", "LINUX"),
    "ring_limit_bytes": ("limit of host-to-guest ring use", "SIM"),
    "frame_max_bytes": ("longest frame, bytes", "SIM"),
    "latency_100ns": ("monitor latency, us", "LINUX"),
    "multicast_max": ("multicast list entries", "SIM"),
    "full_ranges": ("ranges as long as the sub-allocation", "SIM"),
}
HOST_BITS = {
    "ppi": ("to the guest: ", "vsp_ppi_set", {
        "CSUM": "WIN LINUX", "VLAN": "WIN LINUX", "HASH": "WIN LINUX", "PACKET_ID": "LINUX",
        "CSUM_ALWAYS": "OV", "NO_HASH_ON_ONE_QUEUE": "SIM"}),
    "quirks": ("quirk: ", "vsp_quirk", {
        "GRANTS_FEWER": "LINUX", "TABLE_AT_40": "LINUX", "LONG_MESSAGES": "LINUX"}),
}
VERSIONS = {"1": "1", "2": "2", "4": "4", "5": "5", "6": "6", "61": "6.1"}

KERNEL_FIELDS = {
    "ring_late": "``ring`` appears after the uio device",
    "ring_attr_real_size": "``ring`` has its real size (else 4 MiB)",
    "ring_attr_primary": "the primary channel has a ``ring``",
    "subchannels": "subchannels are opened, each with a ``ring``",
    "ring_bytes": "rings of the primary, both directions",
    "subchannel_ring_bytes": "rings of a subchannel",
    "masks_at_open": "the kernel masks interrupts at open",
    "irqcontrol_all": "``write()`` acts on all channels",
    "irqcontrol_signals": "... and signals channels without a monitor",
    "monitorless": "binds devices without a monitor",
    "control_page_bytes": "size of the control page maps",
    "subchannel_irq_oops": "an unmasked subchannel interrupt is fatal",
    "driver_override": "``driver_override``",
    "attrs_need_open": "channel attributes are EINVAL until open",
    "cpu_writable": "``channels/N/cpu`` can be written",
}


def unescape(text):
    return text.replace(r"\n", "\n").replace(r"\"", '"').replace(r"\\", "\\")


def strings(text):
    """All string literals of a piece of C, joined as the compiler does."""
    return unescape("".join(STRING.findall(text)))


def enum_comments(text, name):
    """Constant -> its comment, in an enum whose constants end in `NAME = ...,`."""
    body = re.search(r"enum %s \{(.*?)\n\};" % name, text, re.S).group(1)
    found = {}
    for line in body.splitlines():
        match = re.match(r"\s*(\w+) = [^,]+,\s*(?:/\* (.*?) \*/)?", line)
        if match:
            found[match.group(1)] = match.group(2)
    return found


def initialisers(text, array):
    """The rows of an array of structures: (comments in it, {field: (value, note)})."""
    body = re.search(r"%s\[\] = \{\n(.*?)\n\};" % re.escape(array), text, re.S).group(1)
    for row in re.findall(r"^\t\{\n(.*?)^\t\},", body, re.S | re.M):
        comments = [re.sub(r"\s*\n\s*\*?\s*", " ", c).strip()
                    for c in re.findall(r"^\t\t/\*\s*(.*?)\s*\*/$", row, re.S | re.M)]
        plain = re.sub(r"^\t\t/\*.*?\*/\n", "", row, flags=re.S | re.M)
        fields = {}
        for name, value, note in re.findall(
                r"^\t\t\.(\w+) = ((?:\"(?:[^\"\\]|\\.)*\"\s*|\([^)]*\)|[^,\"(]+)+),[ \t]*(?:/\* (.*?) \*/)?",
                plain, re.M):
            value = strings(value) if value.startswith('"') else " ".join(value.split())
            fields[name] = (value, note)
        yield comments, fields


def list_table(header, rows, widths=None):
    lines = [".. list-table::", "   :header-rows: 1"]
    if widths:
        lines.append("   :widths: " + widths)
    lines.append("")
    for row in [header, *rows]:
        for i, cell in enumerate(row):
            lines.append(f"   {'* -' if i == 0 else '  -'} {cell}".rstrip())
    return "\n".join(lines) + "\n"


# ---- rules ----

def rules():
    text = (HVSIM / "vsp/rules.h").read_text()
    consequence = {"FAIL": "the message fails", "DEAD": "the channel falls silent",
                   "REPORT": "none"}
    rows, group = [], ""
    for line in text.splitlines():
        heading = re.match(r"\t/\* (.*?) \*/ \\", line)
        rule = re.match(r'\tRULE\((\w+), (\w+), "(.*)"\)', line)
        if heading:
            group = heading.group(1)
        elif rule:
            rows.append((f"``{rule.group(1)}``", group, consequence[rule.group(2)],
                         rule.group(3)))
    return list_table(("rule", "about", "what the guest sees", "what was wrong"), rows,
                      "30 15 20 35")


# ---- faults ----

def faults():
    """What `hvsim faults` lists."""
    header = (HVSIM / "fault/fault.h").read_text()
    names = {m[0]: m[1] for m in re.findall(r'\tM\((\w+), "([\w-]+)", "', header)}
    body = re.search(r"faults\[\] = \{\n(.*?)\n\};", (HVSIM / "fault/fault.c").read_text(),
                     re.S).group(1)
    rows = [(f"``{name}``", f"``{names[m]}``" if m in names else
             "any" if m == "LIE" else "the one that ``message=`` names",
             about) for name, about, m in
            re.findall(r'\{ "([\w-]+)", "(.*?)",\s*FAULT_(\w+),', body, re.S)]
    messages = [(f"``{name}``", about) for name, about in
                re.findall(r'\tM\(\w+, "([\w-]+)", "(.*?)"\)', header)]
    return (list_table(("fault", "message", "what it does"), rows, "20 25 55") + "\n" +
            list_table(("message", "what it is"), messages, "20 80"))


# ---- profiles ----

def source_text(keys):
    head, _, tail = keys.partition(";")
    words = "; ".join(SOURCES[key] for key in head.split())
    return words + (";" + tail if tail else "")


def host_value(field, value, macros):
    if field == "nvsp_max":
        return VERSIONS[value.rsplit("_", 1)[1]]
    if field == "vmbus_version":
        return ".".join(re.findall(r"\d+", value))
    if field == "rss_hash_types":
        return ", ".join(s for s in ("TCP", "UDP") if "HASH_" + s in value)
    if field == "alignment_shift":
        return str(1 << int(value))
    if field == "latency_100ns":
        return str(int(value) // 10)
    value = {"true": "yes", "false": "--"}.get(value, value)
    if re.fullmatch(r"[\d +]+", value):
        return str(sum(int(n) for n in value.split("+")))
    return macros.get(value, value)


def bits(value, prefix, macros):
    names = set()
    for name in re.findall(r"\w+", value):
        if name in macros:
            names |= bits(macros[name], prefix, macros)
        elif name.startswith(prefix):
            names.add(name[len(prefix):])
    return names


def host_profiles():
    text = (HVSIM / "vsp/profile.c").read_text()
    header = (HVSIM / "vsp/profile.h").read_text()
    fields = re.findall(r"^\t(?:const char \*|bool |uint\d+_t )(\w+);", header, re.M)
    macros = {name: value.strip("()u") for name, value in
              re.findall(r"^#define (\w+) (.*)$", text, re.M)}
    profiles = [row for _, row in initialisers(text, "const struct vsp_profile vsp_profiles")]
    names = [p["name"][0] for p in profiles]
    missing = set(fields) - set(HOST_FIELDS) - set(HOST_BITS) - {"name", "about"}
    if missing or set(HOST_FIELDS) - set(fields):
        sys.exit(f"gen-tables: HOST_FIELDS and vsp/profile.h differ: {missing}")
    rows = []
    for field in [f for f in fields if f in HOST_FIELDS]:
        cells = []
        for p in profiles:
            value, note = p.get(field, ("--", ""))
            cell = host_value(field, value, macros) if field in p else "--"
            cells.append(cell + (" (c)" if note.startswith("chosen") else ""))
        title, source = HOST_FIELDS[field]
        rows.append((title, *cells, source_text(source)))
    return list_table(("", *names, "source of the Windows rows"),
                      rows + host_bits(profiles, header, macros))


def host_bits(profiles, header, macros):
    rows = []
    for field, (title, enum, sources) in HOST_BITS.items():
        prefix = "VSP_PPI_" if field == "ppi" else "VSP_QUIRK_"
        for constant, comment in enum_comments(header, enum).items():
            name = constant[len(prefix):]
            cells = []
            for p in profiles:
                value, note = p.get(field, ("0", ""))
                has = name in bits(value, prefix, macros)
                cells.append(("yes" if has else "--") +
                             (" (c)" if note.startswith("chosen") else ""))
            what = name.lower().replace("_", " ") + (f" ({comment})" if comment else "")
            rows.append((title + what, *cells, source_text(sources.get(name, "OV"))))
    return rows


def host_about():
    text = (HVSIM / "vsp/profile.c").read_text()
    rows = [(f"``{p['name'][0]}``", p["about"][0])
            for _, p in initialisers(text, "const struct vsp_profile vsp_profiles")]
    return list_table(("profile", "what it stands for"), rows, "15 85")


def kernel_value(value, macros):
    value = {"true": "yes"}.get(value, value)
    sizes = {"RINGS_512_PAGES": "4 MiB", "RINGS_ALIGNED": "4 MiB + 8 KiB",
             "RINGS_SUBCHANNEL": "4 MiB", "HV_PAGE_BYTES": "4 KiB"}
    if value in macros and value not in sizes:
        sys.exit(f"gen-tables: size {value} is new")
    return sizes.get(value, value)


def kernel_profiles():
    text = (HVSIM / "kernel/profile.c").read_text()
    header = (HVSIM / "kernel/kernel.h").read_text()
    struct = re.search(r"struct kern_profile \{(.*?)\};", header, re.S).group(1)
    fields = [f for f in re.findall(r"^\t[^/]*?(\w+);", struct, re.M)
              if f not in ("name", "about")]
    if set(fields) != set(KERNEL_FIELDS):
        sys.exit("gen-tables: KERNEL_FIELDS and kernel/kernel.h differ: "
                 f"{set(fields) ^ set(KERNEL_FIELDS)}")
    macros = dict(re.findall(r"^#define (\w+) (.*)$", text, re.M))
    rows = list(initialisers(text, "static const struct kern_profile profiles"))
    names = [p["name"][0] for _, p in rows]
    table = list_table(("", *names), [
        (KERNEL_FIELDS[f], *(kernel_value(p[f][0], macros) if f in p else "--" for _, p in rows))
        for f in fields])
    about = list_table(("profile", "what it stands for", "where it comes from"), [
        (f"``{p['name'][0]}``", p["about"][0], " ".join(c).replace("`", "``"))
        for c, p in rows], "12 33 55")
    return about + "\n" + table


# ---- what the program says ----

def literal(text):
    return "".join(f"   {line}".rstrip() + "\n" for line in text.splitlines())


def ports():
    order = re.search(r"kinds\[\] = \{(.*?)\};", (HVSIM / "switch/port_create.c").read_text(),
                      re.S).group(1)
    out = []
    for name in re.findall(r"&port_kind_(\w+)", order):
        text = (HVSIM / f"switch/port_{name}.c").read_text()
        piece = re.search(r"\.help =\s*((?:\"(?:[^\"\\]|\\.)*\"\s*)+)", text).group(1)
        out.append(strings(piece))
    return ".. code-block:: none\n\n" + literal("\n".join(out))


def commands():
    machine = re.search(r"#define MACHINE_OPTIONS_HELP \\\n((?:.*\\\n)*.*)\n",
                        (HVSIM / "cmd/options.h").read_text()).group(1)
    out = []
    for name in ("run", "serve", "exec", "ctl", "top", "trace"):
        text = (HVSIM / f"cmd/{name}.c").read_text()
        piece = re.search(r"\.help =\s*(.*?),\n\};", text, re.S).group(1)
        shown = strings(piece)
        if "MACHINE_OPTIONS_HELP" in piece:
            shown += "(then the options of run and serve, below)\n"
        out.append(f"hvsim {name}\n{'~' * (len(name) + 6)}\n\n.. code-block:: none\n\n"
                   + literal(shown))
    out.append("Options of run and serve\n~~~~~~~~~~~~~~~~~~~~~~~~\n\n.. code-block:: none\n\n"
               + literal(strings(machine)))
    return "\n".join(out)


ARG_ROW = re.compile(r'\{ "(\w+)", ARG\(\w+\), (\w+), (\w+), "(\w+)",((?:\s*"(?:[^"\\]|\\.)*")+) \}')


def driver_args():
    text = (TREE / "drivers/net/netvsc/netvsc_args.c").read_text()
    out = [".. list-table::", "   :header-rows: 1", "   :widths: 20 10 10 14 46", "",
           "   * - key", "     - unit", "     - default", "     - range", "     - effect"]
    for key, preset, most, unit, about in ARG_ROW.findall(text):
        most = {"UINT32_MAX": "4294967295"}.get(most, most)
        if preset.endswith("_AUTO"):    # beyond the range: what netvsc_args.c reads as "auto"
            preset = "auto"
        about = "".join(STRING.findall(about)).replace('\\"', '"')
        out += [f"   * - ``{key}``", f"     - {unit}", f"     - {preset}",
                f"     - 0 to {most}", f"     - {about}"]
    return "\n".join(out) + "\n"


# ---- checks ----

def driver_args_unknown():
    """Arguments that the plugin's own description does not name, and the other
    way round."""
    source = TREE / "drivers/net/netvsc"
    rows = {row[0] for row in ARG_ROW.findall((source / "netvsc_args.c").read_text())}
    known = set(re.findall(r'^\t\{ "(\w+)", ARG', (source / "netvsc_args.c").read_text(), re.M))
    param = re.search(r"PARAM_STRING\((.*?)\);", (source / "netvsc_probe.c").read_text(), re.S)
    told = set(re.findall(r"(\w+)=<", param.group(1)))
    return ([f"netvsc_args.c: {name}: unit or effect missing" for name in sorted(known - rows)]
            + [f"netvsc_probe.c: the parameter string and the table differ in {name}"
               for name in sorted(known ^ told)])


def counters_missing():
    """Counters that the program has and counters.rst does not."""
    page = (GUIDE / "counters.rst").read_text()
    known = set(re.findall(r"``(\w+)``", page))
    names = set()
    for path in HVSIM.rglob("*.c"):
        names |= set(re.findall(r'stat_emit\(\w+, "(\w+)"', path.read_text()))
    block = re.search(r"#define QUEUE_COUNTERS\(C\)(.*?)\n\n",
                      (HVSIM / "vsp/nic.h").read_text(), re.S).group(1)
    names |= set(re.findall(r"C\((\w+)\)", block))
    host = re.search(r"host_counters\(void\).*?\n\}", (HVSIM / "control/report.c").read_text(),
                     re.S).group(0)
    names |= set(re.findall(r'^\t\t"(\w+)", ', host, re.M))
    return [f"counters.rst: no {name}" for name in sorted(names - known)]


def design_files_missing():
    errors = []
    for page in sorted((TREE / "doc" / "design").glob("*.rst")):
        text = page.read_text()
        for name in re.findall(r"``((?:\w+/)+\w+\.[chr]\w*)``", text):
            if not any((base / name).exists() for base in (TREE, HVSIM, TREE / "drivers")):
                errors.append(f"{page.name}: there is no {name}")
    return errors


TABLES = {"rules.inc": rules, "faults.inc": faults, "hosts.inc": host_about, "host-profiles.inc": host_profiles,
          "kernel-profiles.inc": kernel_profiles, "ports.inc": ports, "commands.inc": commands,
          "../nics/netvsc-devargs.inc": driver_args}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    errors = []
    for name, make in TABLES.items():
        path = GUIDE / name
        text = (".. SPDX-License-Identifier: BSD-3-Clause\n"
                ".. Made by devtools/gen-tables.py: do not edit.\n\n" + make())
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            errors.append(f"{name} is stale: run devtools/gen-tables.py")
    if check:
        errors += counters_missing() + design_files_missing() + driver_args_unknown()
    print("\n".join(errors) if errors else f"tables: {len(TABLES)} are as the sources say")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
