/*
 * Convolutions at several places. The values under the windows of four places are unpacked to columns, and filters are
 * taken over them: all where they lie in flash as codes, or a block that is decoded to codes in scratch, one block after
 * the other.
 */
#include "filterfront_columns.h"
#include "filterfront_dot.h"
#include "filterfront_ready.h"

/* Where things lie in scratch, in this order. */
typedef struct {
    const uint8_t *codes;
    filterfront_ready_t *ready;
    int16_t *columns;
    int8_t *window;
    int16_t *decoded;
    void *work;
    int32_t half;   /* pairs of a group of values, two for each */
    int32_t values; /* of a filter, in whole words of codes */
    int32_t offsets[FILTERFRONT_COLUMNS];
} place_t;

/* The column of a place; input begins with the group's first channel. Returns the offset of the codes times its sum. */
FILTERFRONT_SMALL static int32_t read_column(const filterfront_conv_t *layer, const int8_t *input, int32_t place,
                                             const place_t *at, int16_t *column)
{
    const int32_t y = place / layer->output_width;
    const int32_t from_y = y * layer->stride_y - layer->pad_top;
    const int32_t from_x = (place - y * layer->output_width) * layer->stride_x - layer->pad_left;

    if (layer->input == FILTERFRONT_IN_WORDS) {
        layer->gather(layer, input, from_y, from_x, at->half, column);
    } else {
        const int8_t *values = at->window;
        if (layer->input == FILTERFRONT_AS_IT_IS) {
            values = input + (from_y * layer->input_width + from_x) * layer->input_channels;
        } else {
            layer->gather(layer, input, from_y, from_x, at->half, at->window);
        }
        (void)filterfront_unpack(values, at->values, at->half, layer->input_zero, column);
    }
    return layer->codes.offset == 0 ? 0 : layer->codes.offset * filterfront_column_sum(column, at->values);
}

/* Decodes filters from a channel on. */
FILTERFRONT_SMALL static uint32_t decode(const filterfront_conv_t *layer, int32_t channel, int32_t count,
                                         uint32_t cursor, const place_t *at, uint8_t *codes)
{
    const int32_t length = layer->input_channels / layer->groups * layer->kernel_height * layer->kernel_width;

    for (int32_t index = 0; index < count; ++index, codes += 4 * layer->codes.words) {
        cursor = layer->decode(layer->form, channel + index, cursor, at->decoded, at->work);
        for (int32_t value = length; value < at->values; ++value) {
            at->decoded[value] = (int16_t)layer->codes.offset;
        }
        filterfront_write_codes(&layer->codes, at->decoded, at->values, codes);
    }
    return cursor;
}

/* Filters from a channel on over four columns, of which count are places; first is the output of the first of both. */
FILTERFRONT_APART static void run_columns(const filterfront_conv_t *layer, const place_t *at, int32_t channel,
                                          int32_t filters, int32_t count, void *output, size_t first)
{
    const filterfront_codes_t own = layer->codes;
    const int32_t factor = (int32_t)1 << own.down;
    const int32_t step = layer->output_channels;
    const int32_t low = layer->output.low;
    const int32_t high = layer->output.high;
    const filterfront_ready_t *ready = at->ready;
    const filterfront_ready_t *const end = ready + filters;
    const uint8_t *codes = at->codes;
    int8_t *levels = (int8_t *)output + first;

    for (; ready < end; ++ready, ++levels, codes += 4 * own.words) {
        int32_t sums[FILTERFRONT_COLUMNS];
        own.dot(codes, at->columns, own.words, sums);
        sums[0] = sums[0] * factor + at->offsets[0];
        sums[1] = sums[1] * factor + at->offsets[1];
        sums[2] = sums[2] * factor + at->offsets[2];
        sums[3] = sums[3] * factor + at->offsets[3];
        if (ready->shift >= 0 && count == FILTERFRONT_COLUMNS) {
            filterfront_write_four(ready, sums, low, high, levels, step);
        } else {
            const int32_t index = (int32_t)(ready - at->ready);
            filterfront_write_sums(&layer->output, channel + index, sums, count, output, first + (size_t)index, step);
        }
    }
}

/* A block of filters, from a channel on, at every place. */
FILTERFRONT_SMALL static void run_block(const filterfront_conv_t *layer, const int8_t *input, int32_t channel, int32_t filters,
                      place_t *at, void *output)
{
    const int32_t places = layer->output_height * layer->output_width;

    for (int32_t index = 0; index < filters; ++index) {
        at->ready[index] = filterfront_make_ready(&layer->output, channel + index, 0);
    }
    for (int32_t place = 0; place < places; place += FILTERFRONT_COLUMNS) {
        const int32_t left = places - place;
        const int32_t count = left < FILTERFRONT_COLUMNS ? left : FILTERFRONT_COLUMNS;
        for (int32_t column = 0; column < FILTERFRONT_COLUMNS; ++column) {
            at->offsets[column] = 0;
            if (column < count) {
                at->offsets[column] = read_column(layer, input, place + column, at, at->columns + 2 * column);
            } else {
                (void)filterfront_clear(at->columns + 2 * column, at->values); /* of no place */
            }
        }
        run_columns(layer, at, channel, filters, count, output,
                    (size_t)place * (size_t)layer->output_channels + (size_t)channel);
    }
}

FILTERFRONT_SMALL void filterfront_conv(const filterfront_conv_t *layer, const int8_t *input, void *output, void *scratch)
{
    const int32_t members = layer->input_channels / layer->groups;
    const int32_t group_outputs = layer->output_channels / layer->groups;
    uint8_t *const codes = (uint8_t *)scratch;
    const int32_t is_decoded = layer->codes.packed == NULL;
    place_t at;
    uint32_t cursor = 0;

    at.codes = is_decoded ? codes : layer->codes.packed;
    at.half = layer->codes.width < 8 ? 16 / layer->codes.width : 2;
    at.values = layer->codes.words * 32 / layer->codes.width;
    at.ready = (filterfront_ready_t *)(void *)(codes + (is_decoded ? 4 * layer->codes.words * layer->block : 0));
    at.columns = (int16_t *)(void *)(at.ready + layer->block);
    at.window = (int8_t *)(at.columns + FILTERFRONT_COLUMNS * at.values);
    at.decoded = at.columns; /* a filter is decoded before columns are read */
    at.work = at.window + (layer->input == FILTERFRONT_IN_A_WINDOW ? (at.values + 3) / 4 * 4 : 0);
    if (layer->input == FILTERFRONT_IN_A_WINDOW) {
        for (int32_t value = 0; value < at.values; ++value) { /* what lies behind the last tap is of no value */
            at.window[value] = (int8_t)layer->input_zero;
        }
    }
    for (int32_t channel = 0; channel < layer->output_channels;) {
        const int32_t group = channel / group_outputs;
        const int32_t left = (group + 1) * group_outputs - channel;
        const int32_t count = left < layer->block ? left : layer->block;
        if (is_decoded) {
            cursor = decode(layer, channel, count, cursor, &at, codes);
        }
        run_block(layer, input + group * members, channel, count, &at, output);
        channel += count;
    }
}
