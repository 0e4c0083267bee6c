#include "filterfront_coded.h"

enum { LONGEST = 15, FREQUENCY_BITS = 12, STATE_BITS = 16 };

/* Numbers of these streams have their highest bit first. */
static uint32_t take_number(filterfront_reader_t *reader, int32_t width)
{
    uint32_t number = 0;

    for (int32_t bit = 0; bit < width; ++bit) {
        number = number << 1 | filterfront_take(reader, 1);
    }
    return number;
}

/* How many codes have each length, and the symbols by length; symbols of one length stay in their order. */
static void read_lengths(const filterfront_coded_t *coded, uint32_t *counts, uint32_t *symbols)
{
    uint32_t place = 0;

    for (int32_t length = 0; length <= LONGEST; ++length) {
        counts[length] = 0;
    }
    for (uint32_t length = 1; length <= LONGEST; ++length) {
        filterfront_reader_t reader = filterfront_read_at(coded->stream, coded->table);
        for (int32_t symbol = 0; symbol < coded->symbols; ++symbol) {
            const uint32_t own = coded->length_width > 0 ? take_number(&reader, coded->length_width) : 1U;
            if (own == length) {
                ++counts[length];
                symbols[place++] = (uint32_t)symbol;
            }
        }
    }
}

static int32_t next_huffman(filterfront_reader_t *reader, uint32_t *bits, const uint32_t *counts, const uint32_t *symbols)
{
    uint32_t code = 0;
    uint32_t first = 0; /* code of this length */

    for (int32_t length = 1; length <= LONGEST; ++length) {
        code = code << 1 | filterfront_take(reader, 1);
        ++*bits;
        first <<= 1;
        if (code - first < counts[length]) {
            return (int32_t)symbols[code - first];
        }
        first += counts[length];
        symbols += counts[length];
    }
    return 0; /* no code of a complete table is longer */
}

/* Sums of the frequencies up to each symbol; the last one is what is left of 4096. */
static void read_frequencies(const filterfront_coded_t *coded, uint32_t *ends)
{
    filterfront_reader_t reader = filterfront_read_at(coded->stream, coded->table);
    uint32_t sum = 0;

    for (int32_t symbol = 0; symbol + 1 < coded->symbols; ++symbol) {
        const int32_t size = (int32_t)take_number(&reader, 4);
        if (size > 0) {
            sum += (uint32_t)1 << (size - 1) | take_number(&reader, size - 1);
        }
        ends[symbol] = sum;
    }
    ends[coded->symbols - 1] = (uint32_t)1 << FREQUENCY_BITS;
}

static int32_t next_rans(filterfront_reader_t *reader, uint32_t *bits, uint32_t *state, const uint32_t *ends)
{
    const uint32_t slot = *state & (((uint32_t)1 << FREQUENCY_BITS) - 1U);
    int32_t symbol = 0;

    while (ends[symbol] <= slot) {
        ++symbol;
    }
    const uint32_t start = symbol > 0 ? ends[symbol - 1] : 0U;
    *state = (ends[symbol] - start) * (*state >> FREQUENCY_BITS) + slot - start;
    while (*state >> STATE_BITS == 0U) {
        *state = *state << 1 | filterfront_take(reader, 1);
        ++*bits;
    }
    return symbol;
}

/* Filters come in their order: the cursor is how many bits of codes are read, and the work keeps table and state. */
uint32_t filterfront_coded_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work)
{
    const filterfront_coded_t *const coded = (const filterfront_coded_t *)form;
    uint32_t *const state = (uint32_t *)work; /* rANS: the state, then the sums of frequencies */
    uint32_t *const counts = (uint32_t *)work; /* Huffman: counts of lengths, then symbols */
    filterfront_walk_t walk = filterfront_walk_from(0, coded->members, coded->taps);

    if (channel == 0 && coded->is_huffman != 0) {
        read_lengths(coded, counts, counts + LONGEST + 1);
    } else if (channel == 0) {
        read_frequencies(coded, state + 1);
        filterfront_reader_t first = filterfront_read_at(coded->stream, coded->codes);
        *state = (uint32_t)1 << STATE_BITS | take_number(&first, STATE_BITS);
        cursor = STATE_BITS;
    }
    filterfront_reader_t reader = filterfront_read_at(coded->stream, coded->codes + cursor);
    for (int32_t index = 0; index < coded->members * coded->taps; ++index) {
        const int32_t symbol = coded->is_huffman != 0 ? next_huffman(&reader, &cursor, counts, counts + LONGEST + 1)
                                                      : next_rans(&reader, &cursor, state, state + 1);
        filter[filterfront_next_place(&walk)] = filterfront_without_bits(coded->first + symbol, coded->shift);
    }
    return cursor;
}
