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
        filterfront_walk_t walk =
            filterfront_walk_from(segment * segment_members, stacked->members, stacked->taps);
        for (int32_t index = 0; index < weights; ++index) {
            const int32_t value = scale * filterfront_number(&values, &stacked->bank);
            filter[filterfront_next_place(&walk)] = filterfront_without_bits(value, stacked->shift);
        }
    }
    return cursor;
}
