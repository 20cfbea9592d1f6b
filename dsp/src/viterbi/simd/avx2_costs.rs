//! The branch metrics of a block's stages with AVX2, for both widths of AVX.

use super::MOST_RELIABLE_COARSE;
use core::arch::x86_64::*;

/// [`super::coarse_costs`], sixteen stages at a time. Nothing of the path's cost is known yet, so it returns 0.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn coarse_costs(soft: &[i8], words: &mut [u64]) -> i32 {
    let (soft, soft_rest) = soft.as_chunks::<32>();
    let (words, words_rest) = words.as_chunks_mut::<16>();
    for (soft, words) in soft.iter().zip(words) {
        // Safety: 32 octets are read.
        let soft = unsafe { _mm256_loadu_si256(soft.as_ptr().cast()) };
        let rounded = _mm256_srli_epi16::<3>(_mm256_add_epi8(_mm256_abs_epi8(soft), _mm256_set1_epi8(4)));
        let magnitude = _mm256_min_epu8(
            _mm256_and_si256(rounded, _mm256_set1_epi8(0x1F)),
            _mm256_set1_epi8(MOST_RELIABLE_COARSE as i8),
        );
        let negative = _mm256_cmpgt_epi8(_mm256_setzero_si256(), soft);
        let if_zero = _mm256_and_si256(negative, magnitude);
        let if_one = _mm256_andnot_si256(negative, magnitude);
        // Octets of a stage: first soft decision's cost if 0, if 1, the second's.
        let halves = [_mm256_unpacklo_epi8(if_zero, if_one), _mm256_unpackhi_epi8(if_zero, if_one)];
        for (half, both) in halves.into_iter().enumerate() {
            let first = _mm256_shuffle_epi8(
                both,
                _mm256_setr_epi8(
                    0, 0, 1, 1, 4, 4, 5, 5, 8, 8, 9, 9, 12, 12, 13, 13, 0, 0, 1, 1, 4, 4, 5, 5, 8, 8, 9, 9,
                    12, 12, 13, 13,
                ),
            );
            let second = _mm256_shuffle_epi8(
                both,
                _mm256_setr_epi8(
                    2, 3, 2, 3, 6, 7, 6, 7, 10, 11, 10, 11, 14, 15, 14, 15, 2, 3, 2, 3, 6, 7, 6, 7, 10, 11,
                    10, 11, 14, 15, 14, 15,
                ),
            );
            let costs = _mm256_add_epi8(first, second);
            // Four stages of the lower lane belong to the first eight stages, of the upper to the others.
            let stages = [_mm256_castsi256_si128(costs), _mm256_extracti128_si256::<1>(costs)];
            for (lane, stages) in stages.into_iter().enumerate() {
                let words = words[8 * lane + 4 * half..].as_mut_ptr();
                // Safety: the word 8 + 4 is the last of which four are written, of 16.
                unsafe { _mm256_storeu_si256(words.cast(), _mm256_cvtepu32_epi64(stages)) };
            }
        }
    }
    super::coarse_costs(soft_rest, words_rest);
    0
}

/// [`super::fine_costs`], four stages at a time.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn fine_costs(soft: &[i8], words: &mut [u64]) -> i32 {
    let (chunks, rest) = soft.as_chunks::<32>();
    let (words, words_rest) = words.as_chunks_mut::<16>();
    let mut reliability = _mm256_setzero_si256();
    for (soft, words) in chunks.iter().zip(words) {
        // Safety: 32 octets are read.
        let all = unsafe { _mm256_loadu_si256(soft.as_ptr().cast()) };
        reliability =
            _mm256_add_epi64(reliability, _mm256_sad_epu8(_mm256_abs_epi8(all), _mm256_setzero_si256()));
        for (soft, words) in soft.as_chunks::<8>().0.iter().zip(words.as_chunks_mut::<4>().0) {
            // The second stage of each half goes to the upper octets of a register's lane; two stages a lane.
            let soft = _mm256_set1_epi64x(i64::from_le_bytes(soft.map(|soft| soft as u8)));
            // Each into the upper octet of 16 bits, four times.
            let firsts = _mm256_setr_epi8(
                -1, 0, -1, 0, -1, 0, -1, 0, -1, 2, -1, 2, -1, 2, -1, 2, -1, 4, -1, 4, -1, 4, -1, 4, -1, 6,
                -1, 6, -1, 6, -1, 6,
            );
            let seconds = _mm256_setr_epi8(
                -1, 1, -1, 1, -1, 1, -1, 1, -1, 3, -1, 3, -1, 3, -1, 3, -1, 5, -1, 5, -1, 5, -1, 5, -1, 7,
                -1, 7, -1, 7, -1, 7,
            );
            let first = _mm256_srai_epi16::<8>(_mm256_shuffle_epi8(soft, firsts));
            let second = _mm256_srai_epi16::<8>(_mm256_shuffle_epi8(soft, seconds));
            let sum = _mm256_add_epi16(
                _mm256_sign_epi16(first, _mm256_set1_epi64x(SIGN_OF_FIRST)),
                _mm256_sign_epi16(second, _mm256_set1_epi64x(SIGN_OF_SECOND)),
            );
            // Safety: four words are 32 octets.
            unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), sum) };
        }
    }
    let rest = super::fine_costs(rest, words_rest);
    let halves =
        _mm_add_epi64(_mm256_castsi256_si128(reliability), _mm256_extracti128_si256::<1>(reliability));
    (_mm_cvtsi128_si64(halves) + _mm_extract_epi64::<1>(halves)) as i32 + rest
}

/// The signs of a stage's first soft decision in the correlations with 00, 01, 10, 11, in ascending 16 bits.
const SIGN_OF_FIRST: i64 = 0xFFFF_FFFF_0001_0001_u64 as i64;
const SIGN_OF_SECOND: i64 = 0xFFFF_0001_FFFF_0001_u64 as i64;
