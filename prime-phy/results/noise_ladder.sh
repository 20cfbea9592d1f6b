#!/bin/sh
# Packet error rates of each of the receiver's steps in the noise of presets (docs/prime-receiver.md), into noise_ladder.csv
# beside this file.
#   prime-phy/results/noise_ladder.sh [FRAMES]      60 frames a point by default
# CHANNEL_SIM and AWGN_PER may name programs that are already built.
set -eu
cd "$(dirname "$0")/../.."
frames=${1:-60}
traces=${TRACES:-target/prime_noise}
mkdir -p "$traces"
channel_sim=${CHANNEL_SIM:-target/release/channel-sim}
awgn_per=${AWGN_PER:-target/release/examples/awgn_per}
[ -n "${CHANNEL_SIM:-}" ] || cargo build --quiet --release -p channel-sim
[ -n "${AWGN_PER:-}" ] || cargo build --quiet --release -p prime-phy --example awgn_per
trace() { # name, presets
    [ -f "$traces/$1.f32" ] ||
        nice -n 10 "$channel_sim" noise write "$2" --rate 250000 --seconds 10 --seed 1 --out "$traces/$1.f32" >&2
}
run() { # noise, scheme, SNRs, settings of the noise
    noise=$1 scheme=$2 snrs=$3
    shift 3
    while read -r stage settings; do
        for snr in $(echo "$snrs" | tr , ' '); do
            # shellcheck disable=SC2086
            nice -n 10 "$awgn_per" "$scheme" "$snr" "$frames" 42 0 $settings "$@" |
                awk -v noise="$noise" -v stage="$stage" 'NR > 1 { gsub(/[],[]/, ""); print noise "," $1 "," stage "," $2 "," $3 "," $4 "," $5 "," $6 "," $7 "," $8 "," $9 "," $10 }'
        done
    done <<STAGES
equal carriers=equal symbols=equal
carriers symbols=equal
erased symbols=erased
weighted receiver=standard
coherent receiver=coherent
2-passes receiver=2
8-passes receiver=8
STAGES
}
trace n1 n1
trace n3a n3a
trace n5a n5a
trace n6a n6a
trace n8h n0=-85,n8h
trace n10a n0=-76.7,n10a:sir=-10
{
    echo "noise,scheme,stage,snr_db,frames,per,low,high,no_preamble,header,payload,bit_error_rate"
    run n5a r_dbpsk 4 "noise=$traces/n5a.f32" of=background
    run n8h dbpsk_c 4 "noise=$traces/n8h.f32" of=background
    run n3a dbpsk_c 4 "noise=$traces/n3a.f32"
    run n1 dbpsk_c 0 "noise=$traces/n1.f32"
    run n10a dbpsk_c 2.5 "noise=$traces/n10a.f32" of=background
    run n6a dbpsk_c 2.5 "noise=$traces/n6a.f32" of=background
    run awgn dbpsk_c 2.5
    run n5a dbpsk_c 20 "noise=$traces/n5a.f32" of=background
} >prime-phy/results/noise_ladder.csv
