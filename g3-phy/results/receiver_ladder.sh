#!/bin/sh
# Frame error rates of the receiver's ladder (docs/receiver.md), into receiver_ladder.txt beside this file.
#   g3-phy/results/receiver_ladder.sh [FRAMES]      600 frames a point take about 20 minutes of one core
# AWGN_FER names a built example that is to be used as it is.
set -eu
cd "$(dirname "$0")/../.."
whole=${1:-600}
frames=$whole
program=${AWGN_FER:-target/release/examples/awgn_fer}
[ -n "${AWGN_FER:-}" ] || cargo build --quiet --release -p g3-phy --example awgn_fer
run() { # mode, SNRs, then named settings
    mode=$1 snrs=$2
    shift 2
    echo "# $mode $*"
    nice -n 10 "$program" "$mode" "$snrs" "$frames" 42 "${swing:-0}" "${band:-cenelec-a}" "$@" | tail -n +2
}
{
    echo "# CENELEC-A, seed 42, preamble at payload power; 'lost' are preambles sensed and not followed by a header"
    echo "# mode  SNR dB  frames  FER  95 % interval  no preamble  lost  header wrong  payload wrong  mean LQI  erased  misplaced"
    run robust -6.25,-6,-5.75,-5.5,-5.2 receiver=8
    run dbpsk -1,-0.75,-0.5,-0.4,0 receiver=8
    run dqpsk 1.75,2,2.25,2.5,2.8 receiver=8
    run d8psk 4.75,5,5.25,5.5,5.8 receiver=8
    run ack -8,-7.5,-7,-6.5,-6.2,-6,-5.5,-5.3 receiver=8
    run ack -7,-6.5,-6,-5.5 receiver=8 without=smoothing
    for line in ppm=25 fading=yes "fading=yes ppm=-25"; do
        # Two settings are two words.
        # shellcheck disable=SC2086
        {
            # Resampling and fading a Robust frame cost more than receiving it.
            frames=$((whole / 2))
            run robust -6.25,-6,-5.75 receiver=8 $line
            frames=$whole
            run dbpsk -1,-0.75,-0.5 receiver=8 $line
            run dqpsk 1.75,2,2.25 receiver=8 $line
            run d8psk 4.75,5,5.25,5.5 receiver=8 $line
        }
    done
    run bpsk -1.8,-1.6,-1.4,-1.15 receiver=8
    run qpsk 1.4,1.6,1.85 receiver=8
    run 8psk 4.4,4.6,4.8 receiver=8
    run robust-coherent -6.75,-6.5,-6.25,-6 receiver=8
    run robust -2.25,-2,-1.75,-1.5 receiver=standard
    run dbpsk 1.5,1.75,2,2.25 receiver=standard
    run dqpsk 4.5,4.75,5,5.25 receiver=standard
    run d8psk 7.75,8,8.25,8.5 receiver=standard
    run bpsk -1.4,-1.15,-0.9 receiver=standard
    run qpsk 1.6,1.85,2.1 receiver=standard
    run 8psk 4.8,5.05,5.3 receiver=standard
    run ack -5.5,-5,-4.5,-4,-3.5,-3 receiver=standard
    run robust -3.25,-3,-2.75,-2.5 receiver=coherent
    run dbpsk 0.75,1,1.25 receiver=coherent
    run dqpsk 3.75,4,4.25 receiver=coherent
    run d8psk 7.25,7.5,7.75 receiver=coherent
    run robust -4.5,-4.25,-4 receiver=2
    run dbpsk 0,0.25,0.5 receiver=2
    run dqpsk 2.75,3,3.25 receiver=2
    run d8psk 6,6.25,6.5 receiver=2
    run robust -6.75,-6.5,-6.25,-6 receiver=16
    run dbpsk -1.25,-1,-0.75,-0.5 receiver=16
    run dqpsk 1.5,1.75,2,2.25 receiver=16
    run d8psk 4.5,4.75,5,5.25 receiver=16
    swing=10
    echo "# noise swinging by 10 dB"
    run robust -8.25,-8,-7.5,-7,-6.5 receiver=8
    run dbpsk -2.25,-2,-1.75,-1.5,-1 receiver=8
    run dqpsk 0.25,0.5,0.75,1 receiver=8
    run d8psk 4,4.25,4.5,5 receiver=8
    swing=0
    band=fcc-1
    echo "# FCC-1, 300 octets in two blocks"
    for receiver in standard 8; do
        if [ "$receiver" = 8 ]; then
            dbpsk=-0.75,-0.5,-0.25 dqpsk=2,2.25,2.5
        else
            dbpsk=1.75,2,2.25 dqpsk=4.75,5,5.25
        fi
        run dbpsk $dbpsk receiver=$receiver octets=300
        run dqpsk $dqpsk receiver=$receiver octets=300
    done
} | tee g3-phy/results/receiver_ladder.txt
