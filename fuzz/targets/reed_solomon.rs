//! Reed-Solomon: any word is a codeword nearby or left as it was.
#![no_main]

use dsp::reed_solomon::ReedSolomon;
use fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let mut input = Input::new(octets);
    let (first_root, parity) = (input.u8(), 2 + usize::from(input.u8()) % 15);
    // The codes of G.9903 more often than others.
    let (first_root, parity) = match first_root {
        0..96 => (1, 8),
        96..192 => (1, 16),
        other => (other, parity),
    };
    let code = ReedSolomon::new(first_root, parity);
    let make_codeword = input.u8() & 1 != 0;
    let damage = input.u32();
    let mut word = input.rest().to_vec();
    if make_codeword && word.len() + parity <= 255 {
        let mut check = [0; 16];
        code.encode(&word, &mut check).expect("the lengths fit");
        word.extend_from_slice(&check[..parity]);
        let length = word.len();
        word[damage as usize % length] ^= (damage >> 8) as u8;
        word[(damage >> 16) as usize % length] ^= (damage >> 24) as u8;
    }
    let before = word.clone();
    match code.decode(&mut word) {
        Err(_) => assert_eq!(word, before),
        Ok(corrected) => {
            assert_eq!(corrected, word.iter().zip(&before).filter(|(now, then)| now != then).count());
            assert!(corrected <= code.correctable());
            assert_eq!(code.decode(&mut word), Ok(0));
        }
    }
});
