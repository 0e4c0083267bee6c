/*
 * Convolutions of each channel by itself: sixteen channels at a time, two taps at once. A band of the input's rows is
 * unpacked to halfwords less their zero point, with zeros around it.
 */
#include "filterfront_wide_avx2.h"

enum { PAIR_BYTES = FILTERFRONT_LANES * FILTERFRONT_UNIT_BYTES };

/* Where the weights of a lane lie: vectors are interleaved within their halves. */
static int32_t place_of(int32_t lane)
{
    return lane / 4 == 1 ? lane + 4 : lane / 4 == 2 ? lane - 4 : lane;
}

typedef struct {
    int32_t pairs;  /* of taps */
    int32_t pitch;  /* halfwords of a row of the band */
    int32_t head;   /* bytes of the offsets of all taps, before the tiles */
    int32_t tile_bytes;
} shape_t;

static shape_t shape_of(const filterfront_conv_t *layer)
{
    shape_t shape;

    shape.pairs = (layer->kernel_height * layer->kernel_width + 1) / 2;
    shape.pitch = ((layer->output_width - 1) * layer->stride_x + layer->kernel_width) * layer->input_channels;
    shape.head = (2 * shape.pairs * 4 + FILTERFRONT_SLACK_BYTES - 1) / FILTERFRONT_SLACK_BYTES * FILTERFRONT_SLACK_BYTES;
    shape.tile_bytes = (int32_t)sizeof(filterfront_tile_t) + shape.pairs * PAIR_BYTES;
    return shape;
}

void filterfront_wide_deep_prepare(const filterfront_wide_t *wide, void *prepared, void *scratch)
{
    const filterfront_conv_t *const layer = wide->layer;
    const shape_t shape = shape_of(layer);
    const int32_t taps = layer->kernel_height * layer->kernel_width;
    int32_t *const offsets = (int32_t *)prepared;
    uint8_t *at = (uint8_t *)prepared + shape.head;
    int16_t *const filter = (int16_t *)scratch;
    uint32_t cursor = 0;

    for (int32_t tap = 0; tap < 2 * shape.pairs; ++tap) {
        const int32_t own = tap < taps ? tap : 0; /* the last of an odd number has a weight of 0 */
        offsets[tap] = own / layer->kernel_width * shape.pitch + own % layer->kernel_width * layer->input_channels;
    }
    for (int32_t channel = 0; channel < layer->output_channels; channel += FILTERFRONT_LANES, at += shape.tile_bytes) {
        const int32_t left = layer->output_channels - channel;
        const int32_t lanes = left < FILTERFRONT_LANES ? left : FILTERFRONT_LANES;
        (void)memset(at, 0, (size_t)shape.tile_bytes);
        filterfront_wide_finish(&layer->output, channel, lanes, (filterfront_tile_t *)(void *)at);
        for (int32_t lane = 0; lane < lanes; ++lane) {
            uint8_t *const codes = at + sizeof(filterfront_tile_t) + place_of(lane) * FILTERFRONT_UNIT_BYTES;
            cursor = filterfront_wide_filter(layer, channel + lane, cursor, filter, filter + (taps + 1) / 2 * 2);
            for (int32_t tap = 0; tap < taps; ++tap) {
                (void)memcpy(codes + tap / 2 * PAIR_BYTES + tap % 2 * 2, filter + tap, 2);
            }
        }
    }
}

static void sums_of(const shape_t *shape, const int32_t *offsets, const int16_t *values, const uint8_t *tile,
                    int32_t lanes, int32_t *sums)
{
    const uint8_t *const codes = tile + sizeof(filterfront_tile_t);

    for (int32_t lane = 0; lane < lanes; ++lane) {
        sums[lane] = 0;
        for (int32_t tap = 0; tap < 2 * shape->pairs; ++tap) {
            int16_t weight;
            (void)memcpy(&weight, codes + tap / 2 * PAIR_BYTES + place_of(lane) * 4 + tap % 2 * 2, 2);
            sums[lane] += weight * values[offsets[tap] + lane];
        }
    }
}

#if defined(FILTERFRONT_X86)
/* A row of places of a tile. */
FILTERFRONT_WITH_AVX2 static void run_vectors(const filterfront_strip_t *row, const shape_t *shape,
                                              const int32_t *offsets, const int16_t *values, const uint8_t *tile,
                                              int32_t places, int32_t lanes, int8_t *levels)
{
    for (; places > 0; --places, values += row->place_step, levels += row->output_step) {
        const uint8_t *codes = tile + sizeof(filterfront_tile_t);
        __m256i begin = _mm256_setzero_si256();
        __m256i end = _mm256_setzero_si256();
        for (int32_t pair = 0; pair < shape->pairs; ++pair, codes += PAIR_BYTES) {
            const __m256i one = filterfront_load(values + offsets[2 * pair]);
            const __m256i two = filterfront_load(values + offsets[2 * pair + 1]);
            const __m256i lower = _mm256_unpacklo_epi16(one, two);
            const __m256i upper = _mm256_unpackhi_epi16(one, two);
            begin = _mm256_add_epi32(begin, _mm256_madd_epi16(lower, filterfront_load(codes)));
            end = _mm256_add_epi32(end, _mm256_madd_epi16(upper, filterfront_load(codes + 32)));
        }
        filterfront_write_avx2(row, tile, _mm256_permute2x128_si256(begin, end, 0x20),
                               _mm256_permute2x128_si256(begin, end, 0x31), lanes, levels, NULL);
    }
}
#endif

