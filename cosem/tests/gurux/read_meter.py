#!/usr/bin/env python3
"""Reads a meter through the DLMS wrapper on TCP with gurux-dlms (a foreign implementation) and prints JSON.

Reads the object list, the clock before and after a register, the serial number and a profile: whole and by range. With --hls5 the
association is authenticated with GMAC and every APDU is ciphered (suite 0).

Exit code 0: everything was read. 1: the meter refused or answered nonsense (the reason is on standard error). 2: usage.

gurux-dlms is GPL; it is used as a program of its own and is no part of what Busbar ships.
"""
import argparse
import contextlib
import datetime
import io
import json
import socket
import sys

from gurux_dlms import GXByteBuffer, GXReplyData
from gurux_dlms.enums import Authentication, Conformance, InterfaceType, Security
from gurux_dlms.objects import GXDLMSClock, GXDLMSData, GXDLMSProfileGeneric, GXDLMSRegister
from gurux_dlms.secure import GXDLMSSecureClient


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4059)
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds to wait for a reply")
    parser.add_argument("--client", type=int, help="client wPort (default 16, with --hls5 1)")
    parser.add_argument("--server-wport", type=int, default=1, help="wPort of the logical device, or of the meter")
    parser.add_argument("--hls5", action="store_true", help="HLS mechanism 5 and ciphered APDUs")
    parser.add_argument("--encryption-key", help="16 octets, hexadecimal")
    parser.add_argument("--authentication-key", help="16 octets, hexadecimal")
    parser.add_argument("--system-title", default="4253430000000001", help="of the client, hexadecimal")
    parser.add_argument("--invocation-counter", type=int, help="first counter; default: asked as public client")
    parser.add_argument("--public-client", type=int, default=16, help="wPort to ask for the counter with")
    parser.add_argument("--max-pdu", type=int, default=0xFFFF, help="longest APDU to offer to receive")
    parser.add_argument("--no-general-protection", action="store_true", help="propose glo ciphering only")
    parser.add_argument("--register", default="1.0.1.8.0.255")
    parser.add_argument("--serial", default="0.0.96.1.0.255")
    parser.add_argument("--profile", default="1.0.99.1.0.255")
    parser.add_argument("--from", dest="start", help="first time of the range, ISO 8601 with offset")
    parser.add_argument("--to", dest="end", help="last time of the range")
    parser.add_argument("--skip-whole-profile", action="store_true", help="read the range only")
    return parser.parse_args()


class Meter:
    """One connection with one association at a time."""

    def __init__(self, options):
        self.options = options
        self.socket = socket.create_connection((options.host, options.port), timeout=options.timeout)
        self.exchanges = 0
        self.longest = 0
        self.client = None

    def associate(self, client_address, secured, counter=None):
        options = self.options
        authentication = Authentication.HIGH_GMAC if secured else Authentication.NONE
        self.client = GXDLMSSecureClient(
            True, client_address, options.server_wport, authentication, None, InterfaceType.WRAPPER
        )
        self.client.maxReceivePDUSize = options.max_pdu
        if options.no_general_protection:
            self.client.proposedConformance &= ~Conformance.GENERAL_PROTECTION
        if secured:
            ciphering = self.client.ciphering
            ciphering.security = Security.AUTHENTICATION_ENCRYPTION
            ciphering.systemTitle = bytearray.fromhex(options.system_title)
            ciphering.blockCipherKey = bytearray.fromhex(options.encryption_key)
            ciphering.authenticationKey = bytearray.fromhex(options.authentication_key)
            ciphering.invocationCounter = counter
        reply = self.exchange(self.client.aarqRequest())
        self.client.parseAareResponse(reply.data)
        if secured:
            reply = self.exchange(self.client.getApplicationAssociationRequest())
            self.client.parseApplicationAssociationResponse(reply.data)

    def release(self):
        request = self.client.releaseRequest()
        if request:
            self.exchange(request)

    def exchange(self, requests):
        """Sends what gurux wants sent, follows blocks, and returns its reply."""
        reply = GXReplyData()
        for request in flat(requests):
            reply.clear()
            self.round_trip(request, reply)
            while reply.isMoreData():
                self.round_trip(self.client.receiverReady(reply), reply)
        return reply

    def round_trip(self, request, reply):
        self.socket.sendall(request)
        self.exchanges += 1
        header = self.receive(8)
        length = int.from_bytes(header[6:8], "big")
        self.longest = max(self.longest, length)
        frame = GXByteBuffer(header + self.receive(length))
        notify = GXReplyData()
        if not self.client.getData(frame, reply, notify):
            raise ValueError("gurux wants more than a frame: " + str(frame))
        if reply.error:
            raise ValueError("error " + str(reply.error) + " " + str(reply.errorMessage))

    def receive(self, count):
        received = bytearray()
        while len(received) < count:
            piece = self.socket.recv(count - len(received))
            if not piece:
                raise ConnectionError("connection closed after %d of %d octets" % (len(received), count))
            received += piece
        return received

    def read(self, item, attribute):
        reply = self.exchange(self.client.read(item, attribute))
        return self.client.updateValue(item, attribute, reply.value)

    def read_rows(self, profile, requests):
        profile.buffer = []
        reply = self.exchange(requests)
        self.client.updateValue(profile, 2, reply.value)
        return [[plain(cell) for cell in row] for row in profile.buffer]


