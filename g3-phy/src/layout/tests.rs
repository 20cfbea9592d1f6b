use super::*;
use crate::primitives::DataHeader;
use crate::timing;

const PLAN: BandPlan = BandPlan::CENELEC_A;

fn from_symbols(modulation: Modulation, symbols: u16) -> Option<PayloadLayout> {
    PayloadLayout::from_symbols(&PLAN, ToneMask::ALL, PLAN.full_tone_map(), modulation, symbols)
}

fn for_psdu(modulation: Modulation, octets: usize) -> Option<PayloadLayout> {
    PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, PLAN.full_tone_map(), modulation, octets)
}

/// Digest 7.1: symbols, RS word, PSDU, bit/s of the PHY.
const TABLE_7_1: [(Modulation, u16, usize, u16, f64); 24] = [
    (Modulation::D8psk, 12, 80, 64, 21829.0),
    (Modulation::D8psk, 20, 134, 118, 32535.0),
    (Modulation::D8psk, 32, 215, 199, 42618.0),
    (Modulation::Dqpsk, 12, 53, 37, 12620.0),
    (Modulation::Dqpsk, 20, 89, 73, 20128.0),
    (Modulation::Dqpsk, 32, 143, 127, 27199.0),
    (Modulation::Dqpsk, 40, 179, 163, 30386.0),
    (Modulation::Dqpsk, 52, 233, 217, 33870.0),
    (Modulation::Dqpsk, 56, 251, 235, 34792.0),
    (Modulation::Dbpsk, 12, 26, 10, 3411.0),
    (Modulation::Dbpsk, 20, 44, 28, 7720.0),
    (Modulation::Dbpsk, 32, 71, 55, 11779.0),
    (Modulation::Dbpsk, 40, 89, 73, 13608.0),
    (Modulation::Dbpsk, 52, 116, 100, 15608.0),
    (Modulation::Dbpsk, 56, 125, 109, 16138.0),
    (Modulation::Dbpsk, 112, 251, 235, 20225.0),
    (Modulation::Robust, 40, 21, 13, 2423.0),
    (Modulation::Robust, 52, 28, 20, 3122.0),
    (Modulation::Robust, 56, 30, 22, 3257.0),
    (Modulation::Robust, 112, 62, 54, 4647.0),
    (Modulation::Robust, 252, 141, 133, 5592.0),
    // Listed as not applicable in the standard's table; the arithmetic holds.
    (Modulation::Robust, 32, 17, 9, 0.0),
    // Digest 12.3.
    (Modulation::Robust, 36, 19, 11, 0.0),
    // Digest 11.3.
    (Modulation::Robust, 196, 109, 101, 0.0),
];

#[test]
fn sizes_and_rates_are_those_of_table_7_1() {
    for (modulation, symbols, word, psdu, rate) in TABLE_7_1 {
        let Some(layout) = from_symbols(modulation, symbols) else { panic!("{modulation:?} {symbols}") };
        assert_eq!((layout.word_octets(), layout.psdu_capacity), (word, psdu));
        assert_eq!(for_psdu(modulation, usize::from(psdu)), Some(layout));
        let airtime = timing::frame_airtime(&PLAN, ToneMask::ALL, symbols);
        let ours = f64::from(psdu) * 8.0 / plc_core::time::as_seconds_f64(airtime);
        assert!(rate == 0.0 || (ours - rate).abs() < 0.51, "{modulation:?} {symbols}: {ours} b/s");
    }
    assert_eq!(from_symbols(Modulation::Robust, 20), None, "10/2 is below the minimum");
    assert_eq!(from_symbols(Modulation::Dbpsk, 0), None);
}

/// Digest 7.2: blocks, PSDU, symbols, frame in ms, net kbit/s.
const TABLE_7_2: [(BandPlan, Modulation, u16, u16, f64, f64); 17] = [
    (BandPlan::CENELEC_A, Modulation::Robust, 133, 252, 190.255, 5.592),
    (BandPlan::CENELEC_A, Modulation::Dbpsk, 235, 112, 92.955, 20.22),
    (BandPlan::CENELEC_A, Modulation::Dqpsk, 235, 56, 54.035, 34.79),
    (BandPlan::CENELEC_A, Modulation::D8psk, 239, 40, 42.915, 44.55),
    (BandPlan::CENELEC_B_EXPERIMENTAL, Modulation::Robust, 54, 252, 202.07, 2.138),
    (BandPlan::CENELEC_B_EXPERIMENTAL, Modulation::Dbpsk, 235, 252, 202.07, 9.304),
    (BandPlan::CENELEC_B_EXPERIMENTAL, Modulation::Dqpsk, 239, 128, 115.89, 16.50),
    (BandPlan::CENELEC_B_EXPERIMENTAL, Modulation::D8psk, 239, 88, 88.09, 21.71),
    (BandPlan::FCC_1, Modulation::Robust, 247, 228, 57.627, 34.29),
    (BandPlan::FCC_1, Modulation::Dbpsk, 239, 57, 18.012, 106.15),
    (BandPlan::FCC_1, Modulation::Dqpsk, 239, 29, 11.525, 165.90),
    (BandPlan::FCC_1, Modulation::D8psk, 239, 19, 9.208, 207.64),
    (BandPlan::FCC_1, Modulation::D8psk, 478, 38, 13.61, 280.97),
    (BandPlan::ARIB, Modulation::Robust, 247, 304, 76.16, 25.95),
    (BandPlan::ARIB, Modulation::Dbpsk, 239, 76, 23.34, 81.92),
    (BandPlan::ARIB, Modulation::Dqpsk, 239, 38, 14.54, 131.53),
    (BandPlan::ARIB, Modulation::D8psk, 239, 26, 11.76, 162.63),
];

