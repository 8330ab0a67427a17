#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The same messages, right and slightly wrong, to three readers: the driver's,
hvsim's and reader.py. Same verdict, same view, or a difference that DIFFERENCES
allows and that is seen at least once. Usage:
differential.py READ_DRIVER READ_HVSIM [--seed N] [--count N]"""

import argparse
import collections
import json
import random
import struct
import subprocess
import sys

import reader

RING_BYTES = 4096
NO_COMPLETION = 0xffffffff

# Intended differences from reader.py: name -> reason. A case that differs must
# match one of them, by the rule of the same name below.
DIFFERENCES = {
    "driver: offsets into the fixed part":
        "a frame or information that overlaps the message's own fixed fields is no"
        " host's; the driver refuses it",
    "driver: information of odd size":
        "elements are multiples of 4 bytes on every host; the driver refuses others"
        " rather than read unaligned ones",
    "driver: more elements than sixteen":
        "the walk is bounded; hosts send four or five",
    "hvsim: rules of the guest-to-host direction":
        "a host takes no transfer pages, unknown types or flags from a guest, and"
        " checks the page list of a packet that has one",
    "hvsim: what begins as no data message":
        "goes to the reader of control messages as a whole, which completes it; it is"
        " not there in this test",
    "hvsim: frames that are no frames":
        "shorter than an Ethernet header or longer than the MTU: completed as sent,"
        " reported, and dropped by the switch's side",
}


def u32(*values):
    return struct.pack(f"<{len(values)}I", *(v & 0xffffffff for v in values))


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def spoil(self, value, size):
        """A value near a boundary, or the right one."""
        r = self.random
        return r.choice([0, 1, 4, 7, 8, 12, size - 1, size, size + 1, size - 4, value + 1,
                         value - 1, value + 4, 0x7fffffff, 0xffffffff, 0xfffffff8,
                         r.getrandbits(32), r.randrange(size + 2)])

    def ppis(self, kinds):
        r = self.random
        area = b""
        if r.random() < 0.4:
            return b"".join(u32(16, r.choice(kinds), 12, r.getrandbits(32))
                            for _ in range(r.choice([1, 2, 4, 16, 17])))
        for _ in range(r.choice([0, 0, 1, 2, 3, 5, 18])):
            kind = r.choice(kinds)
            data = r.randbytes(r.choice([4, 4, 4, 4, 8, 0, 2, 3]))
            gap = r.choice([0, 0, 0, 4, 2])
            size, offset = 12 + gap + len(data), 12 + gap
            if r.random() < 0.06:
                size = self.spoil(size, 64)
            if r.random() < 0.06:
                offset = self.spoil(offset, size % 256 + 1)
            area += u32(size, kind, offset) + bytes(gap) + data
        return area

    def message(self, kinds, zero_oob):
        """A data message, of which at most two fields are wrong."""
        r = self.random
        area, frame = self.ppis(kinds), r.randbytes(r.choice([0, 1, 14, 60, 60, 200]))
        gap, tail = r.choice([0, 0, 4]), r.choice([0, 0, 3, 8])
        fields = [1, 44 + len(area) + gap + len(frame), 36 + len(area) + gap, len(frame), 0, 0, 0,
                  36 if area else 0, len(area), 0, 0]
        for _ in range(r.choice([0, 0, 1, 1, 2])):
            which = r.randrange(11)
            if zero_oob or which not in (4, 5, 6, 9, 10):
                fields[which] = self.spoil(fields[which], fields[1])
        data = u32(*fields) + area + bytes(gap) + frame + bytes(tail)
        if zero_oob and tail:
            data = data[:-tail]
        return data[:r.randrange(len(data))] if r.random() < 0.05 else data

    def packet(self):
        r = self.random
        extension, payload = r.randbytes(8 * r.choice([0, 0, 1, 3])), r.randbytes(8 * r.randrange(9))
        fields = [r.choice([6, 6, 11, 11, 7, 9, 5, 0xffff]), (16 + len(extension)) // 8,
                  (16 + len(extension) + len(payload)) // 8, r.choice([0, 0, 1, 1, 2, 0x8001])]
        if r.random() < 0.15:
            which = r.choice([1, 2])
            fields[which] = self.spoil(fields[which], fields[2]) & 0xffff
        return struct.pack("<4HQ", *fields, r.getrandbits(64)) + extension + payload + bytes(8)

    def ring(self):
        r = self.random
        stream = b"".join(self.packet() for _ in range(r.choice([0, 1, 2, 4, 8])))
        read = r.randrange(RING_BYTES // 8) * 8
        data = bytearray(r.randbytes(RING_BYTES))
        for i, byte in enumerate(stream):
            data[(read + i) % RING_BYTES] = byte
        write = (read + len(stream)) % RING_BYTES
        if r.random() < 0.15:
            write = r.choice([write + 1, RING_BYTES, write + 8, write ^ 8, 0xfffffff8,
                              r.randrange(RING_BYTES)])
        return read, write, bytes(data)


def ask(program, cases):
    text = "".join(f"{kind} {read} {write} {data.hex()}\n" for kind, read, write, data in cases)
    done = subprocess.run([program], input=text, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise SystemExit(f"{program}: status {done.returncode}\n{done.stderr[-4000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def driver_difference(data):
    """Which rule of its own the driver refuses this message by, or None."""
    fields = struct.unpack_from("<11I", data)
    if fields[2] < 36 or (fields[8] != 0 and fields[7] < 36):
        return "driver: offsets into the fixed part"
    area = data[8 + fields[7]:8 + fields[7] + fields[8]]
    sizes = []
    while area:
        sizes.append(struct.unpack_from("<I", area)[0])
        area = area[sizes[-1]:]
    if any(size % 4 for size in sizes[:17]):
        return "driver: information of odd size"
    return "driver: more elements than sixteen" if len(sizes) > 16 else None


def check_driver_messages(maker, program, count):
    kinds = [0, 0, 6, 6, 8, 9, 0x80000001, 1, 77]
    cases = [("rndis", 0, 0, maker.message(kinds, False)) for _ in range(count)]
    for case, got in zip(cases, ask(program, cases), strict=True):
        want = reader.data_message(case[3])
        if got == want:
            yield None, "message taken" if want else "message refused"
        elif got is None and want is not None:
            yield driver_difference(case[3]) or (case, got, want), "message"
        else:
            yield (case, got, want), "message"


def hvsim_stops(data, read, found):
    """How many of the packets hvsim takes by its own rules."""
    for i, (offset, _, kind, flags, _, total) in enumerate(found):
        raw = bytes(data[(read + k) % RING_BYTES] for k in range(total))
        if kind not in (6, 9, 11) or flags & ~1:
            return i
        if kind == 9 and not page_list_ok(raw[16:offset]):
            return i
        read += total
    return len(found)


def page_list_ok(extension):
    """GPA direct: reserved, count, then ranges {bytes, offset, page numbers}."""
    if len(extension) < 8:
        return False
    count, at = struct.unpack_from("<I", extension, 4)[0], 8
    if count == 0:
        return False
    for _ in range(count):
        if at + 8 > len(extension):
            return False
        length, offset = struct.unpack_from("<II", extension, at)
        at += 8 + (length + offset + 4095) // 4096 * 8
        if length == 0 or offset >= 4096 or at > len(extension):
            return False
    return True


def check_rings(maker, programs, count):
    cases = [("ring", *maker.ring()) for _ in range(count)]
    answers = zip(cases, *(ask(program, cases) for program in programs), strict=True)
    for case, driver, hvsim in answers:
        found, sound = reader.packets(case[3], case[1], case[2])
        packets = [list(p) for p in found]
        same = driver == {"packets": packets, "sound": sound}
        yield (None if same else (case, driver, packets, sound)), f"ring {'sound' if sound else 'broken'}"
        stop = hvsim_stops(case[3], case[1], found)
        if stop < len(found):
            same = hvsim["packets"] == packets[:stop] and not hvsim["sound"]
            yield ("hvsim: rules of the guest-to-host direction" if same else (case, hvsim, packets)), "ring"
        else:
            same = hvsim["packets"] == packets and hvsim["sound"] == sound
            yield (None if same else (case, hvsim, packets, sound)), "host's ring"


def check_host_messages(maker, program, count):
    cases = []
    while len(cases) < count:
        # Elements that change the frame are another test's; a checksum of 0 asks for nothing.
        data = b"".join(maker.message([6, 6, 1, 77], True) for _ in range(maker.random.choice([1, 1, 2, 3])))
        if 0 < len(data) <= 6144:
            cases.append(("sent", 0, 0, data))
    for case, got in zip(cases, ask(program, cases), strict=True):
        want = reader.sent_message(case[3])
        if want is None and case[3][:4] != u32(1) and got == {"status": NO_COMPLETION, "frames": []}:
            yield "hvsim: what begins as no data message", "sent"
            continue
        if want is None:
            yield (None if got == {"status": 2, "frames": []} else (case, got, want)), "sent refused"
            continue
        frames = []
        for frame, said in want:
            value = said.get(6, 0)
            tci = (value & 7) << 13 | (value & 8) << 9 | (value & 0xfff0) >> 4
            frames.append([frame.hex(), 1 if 6 in said else 0, tci])
        if got == {"status": 1, "frames": frames}:
            yield None, "sent taken"
        else:
            kept = [f for f in frames if len(f[0]) // 2 >= 14]
            same = len(kept) < len(frames) and got == {"status": 1, "frames": kept}
            yield ("hvsim: frames that are no frames" if same else (case, got, frames)), "sent"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("read_driver")
    parser.add_argument("read_hvsim")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=3000)
    arguments = parser.parse_args()
    maker = Maker(arguments.seed)
    counts, wrong = collections.Counter(), 0
    for checks in (check_driver_messages(maker, arguments.read_driver, arguments.count),
                   check_rings(maker, (arguments.read_driver, arguments.read_hvsim),
                               arguments.count // 4),
                   check_host_messages(maker, arguments.read_hvsim, arguments.count)):
        for difference, kind in checks:
            counts[difference if isinstance(difference, str) else kind] += 1
            if isinstance(difference, tuple):
                wrong += 1
                if wrong <= 5:
                    case = difference[0]
                    print("differs:", case[:3], case[3].hex()[:400])
                    for answer in difference[1:]:
                        print("   ", str(answer)[:600])
    for name, number in sorted(counts.items()):
        print(f"{number:6} {name}")
    unseen = [name for name in DIFFERENCES if counts[name] == 0]
    if unseen:
        print("intended differences that no case showed:", unseen)
    print(f"seed {arguments.seed}: {sum(counts.values())} comparisons, {wrong} differ")
    return 1 if wrong or unseen else 0


if __name__ == "__main__":
    sys.exit(main())
