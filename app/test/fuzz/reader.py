# SPDX-License-Identifier: BSD-3-Clause
"""A reader of channel packets and RNDIS data messages, written from the
description of the protocol alone: the third opinion beside the driver's and
hvsim's. Knows nothing of either. Every function returns None for what is
malformed, else what it says."""

import struct

DESCRIPTOR_BYTES = 16
FOOTER_BYTES = 8
PACKET_MESSAGE = 1
HEADER_BYTES = 8        # type and length; offsets of a message count from behind it
BODY_BYTES = 36
PPI_BYTES = 12
PPI_NAMES = {0: "csum", 6: "vlan", 8: "hash_value", 9: "hash_info", 0x80000001: "packet_id"}


def packets(data, read, write):
    """The channel packets between two indices of a ring, and whether the ring is
    sound: a list of (offset of the payload, bytes of payload, type, flags,
    transaction id, total bytes), True or False."""
    size = len(data)
    if write >= size or write % 8 != 0:
        return [], False
    found = []
    left = (write - read) % size
    while left > 0:
        if left < DESCRIPTOR_BYTES + FOOTER_BYTES:
            return found, False
        raw = bytes(data[(read + i) % size] for i in range(DESCRIPTOR_BYTES))
        kind, offset8, length8, flags, transaction = struct.unpack("<HHHHQ", raw)
        # Units of 8 bytes; the length counts all but the footer.
        if offset8 * 8 < DESCRIPTOR_BYTES or offset8 > length8:
            return found, False
        total = length8 * 8 + FOOTER_BYTES
        if total > left:
            return found, False
        found.append((offset8 * 8, (length8 - offset8) * 8, kind, flags, transaction, total))
        read = (read + total) % size
        left -= total
    return found, True


def inside(offset, length, size):
    return offset <= size and length <= size - offset


def elements(area):
    """The elements of per-packet information: a list of (type, data), or None."""
    found = []
    while area:
        if len(area) < PPI_BYTES:
            return None
        size, kind, offset = struct.unpack_from("<III", area)
        if size < PPI_BYTES or size > len(area) or not PPI_BYTES <= offset <= size:
            return None
        found.append((kind, area[offset:size]))
        area = area[size:]
    return found


def data_message(message):
    """One RNDIS data message in a range of the receive buffer: a dictionary with
    the frame's place and what is said about it, or None. The frame lies where
    the offset says, never where the range ends."""
    if len(message) < HEADER_BYTES + BODY_BYTES:
        return None
    kind, length = struct.unpack_from("<II", message)
    if kind != PACKET_MESSAGE or not HEADER_BYTES + BODY_BYTES <= length <= len(message):
        return None
    (data_off, data_len, _oob_off, _oob_len, _oob_count, ppi_off, ppi_len,
     _vc, _reserved) = struct.unpack_from("<9I", message, HEADER_BYTES)
    body = message[HEADER_BYTES:length]
    if not inside(data_off, data_len, len(body)):
        return None
    view = {"off": HEADER_BYTES + data_off, "bytes": data_len}
    if ppi_len == 0:
        return view
    if not inside(ppi_off, ppi_len, len(body)):
        return None
    found = elements(body[ppi_off:ppi_off + ppi_len])
    if found is None:
        return None
    for kind, data in found:
        if kind in PPI_NAMES:
            if len(data) < 4:
                return None
            view[PPI_NAMES[kind]] = struct.unpack_from("<I", data)[0]
    return view


def sent_message(message):
    """A message of the guest, as the host reads it: one or more data messages
    back to back; a list of (frame, {type: value}), or None: then all fail."""
    frames = []
    while message or not frames:
        if len(message) < HEADER_BYTES + BODY_BYTES:
            return None
        kind, length = struct.unpack_from("<II", message)
        if kind != PACKET_MESSAGE or not HEADER_BYTES + BODY_BYTES <= length <= len(message):
            return None
        (data_off, data_len, oob_off, oob_len, oob_count, ppi_off, ppi_len,
         vc, _reserved) = struct.unpack_from("<9I", message, HEADER_BYTES)
        # Bounds are those of the whole message, not of this packet of it.
        body = message[HEADER_BYTES:]
        if oob_off or oob_len or oob_count or vc or data_len == 0:
            return None
        if not inside(data_off, data_len, len(body)):
            return None
        said = {}
        if ppi_len:
            if not inside(ppi_off, ppi_len, len(body)):
                return None
            area = body[ppi_off:ppi_off + ppi_len]
            while area:
                if len(area) < PPI_BYTES:
                    return None
                size, ppi_kind, offset = struct.unpack_from("<III", area)
                if size < PPI_BYTES or size > len(area):
                    return None
                if ppi_kind in (0, 2, 6):
                    if not inside(offset, 4, size):
                        return None
                    said[ppi_kind] = struct.unpack_from("<I", area, offset)[0]
                area = area[size:]
        frames.append((body[data_off:data_off + data_len], said))
        message = message[length:]
    return frames
