//! What users write of noise: presets as text, up to the first NUL, and filter banks as JSON after it. Either is noise
//! whose formulas are numbers and that can be heard, or an error that says something.
#![no_main]

use channel_sim::noise::filter_bank::Bank;
use channel_sim::noise::{Conditions, Mains, Model, NoisePlan, Port, Preset};
use channel_sim::random::{Purpose, stream};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let at = octets.iter().position(|octet| *octet == 0).unwrap_or(octets.len());
    let (preset, bank) = octets.split_at(at);
    if let Ok(text) = std::str::from_utf8(preset)
        && !text.contains('@')
    {
        heard(text);
    }
    if let Ok(text) = std::str::from_utf8(bank.get(1..).unwrap_or_default()) {
        match Bank::parse(text) {
            Ok(bank) => {
                let written = serde_json::to_string(&bank).unwrap_or_default();
                assert_eq!(Bank::parse(&written).as_ref(), Ok(&bank), "it comes back");
                for hz in [1.0, 40e3, 500e3] {
                    assert!(bank.density(hz) >= 0.0 && bank.density_at(0.3, hz).is_finite());
                }
            }
            Err(error) => assert!(!error.is_empty()),
        }
    }
});

/// Files are left out: any name might be one.
fn heard(text: &str) {
    let preset = match Preset::parse(text) {
        Ok(preset) => preset,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(Preset::parse(&preset.to_string()).as_ref(), Ok(&preset), "it comes back");
    match NoisePlan::new(&[preset], &Conditions::CENELEC_A) {
        Ok(plan) => {
            assert!(plan.density(63e3) >= 0.0);
            let mut out = [0.0; 512];
            let mut source = plan.source(Port::L1, &mut stream(1, Purpose::Noise, 0));
            source.add(Mains::STEADY_50.phase(0.0, out.len(), 400e3), &mut out);
            assert!(out.iter().all(|sample| sample.is_finite()), "{text}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
