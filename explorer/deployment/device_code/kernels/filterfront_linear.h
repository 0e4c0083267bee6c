/* Kernels a * template + b: a template's values times alpha * a, plus beta * b. */
#ifndef FILTERFRONT_LINEAR_H
#define FILTERFRONT_LINEAR_H

#include "filterfront_streams.h"

typedef struct {
    filterfront_numbers_t templates;
    filterfront_numbers_t a;
    filterfront_numbers_t b;
    int32_t has_b;
    int32_t alpha;
    int32_t beta;
    const uint8_t *index;
    uint32_t index_start;
    int32_t index_width;
    int32_t members; /* channels of a filter */
    int32_t taps;
    int32_t shift; /* bits that weights lose */
} filterfront_linear_t;

uint32_t filterfront_linear_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work);

#endif
