//! The complex transforms of 256 and 512 points in registers of 16 lanes (AVX-512), two columns in each.
//!
//! The steps are those of [`super`] with R3 = 8. The first takes 16 columns at a time and leaves columns c and c + 4
//! in one register: the first in its quarters 0 and 2, the other in 1 and 3. The second works on both alike. The
//! third gathers the halves of two k2 instead, so that c' and c' + 4 meet.

use super::{LANES, MaybeUninit, ORDER, Scratch, root};
use core::arch::x86_64::*;

const WIDE: usize = 2 * LANES;
const R3: usize = 8;

/// Real and imaginary registers.
type Pair = (__m512, __m512);

/// Which column of sixteen a lane holds after real and imaginary parts were parted.
const COLUMN: [usize; WIDE] = [0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15];

/// Factors of step 1: for each group of columns and each k1 from 1 on, real and imaginary lanes.
#[repr(align(64))]
struct Rows<const GROUPS: usize>([[[[f32; WIDE]; 2]; 7]; GROUPS]);

/// Factors of step 2: for each c' below 4 and each k2.
#[repr(align(64))]
struct Columns<const R2: usize>([[[[f32; WIDE]; 2]; R2]; 4]);

static ROWS_256: Rows<2> = rows();
static ROWS_512: Rows<4> = rows();
static COLUMNS_256: Columns<4> = columns();
static COLUMNS_512: Columns<8> = columns();

