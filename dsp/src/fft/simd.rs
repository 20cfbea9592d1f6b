//! The transforms for x86-64 with AVX2 and FMA, and with AVX-512: in registers of 16 lanes (`wide`) where they are
//! large enough, else the same code with its 32 registers; and for aarch64, where two registers of NEON are one of
//! eight lanes (`eight`).
//!
//! A transform of N = 8 * R2 * R3 points goes in three steps over real and imaginary parts in registers of their own:
//!
//! 1. The input is 8 rows of M = N/8 columns. Eight columns at a time: radix 8 along the rows, times
//!    e^(-2 pi i k1 c / N), transposed, so that a column's eight k1 stand in one register from here on.
//! 2. Radix R2 over the columns c' + R3 r, times e^(-2 pi i c' k2 / M).
//! 3. Radix R3 over c': bin k1 + 8 (k2 + R2 k3) is in natural order.
//!
//! The inverse is the same with the names of real and imaginary parts exchanged at both ends. A real transform is the
//! complex one of its pairs of samples and the pass that [`super::split`] describes.
#![allow(unsafe_code, reason = "vector intrinsics; the safety argument is at each block")]

use super::Points;
use crate::{Complex, cpu::Level};
use core::mem::MaybeUninit;
use eight::Eight;

#[cfg_attr(target_arch = "x86_64", path = "simd/eight_avx.rs")]
#[cfg_attr(target_arch = "aarch64", path = "simd/eight_neon.rs")]
mod eight;
#[cfg(target_arch = "x86_64")]
mod wide;

/// Which codelets run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codelets {
    points: Points,
    registers: Registers,
}

#[derive(Clone, Copy, Debug)]
enum Registers {
    /// Of eight lanes.
    Eight,
    /// Of AVX-512.
    #[cfg(target_arch = "x86_64")]
    Wide,
}

impl Codelets {
    /// Those for this processor, if it can.
    pub(super) fn new(level: Level, points: Points) -> Option<Self> {
        let registers = match level.available() {
            Level::Portable => return None,
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => Registers::Wide,
            _ => Registers::Eight,
        };
        Some(Self { points, registers })
    }

    /// Complex values to as many bins, or with `INVERSE` back.
    pub(super) fn complex<const INVERSE: bool>(self, from: &[Complex], to: &mut [Complex]) {
        let points = self.points.count();
        // Callers have checked the lengths; the addresses below rely on them.
        let (Some(from), Some(to)) = (from.get(..points), to.get_mut(..points)) else { return };
        // Safety: both slices have N complex values, which are pairs of f32.
        unsafe { self.transform::<INVERSE>(from.as_ptr().cast(), to.as_mut_ptr().cast()) }
    }

    /// Twice as many samples as this transform has points, to the bins of a real transform.
    pub(super) fn real_forward(self, samples: &[f32], bins: &mut [Complex]) {
        let points = self.points.count();
        let (Some(samples), Some(bins)) = (samples.get(..2 * points), bins.get_mut(..=points)) else {
            return;
        };
        let bins = bins.as_mut_ptr().cast();
        // Safety: `new` has found the processor's features; there are 2 N samples and N + 1 bins.
        unsafe {
            self.transform::<false>(samples.as_ptr(), bins);
            match (self.points, self.registers) {
                (Points::N128, Registers::Eight) => registers_16::pass_forward(bins, &PASS_128),
                (_, Registers::Eight) => registers_16::pass_forward(bins, &PASS_256),
                #[cfg(target_arch = "x86_64")]
                (Points::N128, Registers::Wide) => registers_32::pass_forward(bins, &PASS_128),
                #[cfg(target_arch = "x86_64")]
                (_, Registers::Wide) => registers_32::pass_forward(bins, &PASS_256),
            }
        }
    }

