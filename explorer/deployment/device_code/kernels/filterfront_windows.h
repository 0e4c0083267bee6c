/* What lies under windows that reach over rows of the input, or beyond it. */
#ifndef FILTERFRONT_WINDOWS_H
#define FILTERFRONT_WINDOWS_H

#include "filterfront_kernels.h"

/* Values that lie side by side under a row of a window: all its taps, or one; and how many of them are inside. */
typedef struct {
    int32_t values;
    int32_t before; /* zeros, as what lies outside of the input */
    int32_t inside;
    int32_t from; /* of the first one inside, in the row of the input */
} filterfront_run_t;

static inline filterfront_run_t filterfront_run_at(const filterfront_conv_t *layer, int32_t x, int32_t taps,
                                                   int32_t members)
{
    const int32_t first = x >= 0 ? 0 : x > -taps ? -x : taps;
    const int32_t room = layer->input_width - x;
    const int32_t end = room > taps ? taps : room > first ? room : first;
    filterfront_run_t run;

    run.values = taps * members;
    run.before = first * members;
    run.inside = (end - first) * members;
    run.from = (x + first) * layer->input_channels;
    return run;
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

#endif
