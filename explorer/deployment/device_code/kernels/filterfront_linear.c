#include "filterfront_linear.h"

uint32_t filterfront_linear_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work)
{
    const filterfront_linear_t *const linear = (const filterfront_linear_t *)form;
    const uint32_t kernel = (uint32_t)channel * (uint32_t)linear->members;
    filterfront_reader_t indices =
        filterfront_read_at(linear->index, linear->index_start + kernel * (uint32_t)linear->index_width);
    filterfront_reader_t factors = filterfront_numbers_at(&linear->a, kernel);
    filterfront_reader_t offsets = filterfront_numbers_at(&linear->b, kernel);

    (void)work;
    for (int32_t member = 0; member < linear->members; ++member) {
        const uint32_t index = filterfront_take(&indices, linear->index_width);
        const int64_t factor = (int64_t)filterfront_number(&factors, &linear->a) * linear->alpha;
        const int64_t offset = linear->has_b ? (int64_t)filterfront_number(&offsets, &linear->b) * linear->beta : 0;
        filterfront_reader_t values = filterfront_numbers_at(&linear->templates, index * (uint32_t)linear->taps);
        for (int32_t tap = 0; tap < linear->taps; ++tap) {
            const int64_t value = factor * filterfront_number(&values, &linear->templates) + offset;
            filter[tap * linear->members + member] = filterfront_without_bits(value, linear->shift);
        }
    }
    return cursor;
}
