/* Sparse values: where those of a row stand. They are stored in the order of their rows and places. */
#ifndef FILTERFRONT_ROWS_H
#define FILTERFRONT_ROWS_H

#include "filterfront_streams.h"

enum { FILTERFRONT_EVERY_PLACE, FILTERFRONT_BITMAP, FILTERFRONT_INDEX };

typedef struct {
    int32_t stored;
    const uint8_t *stream;
    uint32_t start; /* bit of the bitmap, or of the counts of the rows */
    int32_t count_width;
    uint32_t positions; /* bit of the first position */
    int32_t position_width;
    int32_t places; /* of a row */
} filterfront_rows_t;

typedef struct {
    filterfront_reader_t reader;
    int32_t place;
    int32_t left; /* values of an indexed row */
} filterfront_row_t;

/* A row; cursor is how many values the rows before it have. */
static inline filterfront_row_t filterfront_row(const filterfront_rows_t *rows, uint32_t index, uint32_t cursor)
{
    filterfront_row_t row = {{NULL, 0, 0}, -1, 0};

    if (rows->stored == FILTERFRONT_BITMAP) {
        row.reader = filterfront_read_at(rows->stream, rows->start + index * (uint32_t)rows->places);
    } else if (rows->stored == FILTERFRONT_INDEX) {
        row.reader = filterfront_read_at(rows->stream, rows->start + index * (uint32_t)rows->count_width);
        row.left = (int32_t)filterfront_take(&row.reader, rows->count_width);
        row.reader = filterfront_read_at(rows->stream, rows->positions + cursor * (uint32_t)rows->position_width);
    }
    return row;
}

/* The place of the row's next value; negative after the last. */
static inline int32_t filterfront_next_value(const filterfront_rows_t *rows, filterfront_row_t *row)
{
    if (rows->stored == FILTERFRONT_INDEX) {
        return row->left-- > 0 ? (int32_t)filterfront_take(&row->reader, rows->position_width) : -1;
    }
    while (++row->place < rows->places) {
        if (rows->stored == FILTERFRONT_EVERY_PLACE || filterfront_take(&row->reader, 1) != 0U) {
            return row->place;
        }
    }
    return -1;
}

#endif
