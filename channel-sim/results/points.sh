#!/bin/sh
# Where one frame in ten is lost in white noise, by campaign: every band and mode of G3, a notch a band, two Reed-Solomon words,
# and every scheme of PRIME, each beside the reference chain with its codes and octets. About half an hour of processor
# time in release. Arguments go to each campaign (--threads 1); what is done is kept in target/, and the same command goes on.
set -eu
cd "$(dirname "$0")/../.."
results=channel-sim/results
states="${CARGO_TARGET_DIR:-target}/points"
mkdir -p "$states"
cargo build --release -q -p channel-sim --bin channel-sim
measure() { # NAME and what is measured
    name=$1
    shift
    "${CARGO_TARGET_DIR:-target}/release/channel-sim" link --snr seek --reference --frames 3000 --lost 300 --precision 0.06 \
        --state "$states/$name.json" --csv "$results/$name.csv" --crossings "$results/$name-crossings.csv" \
        --crossings-svg "$results/$name.svg" "$@" > "$states/$name.txt"
    # The table's last part: a line a curve.
    grep ' of frames lost ' "$states/$name.txt" > "$results/$name.txt"
}
measure points-g3 --band all --mode all --octets 100,60,30 \
    --options default,notch=s-fsk,notch=105-112,notch=200-225,notch=350-400 "$@"
measure points-g3-two-words --band fcc-1,fcc-1.a,fcc-1.b --mode all --octets 400,300,200,160,120 "$@"
measure points-prime --standard prime --octets 140 --options default,receiver=best "$@"
measure points-prime-channel-8 --standard prime --band channel-8 --octets 140 --mode robust-dbpsk,dbpsk-c,dqpsk-c,d8psk \
    --options default,receiver=best "$@"
