#include "filterfront_dense.h"

/* Codes of 8 bits, which are bytes. */
static void read_bytes(const filterfront_dense_t *dense, const uint8_t *codes, int16_t *filter)
{
    const filterfront_span_t span = filterfront_span_of(dense->members, dense->members, dense->taps);
    const int32_t shift = dense->shift;
    const int32_t lowest = (1 << shift >> 1) - 128;

    for (int32_t row = 0; row < span.rows; ++row, ++filter) {
        int16_t *to = filter;
        for (int32_t left = span.length; left > 0; --left, to += span.step) {
            *to = (int16_t)((*codes++ + lowest) >> shift);
        }
    }
}

static void read_codes(const filterfront_dense_t *dense, filterfront_reader_t reader, int16_t *filter)
{
    const filterfront_span_t span = filterfront_span_of(dense->members, dense->members, dense->taps);
    const int32_t width = dense->weights.width;
    const int32_t shift = dense->shift;
    const int32_t factor = filterfront_code_factor(width);
    const int32_t lowest = filterfront_lowest_code(width) + (1 << shift >> 1);

    for (int32_t row = 0; row < span.rows; ++row, ++filter) {
        int16_t *to = filter;
        for (int32_t left = span.length; left > 0; --left, to += span.step) {
            *to = (int16_t)(((int32_t)filterfront_take(&reader, width) * factor + lowest) >> shift);
        }
    }
}

uint32_t filterfront_dense_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work)
{
    const filterfront_dense_t *const dense = (const filterfront_dense_t *)form;
    const uint32_t first = (uint32_t)channel * (uint32_t)(dense->members * dense->taps);

    (void)work;
    if (dense->weights.width == 8 && (dense->weights.start & 7U) == 0U) {
        read_bytes(dense, dense->weights.stream + (dense->weights.start >> 3) + first, filter);
    } else {
        read_codes(dense, filterfront_numbers_at(&dense->weights, first), filter);
    }
    return cursor;
}
