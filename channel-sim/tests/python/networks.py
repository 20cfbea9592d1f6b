"""Writes pandapower's own networks as JSON into the folder given."""

import sys

import pandapower
import pandapower.networks as networks

NETWORKS = {
    "cigre_lv": networks.create_cigre_network_lv,
    "kerber_landnetz_freileitung_1": networks.create_kerber_landnetz_freileitung_1,
    "kerber_landnetz_kabel_1": networks.create_kerber_landnetz_kabel_1,
    "kerber_dorfnetz": networks.create_kerber_dorfnetz,
    "kerber_vorstadtnetz_kabel_1": networks.create_kerber_vorstadtnetz_kabel_1,
    "ieee_european_lv": lambda: networks.ieee_european_lv_asymmetric("on_peak_566"),
}

for name, create in NETWORKS.items():
    pandapower.to_json(create(), f"{sys.argv[1]}/{name}.json")
