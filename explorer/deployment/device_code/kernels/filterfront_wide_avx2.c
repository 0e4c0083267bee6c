/* Rows of places by AVX2: two vectors hold the sums of a tile at one place. */
#include "filterfront_wide_avx2.h"

#if defined(FILTERFRONT_X86)

/* A unit of values in every lane. */
FILTERFRONT_WITHIN_AVX2 __m256i unit_at(const uint8_t *values)
{
    int32_t unit;

    (void)memcpy(&unit, values, sizeof unit);
    return _mm256_set1_epi32(unit);
}

FILTERFRONT_WITHIN_AVX2 __m256i add_words(__m256i sum, __m256i unit, __m256i codes)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(unit, codes));
}

/* Two products of bytes fit 16 bits: weights are at most 64. */
FILTERFRONT_WITHIN_AVX2 __m256i add_bytes(__m256i sum, __m256i unit, __m256i codes)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(unit, codes), _mm256_set1_epi16(1)));
}

FILTERFRONT_WITH_AVX2 int32_t filterfront_wide_avx2_unpack(const int8_t *from, int32_t count, int32_t zero, int16_t *to)
{
    const __m256i less = _mm256_set1_epi16((int16_t)zero);
    int32_t value = 0;

    for (; value + 16 <= count; value += 16) {
        const __m128i levels = _mm_loadu_si128((const __m128i *)(const void *)(from + value));
        const __m256i words = _mm256_sub_epi16(_mm256_cvtepi8_epi16(levels), less);
        _mm256_storeu_si256((__m256i *)(void *)(to + value), words);
    }
    return value;
}

#define EACH_1(do) do(0)
#define EACH_4(do) do(0) do(1) do(2) do(3)

#define BEGIN(place) __m256i lower_##place = first, upper_##place = second;
#define ADD(place)                                                                                                     \
    {                                                                                                                  \
        const __m256i unit = unit_at(from + place * step);                                                             \
        lower_##place = DOT(lower_##place, unit, codes);                                                               \
        upper_##place = DOT(upper_##place, unit, others);                                                              \
    }
#define END(place)                                                                                                     \
    filterfront_write_avx2(row, tile, lower_##place, upper_##place, lanes, levels, sums);                                          \
    levels = sums != NULL ? levels : levels + row->output_step;                                                        \
    sums = sums != NULL ? sums + FILTERFRONT_LANES : NULL;

#define FOR_PLACES(count, each)                                                                                        \
    for (; places >= (count); places -= (count), values += (count) * step) {                                           \
        const uint8_t *weights = tile + sizeof(filterfront_tile_t);                                                    \
        each(BEGIN) for (int32_t y = 0; y < row->kernel_height; ++y)                                                   \
        {                                                                                                              \
            for (int32_t run = 0; run < row->runs; ++run) {                                                            \
                const uint8_t *from = values + y * row->row_step + run * row->run_step;                                \
                for (int32_t left = row->run_units; left > 0; --left, from += FILTERFRONT_UNIT_BYTES) {                \
                    const __m256i codes = filterfront_load(weights);                                                               \
                    const __m256i others = filterfront_load(weights + 32);                                                         \
                    weights += 64;                                                                                     \
                    each(ADD)                                                                                          \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        each(END)                                                                                                      \
    }

#define ROW(name)                                                                                                      \
    FILTERFRONT_WITH_AVX2 void name(const filterfront_strip_t *row, const uint8_t *values, const uint8_t *tile, int32_t places,      \
                        int32_t lanes, int8_t *levels, int32_t *sums)                                                  \
    {                                                                                                                  \
        const int32_t step = row->place_step;                                                                          \
        const __m256i first = filterfront_load(tile);                                                                              \
        const __m256i second = filterfront_load(tile + 32);                                                                        \
        FOR_PLACES(4, EACH_4)                                                                                          \
        FOR_PLACES(1, EACH_1)                                                                                          \
    }

#define DOT add_words
ROW(filterfront_wide_avx2_words)
#undef DOT
#define DOT add_bytes
ROW(filterfront_wide_avx2_bytes)

#else
typedef int filterfront_no_avx2; /* a source of C has a declaration at least */
#endif