#[test]
fn every_bands_largest_block_and_frame_is_that_of_table_7_2() {
    for (plan, modulation, psdu, symbols, frame_ms, net_kbps) in TABLE_7_2 {
        let map = plan.full_tone_map();
        let blocks = if psdu > 247 { Blocks::Two } else { Blocks::One };
        let header = DataHeader {
            pdc: 0,
            modulation,
            tone_map: map,
            payload_symbols: symbols,
            blocks,
            response_expected: false,
        };
        let layout = PayloadLayout::from_header(&plan, ToneMask::ALL, &header);
        let name = plan.name;
        assert_eq!(layout.map(|layout| layout.psdu_capacity), Some(psdu), "{name} {modulation:?}");
        let ms = plc_core::time::as_seconds_f64(timing::frame_airtime(&plan, ToneMask::ALL, symbols)) * 1e3;
        let rate = f64::from(psdu) * 8.0 / ms;
        assert!((ms - frame_ms).abs() < 0.0051, "{name} {modulation:?}: {ms} ms");
        assert!((rate / net_kbps - 1.0).abs() < 5e-4, "{name} {modulation:?}: {rate} kb/s");
        // The next longer PSDU would need a word that the receiver caps.
        let largest = PayloadLayout::largest_with(&plan, ToneMask::ALL, map, modulation, blocks).unwrap();
        let next = usize::from(largest.psdu_capacity) + 1;
        let longer = PayloadLayout::for_psdu(&plan, ToneMask::ALL, map, modulation, next);
        assert!(longer.is_none_or(|longer| longer.blocks > blocks), "{name} {modulation:?}");
        assert!(largest.symbols <= symbols && largest.psdu_capacity <= psdu, "{name} {modulation:?}");
    }
}

#[test]
fn the_largest_payloads_are_those_of_the_mac_digest_1_7() {
    for (modulation, psdu, symbols) in [
        (Modulation::Robust, 133, 252),
        (Modulation::Dbpsk, 235, 112),
        (Modulation::Dqpsk, 235, 56),
        (Modulation::D8psk, 226, 36),
    ] {
        let largest = PayloadLayout::largest(&PLAN, ToneMask::ALL, PLAN.full_tone_map(), modulation);
        assert_eq!(largest.map(|largest| (largest.psdu_capacity, largest.symbols)), Some((psdu, symbols)));
        assert_eq!(for_psdu(modulation, usize::from(psdu)), largest);
        assert_eq!(for_psdu(modulation, usize::from(psdu) + 1), None);
    }
    let capped = from_symbols(Modulation::D8psk, 40);
    assert_eq!(capped.map(|capped| capped.word_octets()), Some(255), "a receiver caps the word");
}

#[test]
fn a_payload_without_carriers_or_octets_has_no_layout() {
    let none = ToneMap(0);
    assert_eq!(PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, none, Modulation::Dbpsk, 10), None);
    assert_eq!(PayloadLayout::largest(&PLAN, ToneMask::ALL, none, Modulation::Dbpsk), None);
    assert_eq!(for_psdu(Modulation::Dbpsk, 0), None);
    assert_eq!(for_psdu(Modulation::Dbpsk, usize::MAX), None);
}

#[test]
fn every_psdu_fits_its_layout_and_not_the_next_shorter() {
    for modulation in Modulation::ALL {
        for tone_map in 1..64 {
            for octets in 1..=240 {
                let map = ToneMap(tone_map);
                let layout = PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, map, modulation, octets);
                let Some(layout) = layout else { continue };
                assert!(usize::from(layout.psdu_capacity) >= octets);
                assert!(layout.coded_bits() * modulation.repetition() <= layout.raw_bits());
                let shorter =
                    PayloadLayout::from_symbols(&PLAN, ToneMask::ALL, map, modulation, layout.symbols - 4);
                assert!(shorter.is_none_or(|shorter| usize::from(shorter.psdu_capacity) < octets.max(4)));
            }
        }
    }
}

/// Digest 11.3: symbols and, from its text, 100 octets filled up; 33 data carriers.
#[test]
fn coherent_sizes_are_those_of_table_11_3() {
    for (modulation, symbols) in [
        (Modulation::RobustCoherent, 212),
        (Modulation::Bpsk, 60),
        (Modulation::Qpsk, 32),
        (Modulation::Psk8, 20),
    ] {
        let layout = for_psdu(modulation, 100).unwrap();
        assert_eq!((layout.symbols, layout.carriers), (symbols, 33), "{modulation:?}");
        assert!(layout.psdu_capacity >= 100);
        let airtime = timing::data_airtime(&PLAN, ToneMask::ALL, modulation, symbols);
        assert_eq!(airtime, timing::frame_airtime(&PLAN, ToneMask::ALL, symbols + 2), "S1 and S2");
    }
}

#[test]
fn two_blocks_exist_in_fcc_alone_and_only_beyond_one_block() {
    for plan in &BandPlan::ALL {
        let map = plan.full_tone_map();
        let of = |octets| PayloadLayout::for_psdu(plan, ToneMask::ALL, map, Modulation::D8psk, octets);
        assert!(of(226).is_some_and(|layout| layout.blocks == Blocks::One), "{}", plan.name);
        let two = of(300).map(|layout| (layout.blocks, layout.psdu_capacity % 2, layout.symbols % 2));
        let fcc = plan.header == HeaderFormat::Fcc;
        assert_eq!(two, fcc.then_some((Blocks::Two, 0, 0)), "{}", plan.name);
        assert_eq!(of(MAX_PSDU), None, "494 octets only in Robust");
    }
}
