/*
 * Convolutions and linear layers. Some filters are decoded and taken over all places, four places at a time, before the
 * next are: the values under the windows of four places are unpacked once for all filters of such a block.
 */
#include "filterfront_dot.h"
#include "filterfront_ready.h"

/* Where things lie in scratch, in this order. */
typedef struct {
    int16_t *filters;
    filterfront_ready_t *ready;
    int16_t *columns;
    int8_t *window; /* values under one window, where they are not as they should be in the input */
    void *work;
    int32_t quads; /* of a filter */
} place_t;

/* Values that lie side by side under a row of a window: all its taps, or one; and how many of them are inside. */
typedef struct {
    int32_t values;
    int32_t before; /* zeros, as what lies outside of the input */
    int32_t inside;
    int32_t from; /* of the first one inside, in the row of the input */
} run_t;

static run_t run_at(const filterfront_conv_t *layer, int32_t x, int32_t taps, int32_t members)
{
    const int32_t first = x >= 0 ? 0 : x > -taps ? -x : taps;
    const int32_t room = layer->input_width - x;
    const int32_t end = room > taps ? taps : room > first ? room : first;
    run_t run;

    run.values = taps * members;
    run.before = first * members;
    run.inside = (end - first) * members;
    run.from = (x + first) * layer->input_channels;
    return run;
}

/* Copies values; they and those that are written do not overlap. */
static inline int8_t *copy(int8_t *to, const int8_t *from, int32_t count)
{
#if defined(FILTERFRONT_DSP)
    for (int32_t words = count >> 2; words > 0; --words, to += 4, from += 4) {
        (void)memcpy(to, from, 4);
    }
    count &= 3;
#endif
    for (; count > 0; --count) {
        *to++ = *from++;
    }
    return to;
}

static inline int8_t *fill(int8_t *to, int32_t zero, int32_t count)
{
    for (; count > 0; --count) {
        *to++ = (int8_t)zero;
    }
    return to;
}

/* Writes a run of a window, or zeros where its row is outside of the input. */
static inline void write_values(const int8_t *row, const run_t *run, int32_t zero, int8_t *to)
{
    if (row == NULL) {
        (void)fill(to, zero, run->values);
    } else if (run->inside == run->values) {
        (void)copy(to, row + run->from, run->values);
    } else {
        to = fill(to, zero, run->before);
        to = copy(to, row + run->from, run->inside);
        (void)fill(to, zero, run->values - run->before - run->inside);
    }
}

static inline int16_t *clear(int16_t *to, int32_t quads)
{
    for (; quads > 0; --quads, to += FILTERFRONT_QUAD * FILTERFRONT_COLUMNS) {
        to[0] = 0;
        to[1] = 0;
        to[2 * FILTERFRONT_COLUMNS] = 0;
        to[2 * FILTERFRONT_COLUMNS + 1] = 0;
    }
    return to;
}

/* Writes a run of whole quads into one of four columns. */
static inline void write_quads(const int8_t *row, const run_t *run, int32_t zero, int16_t *to)
{
    if (row == NULL) {
        (void)clear(to, run->values / FILTERFRONT_QUAD);
    } else if (run->inside == run->values) {
        (void)filterfront_unpack_of_four(row + run->from, run->values / FILTERFRONT_QUAD, zero, to);
    } else {
        to = clear(to, run->before / FILTERFRONT_QUAD);
        to = filterfront_unpack_of_four(row + run->from, run->inside / FILTERFRONT_QUAD, zero, to);
        (void)clear(to, (run->values - run->before - run->inside) / FILTERFRONT_QUAD);
    }
}

/* How the values of a group lie under windows: runs are side by side, rows apart by the dilation. */
#define FILTERFRONT_RUNS                                                                                               \
    const int32_t members = layer->input_channels / layer->groups;                                                     \
    const int32_t taps = layer->groups == 1 && layer->dilation_x == 1 ? layer->kernel_width : 1;                       \
    const int32_t pitch = layer->input_width * layer->input_channels;                                                  \
    const int32_t height = layer->input_height;                                                                        \
    const int32_t zero = layer->input_zero;                                                                            \
    const int32_t dilation = layer->dilation_y;                                                                        \
    const int32_t next = layer->kernel_width * members;                                                                \
    for (int32_t tap = 0; tap < layer->kernel_width; tap += taps, x += layer->dilation_x)

