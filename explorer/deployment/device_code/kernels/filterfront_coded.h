/* Entropy-coded weights: canonical Huffman codes or rANS, under a table that the stream begins with. */
#ifndef FILTERFRONT_CODED_H
#define FILTERFRONT_CODED_H

#include "filterfront_streams.h"

typedef struct {
    const uint8_t *stream;
    uint32_t table;     /* bit of the first length, or of the first frequency */
    uint32_t codes;     /* bit after the table */
    int32_t symbols;    /* of the table */
    int32_t first;      /* code of symbol 0 */
    int32_t is_huffman;
    int32_t length_width; /* bits of a length; 0 where the only symbol has a code of one bit */
    int32_t members;    /* channels of a filter */
    int32_t taps;
    int32_t shift;      /* bits that weights lose */
} filterfront_coded_t;

uint32_t filterfront_coded_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work);

#endif
