#include "filterfront_dense_zeros.h"

uint32_t filterfront_dense_zeros_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work)
{
    const filterfront_dense_zeros_t *const dense = (const filterfront_dense_zeros_t *)form;
    const filterfront_span_t span = filterfront_span_of(dense->members, dense->members, dense->taps);
    const int32_t width = dense->weights.width;
    const int32_t shift = dense->shift;
    const int32_t factor = filterfront_code_factor(width);
    filterfront_reader_t zeros = filterfront_numbers_at(&dense->zeros, (uint32_t)(channel * dense->each));
    filterfront_reader_t codes =
        filterfront_numbers_at(&dense->weights, (uint32_t)channel * (uint32_t)(dense->members * dense->taps));
    const int32_t lowest =
        filterfront_lowest_code(width) - filterfront_number(&zeros, &dense->zeros) + (1 << shift >> 1);

    (void)work;
    for (int32_t row = 0; row < span.rows; ++row, ++filter) {
        int16_t *to = filter;
        for (int32_t left = span.length; left > 0; --left, to += span.step) {
            *to = (int16_t)(((int32_t)filterfront_take(&codes, width) * factor + lowest) >> shift);
        }
    }
    return cursor;
}
