#include "filterfront_dense.h"

/* Codes of 8 bits, which are bytes. */
static void read_bytes(const filterfront_dense_t *dense, const uint8_t *codes, int16_t *filter)
{
    for (int32_t member = 0; member < dense->members; ++member, ++filter) {
        int16_t *to = filter;
        for (int32_t tap = 0; tap < dense->taps; ++tap, to += dense->members) {
            *to = (int16_t)((*codes++ - 128 + (1 << dense->shift >> 1)) >> dense->shift);
        }
    }
}

/* Codes: each is its rank times a factor, plus what the lowest is. */
static void read_codes(const filterfront_dense_t *dense, filterfront_reader_t reader, int16_t *filter)
{
    const int32_t width = dense->weights.width;
    const int32_t shift = dense->shift;
    const int32_t factor = width <= 2 ? 2 : 1;
    const int32_t lowest = (width <= 2 ? 1 - ((int32_t)1 << width) : -((int32_t)1 << (width - 1))) + (1 << shift >> 1);

    for (int32_t member = 0; member < dense->members; ++member, ++filter) {
        int16_t *to = filter;
        for (int32_t tap = 0; tap < dense->taps; ++tap, to += dense->members) {
            *to = (int16_t)(((int32_t)filterfront_take(&reader, width) * factor + lowest) >> shift);
        }
    }
}

uint32_t filterfront_dense_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work)
{
    const filterfront_dense_t *const dense = (const filterfront_dense_t *)form;
    const int32_t weights = dense->members * dense->taps;
    const uint32_t first = (uint32_t)channel * (uint32_t)weights;
    filterfront_reader_t reader = filterfront_numbers_at(&dense->weights, first);

    (void)work;
    if (dense->weights.width == 8 && (dense->weights.start & 7U) == 0U) {
        read_bytes(dense, dense->weights.stream + (dense->weights.start >> 3) + first, filter);
    } else if (dense->weights.width <= 16) {
        read_codes(dense, reader, filter);
    } else {
        filterfront_walk_t walk = filterfront_walk_from(0, dense->members, dense->taps);
        for (int32_t index = 0; index < weights; ++index) {
            const int32_t value = filterfront_number(&reader, &dense->weights);
            filter[filterfront_next_place(&walk)] = filterfront_without_bits(value, dense->shift);
        }
    }
    return cursor;
}
