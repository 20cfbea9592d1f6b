"""Validates a SigMF recording with the reference package and prints what it says and holds."""

import json
import sys

import sigmf

recording = sigmf.fromfile(sys.argv[1])
recording.validate()
samples = recording.read_samples()
capture = recording.get_captures()[0]
print(
    json.dumps(
        {
            "count": len(samples),
            "energy": float((samples.astype("float64") ** 2).sum()),
            "rate": recording.sample_rate,
            "datetime": capture["core:datetime"],
            "mains_turns": capture["busbar:mains_turns"],
            "volts_per_unit": recording.get_global_info()["busbar:volts_per_unit"],
            "labels": [note["core:label"] for note in recording.get_annotations()],
            "ends": [note["core:sample_start"] + note["core:sample_count"] for note in recording.get_annotations()],
        }
    )
)
