/*
 * Convolutions and linear layers of decoded filters. A band of the input's rows is unpacked, with zeros around it, and
 * every tile is taken over all places of it.
 */
#include "filterfront_wide_avx2.h"
#include "filterfront_wide_avx512.h"
#include "filterfront_wide_layout.h"

enum { SLOW_PLACES = 8, MOST_TILES = 2 };

/* Where the input's rows are unpacked to. */
typedef struct {
    int32_t pad_left;
    int32_t width;  /* columns of the input; of its last row those that are left */
    int32_t height;
    int32_t pitch;  /* bytes */
    int32_t columns;
    int32_t values; /* of the whole input */
} band_t;

/* Levels as bytes that are 128 higher, eight at a time. */
static void write_bytes(const int8_t *from, int32_t count, uint8_t *to)
{
    for (; count >= 8; count -= 8, from += 8, to += 8) {
        uint64_t eight;
        (void)memcpy(&eight, from, 8);
        eight ^= UINT64_C(0x8080808080808080);
        (void)memcpy(to, &eight, 8);
    }
    for (; count > 0; --count) {
        *to++ = (uint8_t)(*from++ + 128);
    }
}

static void read_row(const filterfront_conv_t *layer, const band_t *band, int32_t is_bytes, const int8_t *input,
                     int32_t y, uint8_t *to)
{
    const int32_t channels = layer->input_channels;
    const int32_t size = is_bytes ? 1 : 2;
    const int32_t fill = is_bytes ? layer->input_zero + 128 : 0;
    const int32_t from = y * band->width * channels;
    int32_t before = band->pad_left * channels;
    int32_t count = (band->columns - band->pad_left < band->width ? band->columns - band->pad_left : band->width);

    count *= channels;
    if (y < 0 || y >= band->height) {
        before = band->columns * channels;
        count = 0;
    } else if (count > band->values - from) {
        count = band->values - from;
    }
    (void)memset(to, fill, (size_t)(before * size));
    to += before * size;
    if (is_bytes) {
        write_bytes(input + from, count, to);
    } else {
        filterfront_wide_words(input + from, count, layer->input_zero, (int16_t *)(void *)to);
    }
    (void)memset(to + count * size, fill, (size_t)(band->pitch - (before + count) * size));
}

/* Two values of a unit with the weights of 16 lanes. */
static void row_of_words(const filterfront_strip_t *row, const uint8_t *values, const uint8_t *tile, int32_t places,
                         int32_t lanes, int8_t *levels, int32_t *sums)
{
    const filterfront_tile_t *const own = (const filterfront_tile_t *)(const void *)tile;

    for (int32_t place = 0; place < places; ++place, values += row->place_step) {
        const uint8_t *codes = tile + sizeof(filterfront_tile_t);
        int32_t found[FILTERFRONT_LANES];
        (void)memcpy(found, own->start, sizeof found);
        for (int32_t part = 0; part < row->kernel_height * row->runs; ++part) {
            const uint8_t *from = values + part / row->runs * row->row_step + part % row->runs * row->run_step;
            for (int32_t unit = 0; unit < row->run_units; ++unit, from += 4) {
                int16_t pair[2];
                int16_t weights[2 * FILTERFRONT_LANES];
                (void)memcpy(pair, from, sizeof pair);
                (void)memcpy(weights, codes, sizeof weights);
                codes += sizeof weights;
                for (int32_t lane = 0; lane < FILTERFRONT_LANES; ++lane) {
                    found[lane] += pair[0] * weights[2 * lane] + pair[1] * weights[2 * lane + 1];
                }
            }
        }
        if (sums != NULL) {
            (void)memcpy(sums, found, sizeof found);
            sums += FILTERFRONT_LANES;
            continue;
        }
        for (int32_t lane = 0; lane < lanes; ++lane) {
            levels[lane] = (int8_t)filterfront_wide_level(own, lane, found[lane], row->low, row->high);
        }
        levels += row->output_step;
    }
}

static filterfront_strip_function_t function_of(int32_t is_bytes, int32_t tiles)
{
#if defined(FILTERFRONT_X86)
    const int32_t path = filterfront_wide_path();

    if (path == FILTERFRONT_AVX512 && tiles == MOST_TILES) {
        return is_bytes ? filterfront_wide_avx512_pair_bytes : filterfront_wide_avx512_pair_words;
    }
    if (path == FILTERFRONT_AVX512) {
        return is_bytes ? filterfront_wide_avx512_bytes : filterfront_wide_avx512_words;
    }
    if (path == FILTERFRONT_AVX2) {
        return is_bytes ? filterfront_wide_avx2_bytes : filterfront_wide_avx2_words;
    }
#else
    (void)is_bytes;
    (void)tiles;
#endif
    return row_of_words;
}

