/* Two tensors added, sixteen values at a time where the processor has AVX2. */
#include "filterfront_added.h"
#include "filterfront_wide_avx2.h"

#if defined(FILTERFRONT_X86)
/* The levels of eight sums as 32 bits. */
FILTERFRONT_WITHIN_AVX2 __m256i levels_of(const filterfront_sum_t *sum, __m256i bias, int64_t first, int64_t second)
{
    const __m128i shift = _mm_cvtsi32_si128(sum->more);
    const __m256i one = _mm256_sll_epi32(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(first)), shift);
    const __m256i other = _mm256_sll_epi32(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(second)), shift);
    const __m256i factor = _mm256_set1_epi32(sum->first);
    const __m256i other_factor = _mm256_set1_epi32(sum->second);
    __m256i even = _mm256_add_epi64(_mm256_mul_epi32(one, factor), _mm256_mul_epi32(other, other_factor));
    __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(one, 32), factor),
                                   _mm256_mul_epi32(_mm256_srli_epi64(other, 32), other_factor));

    even = _mm256_srli_epi64(_mm256_add_epi64(even, bias), 32);
    odd = _mm256_add_epi64(odd, bias);
    return _mm256_sra_epi32(_mm256_blend_epi32(even, odd, 0xAA), _mm_cvtsi32_si128(sum->shift));
}

/* Adds values in sixteens; returns how many. */
FILTERFRONT_WITH_AVX2 static int32_t add_sixteens(const filterfront_add_t *step, const filterfront_sum_t *sum,
                                                  const int8_t *first, const int8_t *second, int8_t *levels)
{
    const __m256i bias = _mm256_set1_epi64x((int64_t)((uint64_t)(uint32_t)sum->bias_high << 32 | sum->bias_low));
    const __m128i low = _mm_set1_epi8((int8_t)step->output.low);
    const __m128i high = _mm_set1_epi8((int8_t)step->output.high);
    int32_t value = 0;

    for (; value + 16 <= step->values; value += 16) {
        int64_t one[2];
        int64_t other[2];
        (void)memcpy(one, first + value, sizeof one);
        (void)memcpy(other, second + value, sizeof other);
        const __m256i begin = levels_of(sum, bias, one[0], other[0]);
        const __m256i words = _mm256_packs_epi32(begin, levels_of(sum, bias, one[1], other[1]));
        const __m256i order = _mm256_permute4x64_epi64(words, 0xD8);
        __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(order), _mm256_extracti128_si256(order, 1));
        bytes = _mm_max_epi8(low, _mm_min_epi8(high, bytes));
        _mm_storeu_si128((__m128i *)(void *)(levels + value), bytes);
    }
    return value;
}
#endif

void filterfront_wide_add(const filterfront_add_t *step, const int8_t *first, const int8_t *second, void *output)
{
#if defined(FILTERFRONT_X86)
    filterfront_sum_t sum;

    if (filterfront_wide_path() != FILTERFRONT_PLAIN && filterfront_make_sum(step, &sum)) {
        int8_t *const levels = (int8_t *)output;
        for (int32_t value = add_sixteens(step, &sum, first, second, levels); value < step->values; ++value) {
            const int32_t level = filterfront_level_of_sum(&sum, first[value], second[value]);
            levels[value] = (int8_t)filterfront_within(level, step->output.low, step->output.high);
        }
        return;
    }
#endif
    filterfront_add(step, first, second, output);
}
