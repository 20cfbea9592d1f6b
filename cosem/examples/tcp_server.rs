//! A meter on TCP, for foreign clients to read: prints `listening on ADDRESS` and serves until it is killed.
//!
//! ```sh
//! cargo run -p cosem --example tcp_server -- 127.0.0.1:0
//! ```
//!
//! Keys are those of the digest's vectors; the public client is 16, management 1, the logical device 1.
#![allow(clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::net::TcpListener;

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    common::tcp::serve(&listener)
}