const fn rows<const GROUPS: usize>() -> Rows<GROUPS> {
    let mut rows = Rows([[[[0.0; WIDE]; 2]; 7]; GROUPS]);
    let mut group = 0;
    while group < GROUPS {
        let mut row = 1;
        while row < 8 {
            let mut lane = 0;
            while lane < WIDE {
                let column = WIDE * group + COLUMN[lane];
                let [re, im] = root(row * column, 8 * WIDE * GROUPS);
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

const fn columns<const R2: usize>() -> Columns<R2> {
    let mut columns = Columns([[[[0.0; WIDE]; 2]; R2]; 4]);
    let mut first = 0;
    while first < 4 {
        let mut k2 = 0;
        while k2 < R2 {
            let mut lane = 0;
            while lane < WIDE {
                let column = if lane / 4 % 2 == 0 { first } else { first + 4 };
                let [re, im] = root(column * k2, R2 * R3);
                columns.0[first][k2][0][lane] = re as f32;
                columns.0[first][k2][1][lane] = im as f32;
                lane += 1;
            }
            k2 += 1;
        }
        first += 1;
    }
    columns
}

macro_rules! vectors {
    ($($item:item)*) => {
        $(#[inline]
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
        $item)*
    };
}

vectors! {
    /// # Safety
    ///
    /// `from` and `to` have 256 complex values.
    pub(super) unsafe fn points_256<const INVERSE: bool>(from: *const f32, to: *mut f32) {
        // Safety: 8 * 4 * 8 points.
        unsafe { transform::<2, 4, INVERSE>(from, to, &ROWS_256, &COLUMNS_256) }
    }

    /// # Safety
    ///
    /// `from` and `to` have 512 complex values.
    pub(super) unsafe fn points_512<const INVERSE: bool>(from: *const f32, to: *mut f32) {
        // Safety: 8 * 8 * 8 points.
        unsafe { transform::<4, 8, INVERSE>(from, to, &ROWS_512, &COLUMNS_512) }
    }

    /// # Safety
    ///
    /// `from` and `to` have 8 * R2 * 8 complex values with R2 = 2 * GROUPS.
    unsafe fn transform<const GROUPS: usize, const R2: usize, const INVERSE: bool>(
        from: *const f32,
        to: *mut f32,
        rows: &Rows<GROUPS>,
        columns: &Columns<R2>,
    ) {
        const { assert!(R2 == 2 * GROUPS && R2 <= 8) }
        let zero = (_mm512_setzero_ps(), _mm512_setzero_ps());
        let mut scratch = MaybeUninit::<Scratch>::uninit();
        let scratch = scratch.as_mut_ptr().cast::<f32>();
        // A slot has columns c' + 8 r and c' + 4 + 8 r, c' below 4.
        let slot = |first: usize, r: usize| 2 * WIDE * (4 * r + first);
        // Safety: slots are 4 * R2 of 32 values, aligned, written before they are read; rows are read and bins
        // written inside of 64 * R2 complex values.
        unsafe {
            for group in 0..GROUPS {
                let mut values = [zero; 8];
                for (row, value) in values.iter_mut().enumerate() {
                    let at = from.add(2 * WIDE * (row * GROUPS + group));
                    let (low, high) = (_mm512_loadu_ps(at), _mm512_loadu_ps(at.add(WIDE)));
                    let re = _mm512_shuffle_ps::<0b10_00_10_00>(low, high);
                    let im = _mm512_shuffle_ps::<0b11_01_11_01>(low, high);
                    *value = if INVERSE { (im, re) } else { (re, im) };
                }
                let mut turned = radix_8(values);
                for (value, [re, im]) in turned[1..].iter_mut().zip(&rows.0[group]) {
                    *value = multiply(*value, (_mm512_load_ps(re.as_ptr()), _mm512_load_ps(im.as_ptr())));
                }
                let re = transpose(ORDER.map(|row| turned[row].0));
                let im = transpose(ORDER.map(|row| turned[row].1));
                for lane in 0..LANES {
                    let column = COLUMN[lane];
                    let at = scratch.add(slot(column % 8, 2 * group + column / 8));
                    _mm512_store_ps(at, re[lane]);
                    _mm512_store_ps(at.add(WIDE), im[lane]);
                }
            }
            for first in 0..4 {
                let mut values = [zero; R2];
                for (r, value) in values.iter_mut().enumerate() {
                    let at = scratch.add(slot(first, r));
                    *value = (_mm512_load_ps(at), _mm512_load_ps(at.add(WIDE)));
                }
                for (k2, value) in radix(values).into_iter().enumerate() {
                    let [re, im] = &columns.0[first][k2];
                    let factor = (_mm512_load_ps(re.as_ptr()), _mm512_load_ps(im.as_ptr()));
                    let (re, im) = if k2 == 0 { value } else { multiply(value, factor) };
                    let at = scratch.add(slot(first, k2));
                    _mm512_store_ps(at, re);
                    _mm512_store_ps(at.add(WIDE), im);
                }
            }
            for k2 in (0..R2).step_by(2) {
                let mut values = [zero; R3];
                for first in 0..4 {
                    let (one, two) = (scratch.add(slot(first, k2)), scratch.add(slot(first, k2 + 1)));
                    let re = (_mm512_load_ps(one), _mm512_load_ps(two));
                    let im = (_mm512_load_ps(one.add(WIDE)), _mm512_load_ps(two.add(WIDE)));
                    values[first] = (even_quarters(re.0, re.1), even_quarters(im.0, im.1));
                    values[first + 4] = (odd_quarters(re.0, re.1), odd_quarters(im.0, im.1));
                }
                for (k3, (re, im)) in radix_8(values).into_iter().enumerate() {
                    let (re, im) = if INVERSE { (im, re) } else { (re, im) };
                    let (low, high) = (_mm512_unpacklo_ps(re, im), _mm512_unpackhi_ps(re, im));
                    let at = to.add(WIDE * (k2 + R2 * k3));
                    _mm256_storeu_ps(at, _mm512_castps512_ps256(low));
                    _mm256_storeu_ps(at.add(LANES), _mm512_castps512_ps256(high));
                    _mm256_storeu_ps(at.add(2 * LANES), _mm512_extractf32x8_ps::<1>(low));
                    _mm256_storeu_ps(at.add(3 * LANES), _mm512_extractf32x8_ps::<1>(high));
                }
            }
        }
    }

    fn even_quarters(one: __m512, two: __m512) -> __m512 {
        _mm512_shuffle_f32x4::<0b10_00_10_00>(one, two)
    }

    fn odd_quarters(one: __m512, two: __m512) -> __m512 {
        _mm512_shuffle_f32x4::<0b11_01_11_01>(one, two)
    }

    fn add(a: Pair, b: Pair) -> Pair {
        (_mm512_add_ps(a.0, b.0), _mm512_add_ps(a.1, b.1))
    }

    fn subtract(a: Pair, b: Pair) -> Pair {
        (_mm512_sub_ps(a.0, b.0), _mm512_sub_ps(a.1, b.1))
    }

    fn multiply(a: Pair, b: Pair) -> Pair {
        (
            _mm512_fmsub_ps(a.0, b.0, _mm512_mul_ps(a.1, b.1)),
            _mm512_fmadd_ps(a.0, b.1, _mm512_mul_ps(a.1, b.0)),
        )
    }

    /// a - i b and a + i b.
    fn turn(a: Pair, b: Pair) -> (Pair, Pair) {
        (
            (_mm512_add_ps(a.0, b.1), _mm512_sub_ps(a.1, b.0)),
            (_mm512_sub_ps(a.0, b.1), _mm512_add_ps(a.1, b.0)),
        )
    }

    /// The transform of as many values as there are, 4 or 8.
    fn radix<const R: usize>(values: [Pair; R]) -> [Pair; R] {
        let mut result = values;
        if let Some(four) = values.first_chunk::<4>().filter(|_| R == 4) {
            result.copy_from_slice(&radix_4(*four));
        } else if let Some(eight) = values.first_chunk::<8>() {
            result.copy_from_slice(&radix_8(*eight));
        }
        result
    }

    fn radix_4([x0, x1, x2, x3]: [Pair; 4]) -> [Pair; 4] {
        let (sum, odd_sum) = (add(x0, x2), add(x1, x3));
        let (y1, y3) = turn(subtract(x0, x2), subtract(x1, x3));
        [add(sum, odd_sum), y1, subtract(sum, odd_sum), y3]
    }

    fn radix_8([x0, x1, x2, x3, x4, x5, x6, x7]: [Pair; 8]) -> [Pair; 8] {
        let [e0, e1, e2, e3] = radix_4([x0, x2, x4, x6]);
        let [o0, o1, o2, o3] = radix_4([x1, x3, x5, x7]);
        let half = _mm512_set1_ps(core::f32::consts::FRAC_1_SQRT_2);
        let (y2, y6) = turn(e2, o2);
        // (1 - i) o1 and (-1 - i) o3, still to be divided by the square root of 2.
        let first = (_mm512_add_ps(o1.0, o1.1), _mm512_sub_ps(o1.1, o1.0));
        let third = (_mm512_sub_ps(o3.1, o3.0), _mm512_add_ps(o3.0, o3.1));
        [
            add(e0, o0),
            (_mm512_fmadd_ps(first.0, half, e1.0), _mm512_fmadd_ps(first.1, half, e1.1)),
            y2,
            (_mm512_fmadd_ps(third.0, half, e3.0), _mm512_fnmadd_ps(third.1, half, e3.1)),
            subtract(e0, o0),
            (_mm512_fnmadd_ps(first.0, half, e1.0), _mm512_fnmadd_ps(first.1, half, e1.1)),
            y6,
            (_mm512_fnmadd_ps(third.0, half, e3.0), _mm512_fmadd_ps(third.1, half, e3.1)),
        ]
    }

    /// Eight rows of sixteen columns to registers of two columns each, in the order of [`COLUMN`]'s first half.
    fn transpose([a, b, c, d, e, f, g, h]: [__m512; 8]) -> [__m512; 8] {
        let [p0, p1, p2, p3] = quarters(a, b, c, d);
        let [q0, q1, q2, q3] = quarters(e, f, g, h);
        [
            even_quarters(p0, q0),
            even_quarters(p1, q1),
            even_quarters(p2, q2),
            even_quarters(p3, q3),
            odd_quarters(p0, q0),
            odd_quarters(p1, q1),
            odd_quarters(p2, q2),
            odd_quarters(p3, q3),
        ]
    }

    /// Four by four transposed in each quarter.
    fn quarters(a: __m512, b: __m512, c: __m512, d: __m512) -> [__m512; 4] {
        let (ab_low, ab_high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        let (cd_low, cd_high) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
        [
            _mm512_shuffle_ps::<0b01_00_01_00>(ab_low, cd_low),
            _mm512_shuffle_ps::<0b11_10_11_10>(ab_low, cd_low),
            _mm512_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high),
            _mm512_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high),
        ]
    }
}
