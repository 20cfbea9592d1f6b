//! The self-generated chains of digest 12.3, stage by stage.

use super::*;
use crate::interleaver::PayloadInterleaver;
use crate::layout::Blocks;
use std::format;
use std::string::String;
use std::vec::Vec;

/// One chain: CENELEC-A, nothing masked, full tone map, PDC 0, no response, PSDU 01 02 03 ...
struct Vector {
    modulation: Modulation,
    psdu_octets: u8,
    symbols: u16,
    header: &'static str,
    header_coded: &'static str,
    header_interleaved: &'static str,
    scrambled: &'static str,
    word: &'static str,
    coded: &'static str,
    padding: usize,
    interleaved: &'static str,
    last_header_phases: [u8; 36],
    first_payload_phases: [u8; 36],
    last_payload_phases: [u8; 36],
}

const PLAN: BandPlan = BandPlan::CENELEC_A;

fn hex_of_bits(bits: impl IntoIterator<Item = u8>) -> String {
    let bits: Vec<u8> = bits.into_iter().collect();
    bits.chunks(8)
        .map(|octet| octet.iter().enumerate().fold(0, |value, (index, bit)| value | bit << (7 - index)))
        .map(|octet: u8| format!("{octet:02x}"))
        .collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn next_phases(encoder: &mut FrameEncoder) -> Option<Vec<u8>> {
    encoder.next_symbol().map(|symbol| symbol.phases.to_vec())
}

fn encoder(vector: &Vector) -> FrameEncoder {
    let psdu: Vec<u8> = (1..=vector.psdu_octets).collect();
    let frame = DataFrame {
        psdu: &psdu,
        modulation: vector.modulation,
        tone_map: PLAN.full_tone_map(),
        response_expected: false,
        pdc: 0,
    };
    FrameEncoder::data(&PLAN, ToneMask::ALL, &Options::default(), &frame).unwrap()
}

#[test]
fn header_bits_follow_the_chain() {
    for vector in &VECTORS {
        let header = FrameControl::Data(DataHeader {
            pdc: 0,
            modulation: vector.modulation,
            tone_map: PLAN.full_tone_map(),
            payload_symbols: vector.symbols,
            blocks: Blocks::One,
            response_expected: false,
        });
        let octets = header.emit(&PLAN, Options::default().fccs_order).unwrap();
        assert_eq!(hex(&octets), vector.header);
        let coded = coding::encode_header(&octets, PLAN.header);
        assert_eq!(hex_of_bits((0..78).map(|bit| coded.bit(bit))), vector.header_coded);
        let interleaver = Interleaver::new(36, 13, true);
        let sent = (0..13).flat_map(|row| interleaver.row(row)).map(|input| coded.bit(input / 6));
        assert_eq!(hex_of_bits(sent), vector.header_interleaved);
    }
}

#[test]
fn payload_bits_follow_the_chain() {
    for vector in &VECTORS {
        let psdu: Vec<u8> = (1..=vector.psdu_octets).collect();
        let mut scrambled = psdu.clone();
        Scrambler::new().apply(&mut scrambled);
        assert_eq!(hex(&scrambled), vector.scrambled);
        let mut parity = [0; 16];
        coding::reed_solomon(vector.modulation).encode(&scrambled, &mut parity).unwrap();
        let word = hex(&scrambled) + &hex(&parity[..vector.modulation.parity_octets()]);
        assert_eq!(word, vector.word);

        let tone_map = PLAN.full_tone_map();
        let layout =
            PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, tone_map, vector.modulation, psdu.len()).unwrap();
        assert_eq!((layout.symbols, usize::from(layout.psdu_capacity)), (vector.symbols, psdu.len()));
        let repetition = vector.modulation.repetition();
        assert_eq!(layout.raw_bits() - layout.coded_bits() * repetition, vector.padding);
        let coded = coding::encode_payload(&layout, &psdu).unwrap();
        assert_eq!(hex_of_bits((0..layout.coded_bits()).map(|bit| coded[0].bit(bit))), vector.coded);
        let interleaver = PayloadInterleaver::new(&layout, Options::default().interleaving);
        let coded = &coded[0];
        let sent = (0..usize::from(layout.symbols))
            .flat_map(|symbol| interleaver.symbol(symbol).collect::<Vec<_>>())
            .map(|input| coded.bit(input / repetition));
        assert_eq!(hex_of_bits(sent), vector.interleaved);
    }
}

