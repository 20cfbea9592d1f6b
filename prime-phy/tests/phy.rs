//! The modem behind the primitives: planes, modes, listening before sending, attributes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod common;

use common::{Random, RandomMpdu as _, add_noise, mix, noise_for_snr_db};
use plc_core::time::{Instant, millis};
use prime_phy::options::Options;
use prime_phy::phy::{FrontEnd, Phy, PhyConfig};
use prime_phy::pib::{Attribute, AttributeError};
use prime_phy::primitives::{
    Agc, ControlConfirm, ControlRequest, Event, ManagementConfirm, ManagementRequest, Mpdu, PhyDataRequest,
    Request, Senses, TestMode, TransmitResult,
};
use prime_phy::{
    Channel, FrameType, FrameWorkspace, Memory, Optional, ReceiverOptions, Scheme, SymbolWeights, TX_RMS,
};

const BLOCK: usize = 250;

fn phy() -> Box<Phy> {
    Box::new(Phy::new(PhyConfig::default()))
}

fn at(sample: u64) -> Instant {
    Channel::ONE.clock.instant(sample)
}

fn data(start: u64, scheme: Scheme, octets: usize) -> PhyDataRequest {
    let mpdu = Mpdu::from_slice(&vec![0x15; octets]).unwrap();
    let frame_type = FrameType::plainest(scheme);
    PhyDataRequest { time: at(start), mpdu, frame_type, scheme, level: 0, senses: None }
}

/// Runs the modem over the line's samples from `from` on; what it sends, and what it tells.
fn run<W: Memory>(phy: &mut Phy<W>, from: u64, line: &[f32]) -> (Vec<f32>, Vec<Event>) {
    let (mut sent, mut events) = (Vec::new(), Vec::new());
    for (index, samples) in line.chunks(BLOCK).enumerate() {
        let from = from + (index * BLOCK) as u64;
        let mut out = vec![0.0; samples.len()];
        phy.transmit(from, &mut out);
        sent.extend(out);
        phy.receive(from, samples);
        events.extend(std::iter::from_fn(|| phy.poll()));
    }
    (sent, events)
}

fn control(phy: &mut Phy, now: Instant, request: ControlRequest) -> ControlConfirm {
    phy.request(now, Request::Control(request));
    match phy.poll() {
        Some(Event::ControlConfirm(confirm)) => confirm,
        other => panic!("{other:?}"),
    }
}

fn manage(phy: &mut Phy, request: ManagementRequest) -> ManagementConfirm {
    phy.request(at(0), Request::Management(request));
    std::iter::from_fn(|| phy.poll())
        .find_map(|event| if let Event::ManagementConfirm(confirm) = event { Some(confirm) } else { None })
        .unwrap()
}

fn results(events: &[Event]) -> Vec<TransmitResult> {
    let result =
        |event: &Event| if let Event::DataConfirm(confirm) = event { Some(confirm.result) } else { None };
    events.iter().filter_map(result).collect()
}

fn first_sound(samples: &[f32]) -> Option<usize> {
    samples.iter().position(|&sample| sample != 0.0)
}

#[test]
fn frames_of_every_type_go_out_at_their_instants_and_others_are_refused_with_their_codes() {
    let mut phy = phy();
    for (start, scheme) in [(1_003, Scheme::DbpskC), (21_777, Scheme::RobustDqpsk)] {
        phy.request(at(0), Request::Data(data(start, scheme, 30)));
        phy.request(at(0), Request::Data(data(start, scheme, 30)));
        let from = start - start % 1_000;
        let (sent, events) = run(&mut phy, from, &[0.0; 20_000]);
        assert_eq!(first_sound(&sent), Some((start - from) as usize));
        assert_eq!(results(&events), [TransmitResult::TransmitterBusy, TransmitResult::Success]);
    }
    let mut wrong = data(50_000, Scheme::RobustDbpsk, 30);
    wrong.frame_type = FrameType::A;
    phy.request(at(0), Request::Data(wrong));
    phy.request(at(0), Request::Data(data(50_000, Scheme::DbpskC, 385)));
    let events: Vec<_> = std::iter::from_fn(|| phy.poll()).collect();
    assert_eq!(results(&events), [TransmitResult::BadScheme, TransmitResult::BadLength]);
    assert_eq!(results(&events).iter().map(|result| result.code()).collect::<Vec<_>>(), [6, 2]);
    assert_eq!(phy.get(Attribute::TxDropCount), 4);
}

