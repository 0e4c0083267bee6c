/*
 * Transposed convolutions. Outputs that are a stride apart see the same taps of a filter, those that fall on values of
 * the input: they are a phase, and its taps are taken over its places as those of any convolution. A block of filters
 * is decoded to codes in scratch, phase by phase, and taken over four places of a row at once.
 *
 * Of the structure of a layer, the stride is that from one value to the next, and the pad is what lies before the first:
 * output y sees by tap k the value (y + k * dilation - pad) / stride, where that is whole.
 */
#include "filterfront_columns.h"
#include "filterfront_dot.h"
#include "filterfront_ready.h"

/* A phase of rows or of columns. */
typedef struct {
    int32_t first; /* tap, and from it to the next */
    int32_t step;
    int32_t taps;
    int32_t from; /* value that the first output sees by the first tap, and from it to that of the next tap */
    int32_t skip;
    int32_t outputs;
} phase_t;

/* Where things lie in scratch, in this order; filters as they are decoded lie where columns come later. */
typedef struct {
    uint8_t *codes;
    filterfront_ready_t *ready;
    int16_t *columns;
    int8_t *window;
    int16_t *picked; /* taps of one phase, behind the decoded filter */
    void *work;
    int32_t half;   /* pairs of a group of values */
    int32_t values; /* of the phase, in whole words of codes */
    int32_t words;
    int32_t offsets[FILTERFRONT_COLUMNS];
} place_t;

static phase_t phase_at(int32_t number, int32_t stride, int32_t dilation, int32_t pad, int32_t kernel, int32_t outputs)
{
    phase_t phase = {0};

    for (int32_t tap = 0; tap < kernel; ++tap) {
        const int32_t at = number + tap * dilation - pad;
        if (at % stride != 0) {
            continue;
        }
        if (phase.taps == 0) {
            phase.first = tap;
            phase.from = at / stride;
        } else if (phase.taps == 1) {
            phase.step = tap - phase.first;
            phase.skip = at / stride - phase.from;
        }
        ++phase.taps;
    }
    phase.outputs = (outputs - number + stride - 1) / stride;
    return phase;
}

static phase_t rows_of(const filterfront_conv_t *layer, int32_t number)
{
    return phase_at(number, layer->stride_y, layer->dilation_y, layer->pad_top, layer->kernel_height,
                    layer->output_height);
}

static phase_t columns_of(const filterfront_conv_t *layer, int32_t number)
{
    return phase_at(number, layer->stride_x, layer->dilation_x, layer->pad_left, layer->kernel_width,
                    layer->output_width);
}

/* How many values and words the taps of a phase have, in whole groups. */
static void measure(const filterfront_conv_t *layer, const phase_t *rows, const phase_t *columns, place_t *at)
{
    const int32_t members = layer->input_channels / layer->groups;
    const int32_t group = 2 * at->half;

    at->values = (rows->taps * columns->taps * members + group - 1) / group * group;
    at->words = at->values * layer->codes.width / 32;
}

/* Writes the taps of a phase of a decoded filter as codes. */
FILTERFRONT_APART static void pick(const filterfront_conv_t *layer, const phase_t *rows, const phase_t *columns,
                                   const place_t *at, const int16_t *decoded, uint8_t *codes)
{
    const int32_t members = layer->input_channels / layer->groups;
    int16_t *to = at->picked;

    for (int32_t y = 0; y < rows->taps; ++y) {
        const int32_t row = (rows->first + y * rows->step) * layer->kernel_width + columns->first;
        for (int32_t x = 0; x < columns->taps; ++x) {
            const int16_t *const from = decoded + (row + x * columns->step) * members;
            for (int32_t member = 0; member < members; ++member) {
                *to++ = from[member];
            }
        }
    }
    while (to < at->picked + at->values) {
        *to++ = (int16_t)layer->codes.offset;
    }
    filterfront_write_codes(&layer->codes, at->picked, at->values, codes);
}

