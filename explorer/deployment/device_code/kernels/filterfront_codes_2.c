#include "filterfront_dot.h"

#define PAIRS                                                                                                          \
    FILTERFRONT_FIRST_PAIR FILTERFRONT_PAIR_AT("2") FILTERFRONT_PAIR_AT("4") FILTERFRONT_PAIR_AT("6")                  \
    FILTERFRONT_PAIR_AT("8") FILTERFRONT_PAIR_AT("10") FILTERFRONT_PAIR_AT("12")                                       \
    FILTERFRONT_PAIR_AT("14")

FILTERFRONT_CODES(filterfront_codes_2, 2, FILTERFRONT_WORDS(FILTERFRONT_WORD(PAIRS)))
