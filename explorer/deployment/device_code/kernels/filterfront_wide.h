/*
 * Layers on a processor with wide vectors: x86-64 with AVX2, or with AVX-512 and VNNI; which of them is asked at run time.
 * Filters are decoded once, to the order in which vectors read them. Every path gives the same bits.
 *
 * A tile is 16 outputs of a group. A unit is what lies side by side under a row of a window in 4 bytes: four values as
 * bytes, each level plus 128, or two values less their zero point as halfwords. A sum begins with what the zero point
 * and those 128 take off it.
 */
#ifndef FILTERFRONT_WIDE_H
#define FILTERFRONT_WIDE_H

#include "filterfront_kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define FILTERFRONT_X86 1
#endif

enum { FILTERFRONT_LANES = 16, FILTERFRONT_UNIT_BYTES = 4, FILTERFRONT_SLACK_BYTES = 64 };
enum { FILTERFRONT_PLAIN, FILTERFRONT_AVX2, FILTERFRONT_AVX512 };

/* A layer as it is computed here. */
typedef struct {
    const filterfront_conv_t *layer;
    int32_t least; /* of the weights */
    int32_t greatest;
    int32_t rows;  /* of outputs that are computed from one band of the input's */
    int32_t width; /* of a row of outputs; 0 where it is the layer's, else places of one tap lie in one line */
} filterfront_wide_t;

/* What the outputs of a tile begin with and become; their weights follow, unit by unit. Biases are those of even lanes
 * and then those of odd ones. */
typedef struct {
    int32_t start[FILTERFRONT_LANES];
    int32_t factor[FILTERFRONT_LANES];
    int64_t bias[FILTERFRONT_LANES];
    int32_t shift[FILTERFRONT_LANES];
    int32_t is_ready; /* whether the numbers above hold for all of them */
    int32_t unused[FILTERFRONT_LANES - 1];
} filterfront_tile_t;

/* What computes a row of places of one tile, or of two. */
typedef struct {
    int32_t kernel_height;
    int32_t row_step; /* bytes from one row under a window to the next, and so on */
    int32_t runs;     /* parts of a row under a window that lie apart */
    int32_t run_step;
    int32_t run_units;
    int32_t place_step;
    int32_t tile_bytes;
    int32_t low;
    int32_t high;
    int32_t output_step;
} filterfront_strip_t;

/*
 * Rows of places, on levels or as sums; lanes is how many outputs the last tile has. Levels lie output_step apart, sums
 * 16 for each tile.
 */
typedef void (*filterfront_strip_function_t)(const filterfront_strip_t *row, const uint8_t *values, const uint8_t *tile,
                                           int32_t places, int32_t lanes, int8_t *levels, int32_t *sums);

int32_t filterfront_wide_path(void);

void filterfront_wide_prepare(const filterfront_wide_t *wide, void *prepared, void *scratch);
void filterfront_wide_conv(const filterfront_wide_t *wide, const int8_t *input, void *output, void *scratch,
                           const void *prepared);

void filterfront_wide_deep_prepare(const filterfront_wide_t *wide, void *prepared, void *scratch);
void filterfront_wide_deep(const filterfront_wide_t *wide, const int8_t *input, void *output, void *scratch,
                           const void *prepared);
void filterfront_wide_add(const filterfront_add_t *step, const int8_t *first, const int8_t *second, void *output);
void filterfront_wide_rescale(const filterfront_rescale_t *step, const int8_t *input, void *output);

/* Unpacks levels, less their zero point, to halfwords. */
void filterfront_wide_words(const int8_t *from, int32_t count, int32_t zero, int16_t *to);

/* Decodes a filter, or reads it where it lies in flash as codes. */
uint32_t filterfront_wide_filter(const filterfront_conv_t *layer, int32_t channel, uint32_t cursor, int16_t *filter,
                                 void *work);

/* Fills in what the outputs of a tile from a channel on become, and what all of them begin with. */
void filterfront_wide_finish(const filterfront_output_t *out, int32_t channel, int32_t lanes, filterfront_tile_t *tile);

/* The level of a sum of a lane. */
int32_t filterfront_wide_level(const filterfront_tile_t *tile, int32_t lane, int32_t sum, int32_t low, int32_t high);

#endif
