//! Bits to samples to bits: one modem sends, a line attenuates and adds noise, another receives.
//!
//! ```text
//! cargo run --release -p g3-phy --example loopback
//! ```

#![allow(clippy::print_stdout)]

use g3_phy::layout::PayloadLayout;
use g3_phy::phy::{Phy, PhyConfig};
use g3_phy::primitives::{Event, PdDataRequest, Psdu, Request};
use g3_phy::{Modulation, ToneMask};
use plc_core::time::{Instant, millis};

/// 40 dB of the line.
const LINE_GAIN: f32 = 0.01;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = PhyConfig::default();
    let (mut sender, mut receiver) = (Phy::new(config), Phy::new(config));

    let message = b"Meter 4711: 12345 Wh";
    let tone_map = config.plan.full_tone_map();
    let layout =
        PayloadLayout::for_psdu(&config.plan, ToneMask::ALL, tone_map, Modulation::Dqpsk, message.len())
            .ok_or("does not fit")?;
    println!("{} octets in {} symbols, which carry {}", message.len(), layout.symbols, layout.psdu_capacity);
    let psdu = Psdu::from_slice(message)?;
    let start = Instant::from_ticks(0) + millis(2);
    let modulation = Modulation::Dqpsk;
    let request = PdDataRequest { start, psdu, modulation, tone_map, response_expected: false };
    sender.request(Instant::from_ticks(0), Request::Data(request));

    let (mut block, mut noise) = ([0.0; 400], 1_u32);
    for index in 0..30 {
        let from = index * block.len() as u64;
        block.fill(0.0);
        sender.transmit(from, &mut block);
        for sample in &mut block {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = LINE_GAIN * *sample + 1e-4 * (noise as f32 / 2.0_f32.powi(31) - 1.0);
        }
        receiver.receive(from, &block);
        for (name, phy) in [("sender", &mut sender), ("receiver", &mut receiver)] {
            while let Some(event) = phy.poll() {
                match event {
                    Event::DataIndication(data) => println!(
                        "{name}: {:?}, LQI {} ({} dB), {} octets corrected",
                        String::from_utf8_lossy(&data.psdu),
                        data.lqi,
                        f32::from(data.lqi) / 4.0 - 10.0,
                        data.corrected_octets
                    ),
                    other => println!("{name}: {other:?}"),
                }
            }
        }
    }
    Ok(())
}