/* A row of places whose sums are not ready to become levels. */
static void run_slowly(const filterfront_conv_t *layer, const filterfront_strip_t *row, filterfront_strip_function_t run,
                       const uint8_t *values, const uint8_t *tile, int32_t places, int32_t channel, int32_t count,
                       void *output, size_t place)
{
    int32_t sums[SLOW_PLACES * FILTERFRONT_LANES];

    for (int32_t x = 0; x < places; x += SLOW_PLACES) {
        const int32_t some = places - x < SLOW_PLACES ? places - x : SLOW_PLACES;
        run(row, values + x * row->place_step, tile, some, FILTERFRONT_LANES, NULL, sums);
        for (int32_t at = 0; at < some * count; ++at, ++place) {
            const int32_t lane = at % count;
            filterfront_requantize(&layer->output, channel + lane, sums[at / count * FILTERFRONT_LANES + lane], output,
                                   place);
            place += lane + 1 == count ? (size_t)(row->output_step - count) : 0U;
        }
    }
}

/* All tiles of a group over rows of places, which begin with one of the output. */
static void run_group(const filterfront_wide_t *wide, const filterfront_layout_t *layout, const filterfront_strip_t *row,
                      int32_t group, const uint8_t *band, int32_t down, int32_t rows, int32_t width, int32_t first,
                      int32_t places, void *output, const uint8_t *prepared)
{
    const filterfront_conv_t *const layer = wide->layer;

    for (int32_t number = 0; number < layout->group_tiles;) {
        const uint8_t *const tile = prepared + (size_t)(group * layout->group_tiles + number) * (size_t)row->tile_bytes;
        const filterfront_tile_t *const own = (const filterfront_tile_t *)(const void *)tile;
        const filterfront_tile_t *const next = (const filterfront_tile_t *)(const void *)(tile + row->tile_bytes);
        const int32_t is_pair = filterfront_wide_path() == FILTERFRONT_AVX512 && own->is_ready &&
                                number + 1 < layout->group_tiles && next->is_ready;
        const int32_t within = number * FILTERFRONT_LANES;
        const int32_t channel = group * layout->group_outputs + within;
        const int32_t left = layout->group_outputs - within - (is_pair ? FILTERFRONT_LANES : 0);
        const int32_t lanes = left < FILTERFRONT_LANES ? left : FILTERFRONT_LANES;
        const filterfront_strip_function_t run = function_of(layout->is_bytes, is_pair ? MOST_TILES : 1);
        for (int32_t y = 0; y < rows; ++y) {
            const int32_t at = first + y * width;
            const int32_t count = places - at < width ? places - at : width;
            const size_t place = (size_t)at * (size_t)layer->output_channels + (size_t)channel;
            if (own->is_ready) {
                run(row, band + y * down, tile, count, lanes, (int8_t *)output + place, NULL);
            } else {
                run_slowly(layer, row, run, band + y * down, tile, count, channel, lanes, output, place);
            }
        }
        number += is_pair ? MOST_TILES : 1;
    }
}

void filterfront_wide_conv(const filterfront_wide_t *wide, const int8_t *input, void *output, void *scratch,
                           const void *prepared)
{
    const filterfront_conv_t *const layer = wide->layer;
    const filterfront_layout_t layout = filterfront_wide_layout(wide);
    const int32_t places = layer->output_height * layer->output_width;
    const int32_t width = wide->width > 0 ? wide->width : layer->output_width;
    const int32_t height = (places + width - 1) / width;
    const int32_t size = layout.is_bytes ? 1 : 2;
    const int32_t reach = (layer->kernel_height - 1) * layer->dilation_y + 1;
    const int32_t columns = (width - 1) * layer->stride_x + (layer->kernel_width - 1) * layer->dilation_x + 1;
    uint8_t *const rows = (uint8_t *)scratch;
    int32_t held = 0;
    band_t band;
    filterfront_strip_t row;

    band.pad_left = layer->pad_left;
    band.width = wide->width > 0 ? width : layer->input_width;
    band.height = wide->width > 0 ? height : layer->input_height;
    band.columns = columns;
    band.pitch = columns * layer->input_channels * size;
    band.values = layer->input_height * layer->input_width * layer->input_channels;
    row.kernel_height = layer->kernel_height;
    row.row_step = layer->dilation_y * band.pitch;
    row.runs = layout.runs;
    row.run_step = layer->dilation_x * layer->input_channels * size;
    row.run_units = layout.run_units;
    row.place_step = layer->stride_x * layer->input_channels * size;
    row.tile_bytes = layout.tile_bytes;
    row.low = layer->output.low;
    row.high = layer->output.high;
    row.output_step = layer->output_channels;
    for (int32_t y = 0; y < height; y += wide->rows) {
        const int32_t some = height - y < wide->rows ? height - y : wide->rows;
        const int32_t needed = (some - 1) * layer->stride_y + reach;
        const int32_t passed = some * layer->stride_y;
        for (int32_t at = held; at < needed; ++at) {
            read_row(layer, &band, layout.is_bytes, input, y * layer->stride_y - layer->pad_top + at,
                     rows + at * band.pitch);
        }
        (void)memset(rows + needed * band.pitch, 0, FILTERFRONT_SLACK_BYTES); /* read beside weights of 0 */
        for (int32_t group = 0; group < layer->groups; ++group) {
            run_group(wide, &layout, &row, group, rows + group * layout.members * size, layer->stride_y * band.pitch,
                      some, width, y * width, places, output, (const uint8_t *)prepared);
        }
        held = needed > passed ? needed - passed : 0; /* rows that the next band needs, too */
        (void)memmove(rows, rows + (needed - held) * band.pitch, (size_t)(held * band.pitch));
    }
}
