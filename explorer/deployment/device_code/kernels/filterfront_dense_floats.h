/* Every weight stored as a float. */
#ifndef FILTERFRONT_DENSE_FLOATS_H
#define FILTERFRONT_DENSE_FLOATS_H

#include "filterfront_streams.h"

typedef struct {
    filterfront_numbers_t weights;
    int32_t members; /* channels of a filter */
    int32_t taps;
    int32_t shift; /* bits that weights lose */
} filterfront_dense_floats_t;

uint32_t filterfront_dense_floats_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter,
                                         void *work);

#endif