#define FILTERFRONT_ROW(at) ((at) >= 0 && (at) < height ? input + (at) * pitch : NULL)

/* The values of a group under the window whose first tap lies at (y, x), as they are. */
FILTERFRONT_APART static void gather_values(const filterfront_conv_t *layer, const int8_t *input, int32_t y, int32_t x,
                                            int8_t *window)
{
    FILTERFRONT_RUNS {
        const run_t run = run_at(layer, x, taps, members);
        const int32_t end = y + layer->kernel_height * dilation;
        int8_t *to = window + tap * members;
        for (int32_t at = y; at < end; at += dilation, to += next) {
            write_values(FILTERFRONT_ROW(at), &run, zero, to);
        }
    }
}

/* The same as one of four columns. */
FILTERFRONT_APART static void gather_quads(const filterfront_conv_t *layer, const int8_t *input, int32_t y, int32_t x,
                                           int16_t *column)
{
    FILTERFRONT_RUNS {
        const run_t run = run_at(layer, x, taps, members);
        const int32_t end = y + layer->kernel_height * dilation;
        int16_t *to = column + tap * members * FILTERFRONT_COLUMNS;
        for (int32_t at = y; at < end; at += dilation, to += next * FILTERFRONT_COLUMNS) {
            write_quads(FILTERFRONT_ROW(at), &run, zero, to);
        }
    }
}

/* The column of a place, alone or one of four; input begins with the group's first channel. */
FILTERFRONT_APART static void read_column(const filterfront_conv_t *layer, const int8_t *input, int32_t place,
                                          const place_t *at, int16_t *column, int32_t is_one_of_four)
{
    const int32_t y = place / layer->output_width;
    const int32_t from_y = y * layer->stride_y - layer->pad_top;
    const int32_t from_x = (place - y * layer->output_width) * layer->stride_x - layer->pad_left;

    if (layer->input == FILTERFRONT_AS_IT_IS) {
        input += (from_y * layer->input_width + from_x) * layer->input_channels;
    } else if (layer->input == FILTERFRONT_IN_QUADS && is_one_of_four != 0) {
        gather_quads(layer, input, from_y, from_x, column);
        return;
    } else {
        gather_values(layer, input, from_y, from_x, at->window);
        input = at->window;
    }
    if (is_one_of_four != 0) {
        (void)filterfront_unpack_of_four(input, at->quads, layer->input_zero, column);
    } else {
        filterfront_unpack(input, at->quads, layer->input_zero, column);
    }
}

/* Decodes filters from a channel on. */
FILTERFRONT_APART static uint32_t decode(const filterfront_conv_t *layer, int32_t channel, int32_t count, uint32_t cursor,
                       const place_t *at)
{
    const int32_t length =
        layer->input_channels / layer->groups * layer->kernel_height * layer->kernel_width;

    for (int32_t index = 0; index < count; ++index) {
        int16_t *const filter = at->filters + index * at->quads * FILTERFRONT_QUAD;
        cursor = layer->decode(layer->form, channel + index, cursor, filter, at->work);
        for (int32_t place = length; place < at->quads * FILTERFRONT_QUAD; ++place) {
            filter[place] = 0;
        }
        for (int32_t quad = 0; quad < at->quads; ++quad) {
            filterfront_order_quad(filter + quad * FILTERFRONT_QUAD);
        }
        at->ready[index] = filterfront_make_ready(&layer->output, channel + index);
    }
    return cursor;
}

