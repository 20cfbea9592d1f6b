"""A modem outside the line's process: sends a frame at a given sample and reports what it heard.

    python3 modem.py HOST:PORT METER FRAME.f32 FIRST_SAMPLE
"""

import array
import json
import math
import socket
import struct
import sys

address, name, path, start = sys.argv[1:]
start = int(start)
frame = array.array("f")
with open(path, "rb") as file:
    frame.frombytes(file.read())

host, port = address.rsplit(":", 1)
line = socket.create_connection((host, int(port)))
line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
incoming = line.makefile("rb")


def send(kind, body):
    line.sendall(struct.pack("<IB", 1 + len(body), kind) + body)


def receive():
    length = incoming.read(4)
    if len(length) < 4:
        return None, b""
    message = incoming.read(struct.unpack("<I", length)[0])
    return message[0], message[1:]


send(0x01, struct.pack("<H", 1) + name.encode())
kind, body = receive()
assert kind == 0x81, body
report = {"about": json.loads(body), "heard": 0, "gaps": 0, "measured": 0}
energy, expected = 0.0, 0

while True:
    kind, body = receive()
    if kind == 0x83:
        report["measured"] += 1
    elif kind == 0x82:
        first, count = struct.unpack_from("<QI", body)
        heard = array.array("f")
        heard.frombytes(body[12 : 12 + 4 * count])
        if count:
            report["gaps"] += first != expected
            expected = first + count
            report["heard"] += count
            energy += math.fsum(volt * volt for volt in heard)
        first, count = struct.unpack_from("<QI", body, 12 + 4 * count)
        begin, end = max(first, start), min(first + count, start + len(frame))
        samples = b""
        if begin < end:
            block = array.array("f", bytes(4 * count))
            block[begin - first : end - first] = frame[begin - start : end - start]
            samples = block.tobytes()
        send(0x02, struct.pack("<QI", first, count) + samples)
    elif kind is None:
        break
    else:
        sys.exit(body.decode(errors="replace"))

report["rms_volts"] = math.sqrt(energy / max(report["heard"], 1))
print(json.dumps(report))
