#include "filterfront_nm_sparse.h"

enum { MOST = 16 };

/* The places of a combination, ascending, from its number: the k-th is the greatest p with C(p, k) within what is left. */
static void take_apart(uint32_t number, const filterfront_nm_sparse_t *form, int32_t *places)
{
    uint32_t count = form->combinations; /* C(place, left) */
    int32_t left = form->kept;

    for (int32_t place = form->group - 1; left > 0; --place) {
        const int32_t is_taken = number >= count;
        if (is_taken) {
            number -= count;
            places[left - 1] = place;
        }
        if (place > 0) {
            count = count * (uint32_t)(is_taken ? left : place - left) / (uint32_t)place;
        }
        left -= is_taken;
    }
}

uint32_t filterfront_nm_sparse_filter(const void *form, int32_t channel, uint32_t cursor, int16_t *filter, void *work)
{
    const filterfront_nm_sparse_t *const sparse = (const filterfront_nm_sparse_t *)form;
    const int32_t weights = sparse->members * sparse->taps;
    const uint32_t first = (uint32_t)channel * (uint32_t)(weights / sparse->group);
    const uint32_t bits = (uint32_t)(sparse->width * sparse->numbers);
    filterfront_reader_t index = filterfront_read_at(sparse->index, sparse->start + first * bits);
    filterfront_reader_t values = filterfront_numbers_at(&sparse->weights, first * (uint32_t)sparse->kept);
    int32_t places[MOST] = {0};

    (void)work;
    /* Groups are stored tap by tap, as the filter is laid out. */
    for (int32_t start = 0; start < weights; start += sparse->group) {
        for (int32_t place = 0; place < sparse->group; ++place) {
            filter[start + place] = 0;
        }
        if (sparse->numbers == 1) {
            take_apart(filterfront_take(&index, sparse->width), sparse, places);
        } else {
            for (int32_t number = 0; number < sparse->kept; ++number) {
                places[number] = (int32_t)filterfront_take(&index, sparse->width);
            }
        }
        for (int32_t number = 0; number < sparse->kept; ++number) {
            const int32_t value = filterfront_number(&values, &sparse->weights);
            filter[start + places[number]] = filterfront_without_bits(value, sparse->shift);
        }
    }
    return cursor;
}
