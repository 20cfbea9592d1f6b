//! The digest's rows that the chain is held against (channel digest 5.3).

use super::Scheme;

/// A row of table 5.3: Es/N0 in dB at which a chain of 133 octets has these rates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The scheme's name.
    pub scheme: &'static str,
    /// Bit error rates 1e-3, 1e-4 and 1e-5 behind the Viterbi decoder, where the digest has them.
    pub ber_db: Option<[f64; 3]>,
    /// Frame error rates 10 % and 1 %.
    pub fer_db: [f64; 2],
}

/// Bit error rates of a row.
pub const BER: [f64; 3] = [1e-3, 1e-4, 1e-5];
/// Frame error rates of a row.
pub const FER: [f64; 2] = [1e-1, 1e-2];
/// Octets of the rows' frames.
pub const OCTETS: usize = 133;

const fn row(scheme: &'static str, ber_db: [f64; 3], fer_db: [f64; 2]) -> Row {
    Row { scheme, ber_db: Some(ber_db), fer_db }
}

const fn with_parity(scheme: &'static str, fer_db: [f64; 2]) -> Row {
    Row { scheme, ber_db: None, fer_db }
}

/// Table 5.3 and the paragraph on RS(149,133) after it.
#[rustfmt::skip]
pub const ROWS: [Row; 19] = [
    row("bpsk",              [-0.38,  0.41,  1.11], [-0.17,  0.66]),
    row("qpsk",              [ 2.62,  3.39,  4.12], [ 2.83,  3.66]),
    row("8psk-exact",        [ 6.10,  7.12,  8.05], [ 6.36,  7.50]),
    row("dbpsk",             [ 2.53,  3.12,  3.69], [ 2.67,  3.33]),
    row("dbpsk-exact",       [ 2.40,  2.99,  3.53], [ 2.55,  3.19]),
    row("dqpsk",             [ 5.62,  6.33,  6.99], [ 5.80,  6.57]),
    row("dqpsk-exact",       [ 5.43,  6.16,  6.81], [ 5.62,  6.43]),
    row("d8psk",             [ 9.15, 10.14, 11.01], [ 9.39, 10.47]),
    row("d8psk-exact",       [ 9.00, 10.05, 10.93], [ 9.26, 10.37]),
    row("bpsk-x4",           [-6.41, -5.65, -4.93], [-6.20, -5.36]),
    row("bpsk-x6",           [-8.18, -7.35, -6.64], [-7.96, -7.05]),
    row("dbpsk-x4",          [-1.59, -1.06, -0.60], [-1.45, -0.88]),
    row("dbpsk-x4-exact",    [-1.68, -1.16, -0.70], [-1.54, -0.99]),
    row("dbpsk-x6",          [-2.72, -2.21, -1.75], [-2.59, -2.04]),
    row("dqpsk-x4",          [ 0.77,  1.38,  1.92], [ 0.92,  1.60]),
    with_parity("bpsk-rs16",  [-1.31, -0.86]),
    with_parity("dbpsk-rs16", [ 1.84,  2.17]),
    with_parity("dqpsk-rs16", [ 4.79,  5.23]),
    with_parity("d8psk-rs16", [ 8.06,  8.62]),
];

/// Es/N0 in dB at frame error rates of 10 % and 1 %, where the tables have the scheme.
pub fn fer(scheme: Scheme) -> Option<(f64, f64)> {
    ROWS.iter().find(|row| row.scheme.parse() == Ok(scheme)).map(|row| (row.fer_db[0], row.fer_db[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_schemes_and_fall() {
        for row in ROWS {
            assert!(row.scheme.parse::<Scheme>().is_ok(), "{}", row.scheme);
            assert!(row.fer_db[0] < row.fer_db[1]);
            assert!(row.ber_db.is_none_or(|ber| ber.is_sorted()));
            assert!(fer(row.scheme.parse().unwrap()).is_some());
        }
    }
}
