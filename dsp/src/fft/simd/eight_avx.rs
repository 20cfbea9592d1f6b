//! Eight lanes in one register of AVX.

pub(super) use core::arch::x86_64::{
    __m256 as Eight, _mm256_add_ps as add, _mm256_fmadd_ps as multiply_add,
    _mm256_fmsub_ps as multiply_subtract, _mm256_fnmadd_ps as subtract_product,
    _mm256_load_ps as read_aligned, _mm256_loadu_ps as read, _mm256_mul_ps as multiply,
    _mm256_set1_ps as all, _mm256_setzero_ps as zero, _mm256_store_ps as write_aligned,
    _mm256_storeu_ps as write, _mm256_sub_ps as subtract, _mm256_unpackhi_ps as interleave_high,
    _mm256_unpacklo_ps as interleave_low,
};
use core::arch::x86_64::{
    _mm256_castpd_ps, _mm256_castps_pd, _mm256_castsi256_ps, _mm256_permute_ps, _mm256_permute2f128_ps,
    _mm256_permute4x64_pd, _mm256_set1_epi64x, _mm256_shuffle_ps, _mm256_xor_ps,
};

/// Real parts of eight complex values, in the order that [`super::ORDER`] says.
#[inline]
#[target_feature(enable = "avx")]
pub(super) fn real(low: Eight, high: Eight) -> Eight {
    _mm256_shuffle_ps::<0b10_00_10_00>(low, high)
}

/// Their imaginary parts.
#[inline]
#[target_feature(enable = "avx")]
pub(super) fn imaginary(low: Eight, high: Eight) -> Eight {
    _mm256_shuffle_ps::<0b11_01_11_01>(low, high)
}

/// Of each half the two lower lanes of both.
#[inline]
#[target_feature(enable = "avx")]
pub(super) fn low_pairs(a: Eight, b: Eight) -> Eight {
    _mm256_shuffle_ps::<0b01_00_01_00>(a, b)
}

/// Of each half the two upper lanes of both.
#[inline]
#[target_feature(enable = "avx")]
pub(super) fn high_pairs(a: Eight, b: Eight) -> Eight {
    _mm256_shuffle_ps::<0b11_10_11_10>(a, b)
}

/// The lower halves of both.
#[inline]
#[target_feature(enable = "avx")]
pub(super) fn low_halves(a: Eight, b: Eight) -> Eight {
    _mm256_permute2f128_ps::<0x20>(a, b)
}

/// The upper halves of both.
#[inline]
#[target_feature(enable = "avx")]
pub(super) fn high_halves(a: Eight, b: Eight) -> Eight {
    _mm256_permute2f128_ps::<0x31>(a, b)
}

/// Every lane with its neighbour's value.
#[inline]
#[target_feature(enable = "avx")]
pub(super) fn swapped(a: Eight) -> Eight {
    _mm256_permute_ps::<0b10_11_00_01>(a)
}

/// Four complex values in the opposite order, conjugated.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn mirrored(values: Eight) -> Eight {
    let reversed = _mm256_castpd_ps(_mm256_permute4x64_pd::<0b00_01_10_11>(_mm256_castps_pd(values)));
    _mm256_xor_ps(reversed, _mm256_castsi256_ps(_mm256_set1_epi64x(i64::MIN)))
}
