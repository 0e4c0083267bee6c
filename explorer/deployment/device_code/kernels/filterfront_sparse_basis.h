/* Filters that are sparse combinations of shared ones, segment by segment. */
#ifndef FILTERFRONT_SPARSE_BASIS_H
#define FILTERFRONT_SPARSE_BASIS_H

#include "filterfront_rows.h"

typedef struct {
    filterfront_numbers_t basis;
    filterfront_numbers_t coefficients;
    filterfront_numbers_t scales;
    int32_t has_scales; /* one for every basis filter, multiplied into the coefficients */
    filterfront_rows_t rows; /* one a segment of a filter */
    int32_t is_wide; /* whether sums of products need 64 bits */
    int32_t segments;
    int32_t group_outputs;
    int32_t members; /* channels of a filter */
    int32_t taps;
    int32_t shift; /* bits that weights lose */
} filterfront_sparse_basis_t;

uint32_t filterfront_sparse_basis_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter,
                                         void *work);

#endif
