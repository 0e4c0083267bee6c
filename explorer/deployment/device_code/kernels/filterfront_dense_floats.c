#include "filterfront_dense_floats.h"

uint32_t filterfront_dense_floats_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter,
                                         void *work)
{
    const filterfront_dense_floats_t *const dense = (const filterfront_dense_floats_t *)form;
    const int32_t weights = dense->members * dense->taps;
    filterfront_reader_t reader = filterfront_numbers_at(&dense->weights, (uint32_t)channel * (uint32_t)weights);
    filterfront_walk_t walk = filterfront_walk_from(0, dense->members, dense->taps);

    (void)work;
    for (int32_t index = 0; index < weights; ++index) {
        const int32_t value = filterfront_number(&reader, &dense->weights);
        filter[filterfront_next_place(&walk)] = filterfront_without_bits(value, dense->shift);
    }
    return cursor;
}
