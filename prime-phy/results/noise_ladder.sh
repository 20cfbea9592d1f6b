#!/bin/sh
# Packet error rates of each of the receiver's steps in the noise of presets (docs/prime-receiver.md), into noise_ladder.csv
# beside this file.
#   prime-phy/results/noise_ladder.sh [FRAMES]      150 frames a point by default
# CHANNEL_SIM and AWGN_PER may name programs that are already built.
set -eu
cd "$(dirname "$0")/../.."
frames=${1:-150}
traces=${TRACES:-target/prime_noise}
mkdir -p "$traces"
channel_sim=${CHANNEL_SIM:-target/release/channel-sim}
awgn_per=${AWGN_PER:-target/release/examples/awgn_per}
[ -n "${CHANNEL_SIM:-}" ] || cargo build --quiet --release -p channel-sim
[ -n "${AWGN_PER:-}" ] || cargo build --quiet --release -p prime-phy --example awgn_per
trace() { # name, presets
    [ -f "$traces/$1.f32" ] ||
        nice -n 10 "$channel_sim" noise write "$2" --rate 250000 --seconds 60 --seed 1 --out "$traces/$1.f32" >&2
}
run() { # noise, scheme, SNRs, settings of the noise
    noise=$1 scheme=$2 snrs=$3
    shift 3
    while read -r stage settings; do
        # shellcheck disable=SC2086
        nice -n 10 "$awgn_per" "$scheme" "$snrs" "$frames" 42 0 $settings "$@" |
            awk -v noise="$noise" -v stage="$stage" 'NR > 1 { gsub(/[],[]/, ""); print noise "," $1 "," stage "," $2 "," $3 "," $4 "," $5 "," $6 "," $7 "," $8 "," $9 "," $10 }'
    done <<STAGES
equal carriers=equal symbols=equal
carriers symbols=equal
erased symbols=erased
weighted receiver=standard
coherent receiver=coherent
2-passes receiver=2
8-passes receiver=8
8-passes-equal receiver=8 symbols=equal
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
    run n8h dbpsk_c 3,5,8 "noise=$traces/n8h.f32" of=background
    run n5a dbpsk_c 8,14,20 "noise=$traces/n5a.f32" of=background
    run n3a dbpsk_c 1,2,3,4,5 "noise=$traces/n3a.f32"
    run n10a dbpsk_c 1,2,3,4 "noise=$traces/n10a.f32" of=background
    run n1 dbpsk_c -1,0,1,2 "noise=$traces/n1.f32"
    run n6a dbpsk_c 1.5,2.5,3.5 "noise=$traces/n6a.f32" of=background
    run awgn dbpsk_c 1.5,2.5,3.5
    run n5a r_dbpsk 0,4,8 "noise=$traces/n5a.f32" of=background
} >prime-phy/results/noise_ladder.csv
