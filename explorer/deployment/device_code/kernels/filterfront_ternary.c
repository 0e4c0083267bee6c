#include "filterfront_ternary.h"

uint32_t filterfront_ternary_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work)
{
    const filterfront_ternary_t *const ternary = (const filterfront_ternary_t *)form;
    const filterfront_span_t span = filterfront_span_of(ternary->members, ternary->members, ternary->taps);
    const int32_t shift = ternary->shift;
    const int32_t lowest = (1 << shift >> 1) - 1;
    const int32_t group = ternary->group;
    const int32_t width = group == 1 ? 2 : 8;
    const uint32_t first = (uint32_t)channel * (uint32_t)(ternary->members * ternary->taps);
    const uint32_t number = first / (uint32_t)group;
    filterfront_reader_t reader = filterfront_read_at(ternary->stream, ternary->start + number * (uint32_t)width);
    uint32_t digits = filterfront_take(&reader, width);
    int32_t left = group; /* digits of the number that are still to come */

    (void)work;
    for (uint32_t passed = first - number * (uint32_t)group; passed > 0; --passed) {
        digits /= 3U; /* the filter begins within a number */
        --left;
    }
    for (int32_t row = 0; row < span.rows; ++row, ++filter) {
        int16_t *to = filter;
        for (int32_t more = span.length; more > 0; --more, to += span.step) {
            if (left == 0) {
                digits = filterfront_take(&reader, width);
                left = group;
            }
            const uint32_t rest = digits / 3U;
            *to = (int16_t)(((int32_t)(digits - 3U * rest) + lowest) >> shift);
            digits = rest;
            --left;
        }
    }
    return cursor;
}
