//! The Viterbi decoder: any soft decisions give bits, whose codeword costs what the decoder says, with every
//! version of the kernel the same.
#![no_main]

use dsp::convolutional;
use dsp::cpu::Level;
use dsp::viterbi::Viterbi;
use fuzz::Input;
use libfuzzer_sys::fuzz_target;

const STAGES: usize = 500;

fuzz_target!(|octets: &[u8]| {
    let mut input = Input::new(octets);
    let bits = usize::from(input.u16()) % 512;
    let soft: Vec<i8> = input.rest().iter().map(|&octet| octet as i8).collect();
    let fits = bits + 6 <= STAGES && soft.len() >= convolutional::coded_bits(bits);
    for coarse in [false, true] {
        let mut decoded = [0; 64];
        let result = Viterbi::<STAGES>::new().decode_at(Level::Portable, coarse, &soft, bits, &mut decoded);
        for level in [Level::Avx2, Level::Avx512] {
            let mut again = [0; 64];
            assert_eq!(Viterbi::<STAGES>::new().decode_at(level, coarse, &soft, bits, &mut again), result);
            assert_eq!(again, decoded);
        }
        assert_eq!(result.is_ok(), fits);
        if let (Ok(cost), false) = (result, coarse) {
            assert_eq!(cost, contradicted(&decoded, bits, &soft));
        }
    }
});

/// The reliability of the soft decisions that the codeword of `info` contradicts.
fn contradicted(info: &[u8], bits: usize, soft: &[i8]) -> u32 {
    let mut coded = [0; 128];
    let count = convolutional::encode(info, bits, &mut coded).expect("the lengths fit");
    let is_one = |at: usize| coded[at / 8] >> (7 - at % 8) & 1 == 1;
    let wrong = (0..count).filter(|&at| if is_one(at) { soft[at] > 0 } else { soft[at] < 0 });
    wrong.map(|at| u32::from(soft[at].unsigned_abs())).sum()
}
