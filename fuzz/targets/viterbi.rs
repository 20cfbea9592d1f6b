//! The Viterbi decoder: any soft decisions give bits, whose codeword costs what the decoder says.
#![no_main]

use dsp::convolutional;
use dsp::viterbi::Viterbi;
use fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let mut input = Input::new(octets);
    let bits = usize::from(input.u16()) % 512;
    let soft: Vec<i8> = input.rest().iter().map(|&octet| octet as i8).collect();
    let mut viterbi = Viterbi::<500>::new();
    let mut decoded = [0; 64];
    let Ok(cost) = viterbi.decode(&soft, bits, &mut decoded) else {
        assert!(bits + 6 > 500 || soft.len() < convolutional::coded_bits(bits));
        return;
    };
    let mut coded = [0; 128];
    let count = convolutional::encode(&decoded, bits, &mut coded).expect("the lengths fit");
    let contradicted: u32 = (0..count)
        .filter(|&at| {
            let one = coded[at / 8] >> (7 - at % 8) & 1 == 1;
            if one { soft[at] > 0 } else { soft[at] < 0 }
        })
        .map(|at| u32::from(soft[at].unsigned_abs()))
        .sum();
    assert_eq!(cost, contradicted);
});
