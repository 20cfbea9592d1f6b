#!/usr/bin/env python3
"""Prints the energy of each load of an OpenDSS feeder, a line each: its name and the watt-hours from midnight to the end
of each minute, beginning with 0 at midnight.

Reads Loads.txt, LoadShapes.txt and the profiles beside the Master.dss given, with nothing of Busbar: the tests hold the
concentrator's readings against it. Value i of a shape is a power in kW from minute i-1 to minute i.
"""
import pathlib
import re
import sys


def statements(path, kind):
    """Name and properties of each `New KIND.name property=value ...`."""
    for line in path.read_text().splitlines():
        found = re.match(r"\s*new\s+" + kind + r"\.(\S+)\s+(.*)", line, re.IGNORECASE)
        if found:
            properties = re.findall(r"(\w+)\s*=\s*(\([^)]*\)|\S+)", found.group(2))
            yield found.group(1).lower(), {name.lower(): value for name, value in properties}


def main():
    folder = pathlib.Path(sys.argv[1]).parent
    shapes = {}
    for name, properties in statements(folder / "LoadShapes.txt", "loadshape"):
        file = re.match(r"\(file=(.*)\)", properties["mult"], re.IGNORECASE).group(1)
        values = [float(word) for word in (folder / file).read_text().split()]
        assert len(values) == int(properties["npts"]) and float(properties["minterval"]) == 1.0, name
        assert properties["useactual"].lower() == "true", name
        shapes[name] = values
    for name, properties in statements(folder / "Loads.txt", "load"):
        watt_hours = [0.0]
        for kilowatts in shapes[properties["yearly"].lower()]:
            watt_hours.append(watt_hours[-1] + kilowatts * 1000.0 / 60.0)
        print(name, *(f"{value:.6f}" for value in watt_hours))


if __name__ == "__main__":
    main()