#[test]
fn phases_follow_the_chain() {
    for vector in &VECTORS {
        let mut encoder = encoder(vector);
        let mut phases: Vec<Vec<u8>> = Vec::new();
        while let Some(symbol) = encoder.next_symbol() {
            phases.push(symbol.phases.to_vec());
        }
        assert_eq!(phases.len(), 13 + usize::from(vector.symbols));
        assert_eq!(phases[12], vector.last_header_phases);
        assert_eq!(phases[13], vector.first_payload_phases);
        assert_eq!(phases[phases.len() - 1], vector.last_payload_phases);
    }
}

#[test]
fn carriers_outside_the_tone_map_turn_with_the_pseudo_noise_sequence() {
    // Groups 0 and 2 to 5 carry data; group 1 takes six bits of the sequence 000011 101111 ... in each symbol.
    let frame = DataFrame {
        psdu: &[1, 2, 3, 4, 5, 6, 7, 8],
        modulation: Modulation::Dbpsk,
        tone_map: ToneMap(0b11_1101),
        response_expected: false,
        pdc: 0,
    };
    let mut encoder = FrameEncoder::data(&PLAN, ToneMask::ALL, &Options::default(), &frame).unwrap();
    let symbols: Vec<Vec<u8>> = core::iter::from_fn(|| next_phases(&mut encoder)).collect();
    let steps = |symbol: usize| -> Vec<u8> {
        (6..12)
            .map(|carrier| (symbols[symbol][carrier] + 16 - symbols[symbol - 1][carrier]) % 16 / 8)
            .collect()
    };
    assert_eq!((steps(13), steps(14)), ([0, 0, 0, 0, 1, 1].into(), [1, 0, 1, 1, 1, 1].into()));
}

#[test]
fn fcc_header_phases_refer_to_syncp_in_every_symbol_or_to_the_symbol_before() {
    let ack = crate::primitives::Ack { fcs: 0x31C3, positive: true, more_segments: false };
    let phases = |plan: &BandPlan, fch_modulation| -> Vec<Vec<u8>> {
        let options = Options { fch_modulation, ..Options::default() };
        let mut encoder = FrameEncoder::ack(plan, ToneMask::ALL, &options, ack).unwrap();
        core::iter::from_fn(|| next_phases(&mut encoder)).collect()
    };
    let fcc = BandPlan::FCC_1;
    let coherent = phases(&fcc, None);
    let differential = phases(&fcc, Some(FchModulation::Differential));
    assert_eq!((coherent.len(), coherent[0].len()), (12, 72));
    // The bits are the same: the differential phases are the running sum of the coherent ones' steps.
    let mut sum: Vec<u8> = fcc.syncp_phases.to_vec();
    for (coherent, differential) in coherent.iter().zip(&differential) {
        for carrier in 0..72 {
            let step = (16 + coherent[carrier] - fcc.syncp_phases[carrier]) % 16;
            assert!(step == 0 || step == 8);
            sum[carrier] = (sum[carrier] + step) % 16;
        }
        assert_eq!(&sum, differential);
    }
    let arib = BandPlan::ARIB;
    assert_eq!(phases(&arib, None), phases(&arib, Some(FchModulation::Differential)));
    let cenelec = BandPlan::CENELEC_A;
    assert_eq!(phases(&cenelec, None), phases(&cenelec, Some(FchModulation::Coherent)), "no such reading");
}

#[test]
fn what_does_not_fit_is_refused() {
    let frame = |psdu, tone_map| DataFrame {
        psdu,
        modulation: Modulation::Robust,
        tone_map,
        response_expected: false,
        pdc: 0,
    };
    let encode = |mask, frame: &DataFrame<'_>| {
        FrameEncoder::data(&PLAN, mask, &Options::default(), frame).map(|encoder| encoder.symbols())
    };
    let full = PLAN.full_tone_map();
    assert_eq!(encode(ToneMask::ALL, &frame(&[0; 133], full)), Ok(13 + 252));
    let too_long = EncodeError::Psdu { octets: 134, modulation: Modulation::Robust, tone_map: full };
    assert_eq!(encode(ToneMask::ALL, &frame(&[0; 134], full)), Err(too_long));
    let wide = ToneMap(0x7F);
    assert_eq!(encode(ToneMask::ALL, &frame(&[0; 10], wide)), Err(HeaderError::ToneMap(0x7F).into()));
    let ack = crate::primitives::Ack { fcs: 1, positive: true, more_segments: false };
    let masked = FrameEncoder::ack(&PLAN, ToneMask(0), &Options::default(), ack);
    assert_eq!(masked.map(|encoder| encoder.symbols()), Err(EncodeError::NoCarrier));
}

