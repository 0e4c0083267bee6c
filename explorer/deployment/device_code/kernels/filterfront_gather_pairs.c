/* Windows as columns. */
#include "filterfront_columns.h"
#include "filterfront_dot.h"
#include "filterfront_windows.h"

/* Writes a run of a window as a part of a column, or zeros where its row is outside of the input. */
static inline void write_pairs(const int8_t *row, const filterfront_run_t *run, int32_t half, int32_t zero, int16_t *to)
{
    int32_t after = run->values;

    if (row != NULL) {
        to = filterfront_clear(to, run->before);
        to = filterfront_unpack(row + run->from, run->inside, half, zero, to);
        after -= run->before + run->inside;
    }
    (void)filterfront_clear(to, after);
}

/* The values of a group under the window whose first tap lies at (y, x). */
void filterfront_gather_pairs(const filterfront_conv_t *layer, const int8_t *input, int32_t y, int32_t x, int32_t half,
                              void *values)
{
    int16_t *const column = (int16_t *)values;

    FILTERFRONT_RUNS {
        const filterfront_run_t run = filterfront_run_at(layer, x, taps, members);
        const int32_t end = y + layer->kernel_height * dilation;
        int16_t *to = column + tap * members * FILTERFRONT_COLUMNS;
        for (int32_t at = y; at < end; at += dilation, to += next * FILTERFRONT_COLUMNS) {
            write_pairs(FILTERFRONT_ROW(at), &run, half, zero, to);
        }
    }
}
