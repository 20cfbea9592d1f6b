"""Nodal analysis of a feeder with coupled phases, independent of the simulator's solver.

Reads a feeder as JSON from standard input, writes as lists of [re, im] the transfer functions between all modems, and
those from each household's noise to all modems. Every cable's matrices come from its geometry here, every section's two-port from a matrix exponential, and all nodes of all
phases are solved at once.
"""

import json
import sys

import numpy as np
from scipy.linalg import expm

MU, EPS = 4e-7 * np.pi, 8.8541878e-12
RHO = {"aluminium": 2.82e-8, "copper": 1.72e-8}


def per_metre(cable, f):
    """Series impedance and shunt admittance of L1, L2, L3 against the neutral, per metre."""
    w = 2 * np.pi * f
    surface = np.sqrt(np.pi * f * MU * RHO[cable["conductor"]])
    area = cable["section_mm2"] * 1e-6
    if cable["kind"] == "sector":
        # Four sectors in a ring; neighbours face each other over a gap of width r and thickness 2d.
        r, gap = np.sqrt(4 * area / np.pi), 2 * cable["insulation_mm"] * 1e-3
        eps_r = 7.95 - 0.6918 * np.log10(f)
        tan_d = 0.2345 - 0.03074 * np.log10(f)
        one_gap = EPS * eps_r * r / gap
        incidence = np.array([[1, -1, 0, 0], [0, 1, -1, 0], [0, 0, 1, -1], [-1, 0, 0, 1]])
        ring = (incidence.T @ incidence)[:3, :3]
        shunt = (w * one_gap * (tan_d + 1j)) * ring
        # A gap as a plate line: L = mu gap / r, R = 2 surface / r.
        plate = (2 * surface + 1j * w * MU * gap) / r
        return plate * np.linalg.inv(ring), shunt
    if cable["kind"] == "overhead":
        radius, s = np.sqrt(area / np.pi), cable["spacing_m"]
        heights = np.array([1.0, 2.0, 3.0, 0.0]) * s
        distance = np.abs(heights[:, None] - heights[None, :]) + radius * np.eye(4)
        # Potential coefficients of wires with the fourth as return.
        p = np.log(distance[:, 3][:, None] * distance[3, :][None, :] / (distance * radius))[:3, :3]
        # The pair L1 and N as two round wires at close quarters scales all.
        acosh = np.arccosh(s / (2 * radius))
        crowding = (s / (2 * radius)) / np.sqrt((s / (2 * radius)) ** 2 - 1)
        shape = p / p[0, 0]
        inductance = MU / np.pi * acosh
        capacitance = np.pi * EPS / acosh
        r_pair = 2 * surface / (2 * np.pi * radius) * crowding
        z0 = np.sqrt((r_pair + 1j * w * inductance) / (1j * w * capacitance))
        r_pair += 2 * (np.sqrt(f / 100e3) * np.log(10) / 20 / 1000) * z0.real
        resistance = r_pair * (0.5 * np.eye(3) + 0.5)
        return resistance + 1j * w * inductance * shape, 1j * w * capacitance * np.linalg.inv(shape)
    raise ValueError(cable)


def main():
    feeder = json.load(sys.stdin)
    f = feeder["frequency_hz"]
    w = 2 * np.pi * f
    nodes = 1 + len(feeder["branches"])
    index = {}
    for node, phases in enumerate(feeder["phases"]):
        for phase in phases:
            index[node, phase] = len(index)
    admittance = np.zeros((len(index), len(index)), complex)
    for number, branch in enumerate(feeder["branches"]):
        far, near = number + 1, branch["parent"]
        phases = feeder["phases"][far]
        z, y = per_metre(branch["cable"], f)
        # Cores that are not connected: no current, no charge.
        z = z[np.ix_(phases, phases)]
        y = np.linalg.inv(np.linalg.inv(y)[np.ix_(phases, phases)])
        k = len(phases)
        chain = expm(branch["length_m"] * np.block([[np.zeros((k, k)), z], [y, np.zeros((k, k))]]))
        a, b, d = chain[:k, :k], chain[:k, k:], chain[k:, k:]
        through = np.linalg.inv(b)
        near_ids = [index[near, p] for p in phases]
        far_ids = [index[far, p] for p in phases]
        admittance[np.ix_(near_ids, near_ids)] += d @ through
        admittance[np.ix_(far_ids, far_ids)] += through @ a
        admittance[np.ix_(near_ids, far_ids)] -= through
        admittance[np.ix_(far_ids, near_ids)] -= through
    transformer = feeder["transformer"]
    reactance = transformer["reactance_percent"] / 100 * transformer["volts"] ** 2 / (transformer["kva"] * 1e3)
    inductance = 0.5 * reactance / (2 * np.pi * transformer["mains_hz"])
    station = 1 / (0.1 * 2 * np.pi * 60e3 * inductance + 1j * w * inductance) + 1j * w * 3e-9
    listen, send = 1 / 1000, 1.0
    modems = [(0, [0, 1, 2])] + [(h["node"], [h["phase"]]) for h in feeder["households"]]
    for phase in range(3):
        admittance[index[0, phase], index[0, phase]] += station + listen
    for household in feeder["households"]:
        at = index[household["node"], household["phase"]]
        admittance[at, at] += complex(*household["admittance"]) + listen
    transfer = []
    for number, (node, phases) in enumerate(modems):
        matrix, current = admittance.copy(), np.zeros(len(index), complex)
        for phase in phases:
            matrix[index[node, phase], index[node, phase]] += send - listen
            current[index[node, phase]] += send
        voltage = np.linalg.solve(matrix, current)
        for other, (at, heard) in enumerate(modems):
            value = sum(voltage[index[at, phase]] for phase in heard) / np.sqrt(len(heard))
            transfer.append([0.0, 0.0] if other == number else [value.real, value.imag])
    # A household's noise is a voltage source in series with its impedance that gives 1 V on the artificial mains network.
    network = 1 / (1 / 50 + 1 / (5 + 1j * w * 50e-6))
    noise = []
    for household in feeder["households"]:
        impedance = 1 / complex(*household["admittance"])
        source = (impedance + network) / network
        current = np.zeros(len(index), complex)
        current[index[household["node"], household["phase"]]] = source / impedance
        voltage = np.linalg.solve(admittance, current)
        for at, heard in modems:
            value = sum(voltage[index[at, phase]] for phase in heard) / np.sqrt(len(heard))
            noise.append([value.real, value.imag])
    json.dump([transfer, noise], sys.stdout)


main()