fn coherent(
    plan: &BandPlan,
    modulation: Modulation,
    tone_map: ToneMap,
    options: &Options,
    psdu: &[u8],
) -> FrameEncoder {
    let frame = DataFrame { psdu, modulation, tone_map, response_expected: false, pdc: 0 };
    FrameEncoder::data(plan, ToneMask::ALL, options, &frame).unwrap()
}

/// Digest 2, 9.3 and 9.4.
#[test]
fn a_coherent_payload_follows_two_reference_symbols_and_refers_to_syncp_with_pilots_among_its_carriers() {
    let psdu: Vec<u8> = (1..=16).collect();
    let options = Options::default();
    let layout =
        PayloadLayout::for_psdu(&PLAN, ToneMask::ALL, PLAN.full_tone_map(), Modulation::Qpsk, 16).unwrap();
    assert_eq!((layout.carriers, layout.symbols, layout.psdu_capacity), (33, 8, 16), "3 of 36 are pilots");
    let mut encoder = coherent(&PLAN, Modulation::Qpsk, PLAN.full_tone_map(), &options, &psdu);
    assert_eq!(encoder.symbols(), 13 + 2 + 8);
    let mut symbols: Vec<(Vec<u8>, bool)> = Vec::new();
    while let Some(symbol) = encoder.next_symbol() {
        symbols.push((symbol.phases.to_vec(), symbol.at_preamble_level));
    }
    let syncm: Vec<u8> = PLAN.syncp_phases.iter().map(|phase| (phase + 8) % 16).collect();
    assert_eq!((&symbols[13].0, &symbols[14].0[..]), (&syncm, PLAN.syncp_phases));
    let loud: Vec<usize> = (0..23).filter(|&symbol| symbols[symbol].1).collect();
    assert_eq!(loud, [13, 14]);
    // Pseudo-noise 00 00 11 ... in the pilots of the first symbol, carriers 6, 18 and 30.
    let steps = |symbol: usize, carriers: [usize; 3]| {
        carriers.map(|carrier| (symbols[15 + symbol].0[carrier] + 16 - PLAN.syncp_phases[carrier]) % 16)
    };
    assert_eq!(steps(0, [6, 18, 30]), [0, 0, 8]);
    // ... 10 11 11 in those of the second, two carriers on: 10 is a quarter turn.
    assert_eq!(steps(1, [8, 20, 32]), [4, 8, 8]);
    // The bits of the data carriers, read back in the interleaver's order, are the coded ones.
    let coded = coding::encode_payload(&layout, &psdu).unwrap();
    let interleaver = PayloadInterleaver::new(&layout, options.interleaving);
    for symbol in 0..8 {
        let active = PLAN.unmasked(ToneMask::ALL);
        let pilots = pilots::in_symbol(&PLAN, Modulation::Qpsk, 6, active, symbol);
        let mut inputs = interleaver.symbol(symbol);
        for carrier in (0..36).filter(|&carrier| !pilots.contains(carrier)) {
            let value = (0..2).map(|place| coded[0].bit(inputs.next().unwrap()) << place).sum();
            let step = (symbols[15 + symbol].0[carrier] + 16 - PLAN.syncp_phases[carrier]) % 16;
            assert_eq!(step, phase_step(2, value));
        }
    }
}

