#include "filterfront_vectors.h"

/* Reads the codeword that a vector has in a codebook. */
static filterfront_reader_t codeword(const filterfront_vectors_t *form, uint32_t book, uint32_t vector, uint32_t values)
{
    const uint32_t place = book * (uint32_t)form->filters * (uint32_t)form->segments + vector;
    filterfront_reader_t index =
        filterfront_read_at(form->index, form->index_start + place * (uint32_t)form->index_width);
    const uint32_t word = book * (uint32_t)form->codewords + filterfront_take(&index, form->index_width);

    return filterfront_numbers_at(&form->codebook, word * values);
}

/* Codes of one codeword that lose no bits. */
static void read_codes(filterfront_reader_t reader, int32_t width, filterfront_span_t span, int16_t *filter)
{
    const int32_t factor = filterfront_code_factor(width);
    const int32_t lowest = filterfront_lowest_code(width);

    for (int32_t row = 0; row < span.rows; ++row, ++filter) {
        int16_t *to = filter;
        for (int32_t left = span.length; left > 0; --left, to += span.step) {
            *to = (int16_t)((int32_t)filterfront_take(&reader, width) * factor + lowest);
        }
    }
}

uint32_t filterfront_vectors_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work)
{
    const filterfront_vectors_t *const vectors = (const filterfront_vectors_t *)form;
    const int32_t segment_members = vectors->members / vectors->segments;
    const int32_t values = segment_members * vectors->taps;

    (void)work;
    for (int32_t segment = 0; segment < vectors->segments; ++segment) {
        const uint32_t vector = (uint32_t)channel * (uint32_t)vectors->segments + (uint32_t)segment;
        const uint32_t other = vectors->codebooks == 2 ? 1U : 0U;
        filterfront_reader_t first = codeword(vectors, 0, vector, (uint32_t)values);
        filterfront_reader_t second = codeword(vectors, other, vector, (uint32_t)values);
        if (vectors->codebooks == 1 && vectors->codebook.width <= 16 && vectors->shift == 0 && vectors->alpha == 1) {
            const filterfront_span_t span = filterfront_span_of(segment_members, vectors->members, vectors->taps);
            read_codes(first, vectors->codebook.width, span, filter + segment * segment_members);
            continue;
        }
        filterfront_walk_t walk =
            filterfront_walk_from(segment * segment_members, vectors->members, vectors->taps);
        for (int32_t index = 0; index < values; ++index) {
            int64_t value = (int64_t)filterfront_number(&first, &vectors->codebook) * vectors->alpha;
            if (vectors->codebooks == 2) {
                value += (int64_t)filterfront_number(&second, &vectors->codebook) * vectors->beta;
            }
            filter[filterfront_next_place(&walk)] = filterfront_without_bits(value, vectors->shift);
        }
    }
    return cursor;
}
