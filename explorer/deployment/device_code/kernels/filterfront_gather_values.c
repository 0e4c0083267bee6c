/* Windows as they are. */
#include "filterfront_windows.h"

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
static inline void write_values(const int8_t *row, const filterfront_run_t *run, int32_t zero, int8_t *to)
{
    int32_t after = run->values;

    if (row != NULL) {
        to = fill(to, zero, run->before);
        to = copy(to, row + run->from, run->inside);
        after -= run->before + run->inside;
    }
    (void)fill(to, zero, after);
}

/* The values of a group under the window whose first tap lies at (y, x), as they are. */
void filterfront_gather_values(const filterfront_conv_t *layer, const int8_t *input, int32_t y, int32_t x, int32_t half,
                               void *values)
{
    int8_t *const window = (int8_t *)values;

    (void)half;
    FILTERFRONT_RUNS {
        const filterfront_run_t run = filterfront_run_at(layer, x, taps, members);
        const int32_t end = y + layer->kernel_height * dilation;
        int8_t *to = window + tap * members;
        for (int32_t at = y; at < end; at += dilation, to += next) {
            write_values(FILTERFRONT_ROW(at), &run, zero, to);
        }
    }
}