def flat(requests):
    """gurux gives a request, a list of them, or a list of lists."""
    if not isinstance(requests, list):
        return [requests]
    return [request for part in requests for request in flat(part)]


def plain(value):
    """Something JSON can say. Times become ISO 8601 with the meter's offset."""
    if hasattr(value, "value") and isinstance(getattr(value, "value"), datetime.datetime):
        return value.value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, (int, float, str, bool)) or value is None:
        return value
    return str(value)


def iso(text):
    return datetime.datetime.fromisoformat(text) if text else None


def read(options):
    meter = Meter(options)
    result = {}
    client = options.client if options.client is not None else (1 if options.hls5 else 16)
    counter = options.invocation_counter
    if options.hls5 and counter is None:
        meter.associate(options.public_client, False)
        counter = meter.read(GXDLMSData("0.0.43.1.0.255"), 2) + 1
        meter.release()
        result["invocation_counter"] = counter
    meter.associate(client, options.hls5, counter)

    objects = meter.client.parseObjects(meter.exchange(meter.client.getObjectsRequest()).data, False)
    result["objects"] = [
        {
            "class": int(item.objectType),
            "name": item.logicalName,
            "version": item.version,
            "modes": {str(index): int(item.getAccess(index)) for index in range(1, item.getAttributeCount() + 1)},
        }
        for item in objects
    ]

    clock = GXDLMSClock("0.0.1.0.0.255")
    result["clock"] = plain(meter.read(clock, 2))
    result["time_zone"] = meter.read(clock, 3)

    register = GXDLMSRegister(options.register)
    # Scaler and unit first: gurux applies the scaler to what it reads afterwards.
    meter.read(register, 3)
    result["register"] = {
        "value": plain(meter.read(register, 2)),
        "scaler": plain(register.scaler),
        "unit": int(register.unit),
    }
    result["clock_after"] = plain(meter.read(clock, 2))

    serial = GXDLMSData(options.serial)
    result["serial"] = plain(meter.read(serial, 2))

    profile = GXDLMSProfileGeneric(options.profile)
    meter.read(profile, 3)
    result["columns"] = [
        {"class": int(item.objectType), "name": item.logicalName, "attribute": column.attributeIndex}
        for item, column in profile.captureObjects
    ]
    result["entries_in_use"] = meter.read(profile, 7)
    if not options.skip_whole_profile:
        result["profile"] = meter.read_rows(profile, meter.client.read(profile, 2))
        result["entries_2_to_4"] = meter.read_rows(profile, meter.client.readRowsByEntry(profile, 2, 3))
    if options.start and options.end:
        result["range"] = meter.read_rows(
            profile, meter.client.readRowsByRange(profile, iso(options.start), iso(options.end))
        )
    values = meter.exchange(meter.client.readList([(register, 2), (serial, 2)]))
    meter.client.updateValues([(register, 2), (serial, 2)], values.value)
    result["list"] = [plain(register.value), plain(serial.value)]

    meter.release()
    result["exchanges"] = meter.exchanges
    result["longest_reply"] = meter.longest
    return result


def main():
    options = arguments()
    if options.hls5 and not (options.encryption_key and options.authentication_key):
        print("--hls5 needs --encryption-key and --authentication-key", file=sys.stderr)
        return 2
    try:
        # gurux prints what it does to standard output.
        with contextlib.redirect_stdout(io.StringIO()):
            result = read(options)
        print(json.dumps(result, indent=1))
        return 0
    except Exception as error:  # pylint: disable=broad-except  # gurux raises a dozen kinds
        print("%s: %s" % (type(error).__name__, error), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
