#include "filterfront_ternary.h"

uint32_t filterfront_ternary_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work)
{
    const filterfront_ternary_t *const ternary = (const filterfront_ternary_t *)form;
    const int32_t weights = ternary->members * ternary->taps;
    const int32_t width = ternary->group == 1 ? 2 : 8;
    const uint32_t first = (uint32_t)channel * (uint32_t)weights;
    const uint32_t number = first / (uint32_t)ternary->group;
    filterfront_reader_t reader = filterfront_read_at(ternary->stream, ternary->start + number * (uint32_t)width);
    filterfront_walk_t walk = filterfront_walk_from(0, ternary->members, ternary->taps);
    uint32_t digits = 0;
    int32_t left = 0; /* digits of the number that are still to come */

    (void)work;
    /* The filter may begin within a number. */
    for (int32_t index = -(int32_t)(first - number * (uint32_t)ternary->group); index < weights; ++index) {
        if (left == 0) {
            digits = filterfront_take(&reader, width);
            left = ternary->group;
        }
        const uint32_t rest = ternary->group == 1 ? 0U : digits / 3U;
        const int32_t value = (int32_t)(digits - 3U * rest) - 1;
        digits = rest;
        --left;
        if (index >= 0) {
            filter[filterfront_next_place(&walk)] = filterfront_without_bits(value, ternary->shift);
        }
    }
    return cursor;
}
