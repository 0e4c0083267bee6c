/* Weights as indices into palettes that filters share. */
#ifndef FILTERFRONT_PALETTIZED_H
#define FILTERFRONT_PALETTIZED_H

#include "filterfront_streams.h"

typedef struct {
    filterfront_numbers_t palette;
    const uint8_t *index;
    uint32_t index_start;
    int32_t index_width;
    int32_t palette_filters; /* filters that share a palette */
    int32_t members;         /* channels of a filter */
    int32_t taps;
    int32_t shift; /* bits that weights lose */
} filterfront_palettized_t;

uint32_t filterfront_palettized_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work);

#endif
