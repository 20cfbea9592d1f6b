//! A meter and a reader in one image: boots both, joins their samples through an attenuating, noisy line, and reads
//! serial number, clock and energy with HLS 5.
//!
//! Prints what was read and how much memory it took, by semihosting. Exit code 0 where every value is right.
#![no_std]
#![no_main]

mod environment;
mod memory;
mod self_test;

use core::panic::PanicInfo;
use cortex_m_semihosting::{debug, hprintln};

#[cortex_m_rt::entry]
fn main() -> ! {
    let outcome = self_test::run();
    hprintln!("flash {} B, statics {} B", memory::flash(), memory::statics());
    match outcome {
        Ok(()) => {
            hprintln!("passed");
            end(debug::EXIT_SUCCESS)
        }
        Err(failure) => {
            hprintln!("failed: {}", failure);
            end(debug::EXIT_FAILURE)
        }
    }
}

fn end(status: debug::ExitStatus) -> ! {
    debug::exit(status);
    // Without a debugger nobody ends the program.
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    hprintln!("{}", info);
    end(debug::EXIT_FAILURE)
}
