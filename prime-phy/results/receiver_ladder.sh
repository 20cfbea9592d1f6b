#!/bin/sh
# Packet and bit error rates of the receiver's ladder in white noise (docs/prime-receiver.md), into receiver_ladder.txt beside
# this file.
#   prime-phy/results/receiver_ladder.sh [FRAMES]      400 frames a point take about two minutes of one core
# The standard receiver's points are in awgn_per_points.txt. AWGN_PER may name a program that is already built.
set -eu
cd "$(dirname "$0")/../.."
frames=${1:-400}
awgn_per=${AWGN_PER:-target/release/examples/awgn_per}
[ -n "${AWGN_PER:-}" ] || cargo build --quiet --release -p prime-phy --example awgn_per
run() { # scheme, SNRs, then named settings; a program for each point, so that what is done is there
    scheme=$1 snrs=$2
    shift 2
    echo "# $scheme $*"
    for snr in $(echo "$snrs" | tr , ' '); do
        nice -n 10 "$awgn_per" "$scheme" "$snr" "$frames" 42 0 "$@" | tail -n +2
    done
}
{
    echo "# channel 1 at 250 kHz, seed 42, $frames frames a point, payload of 133 octets but for headers, preamble at payload power"
    echo "# scheme SNR dB  frames  PER  95 % interval  no preamble  header  payload  bit error rate"
    run dbpsk_c 1.25,1.5,1.75,2.25 receiver=8
    echo "# headers: payload of one symbol, 'header' of 'frames' is the figure"
    run dbpsk_c -0.25,0,0.25,1 receiver=8 octets=5
    run d8psk_c 6.25,6.5,6.75,7.25 receiver=8
    run dqpsk_c 3.25,3.5,3.75,4.25 receiver=8
    run dbpsk_c 2,2.25,2.5 receiver=coherent
    run dbpsk_c 1.75,2 receiver=2
    run dbpsk_c 1.25,1.5 receiver=16
    run r_dbpsk -4.75,-4.25,-4 receiver=8
    run r_dqpsk -2,-1.75,-1.5 receiver=8
    run dqpsk_c 4.5,4.75,5 receiver=coherent
    run d8psk_c 8.5,8.75,9 receiver=coherent
    run dqpsk_c 3.75,4,4.25 receiver=2
    run d8psk_c 7.25,7.5,7.75 receiver=2
    run dbpsk 8.25,8.5,8.75 receiver=coherent
    run dqpsk 11.25,11.5,11.75 receiver=coherent
    run d8psk 16.25,16.5,16.75 receiver=coherent
    run dbpsk_c 0.5,1,1.5 receiver=standard octets=5
    echo "# clocks apart, an echo, no smoothing"
    run dbpsk_c 1.25,1.5,1.75 receiver=8 ppm=25
    run d8psk_c 6.25,6.5,6.75 receiver=8 ppm=-60
    run d8psk_c 6.25,6.5,6.75 receiver=8 echo=0.5
    run dbpsk_c 1.5,1.75 receiver=8 without=smoothing
    run dbpsk_c 2.25,2.5,2.75 receiver=coherent without=smoothing
} >prime-phy/results/receiver_ladder.txt
