/*
 * Packed streams: numbers of any width, one after the other without a gap, the lowest bit first.
 *
 * Only bytes that hold bits of what is read are touched, so a stream may end with the last of them.
 */
#ifndef FILTERFRONT_STREAMS_H
#define FILTERFRONT_STREAMS_H

#include "filterfront_kernels.h"

typedef struct {
    const uint8_t *next;
    uint32_t held;
    int32_t count; /* bits in held */
} filterfront_reader_t;

/* Codes of up to 16 bits, or floats in units of 2^-exponent. */
typedef struct {
    const uint8_t *stream;
    uint32_t start; /* bit of the first */
    int32_t width;
    int32_t exponent;
} filterfront_numbers_t;

static inline filterfront_reader_t filterfront_read_at(const uint8_t *stream, uint32_t bit)
{
    filterfront_reader_t reader = {stream + (bit >> 3), 0, 0};
    const int32_t skipped = (int32_t)(bit & 7U);

    if (skipped > 0) {
        reader.held = (uint32_t)*reader.next++ >> skipped;
        reader.count = 8 - skipped;
    }
    return reader;
}

/* The next number of 0 to 24 bits. */
static inline uint32_t filterfront_take(filterfront_reader_t *reader, int32_t width)
{
    while (reader->count < width) {
        reader->held |= (uint32_t)*reader->next++ << reader->count;
        reader->count += 8;
    }
    const uint32_t value = reader->held & (((uint32_t)1 << width) - 1U);
    reader->held >>= width;
    reader->count -= width;
    return value;
}

/* An IEEE 754 float times 2^exponent, rounded to the nearest integer, halves away from zero; of 31 bits at most. */
static inline int32_t filterfront_fixed(uint32_t bits, int32_t exponent)
{
    const int32_t raw = (int32_t)(bits >> 23 & 255U);
    const uint32_t mantissa = (bits & 0x7FFFFFU) | (raw > 0 ? 0x800000U : 0U);
    const int32_t shift = 150 - (raw > 0 ? raw : 1) - exponent;
    uint32_t size = 0;

    if (shift <= 0) {
        size = mantissa << -shift;
    } else if (shift <= 24) {
        size = (mantissa + ((uint32_t)1 << (shift - 1))) >> shift;
    }
    return (bits >> 31) != 0U ? -(int32_t)size : (int32_t)size;
}

static inline filterfront_reader_t filterfront_numbers_at(const filterfront_numbers_t *numbers, uint32_t index)
{
    return filterfront_read_at(numbers->stream, numbers->start + index * (uint32_t)numbers->width);
}

/* The next code (odd levels at 1 and 2 bits, else two's complement, stored as ranks), or the next float. */
static inline int32_t filterfront_number(filterfront_reader_t *reader, const filterfront_numbers_t *numbers)
{
    if (numbers->width == 32) {
        const uint32_t low = filterfront_take(reader, 16);
        return filterfront_fixed(filterfront_take(reader, 16) << 16 | low, numbers->exponent);
    }
    const int32_t rank = (int32_t)filterfront_take(reader, numbers->width);
    if (numbers->width <= 2) {
        return 2 * rank + 1 - ((int32_t)1 << numbers->width);
    }
    return rank - ((int32_t)1 << (numbers->width - 1));
}

/* What codes of up to 16 bits stand for: a factor times what is stored, plus the lowest. */
static inline int32_t filterfront_code_factor(int32_t width)
{
    return width <= 2 ? 2 : 1;
}

static inline int32_t filterfront_lowest_code(int32_t width)
{
    return width <= 2 ? 1 - ((int32_t)1 << width) : -((int32_t)1 << (width - 1));
}

/* Without its lowest bits, rounded to the nearest, halves up. */
static inline int16_t filterfront_without_bits(int64_t value, int32_t shift)
{
    return (int16_t)(shift == 0 ? value : (value + (((int64_t)1 << shift) >> 1)) >> shift);
}

/*
 * Filters are packed channel by channel, each with all taps, and decoded tap by tap, each with all channels. This walks
 * the decoded filter in the packed order.
 */
typedef struct {
    int32_t members;
    int32_t taps;
    int32_t tap;
    int32_t place;
} filterfront_walk_t;

static inline filterfront_walk_t filterfront_walk_from(int32_t member, int32_t members, int32_t taps)
{
    const filterfront_walk_t walk = {members, taps, 0, member};

    return walk;
}

static inline int32_t filterfront_next_place(filterfront_walk_t *walk)
{
    const int32_t place = walk->place;

    if (walk->taps == 1) {
        ++walk->place;
        return place;
    }
    walk->place += walk->members;
    if (++walk->tap == walk->taps) {
        walk->tap = 0;
        walk->place -= walk->members * walk->taps - 1;
    }
    return place;
}

/*
 * The same for some channels of a filter as rows of places: those of one row lie a step apart, the next row begins one
 * place behind the last one.
 */
typedef struct {
    int32_t rows;
    int32_t length;
    int32_t step;
} filterfront_span_t;

static inline filterfront_span_t filterfront_span_of(int32_t channels, int32_t members, int32_t taps)
{
    const filterfront_span_t each = {channels, taps, members};
    const filterfront_span_t line = {1, channels, 1}; /* of one tap */

    return taps == 1 ? line : each;
}

#endif
