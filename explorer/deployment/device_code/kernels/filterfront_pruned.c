#include "filterfront_pruned.h"

uint32_t filterfront_pruned_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work)
{
    const filterfront_pruned_t *const pruned = (const filterfront_pruned_t *)form;
    filterfront_row_t row = filterfront_row(&pruned->rows, (uint32_t)channel, cursor);
    filterfront_reader_t reader = filterfront_numbers_at(&pruned->weights, cursor);

    (void)work;
    for (int32_t place = 0; place < pruned->members * pruned->taps; ++place) {
        filter[place] = 0;
    }
    for (int32_t place; (place = filterfront_next_value(&pruned->rows, &row)) >= 0; ++cursor) {
        const int32_t value = filterfront_number(&reader, &pruned->weights);
        const int32_t member = place / pruned->taps;
        const int32_t tap = place - member * pruned->taps;
        filter[tap * pruned->members + member] = filterfront_without_bits(value, pruned->shift);
    }
    return cursor;
}
