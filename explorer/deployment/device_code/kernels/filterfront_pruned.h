/* Some weights kept, the rest zero. */
#ifndef FILTERFRONT_PRUNED_H
#define FILTERFRONT_PRUNED_H

#include "filterfront_rows.h"

typedef struct {
    filterfront_numbers_t weights;
    filterfront_rows_t rows;
    int32_t members; /* channels of a filter */
    int32_t taps;
    int32_t shift; /* bits that weights lose */
} filterfront_pruned_t;

uint32_t filterfront_pruned_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work);

#endif
