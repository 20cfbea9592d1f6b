//! The K = 7 decoder against VOLK's SIMD kernel and libfec's C.

use crate::{
    libraries::{FecViterbi, Volk},
    rounds::Group,
    support,
};
use dsp::{convolutional, cpu::Level, viterbi::Viterbi};
use std::hint::black_box;

const BITS: usize = 2048;
const STAGES: usize = BITS + 6;

/// A block at about 5 dB of Eb/N0: the sum of twelve uniform values stands for noise.
fn soft(info: &[u8]) -> Vec<i8> {
    let mut coded = vec![0; convolutional::coded_bits(BITS).div_ceil(8)];
    let count = convolutional::encode(info, BITS, &mut coded).unwrap();
    let noise = support::octets(12 * count);
    (0..count)
        .map(|at| {
            let sum: i32 = noise[12 * at..12 * at + 12].iter().map(|&octet| i32::from(octet)).sum();
            let sent = if coded[at / 8] >> (7 - at % 8) & 1 == 0 { 32.0 } else { -32.0 };
            let deviation = f64::from(sum - 12 * 255 / 2) / 256.0;
            (sent + 32.0 * 0.562 * deviation).round().clamp(-127.0, 127.0) as i8
        })
        .collect()
}

pub(crate) fn group() -> Group {
    let info = support::octets(BITS / 8);
    let soft = soft(&info);
    let wrong = soft.iter().filter(|&&soft| soft == 0).count();
    assert!(wrong < soft.len() / 10, "soft decisions are noise");
    let unsigned: Vec<u8> = soft.iter().map(|&soft| (127 - i16::from(soft)).clamp(0, 255) as u8).collect();
    let mut group = Group::new(BITS as f64, "Mbit/s");

    if let Some(mut volk) = Volk::new(BITS) {
        let (mut soft, mut decoded) = (unsigned.clone(), vec![0; BITS / 8]);
        volk.decode(&mut soft, &mut decoded);
        assert_eq!(decoded, info, "VOLK");
        group.add("VOLK spiral", move || volk.decode(black_box(&mut soft), &mut decoded));
    }
    if let Some(mut fec) = FecViterbi::new(BITS) {
        let (mut soft, mut decoded) = (unsigned, vec![0; BITS / 8]);
        fec.decode(&mut soft, &mut decoded);
        assert_eq!(decoded, info, "libfec");
        group.add("libfec, C", move || fec.decode(black_box(&mut soft), &mut decoded));
    }
    for (name, level, coarse) in [
        ("ours", Level::best(), false),
        ("ours, AVX2", Level::Avx2, false),
        ("ours, portable", Level::Portable, false),
        ("ours, coarse", Level::best(), true),
        ("ours, coarse, AVX2", Level::Avx2, true),
    ] {
        let mut viterbi = Box::new(Viterbi::<STAGES>::new());
        let (soft, mut decoded) = (soft.clone(), vec![0; BITS / 8]);
        viterbi.decode_at(level, coarse, &soft, BITS, &mut decoded).unwrap();
        assert_eq!(decoded, info, "{name}");
        group.add(name, move || {
            black_box(viterbi.decode_at(level, coarse, black_box(&soft), BITS, &mut decoded).unwrap());
        });
    }
    // A call decodes both blocks of a pair by turns with itself: half a call is one block.
    for (name, coarse) in
        [("ours, two frames (per frame)", false), ("ours, coarse, two frames (per frame)", true)]
    {
        let mut workspaces = [Box::new(Viterbi::<STAGES>::new()), Box::new(Viterbi::<STAGES>::new())];
        let mut outputs = [vec![0; BITS / 8], vec![0; BITS / 8]];
        let soft = soft.clone();
        let expected = info.clone();
        let mut run = move || {
            let [one, two] = &mut workspaces;
            let [first, second] = &mut outputs;
            let decode = if coarse { Viterbi::decode_coarse_pair } else { Viterbi::decode_pair };
            black_box(
                decode([one, two], [black_box(&soft), black_box(&soft)], BITS, [first, second]).unwrap(),
            );
            assert!(*first == expected && *second == expected);
        };
        let mut pending = false;
        group.add(name, move || {
            // Every other call does the work of two.
            if !pending {
                run();
            }
            pending = !pending;
        });
    }
    group.goal("ours, coarse", "VOLK spiral", 2.1);
    group.goal("ours, coarse, AVX2", "VOLK spiral", 2.1);
    group.goal("ours, coarse, two frames (per frame)", "VOLK spiral", 3.4);
    // The 16-bit decoder to beat has 1.03 times VOLK's rate (PEERS.md 2).
    group.goal("ours", "VOLK spiral", 1.25 * 1.03);
    group.goal("ours, AVX2", "VOLK spiral", 1.03);
    group.goal("ours, portable", "libfec, C", 1.8);
    group
}
