//! The interleaver: a permutation of a matrix of carriers and rows (digest 8).
//!
//! Input bit j·m + i (row j, column i of m columns) goes to row J = (j·n_j + i·n_i) mod n and column
//! I = (i·m_i + J·m_j) mod m. Sender and receiver work symbol by symbol, so both ask the inverse: which input bit
//! stands in row J, column I.

use crate::layout::PayloadLayout;
use crate::options::Interleaving;

/// A matrix with `columns` (m) and `rows` (n) and the four multipliers of digest 8.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interleaver {
    columns: usize,
    rows: usize,
    m_i: usize,
    m_j: usize,
    n_i: usize,
    n_j: usize,
    /// Inverse of m_i modulo m: how i moves when I moves by one.
    i_step: usize,
    /// Inverse of n_j modulo n.
    n_j_inverse: usize,
    /// How j moves back when i moves by `i_step`, modulo n.
    j_step: usize,
    /// How j moves forward when i wraps by m, modulo n.
    j_wrap: usize,
}

impl Interleaver {
    /// The matrix of a header or payload; `swap` applies the legacy swap rule (digest 8.2).
    pub fn new(columns: usize, rows: usize, swap: bool) -> Self {
        let (columns, rows) = (columns.max(1), rows.max(1));
        let (m_i, m_j) = coprimes(columns);
        let (mut n_j, mut n_i) = coprimes(rows);
        if swap && (m_i + n_i % rows * m_j).is_multiple_of(columns) {
            (n_i, n_j) = (n_j, n_i);
        }
        let i_step = inverse(m_i, columns);
        let n_j_inverse = inverse(n_j, rows);
        let j_per_i = n_i % rows * n_j_inverse % rows;
        Self {
            columns,
            rows,
            m_i,
            m_j,
            n_i,
            n_j,
            i_step,
            n_j_inverse,
            j_step: i_step * j_per_i % rows,
            j_wrap: columns % rows * j_per_i % rows,
        }
    }

    /// Where input bit `input` is read: J·m + I.
    pub const fn position(&self, input: usize) -> usize {
        let (i, j) = (input % self.columns, input / self.columns % self.rows);
        let row = (j * self.n_j + i * self.n_i) % self.rows;
        row * self.columns + (i * self.m_i + row * self.m_j) % self.columns
    }

    /// The input bits of row `row`, column by column.
    pub fn row(&self, row: usize) -> Row<'_> {
        let row = row % self.rows;
        let (m, n) = (self.columns, self.rows);
        // Column 0: i·m_i = -J·m_j mod m, and j·n_j = J - i·n_i mod n.
        let i = (m - row * self.m_j % m) % m * self.i_step % m;
        let j = (row + n - i * self.n_i % n) % n * self.n_j_inverse % n;
        Row { of: self, i, j, left: m }
    }
}

/// Input bits of one row, in the order of the columns.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    of: &'a Interleaver,
    i: usize,
    j: usize,
    left: usize,
}

impl Iterator for Row<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let input = self.j * self.of.columns + self.i;
        self.i += self.of.i_step;
        self.j = subtract_modulo(self.j, self.of.j_step, self.of.rows);
        if self.i >= self.of.columns {
            self.i -= self.of.columns;
            self.j += self.of.j_wrap;
            if self.j >= self.of.rows {
                self.j -= self.of.rows;
            }
        }
        Some(input)
    }
}

/// Interleaver of a payload: which coded and repeated bits a symbol's carriers take.
#[derive(Clone, Copy, Debug)]
pub struct PayloadInterleaver {
    matrix: Interleaver,
    bits: usize,
    rule: Interleaving,
}

impl PayloadInterleaver {
    /// The interleaver for each block of a payload.
    pub fn new(layout: &PayloadLayout, rule: Interleaving) -> Self {
        let bits = layout.modulation.bits_per_carrier();
        Self::of_size(bits, usize::from(layout.carriers), layout.block_symbols(), rule)
    }

    /// That of so many symbols of so many carriers with `bits` bits each.
    pub fn of_size(bits: usize, carriers: usize, symbols: usize, rule: Interleaving) -> Self {
        let (rows, swap) = match rule {
            Interleaving::Legacy | Interleaving::LegacyRows => (symbols * bits, true),
            Interleaving::Separate => (symbols, false),
        };
        Self { matrix: Interleaver::new(carriers, rows, swap), bits, rule }
    }

    /// Indices into the block's repeated coded stream of the bits of its symbol `symbol`: carrier by carrier, and within a
    /// carrier in the order of the bits.
    pub fn symbol(&self, symbol: usize) -> impl Iterator<Item = usize> + '_ {
        let (m, n, bits) = (self.matrix.columns, self.matrix.rows, self.bits);
        let first_row = match self.rule {
            Interleaving::Legacy | Interleaving::LegacyRows => symbol * bits,
            Interleaving::Separate => symbol,
        };
        let mut rows: [Row<'_>; 4] = core::array::from_fn(|bit| match self.rule {
            Interleaving::Legacy | Interleaving::LegacyRows => self.matrix.row(first_row + bit),
            Interleaving::Separate => self.matrix.row(first_row),
        });
        let (mut row, mut column) = (0, 0);
        core::iter::from_fn(move || {
            let offset = if self.rule == Interleaving::Separate { row * m * n } else { 0 };
            let input = rows.get_mut(row).filter(|_| row < bits)?.next()?;
            match self.rule {
                Interleaving::Legacy => {
                    column += 1;
                    if column == m {
                        (row, column) = (row + 1, 0);
                    }
                }
                Interleaving::LegacyRows | Interleaving::Separate => {
                    row = if row + 1 == bits { 0 } else { row + 1 };
                }
            }
            Some(offset + input)
        })
    }
}

