#include "filterfront_sparse_basis.h"

/* A coefficient that is not zero, and the first value of its basis filter. */
typedef struct {
    int32_t coefficient;
    uint32_t first;
} entry_t;

/* The entries of a segment; returns how many there are, and counts those that are stored. */
static int32_t read_entries(const filterfront_sparse_basis_t *form, int32_t channel, int32_t segment, uint32_t *cursor,
                            entry_t *entries)
{
    const uint32_t bank = (uint32_t)(channel / form->group_outputs) * (uint32_t)form->rows.places;
    const uint32_t weights = (uint32_t)(form->members / form->segments * form->taps);
    const uint32_t index = (uint32_t)channel * (uint32_t)form->segments + (uint32_t)segment;
    filterfront_row_t row = filterfront_row(&form->rows, index, *cursor);
    filterfront_reader_t reader = filterfront_numbers_at(&form->coefficients, *cursor);
    int32_t count = 0;

    for (int32_t place; (place = filterfront_next_value(&form->rows, &row)) >= 0; ++*cursor) {
        int32_t value = filterfront_number(&reader, &form->coefficients);
        if (form->has_scales) {
            filterfront_reader_t scale = filterfront_numbers_at(&form->scales, bank + (uint32_t)place);
            value *= filterfront_number(&scale, &form->scales);
        }
        if (value != 0) {
            entries[count].coefficient = value;
            entries[count++].first = (bank + (uint32_t)place) * weights;
        }
    }
    return count;
}

uint32_t filterfront_sparse_basis_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter,
                                         void *work)
{
    const filterfront_sparse_basis_t *const sparse = (const filterfront_sparse_basis_t *)form;
    const int32_t segment_members = sparse->members / sparse->segments;
    entry_t *const entries = (entry_t *)work;

    for (int32_t segment = 0; segment < sparse->segments; ++segment) {
        const int32_t count = read_entries(sparse, channel, segment, &cursor, entries);
        filterfront_walk_t walk = filterfront_walk_from(segment * segment_members, sparse->members, sparse->taps);
        for (int32_t index = 0; index < segment_members * sparse->taps; ++index) {
            int64_t sum = 0;
            for (int32_t entry = 0; entry < count; ++entry) {
                filterfront_reader_t values =
                    filterfront_numbers_at(&sparse->basis, entries[entry].first + (uint32_t)index);
                sum += (int64_t)entries[entry].coefficient * filterfront_number(&values, &sparse->basis);
            }
            filter[filterfront_next_place(&walk)] = filterfront_without_bits(sum, sparse->shift);
        }
    }
    return cursor;
}
