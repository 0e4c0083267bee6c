/* Every weight stored as a code, and a zero point that is taken off the codes of a filter. */
#ifndef FILTERFRONT_DENSE_ZEROS_H
#define FILTERFRONT_DENSE_ZEROS_H

#include "filterfront_streams.h"

typedef struct {
    filterfront_numbers_t weights;
    filterfront_numbers_t zeros;
    int32_t each; /* 1 where each filter has a zero point, 0 where the layer has one */
    int32_t members; /* channels of a filter */
    int32_t taps;
    int32_t shift; /* bits that weights lose */
} filterfront_dense_zeros_t;

uint32_t filterfront_dense_zeros_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work);

#endif
