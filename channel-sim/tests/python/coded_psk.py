"""Frame error rate of coherent PSK with the convolutional code, by numpy alone: what the reference chain is held against.

    coded_psk.py SCHEME ES_N0_DB FRAMES SEED      SCHEME: bpsk, qpsk or 8psk, then -exact for log-likelihood ratios

133 octets and 6 tail bits, a random interleaver for every frame, soft decisions and path metrics without quantisation.
"""

import sys

import numpy as np

INFORMATION, TAIL, BATCH = 133 * 8, 6, 500
POLYNOMIALS = (0o171, 0o133)
scheme, es_n0_db, frames, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
bits = {"bpsk": 1, "qpsk": 2, "8psk": 3}[scheme.split("-")[0]]
rng = np.random.default_rng(seed)
stages = INFORMATION + TAIL
coded = 2 * stages
fill = -coded % bits
values = (coded + fill) // bits
points = np.exp(2j * np.pi * np.arange(2**bits) / 2**bits)
labels = np.array([point ^ point >> 1 for point in range(2**bits)])
point_of = np.argsort(labels)
variance = 10 ** (-es_n0_db / 10)

# A state is the last six bits, the newest the most significant; each has two before it.
states = np.arange(64)
before = [(states & 31) << 1 | oldest for oldest in (0, 1)]
outputs = [
    [np.array([bin(register & polynomial).count("1") & 1 for register in states >> 5 << 6 | come]) for polynomial in POLYNOMIALS]
    for come in before
]


def encode(sent):
    extended = np.concatenate([np.zeros((BATCH, 6), np.int8), sent], 1)
    out = np.zeros((BATCH, stages, 2), np.int8)
    for delay in range(7):
        for output, polynomial in enumerate(POLYNOMIALS):
            if polynomial >> (6 - delay) & 1:
                out[:, :, output] ^= extended[:, 6 - delay : 6 - delay + stages]
    return out.reshape(BATCH, coded)


def soft_bits(received):
    likelihood = 2 / variance * np.real(received[:, :, None] * np.conj(points))
    best = np.logaddexp.reduce if scheme.endswith("exact") else np.max
    out = np.empty((BATCH, values, bits))
    for bit in range(bits):
        ones = (labels >> (bits - 1 - bit) & 1).astype(bool)
        out[:, :, bit] = best(likelihood[:, :, ~ones], axis=2) - best(likelihood[:, :, ones], axis=2)
    return out.reshape(BATCH, -1)[:, :coded]


def decode(soft):
    soft = soft.reshape(BATCH, stages, 2).astype(np.float32)
    metric = np.full((64, BATCH), -1e9, np.float32)
    metric[0] = 0
    decisions = np.empty((stages, 64, BATCH), bool)
    for stage in range(stages):
        first, second = soft[:, stage, 0], soft[:, stage, 1]
        branch = np.stack([first + second, first - second, second - first, -first - second])
        paths = [metric[come] + branch[2 * out[0] + out[1]] for come, out in zip(before, outputs)]
        decisions[stage] = paths[1] > paths[0]
        metric = np.maximum(*paths)
    state, frame = np.zeros(BATCH, int), np.arange(BATCH)
    found = np.empty((BATCH, stages), np.int8)
    for stage in reversed(range(stages)):
        found[:, stage] = state >> 5
        state = (state & 31) << 1 | decisions[stage, state, frame]
    return found[:, :INFORMATION]


lost = wrong = done = 0
while done < frames:
    data = rng.integers(0, 2, (BATCH, INFORMATION), dtype=np.int8)
    code = encode(np.concatenate([data, np.zeros((BATCH, TAIL), np.int8)], 1))
    order = np.argsort(rng.random((BATCH, coded)), axis=1)
    sent = np.take_along_axis(code, order, 1)
    sent = np.concatenate([sent, np.zeros((BATCH, fill), np.int8)], 1).reshape(BATCH, values, bits)
    label = np.zeros((BATCH, values), int)
    for bit in range(bits):
        label = 2 * label + sent[:, :, bit]
    noise = rng.standard_normal((BATCH, values)) + 1j * rng.standard_normal((BATCH, values))
    soft = np.empty((BATCH, coded))
    np.put_along_axis(soft, order, soft_bits(points[point_of[label]] + np.sqrt(variance / 2) * noise), 1)
    errors = (decode(soft) != data).sum(1)
    lost, wrong, done = lost + int((errors > 0).sum()), wrong + int(errors.sum()), done + BATCH
rate = lost / done
print(
    f"{scheme} at {es_n0_db} dB: {lost} of {done} frames lost, {rate:.5f} +- {1.96 * (rate * (1 - rate) / done) ** 0.5:.5f} (95 %); "
    f"bit error rate {wrong / done / INFORMATION:.3e}"
)