#[test]
fn what_only_a_guess_can_send_is_refused_until_the_guess_is_asked_for() {
    use crate::experimental::Experimental;
    let frame = |modulation| DataFrame {
        psdu: &[0; 20],
        modulation,
        tone_map: ToneMap(0xF),
        response_expected: false,
        pdc: 0,
    };
    let encode = |plan, experimental, modulation| {
        let options = Options { experimental, ..Options::default() };
        assert_eq!(options.is_conformant(&BandPlan::FCC_1), experimental == Experimental::NONE);
        FrameEncoder::data(plan, ToneMask::ALL, &options, &frame(modulation)).map(|_| ())
    };
    let (fcc, cenelec_b) = (&BandPlan::FCC_1, &BandPlan::CENELEC_B_EXPERIMENTAL);
    let none = Experimental::NONE;
    let refused = |modulation| Err(EncodeError::Experimental { modulation });
    assert_eq!(encode(fcc, none, Modulation::Qam16), refused(Modulation::Qam16));
    assert_eq!(encode(cenelec_b, none, Modulation::Bpsk), refused(Modulation::Bpsk));
    assert_eq!(encode(cenelec_b, none, Modulation::Dbpsk), Ok(()));
    let guess = Experimental { qam16: Some(Qam16Bits::InPhaseFirst), cenelec_b_pilot_offset: Some(4) };
    assert_eq!(encode(fcc, guess, Modulation::Qam16), Ok(()));
    assert_eq!(encode(cenelec_b, guess, Modulation::Bpsk), Ok(()));
    let not_in_cenelec = Err(HeaderError::Modulation(4).into());
    assert_eq!(encode(&PLAN, guess, Modulation::Qam16), not_in_cenelec);
    assert!(!Options::default().is_conformant(cenelec_b));
    let notch = Some(crate::options::Notch { first: 39, last: 43 });
    for changed in
        [Options { edge_samples: 22, ..Options::default() }, Options { notch, ..Options::default() }]
    {
        assert!(!changed.is_conformant(&PLAN));
    }
}

#[test]
fn sixteen_qam_sends_points_of_mean_power_one_and_pilots_on_the_circle() {
    let experimental =
        crate::experimental::Experimental { qam16: Some(Qam16Bits::Alternating), ..Default::default() };
    let options = Options { experimental, ..Options::default() };
    let (fcc, psdu) = (BandPlan::FCC_1, [0x5A; 200]);
    let mut encoder = coherent(&fcc, Modulation::Qam16, fcc.full_tone_map(), &options, &psdu);
    let (mut power, mut pilots, mut symbol_count) = (0.0, 0, 0);
    while let Some(symbol) = encoder.next_symbol() {
        symbol_count += 1;
        if symbol_count > 14 {
            let factors: Vec<f32> = (0..72).map(|carrier| symbol.factor(carrier).norm_sqr()).collect();
            power += factors.iter().sum::<f32>() / 72.0;
            pilots += factors.iter().filter(|&&factor| factor == 1.0).count();
        } else {
            assert_eq!(symbol.factor(0), Complex::new(1.0, 0.0));
        }
    }
    let payload = symbol_count - 14;
    assert!((power / payload as f32 - 1.0).abs() < 0.05, "{power} over {payload} symbols");
    assert!(pilots >= 6 * payload, "six pilots a symbol");
}

/// Digest 5 and 3.2: the halves of the PSDU, scrambled as one, each with a code of its own.
#[test]
fn two_blocks_are_sent_one_after_the_other_with_one_scrambler() {
    let fcc = BandPlan::FCC_1;
    let psdu: Vec<u8> = (0..478).map(|octet| (octet * 7) as u8).collect();
    let layout =
        PayloadLayout::for_psdu(&fcc, ToneMask::ALL, fcc.full_tone_map(), Modulation::D8psk, 478).unwrap();
    assert_eq!((layout.symbols, layout.blocks, layout.block_capacity()), (38, Blocks::Two, 239));
    let coded = coding::encode_payload(&layout, &psdu).unwrap();
    let mut scrambled = psdu.clone();
    Scrambler::new().apply(&mut scrambled);
    for (block, half) in coded.iter().zip(scrambled.chunks(239)) {
        let mut word = [0; 255];
        word[..239].copy_from_slice(half);
        let (data, parity) = word.split_at_mut(239);
        coding::reed_solomon(Modulation::D8psk).encode(data, parity).unwrap();
        let mut expected = [0; 600];
        let bits = dsp::convolutional::encode(&word, 255 * 8, &mut expected).unwrap();
        assert!((0..bits).all(|bit| block.bit(bit) == expected[bit / 8] >> (7 - bit % 8) & 1));
    }
    let encoder = coherent(&fcc, Modulation::D8psk, fcc.full_tone_map(), &Options::default(), &psdu);
    assert_eq!(encoder.symbols(), 12 + 38);
}

