#!/bin/sh
# Frame error rates in the noise of power lines (docs/receiver.md), into mitigation.txt beside this file.
#   g3-phy/results/mitigation.sh [FRAMES]      1000 frames a point; half as many beside tones and with eight passes, in white noise twice
# AWGN_FER names a built example that is to be used as it is.
set -eu
cd "$(dirname "$0")/../.."
whole=${1:-1000}
frames=$whole
program=${AWGN_FER:-target/release/examples/awgn_fer}
[ -n "${AWGN_FER:-}" ] || cargo build --quiet --release -p g3-phy --example awgn_fer
run() { # mode, SNRs, then named settings
    mode=$1 snrs=$2
    shift 2
    echo "# $mode $*"
    nice -n 10 "$program" "$mode" "$snrs" "$frames" 42 0 cenelec-a "$@" | tail -n +2
}
{
    echo "# CENELEC-A, seed 42, preamble at payload power"
    echo "# SNR: of the background in bursts, impulses and beside a tone, of the mean noise on the carriers in kata2"
    echo "# mode  SNR dB  frames  FER  95 % interval  no preamble  lost  header wrong  payload wrong  mean LQI  erased  misplaced"
    echo "# KATA2"
    run bpsk -1,-0.75,-0.5 noise=kata2 mitigation=off
    run bpsk -4.5,-4,-3.5 noise=kata2 mitigation=all
    run robust -1.5,-1.25,-1 noise=kata2 mitigation=off
    run robust -6,-5.5,-5,-4.5 noise=kata2 mitigation=all
    run dbpsk 2.25,2.5,2.75,3 noise=kata2 mitigation=off
    run dbpsk -1.5,-1.25,-1 noise=kata2 mitigation=all
    echo "# bursts of 1 ms every 10 ms, 25 dB above the background"
    run bpsk 15 noise=bursts mitigation=off
    run bpsk 1,1.3 noise=bursts mitigation=all
    run robust 15 noise=bursts mitigation=off
    run robust 0 noise=bursts mitigation=all
    # Close to one in ten: its interval must be narrow. The same curve, so without a headline.
    nice -n 10 "$program" robust 0.5 $((4 * whole)) 42 0 cenelec-a noise=bursts mitigation=all | tail -n +2
    run dbpsk 15 noise=bursts mitigation=off
    run dbpsk 3.5,4,4.3 noise=bursts mitigation=all
    echo "# impulses: Bernoulli-Gaussian, p = 0.01, 30 dB"
    run bpsk 9 noise=impulses mitigation=off
    run bpsk -1,-0.75 noise=impulses mitigation=all
    run robust 7 noise=impulses mitigation=off
    run robust -1.75,-1.5 noise=impulses mitigation=all
    run dbpsk 10 noise=impulses mitigation=off
    run dbpsk 2,2.25 noise=impulses mitigation=all
    frames=$((whole / 2))
    for bin in 21.5 23 33.3 40 40.5 58.5 61; do
        echo "# a tone 20 dB above the signal at bin $bin (carriers are 23 to 58)"
        run bpsk 15 noise=tone:$bin mitigation=off
        run bpsk -0.75,-0.25 noise=tone:$bin mitigation=all
        run robust -1.5,-1 noise=tone:$bin mitigation=all
        run dbpsk 2.25,2.75 noise=tone:$bin mitigation=all
    done
    frames=$((2 * whole))
    echo "# white noise: what mitigation costs"
    for mitigation in off all; do
        run bpsk -1.25,-1 mitigation=$mitigation
        run robust -2,-1.75 mitigation=$mitigation
        run dbpsk 1.75,2 mitigation=$mitigation
    done
    frames=$whole
    echo "# DQPSK and D8PSK"
    run dqpsk 4.75,5 mitigation=all
    run d8psk 8,8.25 mitigation=all
    run dqpsk 6,6.5 noise=kata2 mitigation=off
    run dqpsk 2,2.5 noise=kata2 mitigation=all
    run d8psk 9.5,10.5 noise=kata2 mitigation=off
    run d8psk 6,7 noise=kata2 mitigation=all
    run dqpsk 8,9,10 noise=bursts mitigation=all
    run d8psk 14,17,20 noise=bursts mitigation=all
    run dqpsk 5,5.5 noise=impulses mitigation=all
    run d8psk 8.5,9.5 noise=impulses mitigation=all
    run dqpsk 5,5.5 noise=tone:40.5 mitigation=all
    run d8psk 8.5,9.5 noise=tone:40.5 mitigation=all
    echo "# eight passes"
    frames=$((whole / 2))
    passes="mitigation=all receiver=8"
    # shellcheck disable=SC2086
    {
        run bpsk -5.5,-5,-4.5 noise=kata2 $passes
        run robust -10,-9.5,-9 noise=kata2 $passes
        run dbpsk -5,-4.5,-4 noise=kata2 $passes
        run bpsk 0,0.5,1 noise=bursts $passes
        run robust -5,-4.5,-4 noise=bursts $passes
        run dbpsk 0.5,1,1.5 noise=bursts $passes
        run bpsk -1.25,-1 noise=impulses $passes
        run robust -6,-5.75,-5.5 noise=impulses $passes
        run dbpsk -0.75,-0.5,-0.25 noise=impulses $passes
        run bpsk -1.25,-1 noise=tone:40.5 $passes
        run robust -5.75,-5.5,-5.25 noise=tone:40.5 $passes
        run dbpsk -0.5,-0.25,0 noise=tone:40.5 $passes
        run bpsk -1.5,-1.25 $passes
        run robust -6.25,-6 $passes
        run dbpsk -1,-0.75 $passes
    }
} | tee g3-phy/results/mitigation.txt
