/* Rows of places by AVX-512 with VNNI: a vector holds the sums of a tile at one place, and a unit is multiplied at once. */
#include "filterfront_wide_avx512.h"

#if defined(FILTERFRONT_X86)
#include <immintrin.h>

#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define WITHIN WITH_AVX512 __attribute__((always_inline)) static inline

/* A unit of values in every lane. */
WITHIN __m512i unit_at(const uint8_t *values)
{
    int32_t unit;

    (void)memcpy(&unit, values, sizeof unit);
    return _mm512_set1_epi32(unit);
}

/* Products of bytes, or of halfwords; assembly keeps the sum in its register. */
WITHIN __m512i add_bytes(__m512i sum, __m512i unit, __m512i codes)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(unit), "v"(codes));
    return sum;
}

WITHIN __m512i add_words(__m512i sum, __m512i unit, __m512i codes)
{
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(unit), "v"(codes));
    return sum;
}

/* Writes the levels of a tile's sums, or the sums. */
WITHIN void write_tile(const filterfront_strip_t *row, const uint8_t *tile, __m512i found, int32_t lanes, int8_t *levels,
                       int32_t *sums)
{
    const filterfront_tile_t *const own = (const filterfront_tile_t *)(const void *)tile;
    const __m512i factor = _mm512_loadu_si512(own->factor);

    if (sums != NULL) {
        _mm512_storeu_si512(sums, found);
        return;
    }
    __m512i even = _mm512_add_epi64(_mm512_mul_epi32(found, factor), _mm512_loadu_si512(own->bias));
    const __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(found, 32), _mm512_srli_epi64(factor, 32)),
                                         _mm512_loadu_si512(own->bias + FILTERFRONT_LANES / 2));
    even = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd); /* the upper words */
    even = _mm512_srav_epi32(even, _mm512_loadu_si512(own->shift));
    even = _mm512_max_epi32(_mm512_set1_epi32(row->low), _mm512_min_epi32(_mm512_set1_epi32(row->high), even));
    _mm_mask_storeu_epi8(levels, (__mmask16)((1U << lanes) - 1U), _mm512_cvtepi32_epi8(even));
}

#define EACH_1(do) do(0)
#define EACH_2(do) EACH_1(do) do(1)
#define EACH_4(do) EACH_2(do) do(2) do(3)
#define EACH_8(do) EACH_4(do) do(4) do(5) do(6) do(7)
#define EACH_16(do) EACH_8(do) do(8) do(9) do(10) do(11) do(12) do(13) do(14) do(15)

#define BEGIN_ONE(place) __m512i one_##place = first;
#define BEGIN_TWO(place) __m512i one_##place = first, two_##place = second;
#define ADD_ONE(place) one_##place = DOT(one_##place, unit_at(from + place * step), codes);
#define ADD_TWO(place)                                                                                                 \
    {                                                                                                                  \
        const __m512i unit = unit_at(from + place * step);                                                             \
        one_##place = DOT(one_##place, unit, codes);                                                                   \
        two_##place = DOT(two_##place, unit, others);                                                                  \
    }
#define LIST_ONE(place) one_##place,
#define LIST_TWO(place) one_##place, two_##place,

/* Every unit under the windows of some places. */
#define OVER_UNITS(add)                                                                                                \
    for (int32_t y = 0; y < row->kernel_height; ++y) {                                                                 \
        for (int32_t run = 0; run < row->runs; ++run) {                                                                \
            const uint8_t *from = values + y * row->row_step + run * row->run_step;                                    \
            for (int32_t unit_left = row->run_units; unit_left > 0; --unit_left, from += FILTERFRONT_UNIT_BYTES) {     \
                add                                                                                                    \
            }                                                                                                          \
        }                                                                                                              \
    }

#define ONE_TILE(each)                                                                                                 \
    {                                                                                                                  \
        const uint8_t *weights = tile + sizeof(filterfront_tile_t);                                                    \
        each(BEGIN_ONE) OVER_UNITS(const __m512i codes = _mm512_loadu_si512(weights); weights += 64; each(ADD_ONE))    \
            const __m512i found[] = {each(LIST_ONE)};                                                                  \
        for (size_t place = 0; place < sizeof found / sizeof *found; ++place) {                                        \
            write_tile(row, tile, found[place], lanes, levels, sums);                                                  \
            levels = sums != NULL ? levels : levels + row->output_step;                                                \
            sums = sums != NULL ? sums + FILTERFRONT_LANES : NULL;                                                     \
        }                                                                                                              \
    }

#define TWO_TILES(each)                                                                                                \
    {                                                                                                                  \
        const uint8_t *weights = tile + sizeof(filterfront_tile_t);                                                    \
        each(BEGIN_TWO) OVER_UNITS(const __m512i codes = _mm512_loadu_si512(weights);                                  \
                                   const __m512i others = _mm512_loadu_si512(weights + row->tile_bytes);               \
                                   weights += 64; each(ADD_TWO)) const __m512i found[] = {each(LIST_TWO)};             \
        for (size_t place = 0; place < sizeof found / sizeof *found; place += 2, levels += row->output_step) {         \
            write_tile(row, tile, found[place], FILTERFRONT_LANES, levels, NULL);                                      \
            write_tile(row, tile + row->tile_bytes, found[place + 1], lanes, levels + FILTERFRONT_LANES, NULL);        \
        }                                                                                                              \
    }

#define FOR_PLACES(count, block)                                                                                       \
    for (; places >= (count); places -= (count), values += (count) * step) {                                           \
        block                                                                                                          \
    }

#define ROW(name)                                                                                                      \
    WITH_AVX512 void name(const filterfront_strip_t *row, const uint8_t *values, const uint8_t *tile, int32_t places,    \
                          int32_t lanes, int8_t *levels, int32_t *sums)                                                \
    {                                                                                                                  \
        const int32_t step = row->place_step;                                                                          \
        const __m512i first = _mm512_loadu_si512(tile);                                                                \
        FOR_PLACES(16, ONE_TILE(EACH_16))                                                                              \
        FOR_PLACES(8, ONE_TILE(EACH_8))                                                                                \
        FOR_PLACES(4, ONE_TILE(EACH_4))                                                                                \
        FOR_PLACES(1, ONE_TILE(EACH_1))                                                                                \
    }

#define ROW_OF_PAIRS(name)                                                                                             \
    WITH_AVX512 void name(const filterfront_strip_t *row, const uint8_t *values, const uint8_t *tile, int32_t places,    \
                          int32_t lanes, int8_t *levels, int32_t *sums)                                                \
    {                                                                                                                  \
        const int32_t step = row->place_step;                                                                          \
        const __m512i first = _mm512_loadu_si512(tile);                                                                \
        const __m512i second = _mm512_loadu_si512(tile + row->tile_bytes);                                             \
        (void)sums;                                                                                                    \
        FOR_PLACES(8, TWO_TILES(EACH_8))                                                                               \
        FOR_PLACES(4, TWO_TILES(EACH_4))                                                                               \
        FOR_PLACES(1, TWO_TILES(EACH_1))                                                                               \
    }

#define DOT add_bytes
ROW(filterfront_wide_avx512_bytes)
ROW_OF_PAIRS(filterfront_wide_avx512_pair_bytes)
#undef DOT
#define DOT add_words
ROW(filterfront_wide_avx512_words)
ROW_OF_PAIRS(filterfront_wide_avx512_pair_words)

#else
typedef int filterfront_no_avx512; /* a source of C has a declaration at least */
#endif