/* Decodes filters from a channel on. */
static uint32_t decode(const filterfront_conv_t *layer, int32_t channel, int32_t count, uint32_t cursor, place_t *at)
{
    int16_t *const decoded = at->columns;
    uint8_t *codes = at->codes;

    for (int32_t index = 0; index < count; ++index) {
        cursor = layer->decode(layer->form, channel + index, cursor, decoded, at->work);
        for (int32_t y = 0; y < layer->stride_y && y < layer->output_height; ++y) {
            const phase_t rows = rows_of(layer, y);
            for (int32_t x = 0; x < layer->stride_x && x < layer->output_width; ++x) {
                const phase_t columns = columns_of(layer, x);
                measure(layer, &rows, &columns, at);
                pick(layer, &rows, &columns, at, decoded, codes);
                codes += 4 * at->words;
            }
        }
    }
    return cursor;
}

/* The column of a place, whose first tap lies on the value (y, x); returns the offset of the codes times its sum. */
FILTERFRONT_APART static int32_t read_column(const filterfront_conv_t *layer, const int8_t *input, const phase_t *rows,
                                             const phase_t *columns, int32_t y, int32_t x, const place_t *at,
                                             int16_t *column)
{
    const int32_t members = layer->input_channels / layer->groups;
    const int32_t is_apart = layer->input == FILTERFRONT_IN_A_WINDOW;
    int8_t *window = at->window;
    int16_t *to = column;

    for (int32_t row = 0; row < rows->taps; ++row) {
        const int32_t from_y = y + row * rows->skip;
        for (int32_t tap = 0; tap < columns->taps; ++tap) {
            const int32_t from_x = x + tap * columns->skip;
            const int32_t is_inside =
                from_y >= 0 && from_y < layer->input_height && from_x >= 0 && from_x < layer->input_width;
            const int8_t *const from =
                input + (is_inside ? (from_y * layer->input_width + from_x) * layer->input_channels : 0);
            if (is_apart) {
                for (int32_t member = 0; member < members; ++member) {
                    *window++ = is_inside ? from[member] : (int8_t)layer->input_zero;
                }
            } else if (is_inside) {
                to = filterfront_unpack(from, members, at->half, layer->input_zero, to);
            } else {
                to = filterfront_clear(to, members);
            }
        }
    }
    if (is_apart) {
        (void)filterfront_unpack(at->window, at->values, at->half, layer->input_zero, column);
    }
    return layer->codes.offset == 0 ? 0 : layer->codes.offset * filterfront_column_sum(column, at->values);
}

/* Filters from a channel on over four columns, of which count are places; first is the output of the first of both. */
FILTERFRONT_APART static void run_columns(const filterfront_conv_t *layer, const place_t *at, const uint8_t *codes,
                                          int32_t channel, int32_t filters, int32_t count, void *output, size_t first)
{
    const filterfront_codes_t own = layer->codes;
    const int32_t factor = (int32_t)1 << own.down;
    const int32_t step = layer->output_channels * layer->stride_x;

    for (int32_t index = 0; index < filters; ++index, ++first, codes += 4 * own.words) {
        int32_t sums[FILTERFRONT_COLUMNS] = {0, 0, 0, 0};
        if (at->words > 0) { /* a phase without taps has none */
            own.dot(codes, at->columns, at->words, sums);
        }
        for (int32_t column = 0; column < FILTERFRONT_COLUMNS; ++column) {
            sums[column] = sums[column] * factor + at->offsets[column];
        }
        if (at->ready[index].shift >= 0 && count == FILTERFRONT_COLUMNS) {
            filterfront_write_four(at->ready + index, sums, layer->output.low, layer->output.high,
                                   (int8_t *)output + first, step);
        } else {
            filterfront_write_sums(&layer->output, channel + index, sums, count, output, first, step);
        }
    }
}