/* Filters that are decoded, from a channel on, at up to four places; first is the output of the first of both. */
FILTERFRONT_APART static void run_columns(const filterfront_conv_t *layer, const place_t *at, int32_t channel, int32_t count,
                        int32_t columns, void *output, size_t first)
{
    const int32_t quads = at->quads;
    const int32_t step = layer->output_channels;
    const int32_t low = layer->output.low;
    const int32_t high = layer->output.high;
    const int16_t *const values = at->columns;
    const int16_t *filter = at->filters;
    const filterfront_ready_t *ready = at->ready;
    const filterfront_ready_t *const end = ready + count;
    int8_t *levels = (int8_t *)output + first;

    for (; ready < end; ++ready, ++levels, filter += quads * FILTERFRONT_QUAD) {
        int32_t sums[FILTERFRONT_COLUMNS];
        filterfront_dot_four(filter, values, quads, sums);
        if (ready->shift >= 0 && columns == FILTERFRONT_COLUMNS) {
            filterfront_write_four(ready, sums, low, high, levels, step);
        } else {
            const int32_t index = (int32_t)(ready - at->ready);
            filterfront_write_sums(&layer->output, channel + index, sums, columns, output, first + (size_t)index, step);
        }
    }
}

/* Filters that are decoded, from a channel on, at every place. */
static void run_block(const filterfront_conv_t *layer, const int8_t *input, int32_t channel, int32_t count,
                      const place_t *at, void *output)
{
    const int32_t places = layer->output_height * layer->output_width;

    if (places == 1) {
        read_column(layer, input, 0, at, at->columns, 0);
        for (int32_t index = 0; index < count; ++index) {
            const int16_t *const filter = at->filters + index * at->quads * FILTERFRONT_QUAD;
            const int32_t sum = filterfront_dot_one(filter, at->columns, at->quads);
            filterfront_requantize(&layer->output, channel + index, sum, output, (size_t)(channel + index));
        }
        return;
    }
    for (int32_t place = 0; place < places; place += FILTERFRONT_COLUMNS) {
        const int32_t columns = places - place < FILTERFRONT_COLUMNS ? places - place : FILTERFRONT_COLUMNS;
        for (int32_t column = 0; column < columns; ++column) {
            read_column(layer, input, place + column, at, at->columns + 2 * column, 1);
        }
        run_columns(layer, at, channel, count, columns, output,
                    (size_t)place * (size_t)layer->output_channels + (size_t)channel);
    }
}

void filterfront_conv(const filterfront_conv_t *layer, const int8_t *input, void *output, void *scratch)
{
    const int32_t members = layer->input_channels / layer->groups;
    const int32_t group_outputs = layer->output_channels / layer->groups;
    const int32_t quads = (members * layer->kernel_height * layer->kernel_width + 3) / FILTERFRONT_QUAD;
    const int32_t columns = layer->output_height * layer->output_width > 1 ? FILTERFRONT_COLUMNS : 1;
    place_t at;
    uint32_t cursor = 0;

    at.quads = quads;
    at.filters = (int16_t *)scratch;
    at.ready = (filterfront_ready_t *)(void *)(at.filters + layer->block * quads * FILTERFRONT_QUAD);
    at.columns = (int16_t *)(void *)(at.ready + layer->block);
    at.window = (int8_t *)(at.columns + columns * quads * FILTERFRONT_QUAD);
    at.work = at.window + (layer->input == FILTERFRONT_IN_A_WINDOW ? quads * FILTERFRONT_QUAD : 0);
    for (int32_t place = 0; place < columns * quads * FILTERFRONT_QUAD; ++place) {
        at.columns[place] = 0; /* those of no place */
    }
    if (layer->input == FILTERFRONT_IN_A_WINDOW) {
        (void)fill(at.window, layer->input_zero, quads * FILTERFRONT_QUAD);
    }
    for (int32_t channel = 0; channel < layer->output_channels;) {
        const int32_t group = channel / group_outputs;
        const int32_t left = (group + 1) * group_outputs - channel;
        const int32_t count = left < layer->block ? left : layer->block;
        cursor = decode(layer, channel, count, cursor, &at);
        run_block(layer, input + group * members, channel, count, &at, output);
        channel += count;
    }
}