#[test]
fn a_frame_that_is_cancelled_stops_and_the_next_goes_out() {
    let mut phy = phy();
    phy.request(at(0), Request::Data(data(500, Scheme::DbpskC, 60)));
    let (sent, _) = run(&mut phy, 0, &[0.0; 2_000]);
    assert_eq!(first_sound(&sent), Some(500));
    phy.request(at(2_000), Request::Cancel);
    phy.request(at(2_000), Request::Data(data(4_000, Scheme::DbpskC, 20)));
    let (sent, events) = run(&mut phy, 2_000, &[0.0; 8_000]);
    assert_eq!(first_sound(&sent), Some(2_000));
    assert_eq!(results(&events), [TransmitResult::Cancelled, TransmitResult::Success]);
}

#[test]
fn a_frame_waits_for_its_senses_and_gives_way_to_another() {
    let (mut random, senses) = (Random::new(41), Some(Senses { count: 3, delay_ms: 2 }));
    let mut free = phy();
    let request = PhyDataRequest { senses, ..data(6_100, Scheme::DbpskC, 20) };
    assert_eq!(request.start() - request.time, millis(4));
    free.request(at(0), Request::Data(request.clone()));
    let mut noise = vec![0.0; 14_000];
    add_noise(&mut noise, 1e-4, &mut random);
    let (sent, events) = run(&mut free, 0, &noise);
    assert_eq!((first_sound(&sent), results(&events)), (Some(7_100), vec![TransmitResult::Success]));

    // A frame that begins before the last sense.
    let mut busy = phy();
    busy.request(at(0), Request::Data(request));
    let frame = common::samples(&Options::default(), Scheme::DbpskC, &random.mpdu(30));
    let mut line = noise.clone();
    mix(&mut line, 5_900, &frame, 1.0);
    let (sent, events) = run(&mut busy, 0, &line);
    assert_eq!((first_sound(&sent), results(&events)), (None, vec![TransmitResult::ChannelBusy]));
    assert!(events.iter().any(|event| matches!(event, Event::DataIndication(_))));
}

#[test]
fn asleep_nothing_is_heard_or_sent() {
    let (mut random, mut phy) = (Random::new(42), phy());
    let frame = common::samples(&Options::default(), Scheme::DbpskC, &random.mpdu(30));
    let mut line = vec![0.0; frame.len() + 4_000];
    mix(&mut line, 2_000, &frame, 1.0);
    add_noise(&mut line, noise_for_snr_db(20.0), &mut random);
    let heard = |events: &[Event]| events.iter().any(|event| matches!(event, Event::DataIndication(_)));
    assert_eq!(manage(&mut phy, ManagementRequest::Sleep), ManagementConfirm::Sleep);
    phy.request(at(0), Request::Data(data(0, Scheme::DbpskC, 20)));
    assert_eq!(manage(&mut phy, ManagementRequest::TestMode(None)), ManagementConfirm::TestMode(false));
    let (sent, events) = run(&mut phy, 0, &line);
    assert!(first_sound(&sent).is_none() && !heard(&events));
    assert_eq!(phy.get(Attribute::TxDropCount), 1);
    assert_eq!(manage(&mut phy, ManagementRequest::Resume), ManagementConfirm::Resume);
    let (_, events) = run(&mut phy, 1_000_000, &line);
    assert!(heard(&events));
    assert_eq!(manage(&mut phy, ManagementRequest::Reset), ManagementConfirm::Reset);
    assert_eq!((phy.get(Attribute::TxDropCount), phy.get(Attribute::RxTotalCount)), (0, 0));
    let (_, events) = run(&mut phy, 2_000_000, &line);
    assert!(heard(&events), "after a reset it listens");
}

