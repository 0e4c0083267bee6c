/* Weights of -1, 0 and 1: five of them in a byte, as digits of base 3, or one in two bits. */
#ifndef FILTERFRONT_TERNARY_H
#define FILTERFRONT_TERNARY_H

#include "filterfront_streams.h"

typedef struct {
    const uint8_t *stream;
    uint32_t start; /* bit of the first */
    int32_t group;  /* weights in a number: 5 or 1 */
    int32_t members; /* channels of a filter */
    int32_t taps;
    int32_t shift; /* bits that weights lose */
} filterfront_ternary_t;

uint32_t filterfront_ternary_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work);

#endif