/// The smallest number from 3 up that is coprime with `size`, and the next such; 1 where the search reaches `size`.
fn coprimes(size: usize) -> (usize, usize) {
    let next = |from: usize| (from..size).find(|&candidate| gcd(candidate, size) == 1).unwrap_or(1);
    let first = next(3);
    let second = if first == 1 { 1 } else { next(first + 1) };
    (first, second)
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Inverse of `value` modulo `modulus`, of which it is coprime.
fn inverse(value: usize, modulus: usize) -> usize {
    (0..modulus).find(|candidate| value * candidate % modulus == 1 % modulus).unwrap_or(0)
}

const fn subtract_modulo(value: usize, less: usize, modulus: usize) -> usize {
    if value >= less { value - less } else { value + modulus - less }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Modulation;
    use proptest::prelude::*;
    use std::vec::Vec;

    const EVERY: [Modulation; 9] = {
        use Modulation::*;
        [Robust, Dbpsk, Dqpsk, D8psk, RobustCoherent, Bpsk, Qpsk, Psk8, Qam16]
    };

    #[test]
    fn the_header_matrix_is_that_of_digest_8_4() {
        let matrix = Interleaver::new(36, 13, true);
        for (input, column, row) in [
            (0, 0, 0),
            (1, 33, 4),
            (2, 30, 8),
            (3, 27, 12),
            (4, 5, 3),
            (5, 2, 7),
            (6, 35, 11),
            (7, 13, 2),
            (35, 29, 10),
            (36, 21, 3),
            (72, 6, 6),
            (467, 8, 7),
        ] {
            assert_eq!(matrix.position(input), row * 36 + column, "input bit {input}");
        }
    }

    #[test]
    fn the_illustration_of_the_erdf_document_comes_out() {
        let matrix = Interleaver::new(10, 8, true);
        let places: Vec<_> =
            (0..6).map(|bit| (matrix.position(bit) % 10, matrix.position(bit) / 10)).collect();
        assert_eq!(places, [(0, 0), (8, 5), (0, 2), (8, 7), (0, 4), (2, 1)]);
    }

    #[test]
    fn multipliers_are_those_of_digest_8_1() {
        for (size, expected) in [
            (12, (5, 7)),
            (13, (3, 4)),
            (16, (3, 5)),
            (18, (5, 7)),
            (25, (3, 4)),
            (30, (7, 11)),
            (36, (5, 7)),
            (40, (3, 7)),
            (52, (3, 5)),
            (54, (5, 7)),
            (72, (5, 7)),
            (112, (3, 5)),
            (252, (5, 11)),
        ] {
            assert_eq!(coprimes(size), expected, "size {size}");
        }
    }

    #[test]
    fn the_swap_rule_triggers_where_digest_8_2_says() {
        let swapped = |m, n| Interleaver::new(m, n, true) != Interleaver::new(m, n, false);
        for m in [36, 72] {
            assert!((4..=1600).all(|n| !swapped(m, n)), "never with {m} carriers");
        }
        for n in [10, 12, 15, 18, 20, 24, 36, 40] {
            assert!(swapped(18, n) && swapped(54, n), "{n} symbols");
        }
        for n in [70, 140, 280, 350] {
            assert!(swapped(16, n), "{n} symbols");
        }
    }

    proptest! {
        #[test]
        fn rows_invert_the_permutation(columns in 1_usize..=72, rows in 1_usize..=1533, swap: bool) {
            let matrix = Interleaver::new(columns, rows, swap);
            let mut seen = std::vec![false; columns * rows];
            for row in 0..rows {
                for (column, input) in matrix.row(row).enumerate() {
                    prop_assert_eq!(matrix.position(input), row * columns + column);
                    prop_assert!(!core::mem::replace(&mut seen[input], true));
                }
            }
            prop_assert!(seen.into_iter().all(|seen| seen));
        }

        #[test]
        fn every_rule_takes_every_bit_once(carriers in 1_u16..=72, units in 1_u16..=20, rule in 0_usize..3, modulation in 0_usize..9) {
            let layout = PayloadLayout {
                symbols: units * 4,
                psdu_capacity: 4,
                carriers,
                modulation: EVERY[modulation],
                blocks: crate::layout::Blocks::One,
            };
            let rule = [Interleaving::Legacy, Interleaving::LegacyRows, Interleaving::Separate][rule];
            let interleaver = PayloadInterleaver::new(&layout, rule);
            let mut bits: Vec<_> = (0..usize::from(layout.symbols)).flat_map(|symbol| interleaver.symbol(symbol)).collect();
            prop_assert_eq!(bits.len(), layout.raw_bits());
            bits.sort_unstable();
            prop_assert!(bits.into_iter().enumerate().all(|(index, bit)| index == bit));
        }
    }
}