#[test]
fn test_modes_send_without_end_and_half_of_the_time() {
    for (half_duty, part) in [(false, 1.0), (true, 0.5)] {
        let mut phy = phy();
        let test = TestMode { scheme: Scheme::DqpskC, level: 2, half_duty };
        assert_eq!(
            manage(&mut phy, ManagementRequest::TestMode(Some(test))),
            ManagementConfirm::TestMode(true)
        );
        phy.request(at(0), Request::Data(data(0, Scheme::DbpskC, 20)));
        let (sent, events) = run(&mut phy, 0, &vec![0.0; 740_000]);
        assert_eq!(results(&events), [TransmitResult::BadMode]);
        let busy = sent.iter().filter(|&&sample| sample != 0.0).count() as f32 / sent.len() as f32;
        assert!((busy - part).abs() < 0.03, "{busy}");
        let power = sent.iter().map(|sample| sample * sample).sum::<f32>() / (busy * sent.len() as f32);
        // Two steps of three decibels below the highest level.
        assert!((10.0 * (power / (TX_RMS * TX_RMS)).log10() + 6.0).abs() < 0.1);
        assert_eq!(manage(&mut phy, ManagementRequest::TestMode(None)), ManagementConfirm::TestMode(true));
        let (sent, events) = run(&mut phy, 740_000, &[0.0; 10_000]);
        assert_eq!((first_sound(&sent), events), (None, vec![]));
    }
    // In one block too: nowhere between two frames is there silence.
    let mut phy = phy();
    let test = TestMode { scheme: Scheme::DqpskC, level: 0, half_duty: false };
    manage(&mut phy, ManagementRequest::TestMode(Some(test)));
    let mut block = vec![0.0; 200_000];
    assert!(phy.transmit(0, &mut block));
    let silent = block.chunk_by(|one, other| (*one == 0.0) == (*other == 0.0)).filter(|run| run[0] == 0.0);
    assert!(silent.map(<[f32]>::len).max().unwrap_or(0) < 3);
    let robust = TestMode { scheme: Scheme::RobustDbpsk, level: 0, half_duty: false };
    let refused = manage(&mut self::phy(), ManagementRequest::TestMode(Some(robust)));
    assert_eq!(refused, ManagementConfirm::TestMode(false));
}

#[test]
fn the_control_plane_tells_what_is_on_the_line() {
    let (mut random, mut phy) = (Random::new(43), phy());
    let now = at(0) + millis(123);
    assert_eq!(control(&mut phy, now, ControlRequest::Timer), ControlConfirm::Timer(12_300));
    assert_eq!(control(&mut phy, now, ControlRequest::NoiseLevel), ControlConfirm::NoiseLevel(None));
    assert_eq!(control(&mut phy, now, ControlRequest::Snr), ControlConfirm::Snr(0));
    let none = ControlConfirm::ZeroCrossingTime(None);
    assert_eq!(control(&mut phy, now, ControlRequest::ZeroCrossingTime), none);
    phy.request(now, Request::ZeroCrossing(now));
    let since = ControlConfirm::ZeroCrossingTime(Some(millis(7)));
    assert_eq!(control(&mut phy, now + millis(7), ControlRequest::ZeroCrossingTime), since);

    let frame = common::samples(&Options::default(), Scheme::DbpskC, &random.mpdu(100));
    let mut line = vec![0.0; 40_000 + frame.len() + 5_000];
    mix(&mut line, 40_000, &frame, 1.0);
    add_noise(&mut line, noise_for_snr_db(10.5), &mut random);
    let (before, during) = line.split_at(41_000);
    run(&mut phy, 0, before);
    let ControlConfirm::CarrierDetect(state) = control(&mut phy, now, ControlRequest::CarrierDetect) else {
        panic!()
    };
    assert_eq!((state.busy, state.in_header, state.rssi_dbuv, state.end), (true, true, None, None));
    run(&mut phy, 41_000, &during[..4_000]);
    let ControlConfirm::CarrierDetect(state) = control(&mut phy, now, ControlRequest::CarrierDetect) else {
        panic!()
    };
    let late = state.end.unwrap().as_ticks().abs_diff(at(40_000 + frame.len() as u64).as_ticks());
    assert!(state.busy && !state.in_header && late <= 24, "{state:?}");
    // Samples are volts: an rms of 0.07 V is 96.9 dBuV; the noise on the carriers adds 0.4 dB.
    let signal_dbuv = 120.0 + 20.0 * TX_RMS.log10();
    assert!((state.rssi_dbuv.unwrap() - signal_dbuv - 0.4).abs() < 0.7, "{state:?}");
    let ControlConfirm::NoiseLevel(Some(noise_dbuv)) = control(&mut phy, now, ControlRequest::NoiseLevel)
    else {
        panic!()
    };
    assert!((signal_dbuv - noise_dbuv - 10.5).abs() < 0.5, "{noise_dbuv} dBuV");
    let (_, events) = run(&mut phy, 45_000, &during[4_000..]);
    let quality = events.iter().find_map(|event| match event {
        Event::DataIndication(data) => Some(data.reception.quality),
        _ => None,
    });
    assert_eq!(Some(control(&mut phy, now, ControlRequest::Snr)), quality.map(ControlConfirm::Snr));
    let ControlConfirm::CarrierDetect(state) = control(&mut phy, now, ControlRequest::CarrierDetect) else {
        panic!()
    };
    assert_eq!((state.busy, state.end), (false, None));
}

