/* N of every M consecutive channels kept at each tap, the rest zero. */
#ifndef FILTERFRONT_NM_SPARSE_H
#define FILTERFRONT_NM_SPARSE_H

#include "filterfront_streams.h"

typedef struct {
    filterfront_numbers_t weights;
    const uint8_t *index;
    uint32_t start;        /* bit of the first group */
    int32_t width;         /* of a number of the index */
    int32_t numbers;       /* of a group: its combination, or as many places as are kept */
    int32_t kept;          /* N */
    int32_t group;         /* M, at most 16 */
    uint32_t combinations; /* that do not take the last place of a group: C(M - 1, N) */
    int32_t members;       /* channels of a filter */
    int32_t taps;
    int32_t shift; /* bits that weights lose */
} filterfront_nm_sparse_t;

uint32_t filterfront_nm_sparse_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work);

#endif
