#!/bin/sh
# Where one frame in ten is lost in white noise, by campaign: every band and mode of G3 and a notch a band, its coherent modes with
# eight passes, two Reed-Solomon words, and every scheme of PRIME, each beside the reference chain with its codes and octets. Some
# minutes of processor time in release for each. Arguments: the campaigns to measure, by name; none is all of them. FRAMES, LOST and PRECISION say when a point
# ends. What is done is kept in target/points, and the same command goes on.
set -eu
cd "$(dirname "$0")/../.."
results=channel-sim/results
target="${CARGO_TARGET_DIR:-target}"
mkdir -p "$target/points"
cargo build --release -q -p channel-sim --bin channel-sim
wanted="$*"
measure() { # NAME FRAMES LOST PRECISION and what is measured
    name=$1 frames=${FRAMES:-$2} lost=${LOST:-$3} precision=${PRECISION:-$4}
    shift 4
    case " ${wanted:-$name} " in *" $name "*) ;; *) return 0 ;; esac
    state="$target/points/$name.json"
    nice -n 10 "$target/release/channel-sim" link --snr seek --reference --frames "$frames" --lost "$lost" \
        --precision "$precision" --state "$state" --csv "$results/$name.csv" --svg "$results/$name-fer.svg" \
        --crossings "$results/$name-crossings.csv" --crossings-svg "$results/$name.svg" "$@" > "$state.txt"
    # The table's last part: a line a curve.
    grep ' of frames lost ' "$state.txt" > "$results/$name.txt"
}
measure points-prime 800 80 0.1 --standard prime --octets 140 --options default,receiver=best
measure points-prime-channel-8 384 50 0.15 --standard prime --band channel-8 --octets 140 --mode dbpsk-c,d8psk \
    --options default,receiver=best
notches=notch=s-fsk,notch=105-112,notch=200-225,notch=420-460
# The same with a suffix.
with() { echo "$notches" | sed "s/,/$1,/g; s/$/$1/"; }
measure points-g3 384 50 0.15 --band all --mode all --octets 100,60,30 --options "default,$notches"
measure points-g3-best 384 50 0.15 --band all --mode robust-coherent,bpsk,qpsk,8psk,16qam-experimental --octets 100,60,30 \
    --options "receiver=best,$(with +receiver=best)"
# A preamble at the payload's level does not reach as far as coherent Robust where carriers are few: the standard's, 3 dB above it, does.
measure points-g3-boosted 384 50 0.15 --band cenelec-a,fcc-1,fcc-1.a,fcc-1.b,arib --mode robust-coherent --octets 100,60 \
    --options "boost=3.01+receiver=best,$(with +boost=3.01+receiver=best | sed s/notch=105-112.*best,notch=200/notch=200/)"
# In CENELEC-B Robust's frames are too short for 100 octets and reach further than a preamble of twelve carriers at their level.
measure points-g3-short 384 50 0.15 --band cenelec-b-experimental --mode robust,robust-coherent --octets 30 \
    --options boost=3.01,notch=105-112+boost=3.01,boost=3.01+receiver=best,notch=105-112+boost=3.01+receiver=best
measure points-g3-two-words 384 50 0.15 --band fcc-1,fcc-1.a,fcc-1.b --mode all --octets 400,300,200,160,120