#[test]
fn gain_follows_the_level_and_levels_on_the_line_do_not_follow_gain() {
    let front_end = FrontEnd { min_gain_db: 0, step_db: 12, steps: 4, ..FrontEnd::default() };
    let mut phy = Box::new(Phy::new(PhyConfig { front_end, ..PhyConfig::default() }));
    let mut random = Random::new(44);
    // The driver applies the step to a quiet line.
    let (mut told, mut levels) = (Vec::new(), Vec::new());
    for second in 0..6 {
        let gain = 10.0_f32.powf(12.0 * f32::from(phy.gain_step()) / 20.0);
        let mut line = vec![0.0; 250_000];
        add_noise(&mut line, 5e-4, &mut random);
        line.iter_mut().for_each(|sample| *sample *= gain);
        run(&mut phy, second * 250_000, &line);
        told.push(phy.gain_step());
        match control(&mut phy, at((second + 1) * 250_000), ControlRequest::NoiseLevel) {
            ControlConfirm::NoiseLevel(Some(level_dbuv)) => levels.push(level_dbuv),
            other => panic!("{other:?}"),
        }
    }
    // White noise of 0.5 mV from 0 to 125 kHz, of which the carriers take 97 of 256 bins.
    let expected = 120.0 + 20.0 * 5e-4_f32.log10() + 10.0 * (97.0_f32 / 256.0).log10();
    assert!(levels.iter().all(|level| (level - expected).abs() < 0.5), "{levels:?}, expected {expected}");
    // Its peaks are 52 dB below clipping at first: there is room for all three steps, and still 15 dB.
    assert_eq!(told[3..], [3, 3, 3], "{told:?}");
    // A quarter of a second of something loud brings it down at once.
    run(&mut phy, 6 * 250_000, &vec![0.95; 1_000]);
    assert!(phy.gain_step() < 3);
    let now = at(0);
    let set = ControlRequest::AgcSet(Agc::Manual(1));
    let manual = ControlConfirm::Agc { agc: Agc::Manual(1), step: 1 };
    assert_eq!(control(&mut phy, now, set), manual);
    assert_eq!(control(&mut phy, now, ControlRequest::AgcGet), manual);
    let beyond = ControlRequest::AgcSet(Agc::Manual(200));
    assert_eq!(control(&mut phy, now, beyond), ControlConfirm::Agc { agc: Agc::Manual(200), step: 3 });
    let ids = [Attribute::AgcMinGain, Attribute::AgcStepValue, Attribute::AgcStepNumber];
    assert_eq!(ids.map(|id| phy.get(id)), [0, 12, 4]);
}

