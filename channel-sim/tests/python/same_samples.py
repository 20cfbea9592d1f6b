"""Reads a SigMF recording with its reference package and a WAV file with numpy, and compares their volts."""

import json
import struct
import sys

import numpy
import sigmf


def wav(path):
    """Rate and samples of a file of one channel of 32-bit floats."""
    with open(path, "rb") as file:
        octets = file.read()
    assert octets[:4] == b"RIFF" and octets[8:12] == b"WAVE"
    assert struct.unpack("<I", octets[4:8])[0] == len(octets) - 8
    at, rate, samples = 12, None, None
    while at + 8 <= len(octets):
        name, size = octets[at : at + 4], struct.unpack("<I", octets[at + 4 : at + 8])[0]
        body = octets[at + 8 : at + 8 + size]
        if name == b"fmt ":
            kind, channels, rate, _, block, bits = struct.unpack("<HHIIHH", body[:16])
            assert (kind, channels, block, bits) == (3, 1, 4, 32)
        elif name == b"fact":
            frames = struct.unpack("<I", body)[0]
        elif name == b"data":
            samples = numpy.frombuffer(body, "<f4")
        at += 8 + size + size % 2
    assert frames == len(samples)
    return rate, samples


recording = sigmf.fromfile(sys.argv[1])
recording.validate()
volts = recording.read_samples().astype("float64")
volts *= recording.get_global_info()["busbar:volts_per_unit"]
rate, samples = wav(sys.argv[2])
assert rate == recording.sample_rate, (rate, recording.sample_rate)
# The comment says that full scale is 10 V.
worst = numpy.abs(volts - 10.0 * samples.astype("float64")).max()
print(json.dumps({"samples": len(volts), "worst_volts": float(worst)}))