/* A phase of a block of filters, which begins with the output (y, x). */
static void run_phase(const filterfront_conv_t *layer, const int8_t *input, int32_t y, int32_t x, const phase_t *rows,
                      const phase_t *columns, place_t *at, const uint8_t *codes, int32_t channel, int32_t filters,
                      void *output)
{
    if (layer->input == FILTERFRONT_IN_A_WINDOW) { /* what lies behind the last tap is of no value */
        (void)memset(at->window, layer->input_zero, (size_t)at->values);
    }
    for (int32_t row = 0; row < rows->outputs; ++row, y += layer->stride_y) {
        for (int32_t place = 0; place < columns->outputs; place += FILTERFRONT_COLUMNS) {
            const int32_t left = columns->outputs - place;
            const int32_t count = left < FILTERFRONT_COLUMNS ? left : FILTERFRONT_COLUMNS;
            const int32_t first = y * layer->output_width + x + place * layer->stride_x;
            for (int32_t column = 0; column < FILTERFRONT_COLUMNS; ++column) {
                int16_t *const to = at->columns + 2 * column;
                if (column < count) {
                    at->offsets[column] = read_column(layer, input, rows, columns, rows->from + row,
                                                      columns->from + place + column, at, to);
                } else {
                    (void)filterfront_clear(to, at->values); /* of no place */
                }
            }
            run_columns(layer, at, codes, channel, filters, count, output,
                        (size_t)first * (size_t)layer->output_channels + (size_t)channel);
        }
    }
}

/* A block of filters, phase by phase. */
static void run_block(const filterfront_conv_t *layer, const int8_t *input, int32_t channel, int32_t filters,
                      place_t *at, void *output)
{
    const uint8_t *codes = at->codes;

    for (int32_t index = 0; index < filters; ++index) {
        at->ready[index] = filterfront_make_ready(&layer->output, channel + index, 0);
    }
    for (int32_t y = 0; y < layer->stride_y && y < layer->output_height; ++y) {
        const phase_t rows = rows_of(layer, y);
        for (int32_t x = 0; x < layer->stride_x && x < layer->output_width; ++x) {
            const phase_t columns = columns_of(layer, x);
            measure(layer, &rows, &columns, at);
            run_phase(layer, input, y, x, &rows, &columns, at, codes, channel, filters, output);
            codes += 4 * at->words;
        }
    }
}

/* The most values that a phase has. */
static int32_t most_values(const filterfront_conv_t *layer, place_t *at)
{
    int32_t most = 0;

    for (int32_t y = 0; y < layer->stride_y && y < layer->output_height; ++y) {
        const phase_t rows = rows_of(layer, y);
        for (int32_t x = 0; x < layer->stride_x && x < layer->output_width; ++x) {
            const phase_t columns = columns_of(layer, x);
            measure(layer, &rows, &columns, at);
            most = at->values > most ? at->values : most;
        }
    }
    return most;
}

void filterfront_transposed(const filterfront_conv_t *layer, const int8_t *input, void *output, void *scratch)
{
    const int32_t members = layer->input_channels / layer->groups;
    const int32_t group_outputs = layer->output_channels / layer->groups;
    const int32_t even = (members * layer->kernel_height * layer->kernel_width + 1) / 2 * 2;
    place_t at = {0};
    uint32_t cursor = 0;

    at.half = layer->codes.width < 8 ? 16 / layer->codes.width : 2;
    const int32_t most = most_values(layer, &at);
    const int32_t columns = FILTERFRONT_COLUMNS * most;
    at.codes = (uint8_t *)scratch;
    at.ready = (filterfront_ready_t *)(void *)(at.codes + 4 * layer->codes.words * layer->block);
    at.columns = (int16_t *)(void *)(at.ready + layer->block);
    at.picked = at.columns + even;
    at.window = (int8_t *)(at.columns + (columns > even + most ? columns : even + most));
    at.work = at.window + (layer->input == FILTERFRONT_IN_A_WINDOW ? most : 0);
    for (int32_t channel = 0; channel < layer->output_channels;) {
        const int32_t group = channel / group_outputs;
        const int32_t left = (group + 1) * group_outputs - channel;
        const int32_t count = left < layer->block ? left : layer->block;
        cursor = decode(layer, channel, count, cursor, &at);
        run_block(layer, input + group * members, channel, count, &at, output);
        channel += count;
    }
}