    /// The bins of a real transform to twice as many samples as this transform has points.
    pub(super) fn real_inverse(self, bins: &[Complex], samples: &mut [f32]) {
        let points = self.points.count();
        let (Some(bins), Some(samples)) = (bins.get(..=points), samples.get_mut(..2 * points)) else {
            return;
        };
        let bins = bins.as_ptr().cast();
        let mut scratch = MaybeUninit::<Scratch>::uninit();
        let work = scratch.as_mut_ptr().cast::<f32>();
        // Safety: `new` has found the processor's features; there are N + 1 bins and room for 2 N samples; scratch
        // has room for N + 1 values, and the pass writes them all.
        unsafe {
            match (self.points, self.registers) {
                (Points::N128, Registers::Eight) => registers_16::pass_inverse(bins, work, &PASS_128),
                (_, Registers::Eight) => registers_16::pass_inverse(bins, work, &PASS_256),
                #[cfg(target_arch = "x86_64")]
                (Points::N128, Registers::Wide) => registers_32::pass_inverse(bins, work, &PASS_128),
                #[cfg(target_arch = "x86_64")]
                (_, Registers::Wide) => registers_32::pass_inverse(bins, work, &PASS_256),
            }
            self.transform::<true>(work, samples.as_mut_ptr());
        }
    }

    /// # Safety
    ///
    /// `from` and `to` have N complex values.
    #[inline]
    unsafe fn transform<const INVERSE: bool>(self, from: *const f32, to: *mut f32) {
        // Safety: `new` has found the processor's features; N is that of the tables.
        unsafe {
            match (self.points, self.registers) {
                (Points::N128, Registers::Eight) => {
                    registers_16::transform::<2, 4, 4, INVERSE>(from, to, &ROWS_128, &COLUMNS_128)
                }
                (Points::N256, Registers::Eight) => {
                    registers_16::transform::<4, 8, 4, INVERSE>(from, to, &ROWS_256, &COLUMNS_256)
                }
                (Points::N512, Registers::Eight) => {
                    registers_16::transform::<8, 8, 8, INVERSE>(from, to, &ROWS_512, &COLUMNS_512)
                }
                #[cfg(target_arch = "x86_64")]
                (Points::N128, Registers::Wide) => {
                    registers_32::transform::<2, 4, 4, INVERSE>(from, to, &ROWS_128, &COLUMNS_128)
                }
                #[cfg(target_arch = "x86_64")]
                (Points::N256, Registers::Wide) => wide::points_256::<INVERSE>(from, to),
                #[cfg(target_arch = "x86_64")]
                (Points::N512, Registers::Wide) => wide::points_512::<INVERSE>(from, to),
            }
        }
    }
}

/// f32 in a register.
const LANES: usize = 8;

/// Which of eight consecutive values a lane holds. In this order the two shuffles that part real from imaginary, and
/// the two that join them, need not cross the halves of a register.
const ORDER: [usize; LANES] = [0, 1, 4, 5, 2, 3, 6, 7];

const MOST_POINTS: usize = 512;

/// Real and imaginary registers.
type Pair = (Eight, Eight);