/* A row of places of a tile, one after the other. */
static void run_row(const filterfront_conv_t *layer, const filterfront_strip_t *row, const shape_t *shape,
                    const int32_t *offsets, const int16_t *values, const uint8_t *tile, int32_t channel, int32_t lanes,
                    void *output, size_t place)
{
    const filterfront_tile_t *const own = (const filterfront_tile_t *)(const void *)tile;
    int32_t sums[FILTERFRONT_LANES];

#if defined(FILTERFRONT_X86)
    if (own->is_ready && filterfront_wide_path() != FILTERFRONT_PLAIN) {
        run_vectors(row, shape, offsets, values, tile, layer->output_width, lanes, (int8_t *)output + place);
        return;
    }
#endif
    for (int32_t x = 0; x < layer->output_width; ++x, values += row->place_step, place += (size_t)row->output_step) {
        sums_of(shape, offsets, values, tile, lanes, sums);
        for (int32_t lane = 0; lane < lanes; ++lane) {
            if (own->is_ready) {
                const int32_t level = filterfront_wide_level(own, lane, sums[lane], row->low, row->high);
                ((int8_t *)output)[place + (size_t)lane] = (int8_t)level;
            } else {
                filterfront_requantize(&layer->output, channel + lane, sums[lane], output, place + (size_t)lane);
            }
        }
    }
}

static void read_row(const filterfront_conv_t *layer, const int8_t *input, int32_t y, int32_t pitch, int16_t *to)
{
    const int32_t channels = layer->input_channels;
    const int32_t before = layer->pad_left * channels;
    const int32_t most = layer->input_width * channels;
    const int32_t count = pitch - before < most ? pitch - before : most;

    if (y < 0 || y >= layer->input_height) {
        (void)memset(to, 0, (size_t)pitch * sizeof *to);
        return;
    }
    (void)memset(to, 0, (size_t)before * sizeof *to);
    filterfront_wide_words(input + y * most, count, layer->input_zero, to + before);
    (void)memset(to + before + count, 0, (size_t)(pitch - before - count) * sizeof *to);
}

void filterfront_wide_deep(const filterfront_wide_t *wide, const int8_t *input, void *output, void *scratch,
                           const void *prepared)
{
    const filterfront_conv_t *const layer = wide->layer;
    const shape_t shape = shape_of(layer);
    const int32_t *const offsets = (const int32_t *)prepared;
    int16_t *const band = (int16_t *)scratch;
    int32_t held = 0;
    filterfront_strip_t row = {0};

    row.place_step = layer->stride_x * layer->input_channels;
    row.low = layer->output.low;
    row.high = layer->output.high;
    row.output_step = layer->output_channels;
    for (int32_t y = 0; y < layer->output_height; y += wide->rows) {
        const int32_t rows = layer->output_height - y < wide->rows ? layer->output_height - y : wide->rows;
        const int32_t needed = (rows - 1) * layer->stride_y + layer->kernel_height;
        const int32_t passed = rows * layer->stride_y;
        for (int32_t at = held; at < needed; ++at) {
            read_row(layer, input, y * layer->stride_y - layer->pad_top + at, shape.pitch, band + at * shape.pitch);
        }
        (void)memset(band + needed * shape.pitch, 0, FILTERFRONT_SLACK_BYTES); /* read beside weights of 0 */
        const uint8_t *tile = (const uint8_t *)prepared + shape.head;
        for (int32_t channel = 0; channel < layer->output_channels; channel += FILTERFRONT_LANES) {
            const int32_t left = layer->output_channels - channel;
            const int32_t lanes = left < FILTERFRONT_LANES ? left : FILTERFRONT_LANES;
            for (int32_t at = 0; at < rows; ++at) {
                const size_t place = (size_t)(y + at) * (size_t)(layer->output_width * layer->output_channels);
                run_row(layer, &row, &shape, offsets, band + at * layer->stride_y * shape.pitch + channel, tile, channel,
                        lanes, output, place + (size_t)channel);
            }
            tile += shape.tile_bytes;
        }
        held = needed > passed ? needed - passed : 0; /* rows that the next band needs, too */
        (void)memmove(band, band + (needed - held) * shape.pitch, (size_t)(held * shape.pitch) * sizeof *band);
    }
}
