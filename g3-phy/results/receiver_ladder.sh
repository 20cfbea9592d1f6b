#!/bin/sh
# Frame error rates of the receiver's ladder (docs/receiver.md), into receiver_ladder.txt beside this file.
#   g3-phy/results/receiver_ladder.sh [FRAMES]      600 frames a point take about 15 minutes of one core
set -eu
cd "$(dirname "$0")/../.."
frames=${1:-600}
cargo build --quiet --release -p g3-phy --example awgn_fer
run() { # mode, SNRs, then named settings
    mode=$1 snrs=$2
    shift 2
    echo "# $mode $*"
    nice -n 10 target/release/examples/awgn_fer "$mode" "$snrs" "$frames" 42 "${swing:-0}" "$@" | tail -n +2
}
{
    echo "# CENELEC-A, seed 42, preamble at payload power; 'lost' are preambles sensed and not followed by a header"
    echo "# mode  SNR dB  frames  FER  95 % interval  no preamble  lost  header wrong  payload wrong  ns/sample  mean LQI"
    run robust -2.25,-2,-1.75,-1.5 receiver=standard
    run dbpsk 1.5,1.75,2,2.25 receiver=standard
    run dqpsk 4.5,4.75,5,5.25 receiver=standard
    run d8psk 7.75,8,8.25,8.5 receiver=standard
    run robust -3,-2.75,-2.5,-2.25 receiver=coherent
    run dbpsk 0.75,1,1.25 receiver=coherent
    run dqpsk 3.75,4,4.25 receiver=coherent
    run d8psk 7.25,7.5,8 receiver=coherent
    run robust -4.5,-4.25,-4 receiver=2
    run dbpsk 0,0.25,0.5 receiver=2
    run dqpsk 2.75,3,3.25 receiver=2
    run d8psk 6,6.25,6.5 receiver=2
    run robust -6.25,-6,-5.75,-5.5,-5.2 receiver=8
    run dbpsk -1,-0.75,-0.5,-0.4 receiver=8
    run dqpsk 1.75,2,2.25,2.5 receiver=8
    run d8psk 4.75,5,5.25,5.5 receiver=8
    run robust -6.75,-6.5,-6.3,-6 receiver=16
    run dbpsk -1.25,-1,-0.75 receiver=16
    run dqpsk 1.5,1.75,2,2.25 receiver=16
    run d8psk 4.5,4.75,5,5.25 receiver=16
    run ack -9,-8.5,-8,-7.5,-7,-6.5,-6.2,-6,-5.5 receiver=8
    run ack -7,-6.5,-6,-5.5 receiver=8 without=smoothing
    run ack -7,-6.5,-6,-5.5,-5,-4.5,-4,-3.5,-3 receiver=standard
    run robust -5.75,-5.5,-5.25 receiver=8 ppm=25
    run dbpsk -0.75,-0.5,-0.25 receiver=8 ppm=25
    run dqpsk 2,2.25,2.5 receiver=8 ppm=25
    run d8psk 5,5.25,5.5 receiver=8 ppm=25
    run robust -5.75,-5.5,-5.25 receiver=8 fading=yes ppm=-25
    run dbpsk -0.75,-0.5,-0.25 receiver=8 fading=yes ppm=-25
    run dqpsk 2,2.25,2.5 receiver=8 fading=yes ppm=-25
    run d8psk 5,5.25,5.5,5.75 receiver=8 fading=yes ppm=-25
    swing=10
    echo "# noise swinging by 10 dB"
    run robust -8,-7.75,-7.5,-7.25,-7,-6.5 receiver=8
    run dbpsk -2.5,-2,-1.5,-1 receiver=8
    run dqpsk 0.25,0.75,1.25 receiver=8
    run d8psk 4,4.5,5 receiver=8
} | tee g3-phy/results/receiver_ladder.txt
