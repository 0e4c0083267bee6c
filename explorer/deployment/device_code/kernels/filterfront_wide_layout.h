/* How the filters of a layer lie in the order of vectors. */
#ifndef FILTERFRONT_WIDE_LAYOUT_H
#define FILTERFRONT_WIDE_LAYOUT_H

#include "filterfront_wide.h"

typedef struct {
    int32_t is_bytes; /* values are bytes, else halfwords */
    int32_t members;
    int32_t group_outputs;
    int32_t group_tiles;
    int32_t runs; /* of a row of a window */
    int32_t run_values;
    int32_t unit_values;
    int32_t run_units;
    int32_t tile_bytes;
} filterfront_layout_t;

filterfront_layout_t filterfront_wide_layout(const filterfront_wide_t *wide);

#endif
