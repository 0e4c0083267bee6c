/* Which path a processor takes, and filters in the order of its vectors. */
#include "filterfront_ready.h"
#include "filterfront_wide_avx2.h"
#include "filterfront_wide_layout.h"

int32_t filterfront_wide_path(void)
{
#if defined(FILTERFRONT_PATH) /* of a test */
    return FILTERFRONT_PATH;
#elif defined(FILTERFRONT_X86)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni")) {
        return FILTERFRONT_AVX512;
    }
    return __builtin_cpu_supports("avx2") ? FILTERFRONT_AVX2 : FILTERFRONT_PLAIN;
#else
    return FILTERFRONT_PLAIN;
#endif
}

void filterfront_wide_words(const int8_t *from, int32_t count, int32_t zero, int16_t *to)
{
    int32_t value = 0;

#if defined(FILTERFRONT_X86)
    if (filterfront_wide_path() != FILTERFRONT_PLAIN) {
        value = filterfront_wide_avx2_unpack(from, count, zero, to);
    }
#endif
    for (; value < count; ++value) {
        to[value] = (int16_t)(from[value] - zero);
    }
}

filterfront_layout_t filterfront_wide_layout(const filterfront_wide_t *wide)
{
    const filterfront_conv_t *const layer = wide->layer;
    const int32_t members = layer->input_channels / layer->groups;
    const int32_t is_line = layer->groups == 1 && layer->dilation_x == 1;
    /* Pairs of bytes are added in 16 bits by AVX2: 2 * 255 * 64 is less than 2^15. */
    const int32_t path = filterfront_wide_path();
    const int32_t most = path == FILTERFRONT_AVX512 ? INT8_MAX : path == FILTERFRONT_AVX2 ? 64 : 0;
    const int32_t least = path == FILTERFRONT_AVX512 ? INT8_MIN : -most;
    filterfront_layout_t layout;

    layout.is_bytes = wide->greatest <= most && wide->least >= least;
    layout.members = members;
    layout.group_outputs = layer->output_channels / layer->groups;
    layout.group_tiles = (layout.group_outputs + FILTERFRONT_LANES - 1) / FILTERFRONT_LANES;
    layout.runs = is_line ? 1 : layer->kernel_width;
    layout.run_values = is_line ? layer->kernel_width * members : members;
    layout.unit_values = layout.is_bytes ? 4 : 2;
    layout.run_units = (layout.run_values + layout.unit_values - 1) / layout.unit_values;
    layout.tile_bytes = (int32_t)sizeof(filterfront_tile_t) + layer->kernel_height * layout.runs * layout.run_units *
                                                                   FILTERFRONT_LANES * FILTERFRONT_UNIT_BYTES;
    return layout;
}

uint32_t filterfront_wide_filter(const filterfront_conv_t *layer, int32_t channel, uint32_t cursor, int16_t *filter,
                                 void *work)
{
    const filterfront_codes_t *const codes = &layer->codes;
    const int32_t length = layer->input_channels / layer->groups * layer->kernel_height * layer->kernel_width;

    if (codes->packed == NULL) {
        return layer->decode(layer->form, channel, cursor, filter, work);
    }
    const uint8_t *const packed = codes->packed + (size_t)channel * 4U * (size_t)codes->words;
    const uint32_t mask = ((uint32_t)1 << codes->width) - 1U;
    for (int32_t index = 0; index < length; ++index) {
        const int32_t bit = index * codes->width;
        const int32_t code = (int32_t)((uint32_t)packed[bit >> 3] >> (bit & 7) & mask);
        filter[index] = (int16_t)(code * ((int32_t)1 << codes->down) + codes->offset);
    }
    return cursor;
}

void filterfront_wide_finish(const filterfront_output_t *out, int32_t channel, int32_t lanes, filterfront_tile_t *tile)
{
    tile->is_ready = 1;
    for (int32_t lane = 0; lane < lanes; ++lane) {
        const filterfront_ready_t ready = filterfront_make_ready(out, channel + lane, 0);
        const uint64_t bias = (uint64_t)(uint32_t)ready.bias_high << 32 | ready.bias_low;
        tile->factor[lane] = ready.factor;
        tile->bias[lane % 2 * (FILTERFRONT_LANES / 2) + lane / 2] = (int64_t)bias;
        tile->shift[lane] = ready.shift < 0 ? 0 : ready.shift;
        tile->is_ready &= ready.shift >= 0;
    }
}

int32_t filterfront_wide_level(const filterfront_tile_t *tile, int32_t lane, int32_t sum, int32_t low, int32_t high)
{
    const int64_t bias = tile->bias[lane % 2 * (FILTERFRONT_LANES / 2) + lane / 2];
    const int32_t level = (int32_t)((bias + (int64_t)sum * tile->factor[lane]) >> 32) >> tile->shift[lane];

    return filterfront_within(level, low, high);
}

/* Writes a filter's weights as a lane of its tile; returns their sum. */
static int32_t write_lane(const filterfront_conv_t *layer, const filterfront_layout_t *layout, const int16_t *filter,
                          uint8_t *lane)
{
    const int32_t parts = layer->kernel_height * layout->runs;
    int32_t sum = 0;

    for (int32_t part = 0; part < parts; ++part) {
        for (int32_t value = 0; value < layout->run_units * layout->unit_values; ++value) {
            const int16_t weight = value < layout->run_values ? *filter++ : (int16_t)0;
            const int32_t index = value % layout->unit_values;
            sum += weight;
            if (layout->is_bytes) {
                lane[index] = (uint8_t)weight;
            } else {
                (void)memcpy(lane + 2 * index, &weight, 2);
            }
            lane += index + 1 == layout->unit_values ? FILTERFRONT_LANES * FILTERFRONT_UNIT_BYTES : 0;
        }
    }
    return sum;
}

void filterfront_wide_prepare(const filterfront_wide_t *wide, void *prepared, void *scratch)
{
    const filterfront_conv_t *const layer = wide->layer;
    const filterfront_layout_t layout = filterfront_wide_layout(wide);
    const int32_t length = layout.members * layer->kernel_height * layer->kernel_width;
    int16_t *const filter = (int16_t *)scratch;
    const int32_t most = layout.group_tiles * layer->groups;
    uint32_t cursor = 0;

    for (int32_t number = 0; number < most; ++number) {
        uint8_t *const at = (uint8_t *)prepared + (size_t)number * (size_t)layout.tile_bytes;
        filterfront_tile_t *const tile = (filterfront_tile_t *)(void *)at;
        const int32_t within = number % layout.group_tiles * FILTERFRONT_LANES;
        const int32_t left = layout.group_outputs - within;
        const int32_t lanes = left < FILTERFRONT_LANES ? left : FILTERFRONT_LANES;
        const int32_t channel = number / layout.group_tiles * layout.group_outputs + within;
        (void)memset(at, 0, (size_t)layout.tile_bytes);
        filterfront_wide_finish(&layer->output, channel, lanes, tile);
        for (int32_t lane = 0; lane < lanes; ++lane) {
            uint8_t *const codes = at + sizeof(filterfront_tile_t) + (size_t)lane * FILTERFRONT_UNIT_BYTES;
            cursor = filterfront_wide_filter(layer, channel + lane, cursor, filter, filter + (length + 1) / 2 * 2);
            const uint32_t sum = (uint32_t)write_lane(layer, &layout, filter, codes);
            const uint32_t off = (uint32_t)(layout.is_bytes ? 128 + layer->input_zero : 0);
            tile->start[lane] = (int32_t)(0U - off * sum); /* modulo 2^32, as the sum that it is added to */
        }
    }
}
