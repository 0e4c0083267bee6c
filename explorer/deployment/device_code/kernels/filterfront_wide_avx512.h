/* Rows of places with AVX-512, of one tile or of a pair. */
#ifndef FILTERFRONT_WIDE_AVX512_H
#define FILTERFRONT_WIDE_AVX512_H

#include "filterfront_wide.h"

#if defined(FILTERFRONT_X86)
void filterfront_wide_avx512_words(const filterfront_strip_t *row, const uint8_t *values, const uint8_t *tile, int32_t places,
                                   int32_t lanes, int8_t *levels, int32_t *sums);
void filterfront_wide_avx512_bytes(const filterfront_strip_t *row, const uint8_t *values, const uint8_t *tile, int32_t places,
                                   int32_t lanes, int8_t *levels, int32_t *sums);
void filterfront_wide_avx512_pair_words(const filterfront_strip_t *row, const uint8_t *values, const uint8_t *tile, int32_t places,
                                        int32_t lanes, int8_t *levels, int32_t *sums);
void filterfront_wide_avx512_pair_bytes(const filterfront_strip_t *row, const uint8_t *values, const uint8_t *tile, int32_t places,
                                        int32_t lanes, int8_t *levels, int32_t *sums);
#endif

#endif
