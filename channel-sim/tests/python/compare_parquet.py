"""Compares a campaign's Parquet file with its CSV by pyarrow, and prints the campaign of the file's metadata."""

import csv
import sys

import pyarrow.parquet

table = pyarrow.parquet.read_table(sys.argv[1])
with open(sys.argv[2], newline="") as file:
    rows = list(csv.DictReader(file))
assert len(rows) == table.num_rows > 0, (len(rows), table.num_rows)
assert list(rows[0]) == table.column_names, table.column_names
for name in table.column_names:
    for row, value in zip(rows, table.column(name).to_pylist()):
        text = row[name]
        if value is None:
            assert text == "", (name, text)
        elif isinstance(value, float):
            assert abs(float(text) - value) <= 1e-5 * abs(value), (name, text, value)
        else:
            assert text == str(value), (name, text, value)
print(table.schema.metadata[b"busbar.campaign"].decode())
