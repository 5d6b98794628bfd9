#!/usr/bin/env python3
"""merge.py CAPTURE… >MERGED: the packets of several pcap files of one kind, by their time."""

import struct
import sys

HEADER = 24
RECORD = struct.Struct("<IIII")


def packets(data):
    """Yields (time, bytes) of each packet, its own header included."""
    at = HEADER
    while at < len(data):
        seconds, fraction, kept, _ = RECORD.unpack_from(data, at)
        end = at + RECORD.size + kept
        yield (seconds, fraction), data[at:end]
        at = end


files = [open(name, "rb").read() for name in sys.argv[1:]]
if len({data[:HEADER] for data in files}) != 1:
    sys.exit("merge.py: the captures differ in byte order, clock or link type")
merged = sorted((p for data in files for p in packets(data)), key=lambda p: p[0])
sys.stdout.buffer.write(files[0][:HEADER] + b"".join(data for _, data in merged))
