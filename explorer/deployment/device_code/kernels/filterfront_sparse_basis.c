#include "filterfront_sparse_basis.h"

enum { BLOCK = 32 }; /* values of a filter that are summed up at once, on the stack */
enum { BITS = 16 };  /* that are read at once */

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

/* Adds a coefficient times the values of a basis filter from the reader's place on; the sums fit 32 bits. */
static void add_values(const filterfront_numbers_t *basis, filterfront_reader_t reader, int32_t coefficient,
                       int32_t *sums, int32_t count)
{
    if (basis->width <= 8 && BITS % basis->width == 0) { /* as many codes at a time as there are in so many bits */
        const int32_t width = basis->width;
        const int32_t many = BITS / width;
        const uint32_t mask = ((uint32_t)1 << width) - 1U;
        const int32_t factor = coefficient * filterfront_code_factor(width);
        const int32_t lowest = coefficient * filterfront_lowest_code(width);
        for (int32_t first = 0; first < count; first += many) {
            const int32_t end = count - first < many ? count : first + many;
            uint32_t bits = filterfront_take(&reader, (end - first) * width);
            for (int32_t index = first; index < end; ++index, bits >>= width) {
                sums[index] += factor * (int32_t)(bits & mask) + lowest;
            }
        }
        return;
    }
    for (int32_t index = 0; index < count; ++index) {
        sums[index] += coefficient * filterfront_number(&reader, basis);
    }
}

/* One value of a filter, whose sum may need 64 bits. */
static int64_t wide_value(const filterfront_sparse_basis_t *form, const entry_t *entries, int32_t count, uint32_t index)
{
    int64_t sum = 0;

    for (int32_t entry = 0; entry < count; ++entry) {
        filterfront_reader_t reader = filterfront_numbers_at(&form->basis, entries[entry].first + index);
        sum += (int64_t)entries[entry].coefficient * filterfront_number(&reader, &form->basis);
    }
    return sum;
}

/* The values of a segment, some at a time: each entry's basis filter is read in order. */
static void write_segment(const filterfront_sparse_basis_t *form, const entry_t *entries, int32_t count,
                          int32_t weights, filterfront_walk_t walk, int16_t *filter)
{
    for (int32_t first = 0; first < weights; first += BLOCK) {
        const int32_t length = weights - first < BLOCK ? weights - first : BLOCK;
        int32_t sums[BLOCK] = {0};
        for (int32_t entry = 0; entry < count; ++entry) {
            const uint32_t start = entries[entry].first + (uint32_t)first;
            add_values(&form->basis, filterfront_numbers_at(&form->basis, start), entries[entry].coefficient, sums,
                       length);
        }
        for (int32_t index = 0; index < length; ++index) {
            filter[filterfront_next_place(&walk)] = filterfront_without_bits(sums[index], form->shift);
        }
    }
}

uint32_t filterfront_sparse_basis_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter,
                                         void *work)
{
    const filterfront_sparse_basis_t *const sparse = (const filterfront_sparse_basis_t *)form;
    const int32_t segment_members = sparse->members / sparse->segments;
    const int32_t weights = segment_members * sparse->taps;
    entry_t *const entries = (entry_t *)work;

    for (int32_t segment = 0; segment < sparse->segments; ++segment) {
        const int32_t count = read_entries(sparse, channel, segment, &cursor, entries);
        filterfront_walk_t walk = filterfront_walk_from(segment * segment_members, sparse->members, sparse->taps);
        if (!sparse->is_wide) {
            write_segment(sparse, entries, count, weights, walk, filter);
            continue;
        }
        for (int32_t index = 0; index < weights; ++index) {
            const int64_t value = wide_value(sparse, entries, count, (uint32_t)index);
            filter[filterfront_next_place(&walk)] = filterfront_without_bits(value, sparse->shift);
        }
    }
    return cursor;
}
