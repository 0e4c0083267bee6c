/* What rows of convolutions and of single channels have in common with AVX2. */
#ifndef FILTERFRONT_WIDE_AVX2_H
#define FILTERFRONT_WIDE_AVX2_H

#include "filterfront_wide.h"

#if defined(FILTERFRONT_X86)
#include <immintrin.h>

/* As filterfront_wide_words, sixteen at a time; returns how many. */
int32_t filterfront_wide_avx2_unpack(const int8_t *from, int32_t count, int32_t zero, int16_t *to);

void filterfront_wide_avx2_words(const filterfront_strip_t *row, const uint8_t *values, const uint8_t *tile, int32_t places,
                                 int32_t lanes, int8_t *levels, int32_t *sums);
void filterfront_wide_avx2_bytes(const filterfront_strip_t *row, const uint8_t *values, const uint8_t *tile, int32_t places,
                                 int32_t lanes, int8_t *levels, int32_t *sums);

#define FILTERFRONT_WITH_AVX2 __attribute__((target("avx2")))
#define FILTERFRONT_WITHIN_AVX2 FILTERFRONT_WITH_AVX2 __attribute__((always_inline)) static inline

FILTERFRONT_WITHIN_AVX2 __m256i filterfront_load(const void *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

/* The levels of eight sums, from a lane on, as 32 bits. */
FILTERFRONT_WITHIN_AVX2 __m256i filterfront_levels_avx2(const filterfront_strip_t *row, const filterfront_tile_t *tile,
                                                        int32_t lane, __m256i found)
{
    const __m256i factor = filterfront_load(tile->factor + lane);
    const int64_t *const bias = tile->bias + lane / 2;
    __m256i even = _mm256_add_epi64(_mm256_mul_epi32(found, factor), filterfront_load(bias));
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(found, 32), _mm256_srli_epi64(factor, 32)),
                                         filterfront_load(bias + FILTERFRONT_LANES / 2));

    even = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA); /* the upper words */
    even = _mm256_srav_epi32(even, filterfront_load(tile->shift + lane));
    return _mm256_max_epi32(_mm256_set1_epi32(row->low), _mm256_min_epi32(_mm256_set1_epi32(row->high), even));
}

/* Writes the levels of a tile's sums, or the sums. */
FILTERFRONT_WITHIN_AVX2 void filterfront_write_avx2(const filterfront_strip_t *row, const uint8_t *tile, __m256i lower,
                                                    __m256i upper, int32_t lanes, int8_t *levels, int32_t *sums)
{
    const filterfront_tile_t *const own = (const filterfront_tile_t *)(const void *)tile;

    if (sums != NULL) {
        _mm256_storeu_si256((__m256i *)(void *)sums, lower);
        _mm256_storeu_si256((__m256i *)(void *)(sums + 8), upper);
        return;
    }
    const __m256i first = filterfront_levels_avx2(row, own, 0, lower);
    const __m256i words = _mm256_packs_epi32(first, filterfront_levels_avx2(row, own, 8, upper));
    const __m256i order = _mm256_permute4x64_epi64(words, 0xD8);
    const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(order), _mm256_extracti128_si256(order, 1));
    if (lanes == FILTERFRONT_LANES) {
        _mm_storeu_si128((__m128i *)(void *)levels, bytes);
    } else {
        int8_t all[FILTERFRONT_LANES];
        _mm_storeu_si128((__m128i *)(void *)all, bytes);
        for (int32_t lane = 0; lane < lanes; ++lane) {
            levels[lane] = all[lane];
        }
    }
}

#endif

#endif
