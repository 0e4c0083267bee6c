#include "filterfront_stacked.h"

static int32_t selected(const filterfront_stacked_t *stacked, filterfront_reader_t *reader)
{
    int32_t choice = 0;

    if (stacked->selection_parts == 1) {
        return (int32_t)filterfront_take(reader, stacked->selection_width);
    }
    for (int32_t part = 0; part < stacked->selection_parts; ++part) {
        if (filterfront_take(reader, 1) != 0U) {
            choice = part;
        }
    }
    return choice;
}

/* Codes of a shared filter, from the reader's place on, times a scale. */
static void read_codes(const filterfront_stacked_t *stacked, filterfront_reader_t reader, int32_t scale,
                       filterfront_span_t span, int16_t *filter)
{
    const int32_t width = stacked->bank.width;
    const int32_t shift = stacked->shift;
    const int32_t factor = scale * filterfront_code_factor(width);
    const int32_t lowest = scale * filterfront_lowest_code(width);

    for (int32_t row = 0; row < span.rows; ++row, ++filter) {
        int16_t *to = filter;
        for (int32_t left = span.length; left > 0; --left, to += span.step) {
            const int32_t value = (int32_t)filterfront_take(&reader, width) * factor + lowest;
            *to = filterfront_without_bits(value, shift);
        }
    }
}

uint32_t filterfront_stacked_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work)
{
    const filterfront_stacked_t *const stacked = (const filterfront_stacked_t *)form;
    const int32_t segment_members = stacked->members / stacked->segments;
    const int32_t weights = segment_members * stacked->taps;
    const uint32_t slot = (uint32_t)channel * (uint32_t)stacked->segments;
    const uint32_t slot_bits = (uint32_t)(stacked->selection_width * stacked->selection_parts);
    const int32_t group = channel / stacked->group_outputs;
    filterfront_reader_t choices = filterfront_read_at(stacked->selection, stacked->selection_start + slot * slot_bits);
    filterfront_reader_t scales = filterfront_numbers_at(&stacked->scales, stacked->has_scales ? slot : 0U);

    (void)work;
    for (int32_t segment = 0; segment < stacked->segments; ++segment) {
        const int32_t choice = group * stacked->bank_filters + selected(stacked, &choices);
        const int32_t scale = stacked->has_scales ? filterfront_number(&scales, &stacked->scales) : 1;
        filterfront_reader_t values = filterfront_numbers_at(&stacked->bank, (uint32_t)choice * (uint32_t)weights);
        if (stacked->bank.width <= 16) {
            const filterfront_span_t span = filterfront_span_of(segment_members, stacked->members, stacked->taps);
            read_codes(stacked, values, scale, span, filter + segment * segment_members);
            continue;
        }
        filterfront_walk_t walk =
            filterfront_walk_from(segment * segment_members, stacked->members, stacked->taps);
        for (int32_t index = 0; index < weights; ++index) {
            const int32_t value = scale * filterfront_number(&values, &stacked->bank);
            filter[filterfront_next_place(&walk)] = filterfront_without_bits(value, stacked->shift);
        }
    }
    return cursor;
}
