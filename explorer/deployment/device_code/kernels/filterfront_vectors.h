/* Vectors of weights as codewords: one, or alpha times one of the first codebook plus beta times one of the second. */
#ifndef FILTERFRONT_VECTORS_H
#define FILTERFRONT_VECTORS_H

#include "filterfront_streams.h"

typedef struct {
    filterfront_numbers_t codebook;
    int32_t codewords; /* of a codebook */
    int32_t codebooks; /* 1 or 2 */
    int32_t alpha;
    int32_t beta;
    const uint8_t *index;
    uint32_t index_start;
    int32_t index_width;
    int32_t filters; /* of the layer */
    int32_t segments;
    int32_t members; /* channels of a filter */
    int32_t taps;
    int32_t shift; /* bits that weights lose */
} filterfront_vectors_t;

uint32_t filterfront_vectors_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work);

#endif
