/*
 * Columns: values less their zero point as halfwords, in pairs of values that two codes 16 bits apart belong to. A
 * group is as many values as a word has codes; each pair of a column lies `step` halfwords behind the one before.
 */
#ifndef FILTERFRONT_COLUMNS_H
#define FILTERFRONT_COLUMNS_H

#include "filterfront_kernels.h"

/* Values as one of four columns; half is how many pairs a group has. Returns where the next ones lie. */
int16_t *filterfront_unpack(const int8_t *values, int32_t count, int32_t half, int32_t zero, int16_t *column);

/* Zeros in the place of values. */
static inline int16_t *filterfront_clear(int16_t *column, int32_t count)
{
    for (; count > 0; count -= 2, column += 8) {
        column[0] = 0;
        column[1] = 0;
    }
    return column;
}

/* The sum of a column of so many values. */
static inline int32_t filterfront_column_sum(const int16_t *column, int32_t count)
{
    int32_t sum = 0;

#if defined(FILTERFRONT_DSP)
    for (; count > 0; count -= 4, column += 16) {
        int32_t first;
        int32_t second;
        (void)memcpy(&first, column, 4);
        (void)memcpy(&second, column + 8, 4);
        sum = __smlad(first, 0x10001, sum);
        sum = __smlad(second, 0x10001, sum);
    }
#else
    for (; count > 0; count -= 2, column += 8) {
        sum += column[0] + column[1];
    }
#endif
    return sum;
}

#endif
