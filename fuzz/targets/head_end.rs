//! The port for head-ends: whatever a connection sends, it gets wrapper frames and an end, and the port lives on.
#![no_main]

use cosem::wrapper::parse_datagram;
use data_concentrator::calendar::Calendar;
use data_concentrator::engine::commands::{Command, Commands, Passed, queue};
use data_concentrator::head_end::HeadEnd;
use data_concentrator::network::{FeederMap, LinkFigures, Meter, Network};
use data_concentrator::report::Console;
use libfuzzer_sys::fuzz_target;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

fuzz_target!(|octets: &[u8]| {
    static PORT: OnceLock<(Runtime, SocketAddr)> = OnceLock::new();
    let (runtime, address) = PORT.get_or_init(open);
    runtime.block_on(async {
        let mut stream = TcpStream::connect(address).await.expect("the port takes connections");
        let (mut from, mut to) = stream.split();
        let mut answers = Vec::new();
        let write = async {
            // The port may close before it has read everything; then writing fails.
            for piece in octets.chunks(64) {
                if to.write_all(piece).await.is_err() {
                    return;
                }
            }
            let _ = to.shutdown().await;
        };
        let (_, read) = tokio::join!(write, from.read_to_end(&mut answers));
        // A port that closes with octets unread resets the connection.
        if read.is_ok() {
            check(&answers);
        }
    });
});

/// Frames, one after another, and nothing else.
fn check(mut answers: &[u8]) {
    while !answers.is_empty() {
        let length = 8 + usize::from(u16::from_be_bytes([answers[6], answers[7]]));
        let (frame, rest) = answers.split_at(length);
        parse_datagram(frame).expect("an answer is a wrapper frame");
        answers = rest;
    }
}

/// The port on this machine, and a line behind it that answers at once.
fn open() -> (Runtime, SocketAddr) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (commander, commands) = queue();
    std::thread::spawn(move || answer(&commands));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let address = listener.local_addr().expect("it has an address");
    let head_end = Arc::new(HeadEnd::new(&network(), commander, Console::default()));
    runtime.spawn(head_end.serve(listener));
    (runtime, address)
}

fn answer(commands: &Commands) {
    while let Ok(command) = commands.recv() {
        if let Command::Pass(pass) = command {
            let passed = match pass.apdu.first() {
                Some(1) => Passed::Busy,
                Some(2) => Passed::Silent("asleep".to_owned()),
                _ => Passed::Answer(pass.apdu),
            };
            // The connection may have given up.
            let _ = pass.reply.send(passed);
        }
    }
}

/// Two meters, 1001 and 1002.
fn network() -> Network {
    let meters = (1..=2).map(|short_address| Meter {
        serial: format!("BSB{short_address:08}"),
        name: format!("house {short_address}"),
        bus: "bus".to_owned(),
        phase: 1,
        short_address,
        position: None,
        link: LinkFigures {
            snr_at_meter_db: 30.0,
            snr_at_concentrator_db: 30.0,
            needed_db: 4.0,
            in_reach: true,
        },
    });
    Network {
        key: "fuzz".to_owned(),
        name: "fuzz".to_owned(),
        pan_id: 0x781D,
        calendar: Calendar { start_utc_ms: 1_768_431_600_000, offset_minutes: 60 },
        meters: meters.collect(),
        map: FeederMap::default(),
    }
}
