//! Reed-Solomon (255,239) against libfec.

use crate::{libraries::FecReedSolomon, rounds::Group, support};
use dsp::{cpu::Level, reed_solomon::ReedSolomon};
use std::hint::black_box;

const CODE: ReedSolomon = ReedSolomon::new(1, 16);
const DATA: usize = 239;

pub(crate) fn group() -> Group {
    let mut group = Group::new(DATA as f64, "Mbyte/s");
    let mut good = [0; 255];
    let (data, parity) = good.split_at_mut(DATA);
    data.copy_from_slice(&support::octets(DATA));
    CODE.encode(data, parity).unwrap();
    for (errors, fec, best, portable) in [
        (0, "libfec, clean", "ours, clean", "ours, portable, clean"),
        (1, "libfec, 1 error", "ours, 1 error", "ours, portable, 1 error"),
        (8, "libfec, 8 errors", "ours, 8 errors", "ours, portable, 8 errors"),
    ] {
        let mut bad = good;
        for index in 0..errors {
            bad[29 * index + 7] ^= 0x35 + index as u8;
        }
        if let Some(mut library) = FecReedSolomon::new(16) {
            group.add(fec, move || {
                let mut word = *black_box(&bad);
                assert_eq!(library.decode(&mut word), errors as i32);
                assert_eq!(word, good);
            });
        }
        for (name, level) in [(best, Level::best()), (portable, Level::Portable)] {
            group.add(name, move || {
                let mut word = *black_box(&bad);
                assert_eq!(CODE.decode_at(level, &mut word), Ok(errors));
                assert_eq!(word, good);
            });
            group.goal(name, fec, 4.0);
        }
    }
    group
}