#[rustfmt::skip]
const VECTORS: [Vector; 4] = [
    Vector {
        modulation: Modulation::Dbpsk,
        psdu_octets: 0x0A,
        symbols: 12,
        header: "00433f0d00",
        header_coded: "00003bca402426676770",
        header_interleaved: "\
            440705b062f44ba64858aa2482e202c206d828382d8307a25932004551241724\
            165132c161436c181c16c991032a8920b900b289960a081b60c0b0",
        scrambled: "0ff0ca062328b104dded",
        word: "0ff0ca062328b104ddedde60333f0acecbd96db9d52c6e65139f",
        coded: "\
            00d94f26643aedf5383c83ae3e520c4b10b0cd8d70cd6ff6cd40f024265139c1\
            fef9863be59145cdc72f05552eecdfceb8c1d1c9e6b0",
        padding: 4,
        interleaved: "\
            6c74dfc4f8d34090d9e5260763e262fa33737f630168e77e93985a242bc525ff\
            d72d4bca038cfbd3d246ec82afa40605b3042fd32649",
        last_header_phases: [10, 9, 0, 15, 6, 4, 10, 7, 3, 7, 3, 14, 9, 11, 5, 6, 7, 15, 7, 7, 14, 5, 10, 8, 5, 2, 14, 2, 13, 0, 10, 3, 13, 6, 7, 7],
        first_payload_phases: [10, 1, 8, 15, 14, 12, 10, 7, 3, 15, 11, 6, 9, 3, 5, 6, 15, 7, 7, 15, 6, 13, 2, 0, 13, 10, 14, 2, 13, 8, 10, 3, 5, 14, 15, 15],
        last_payload_phases: [10, 9, 8, 7, 6, 4, 2, 7, 11, 7, 3, 14, 9, 11, 13, 14, 7, 7, 7, 15, 6, 13, 2, 0, 13, 10, 14, 2, 13, 8, 2, 11, 13, 6, 7, 15],
    },
    Vector {
        modulation: Modulation::Dqpsk,
        psdu_octets: 0x13,
        symbols: 8,
        header: "00823f0f00",
        header_coded: "0000ef12fc54266996b0",
        header_interleaved: "\
            4d35dd1061ddd1a441c97a05018f025a208861ae688b0eee893249c9d0288e6c\
            029004472d714478377449934f46814473601484327e698223c190",
        scrambled: "0ff0ca062328b104ddedbf26f75fb7ee0cf781",
        word: "0ff0ca062328b104ddedbf26f75fb7ee0cf781311ba978c8806e77e719fd96a464fd7c",
        coded: "\
            00d94f26643aedf5383c83ae3e520c4b10b0cd8d45f828742f60021204d7e040\
            ea1402a0d5afb13e0f2ec0b156157834f31c35ecdc7ce0ac49e009313be5a716\
            320dde41e12e6b00",
        padding: 4,
        interleaved: "\
            3e226e82653f90bf2ec52542308502b70cd01c529c9ab425e28ffc741f7c1d8e\
            4369c3bb33cac8cc43ad04cccd003c2af142fda02205846cb5b04032e45f86c1\
            4d608ad1c0236d2c",
        last_header_phases: [10, 1, 0, 7, 6, 12, 2, 15, 3, 7, 3, 14, 1, 3, 13, 14, 7, 7, 7, 15, 14, 13, 10, 8, 5, 10, 14, 10, 13, 0, 2, 11, 5, 6, 15, 7],
        first_payload_phases: [10, 9, 8, 11, 6, 0, 2, 3, 15, 11, 11, 2, 5, 3, 13, 2, 3, 11, 3, 11, 14, 5, 2, 0, 9, 6, 14, 10, 1, 8, 10, 3, 5, 10, 7, 11],
        last_payload_phases: [10, 5, 4, 11, 2, 8, 2, 11, 3, 15, 15, 6, 1, 3, 5, 2, 11, 15, 3, 3, 14, 13, 14, 4, 13, 2, 6, 10, 13, 12, 2, 11, 5, 10, 11, 15],
    },
    Vector {
        modulation: Modulation::D8psk,
        psdu_octets: 0x0A,
        symbols: 4,
        header: "00c13f0080",
        header_coded: "0000d4d8b1e426b0ef1c",
        header_interleaved: "\
            4393c420cbb8528e4b9178e0a3a72d8a22101cbe21062dc290621c09c7259d4d\
            7c511483c57108310f108310e64e392eea0ba28ca45e2988418a60",
        scrambled: "0ff0ca062328b104dded",
        word: "0ff0ca062328b104ddedde60333f0acecbd96db9d52c6e65139f",
        coded: "\
            00d94f26643aedf5383c83ae3e520c4b10b0cd8d70cd6ff6cd40f024265139c1\
            fef9863be59145cdc72f05552eecdfceb8c1d1c9e6b0",
        padding: 4,
        interleaved: "\
            6c74dfc4f8d34090d9e5260763e262fa33737f630168e77e93985a242bc525ff\
            d72d4bca038cfbd3d246ec82afa40605b3042fd32649",
        last_header_phases: [10, 9, 8, 15, 6, 4, 10, 7, 11, 7, 11, 6, 1, 11, 13, 6, 7, 15, 15, 15, 6, 13, 2, 0, 5, 2, 14, 10, 5, 8, 10, 3, 13, 6, 15, 7],
        first_payload_phases: [2, 1, 8, 9, 12, 12, 2, 1, 15, 5, 9, 0, 3, 3, 3, 14, 13, 15, 13, 13, 6, 5, 10, 14, 15, 0, 4, 0, 13, 8, 10, 13, 5, 6, 9, 11],
        last_payload_phases: [12, 11, 10, 9, 12, 2, 2, 5, 9, 5, 1, 12, 1, 5, 13, 12, 1, 9, 3, 9, 6, 7, 10, 8, 13, 12, 4, 14, 7, 4, 2, 9, 3, 4, 9, 11],
    },
    Vector {
        modulation: Modulation::Robust,
        psdu_octets: 0x0B,
        symbols: 36,
        header: "00093f0d00",
        header_coded: "000000ecade426676770",
        header_interleaved: "\
            402704a0c2fc5a8cc8d1e88d92e608d306500938250607a2d066010d446c1764\
            46d9368369c328300c1283300b6a2360bb0236c9b45a4c19418230",
        scrambled: "0ff0ca062328b104ddedbf",
        word: "0ff0ca062328b104ddedbfeba7d85d9cd63afe",
        coded: "\
            00d94f26643aedf5383c83ae3e520c4b10b0cd8d45f8fc78706b9d3854acfb04\
            7c524b6c848c9ac0",
        padding: 32,
        interleaved: "\
            1424c82bfbd31da8b259bdc91d113c4d8d6505c62e36189c80079762b7a107e2\
            4af85493e224afccf2464476e6617b44d31bc9c4175809e56a7a8840e88acf37\
            06e92bebb37fc8921d3989191025c584fd27d40d253a9ea4279122b3e1032a4b\
            f9cc1ad0248ceff2420430a269bfc81f13584d8f4109c66a7a9804888e8f7386\
            a127e22afe50932e28ab083247c5e6ff635845e13b8fa4371801a1e2320849f9\
            8a5e",
        last_header_phases: [2, 9, 0, 15, 6, 12, 10, 15, 3, 15, 11, 6, 1, 3, 13, 14, 7, 7, 15, 15, 14, 5, 2, 8, 5, 10, 6, 10, 5, 8, 10, 3, 13, 14, 7, 7],
        first_payload_phases: [2, 9, 0, 7, 6, 4, 10, 15, 3, 15, 3, 6, 1, 11, 13, 14, 15, 15, 15, 15, 6, 5, 2, 8, 5, 10, 14, 10, 13, 8, 2, 11, 5, 6, 15, 15],
        last_payload_phases: [2, 9, 0, 15, 6, 12, 10, 15, 3, 15, 11, 6, 1, 3, 13, 14, 7, 7, 15, 15, 14, 5, 2, 8, 5, 10, 6, 10, 5, 8, 10, 3, 13, 14, 7, 7],
    },
];
