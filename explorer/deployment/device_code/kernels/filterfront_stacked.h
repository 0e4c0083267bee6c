/* A shared filter for each segment of a filter, with a scale for each or without. */
#ifndef FILTERFRONT_STACKED_H
#define FILTERFRONT_STACKED_H

#include "filterfront_streams.h"

typedef struct {
    filterfront_numbers_t bank;
    filterfront_numbers_t scales;
    int32_t has_scales;
    const uint8_t *selection;
    uint32_t selection_start;
    int32_t selection_width;
    int32_t selection_parts; /* numbers of a selection: 1, or as many as the bank has filters, one of them 1 */
    int32_t segments;
    int32_t bank_filters; /* of a group */
    int32_t group_outputs;
    int32_t members; /* channels of a filter */
    int32_t taps;
    int32_t shift; /* bits that weights lose */
} filterfront_stacked_t;

uint32_t filterfront_stacked_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work);

#endif
