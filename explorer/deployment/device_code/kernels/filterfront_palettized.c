#include "filterfront_palettized.h"

enum { MOST_VALUES = 16 };

uint32_t filterfront_palettized_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work)
{
    const filterfront_palettized_t *const palettized = (const filterfront_palettized_t *)form;
    const int32_t weights = palettized->members * palettized->taps;
    const uint32_t first = (uint32_t)channel * (uint32_t)weights;
    const uint32_t palette = (uint32_t)(channel / palettized->palette_filters) << palettized->index_width;
    filterfront_reader_t values = filterfront_numbers_at(&palettized->palette, palette);
    filterfront_reader_t indices =
        filterfront_read_at(palettized->index, palettized->index_start + first * (uint32_t)palettized->index_width);
    const filterfront_span_t span = filterfront_span_of(palettized->members, palettized->members, palettized->taps);
    const int32_t width = palettized->index_width;
    int16_t known[MOST_VALUES];

    (void)work;
    for (int32_t value = 0; value < (int32_t)1 << palettized->index_width; ++value) {
        known[value] =
            filterfront_without_bits(filterfront_number(&values, &palettized->palette), palettized->shift);
    }
    for (int32_t row = 0; row < span.rows; ++row, ++filter) {
        int16_t *to = filter;
        for (int32_t left = span.length; left > 0; --left, to += span.step) {
            *to = known[filterfront_take(&indices, width)];
        }
    }
    return cursor;
}