#[test]
fn attributes_are_read_and_set_by_id() {
    let mut phy = phy();
    let mut get = |id| match manage(&mut phy, ManagementRequest::Get(id)) {
        ManagementConfirm::Get(found) => found,
        other => panic!("{other:?}"),
    };
    assert_eq!(get(0x00A4), Ok((Attribute::RxTotalCount, 0)));
    assert_eq!(get(0x00B0), Ok((Attribute::TxQueueLen, 1)));
    assert_eq!(get(0x00A8), Ok((Attribute::EmaSmoothing, 3)));
    assert_eq!(get(0x00B6), Ok((Attribute::AgcStepNumber, 1)));
    assert_eq!(get(0x00A6), Err(AttributeError::Unknown(0x00A6)));
    let mut set = |id, value| match manage(&mut phy, ManagementRequest::Set(id, value)) {
        ManagementConfirm::Set(done) => done,
        other => panic!("{other:?}"),
    };
    assert_eq!(set(0x00A8, 0), Ok(Attribute::EmaSmoothing));
    assert_eq!(set(0x00A8, 17), Err(AttributeError::Value { id: 0x00A8, value: 17 }));
    assert_eq!(set(0x00A4, 0), Err(AttributeError::ReadOnly(0x00A4)));
    assert_eq!(set(0x1234, 0), Err(AttributeError::Unknown(0x1234)));
    assert_eq!(phy.get(Attribute::EmaSmoothing), 0);
}

#[test]
fn the_average_error_vector_magnitude_is_that_of_the_line() {
    let (mut random, mut phy) = (Random::new(45), phy());
    let mut position = 0;
    for _ in 0..20 {
        let frame = common::samples(&Options::default(), Scheme::DbpskC, &random.mpdu(30));
        let mut line = vec![0.0; frame.len() + 4_000];
        mix(&mut line, 2_000, &frame, 1.0);
        add_noise(&mut line, noise_for_snr_db(20.0), &mut random);
        run(&mut phy, position, &line);
        position += line.len() as u64;
    }
    // Twenty decibels are a tenth.
    let average = phy.get(Attribute::BlkAvgEvm);
    assert!((90..=112).contains(&average), "{average}");
    assert_eq!(phy.get(Attribute::RxTotalCount), 20);
}

/// Frames that a modem hears of `frames` in white noise.
fn heard<W: Memory>(phy: &mut Phy<W>, snr_db: f32, frames: usize) -> usize {
    let (mut random, mut position, mut heard) = (Random::new(43), 0, 0);
    for _ in 0..frames {
        let mpdu = random.mpdu(140);
        let frame = common::samples(&Options::default(), Scheme::DbpskC, &mpdu);
        let mut line = vec![0.0; BLOCK * (frame.len() + 6_000).div_ceil(BLOCK)];
        mix(&mut line, 3_500, &frame, 1.0);
        add_noise(&mut line, noise_for_snr_db(snr_db), &mut random);
        let (_, events) = run(phy, position, &line);
        position += line.len() as u64;
        heard += events
            .iter()
            .filter(|event| matches!(event, Event::DataIndication(data) if data.mpdu == mpdu.as_slice()))
            .count();
    }
    heard
}

#[test]
fn a_modem_with_a_workspace_hears_what_the_standard_one_does_not_and_after_a_reset_as_well() {
    let config = PhyConfig { receiver: ReceiverOptions::BEST, ..PhyConfig::default() };
    let mut best = Phy::with_workspace(config, Optional(Some(Box::new(FrameWorkspace::new()))));
    let mut without = Phy::with_workspace(config, Optional::<Box<FrameWorkspace>>(None));
    // Where eight passes lose 2 % and the standard receiver more than half (docs/prime-receiver.md).
    let (with_it, without_it) = (heard(&mut best, 2.0, 20), heard(&mut without, 2.0, 20));
    assert!(with_it >= 18 && without_it <= 10, "{with_it} and {without_it} of 20 heard");
    best.request(at(0), Request::Management(ManagementRequest::Reset));
    assert_eq!(best.get(Attribute::RxTotalCount), 0);
    assert_eq!(heard(&mut best, 2.0, 20), with_it, "the same line, the same frames");
}

#[test]
fn every_step_of_the_ladder_has_a_name_and_an_effect() {
    let steps: Vec<_> = ReceiverOptions::NAMES.map(|name| ReceiverOptions::named(name).unwrap()).into();
    assert_eq!(ReceiverOptions::named("all"), None);
    for (index, step) in steps.iter().enumerate() {
        let same = steps.iter().position(|other| other == step);
        // Best is another name of eight passes.
        assert!(same == Some(index) || *step == ReceiverOptions::BEST, "{step:?}");
        assert_eq!(step.needs_workspace(), index >= 4);
    }
    assert_eq!(steps[2].symbol_weights, SymbolWeights::Erased);
    assert_eq!(steps[3], ReceiverOptions::default());
}