/// Room for [`MOST_POINTS`] values and one block more, a column's real and imaginary lanes side by side.
#[repr(align(64))]
struct Scratch(#[allow(dead_code, reason = "used by address")] [f32; 2 * MOST_POINTS + 2 * LANES]);

/// Factors of step 1: for each group of columns and each k1 from 1 on, real and imaginary lanes.
#[repr(align(64))]
struct Rows<const GROUPS: usize>([[[[f32; LANES]; 2]; 7]; GROUPS]);

/// Factors of step 2: for each c' and k2.
type Columns<const R2: usize, const R3: usize> = [[[f32; 2]; R2]; R3];

/// Factors of a real transform's pass, for four bins: h cos, -h cos and h sin, h sin of -2 pi k / (2 N) with h = 1/2.
#[repr(align(64))]
struct Pass<const BLOCKS: usize>([[[f32; LANES]; 2]; BLOCKS]);

static ROWS_128: Rows<2> = rows();
static ROWS_256: Rows<4> = rows();
static ROWS_512: Rows<8> = rows();
static COLUMNS_128: Columns<4, 4> = columns();
static COLUMNS_256: Columns<8, 4> = columns();
static COLUMNS_512: Columns<8, 8> = columns();
static PASS_128: Pass<16> = pass();
static PASS_256: Pass<32> = pass();

const fn rows<const GROUPS: usize>() -> Rows<GROUPS> {
    let mut rows = Rows([[[[0.0; LANES]; 2]; 7]; GROUPS]);
    let mut group = 0;
    while group < GROUPS {
        let mut row = 1;
        while row < 8 {
            let mut lane = 0;
            while lane < LANES {
                let column = LANES * group + ORDER[lane];
                let [re, im] = root(row * column, 8 * LANES * GROUPS);
                rows.0[group][row - 1][0][lane] = re as f32;
                rows.0[group][row - 1][1][lane] = im as f32;
                lane += 1;
            }
            row += 1;
        }
        group += 1;
    }
    rows
}

const fn columns<const R2: usize, const R3: usize>() -> Columns<R2, R3> {
    let mut columns = [[[0.0; 2]; R2]; R3];
    let mut first = 0;
    while first < R3 {
        let mut k2 = 0;
        while k2 < R2 {
            let [re, im] = root(first * k2, R2 * R3);
            columns[first][k2] = [re as f32, im as f32];
            k2 += 1;
        }
        first += 1;
    }
    columns
}

const fn pass<const BLOCKS: usize>() -> Pass<BLOCKS> {
    let mut pass = Pass([[[0.0; LANES]; 2]; BLOCKS]);
    let mut block = 0;
    while block < BLOCKS {
        let mut lane = 0;
        while lane < LANES {
            let [re, im] = root(4 * block + lane / 2, 16 * BLOCKS);
            pass.0[block][0][lane] = (if lane % 2 == 0 { 0.5 } else { -0.5 } * re) as f32;
            pass.0[block][1][lane] = (0.5 * im) as f32;
            lane += 1;
        }
        block += 1;
    }
    pass
}

/// e^(-2 pi i k / n), for n a multiple of 8.
const fn root(k: usize, n: usize) -> [f64; 2] {
    // Turn back to the first half of an octant, where the series are short.
    let k = k % n;
    let (quarter, rest) = (4 * k / n, 4 * k % n);
    // rest / n is the part of a quarter turn, 0..1.
    let (cosine, sine) = if 2 * rest <= n {
        series(core::f64::consts::FRAC_PI_2 * rest as f64 / n as f64)
    } else {
        let (cosine, sine) = series(core::f64::consts::FRAC_PI_2 * (n - rest) as f64 / n as f64);
        (sine, cosine)
    };
    match quarter {
        0 => [cosine, -sine],
        1 => [-sine, -cosine],
        2 => [-cosine, sine],
        _ => [sine, cosine],
    }
}

/// Cosine and sine by their power series, exact to f64 for angles up to pi/4.
const fn series(angle: f64) -> (f64, f64) {
    let (mut cosine, mut sine) = (0.0, 0.0);
    let mut term = 1.0;
    let mut power = 0;
    while power < 24 {
        match power % 4 {
            0 => cosine += term,
            1 => sine += term,
            2 => cosine -= term,
            _ => sine -= term,
        }
        power += 1;
        term *= angle / power as f64;
    }
    (cosine, sine)
}

/// The codelets, compiled for the given features.
macro_rules! codelets {
    ($features:literal) => {
        use super::*;

        /// # Safety
        ///
        /// `from` and `to` have 8 * R2 * R3 complex values with R2 * R3 = 8 * GROUPS.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn transform<
            const GROUPS: usize,
            const R2: usize,
            const R3: usize,
            const INVERSE: bool,
        >(
            from: *const f32,
            to: *mut f32,
            rows: &Rows<GROUPS>,
            columns: &Columns<R2, R3>,
        ) {
            const { assert!(R2 * R3 == LANES * GROUPS && LANES * R2 * R3 <= MOST_POINTS) }
            let mut scratch = MaybeUninit::<Scratch>::uninit();
            let scratch = scratch.as_mut_ptr().cast::<f32>();
            // Safety: step 1 reads rows of 8 * GROUPS values and writes every column; steps 2 and 3 read what was
            // written, and step 3 writes bins 8 (k2 + R2 k3) to 8 more, all below N.
            unsafe {
                for group in 0..GROUPS {
                    let mut values = [(eight::zero(), eight::zero()); 8];
                    for (row, value) in values.iter_mut().enumerate() {
                        let at = from.add(2 * LANES * (row * GROUPS + group));
                        let (low, high) = (eight::read(at), eight::read(at.add(LANES)));
                        let re = eight::real(low, high);
                        let im = eight::imaginary(low, high);
                        *value = if INVERSE { (im, re) } else { (re, im) };
                    }
                    let mut turned = radix_8(values);
                    for (value, [re, im]) in turned[1..].iter_mut().zip(&rows.0[group]) {
                        *value = multiply(
                            *value,
                            (eight::read_aligned(re.as_ptr()), eight::read_aligned(im.as_ptr())),
                        );
                    }
                    let re = transpose(ORDER.map(|row| turned[row].0));
                    let im = transpose(ORDER.map(|row| turned[row].1));
                    for lane in 0..LANES {
                        store(scratch, LANES * group + ORDER[lane], (re[lane], im[lane]));
                    }
                }
                for first in 0..R3 {
                    let mut values = [(eight::zero(), eight::zero()); R2];
                    for (r, value) in values.iter_mut().enumerate() {
                        *value = load(scratch, first + R3 * r);
                    }
                    let values = radix(values);
                    for (k2, value) in values.into_iter().enumerate() {
                        let [re, im] = columns[first][k2];
                        let factor = (eight::all(re), eight::all(im));
                        let value = if first == 0 || k2 == 0 { value } else { multiply(value, factor) };
                        store(scratch, first + R3 * k2, value);
                    }
                }
                for k2 in 0..R2 {
                    let mut values = [(eight::zero(), eight::zero()); R3];
                    for (first, value) in values.iter_mut().enumerate() {
                        *value = load(scratch, first + R3 * k2);
                    }
                    for (k3, (re, im)) in radix(values).into_iter().enumerate() {
                        let (re, im) = if INVERSE { (im, re) } else { (re, im) };
                        let at = to.add(2 * LANES * (k2 + R2 * k3));
                        eight::write(at, eight::interleave_low(re, im));
                        eight::write(at.add(LANES), eight::interleave_high(re, im));
                    }
                }
            }
        }

        /// # Safety
        ///
        /// Room for `column` + 1 columns at a multiple of 64 octets.
        #[inline]
        #[target_feature(enable = $features)]
        unsafe fn load(scratch: *const f32, column: usize) -> Pair {
            // Safety: as the caller promised.
            unsafe {
                let at = scratch.add(2 * LANES * column);
                (eight::read_aligned(at), eight::read_aligned(at.add(LANES)))
            }
        }

        /// # Safety
        ///
        /// Room for `column` + 1 columns at a multiple of 64 octets.
        #[inline]
        #[target_feature(enable = $features)]
        unsafe fn store(scratch: *mut f32, column: usize, (re, im): Pair) {
            // Safety: as the caller promised.
            unsafe {
                let at = scratch.add(2 * LANES * column);
                eight::write_aligned(at, re);
                eight::write_aligned(at.add(LANES), im);
            }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn add(a: Pair, b: Pair) -> Pair {
            (eight::add(a.0, b.0), eight::add(a.1, b.1))
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn subtract(a: Pair, b: Pair) -> Pair {
            (eight::subtract(a.0, b.0), eight::subtract(a.1, b.1))
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn multiply(a: Pair, b: Pair) -> Pair {
            (
                eight::multiply_subtract(a.0, b.0, eight::multiply(a.1, b.1)),
                eight::multiply_add(a.0, b.1, eight::multiply(a.1, b.0)),
            )
        }

        /// a - i b and a + i b.
        #[inline]
        #[target_feature(enable = $features)]
        fn turn(a: Pair, b: Pair) -> (Pair, Pair) {
            (
                (eight::add(a.0, b.1), eight::subtract(a.1, b.0)),
                (eight::subtract(a.0, b.1), eight::add(a.1, b.0)),
            )
        }

        /// The transform of as many values as there are, 4 or 8.
        #[inline]
        #[target_feature(enable = $features)]
        fn radix<const R: usize>(values: [Pair; R]) -> [Pair; R] {
            let mut result = values;
            if let Some(four) = values.first_chunk::<4>().filter(|_| R == 4) {
                result.copy_from_slice(&radix_4(*four));
            } else if let Some(eight) = values.first_chunk::<8>() {
                result.copy_from_slice(&radix_8(*eight));
            }
            result
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn radix_4([x0, x1, x2, x3]: [Pair; 4]) -> [Pair; 4] {
            let (sum, odd_sum) = (add(x0, x2), add(x1, x3));
            let (y1, y3) = turn(subtract(x0, x2), subtract(x1, x3));
            [add(sum, odd_sum), y1, subtract(sum, odd_sum), y3]
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn radix_8([x0, x1, x2, x3, x4, x5, x6, x7]: [Pair; 8]) -> [Pair; 8] {
            let [e0, e1, e2, e3] = radix_4([x0, x2, x4, x6]);
            let [o0, o1, o2, o3] = radix_4([x1, x3, x5, x7]);
            let half = eight::all(core::f32::consts::FRAC_1_SQRT_2);
            let (y2, y6) = turn(e2, o2);
            // (1 - i) o1 and (-1 - i) o3, still to be divided by the square root of 2.
            let first = (eight::add(o1.0, o1.1), eight::subtract(o1.1, o1.0));
            let third = (eight::subtract(o3.1, o3.0), eight::add(o3.0, o3.1));
            [
                add(e0, o0),
                (eight::multiply_add(first.0, half, e1.0), eight::multiply_add(first.1, half, e1.1)),
                y2,
                (eight::multiply_add(third.0, half, e3.0), eight::subtract_product(third.1, half, e3.1)),
                subtract(e0, o0),
                (eight::subtract_product(first.0, half, e1.0), eight::subtract_product(first.1, half, e1.1)),
                y6,
                (eight::subtract_product(third.0, half, e3.0), eight::multiply_add(third.1, half, e3.1)),
            ]
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn transpose([a, b, c, d, e, f, g, h]: [Eight; 8]) -> [Eight; 8] {
            let half = |a, b, c, d| {
                let (ab_low, ab_high) = (eight::interleave_low(a, b), eight::interleave_high(a, b));
                let (cd_low, cd_high) = (eight::interleave_low(c, d), eight::interleave_high(c, d));
                [
                    eight::low_pairs(ab_low, cd_low),
                    eight::high_pairs(ab_low, cd_low),
                    eight::low_pairs(ab_high, cd_high),
                    eight::high_pairs(ab_high, cd_high),
                ]
            };
            let [p0, p1, p2, p3] = half(a, b, c, d);
            let [q0, q1, q2, q3] = half(e, f, g, h);
            [
                eight::low_halves(p0, q0),
                eight::low_halves(p1, q1),
                eight::low_halves(p2, q2),
                eight::low_halves(p3, q3),
                eight::high_halves(p0, q0),
                eight::high_halves(p1, q1),
                eight::high_halves(p2, q2),
                eight::high_halves(p3, q3),
            ]
        }

        /// The bins of the pairs to the bins of the samples, in place; see [`super::super::split`].
        ///
        /// # Safety
        ///
        /// There are 8 * BLOCKS + 1 bins.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn pass_forward<const BLOCKS: usize>(bins: *mut f32, pass: &Pass<BLOCKS>) {
            let points = 8 * BLOCKS;
            // Safety: bin N continues the period; a block has bins 4 block.. and their images up to N - 4 block, and
            // both stay on their own side of bin N / 2.
            unsafe {
                bins.cast::<[f32; 2]>().add(points).write(bins.cast::<[f32; 2]>().read());
                for (block, [cosines, sines]) in pass.0.iter().enumerate() {
                    let (low, high) = (bins.add(8 * block), bins.add(2 * (points - 4 * block - 3)));
                    let (front, image) = (eight::read(low), eight::mirrored(eight::read(high)));
                    let sum = eight::multiply(eight::add(front, image), eight::all(0.5));
                    let difference = eight::subtract(front, image);
                    // -i e^(..) / 2 times the difference
                    let turned = eight::multiply_add(
                        difference,
                        eight::read_aligned(sines.as_ptr()),
                        eight::multiply(eight::swapped(difference), eight::read_aligned(cosines.as_ptr())),
                    );
                    eight::write(low, eight::add(sum, turned));
                    eight::write(high, eight::mirrored(eight::subtract(sum, turned)));
                }
                // Ends are real without rounding; the middle is its own image.
                bins.add(1).write(0.0);
                bins.add(2 * points + 1).write(0.0);
                let middle = bins.add(points + 1);
                middle.write(-middle.read());
            }
        }

        /// The bins of the samples to twice the bins of the pairs.
        ///
        /// # Safety
        ///
        /// There are 8 * BLOCKS + 1 bins and room for as many in `to`.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn pass_inverse<const BLOCKS: usize>(
            bins: *const f32,
            to: *mut f32,
            pass: &Pass<BLOCKS>,
        ) {
            let points = 8 * BLOCKS;
            // Safety: a block has bins 4 block.. and their images up to N - 4 block.
            unsafe {
                for (block, [cosines, sines]) in pass.0.iter().enumerate() {
                    let (low, high) = (8 * block, 2 * (points - 4 * block - 3));
                    let (front, image) =
                        (eight::read(bins.add(low)), eight::mirrored(eight::read(bins.add(high))));
                    let sum = eight::add(front, image);
                    let difference = eight::subtract(front, image);
                    let twice = eight::add(difference, difference);
                    // i (e^(..))* times the difference
                    let turned = eight::multiply_subtract(
                        twice,
                        eight::read_aligned(sines.as_ptr()),
                        eight::multiply(eight::swapped(twice), eight::read_aligned(cosines.as_ptr())),
                    );
                    eight::write(to.add(low), eight::add(sum, turned));
                    eight::write(to.add(high), eight::mirrored(eight::subtract(sum, turned)));
                }
                let (first, last) = (bins.read(), bins.add(2 * points).read());
                to.write(first + last);
                to.add(1).write(first - last);
                let middle = bins.add(points);
                to.add(points).write(2.0 * middle.read());
                to.add(points + 1).write(-2.0 * middle.add(1).read());
            }
        }
    };
}

/// For AVX2.
#[cfg(target_arch = "x86_64")]
mod registers_16 {
    codelets!("avx2,fma");
}

/// For NEON.
#[cfg(target_arch = "aarch64")]
mod registers_16 {
    codelets!("neon");
}

/// For AVX-512VL, where twice as many registers keep a radix 8 step from spilling.
#[cfg(target_arch = "x86_64")]
mod registers_32 {
    codelets!("avx2,fma,avx512f,avx512vl,avx512dq,avx512bw");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_of_unity_are_exact() {
        for n in [32, 64, 128, 256, 512] {
            for k in 0..3 * n {
                let [re, im] = root(k, n);
                let angle = -core::f64::consts::TAU * k as f64 / n as f64;
                assert!(
                    (re - libm::cos(angle)).abs() < 1e-14 && (im - libm::sin(angle)).abs() < 1e-14,
                    "{k} {n}"
                );
            }
        }
    }
}
