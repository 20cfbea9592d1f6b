#!/bin/sh
# The receiver's ladder in white noise and in the noise of presets (docs/prime-receiver.md): noise_ladder.csv (all points),
# noise_ladder_10_percent.csv and noise_ladder.svg beside this file.
#   prime-phy/results/noise_ladder.sh [FRAMES] [SEED]      200 frames a point and seed 42 by default; twice as many in white noise
# CHANNEL_SIM and NOISE_LADDER may name programs that are already built, TRACES where the noise is kept.
set -eu
cd "$(dirname "$0")/../.."
traces=${TRACES:-target/prime_noise}
mkdir -p "$traces"
if [ -z "${CHANNEL_SIM:-}" ]; then
    cargo build --quiet --release -p channel-sim
    CHANNEL_SIM=target/release/channel-sim
fi
if [ -z "${NOISE_LADDER:-}" ]; then
    cargo build --quiet --release -p prime-phy --example noise_ladder
    NOISE_LADDER=target/release/examples/noise_ladder
fi
trace() { # name, presets
    [ -f "$traces/$1.f32" ] ||
        nice -n 10 "$CHANNEL_SIM" noise write "$2" --rate 250000 --seconds 60 --seed 1 --out "$traces/$1.f32" >&2
}
trace n1 n1
trace n3a n3a
trace n5a n5a
trace n6a n6a
trace n8h n0=-85,n8h
trace n10a n0=-76.7,n10a:sir=-10
nice -n 10 "$NOISE_LADDER" "$traces" prime-phy/results/noise_ladder "${1:-200}" "${2:-42}"
