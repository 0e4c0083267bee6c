#include "filterfront_dot.h"

#define PAIRS                                                                                                          \
    FILTERFRONT_FIRST_PAIR FILTERFRONT_PAIR_AT("4") FILTERFRONT_PAIR_AT("8") FILTERFRONT_PAIR_AT("12")

FILTERFRONT_CODES(filterfront_codes_4, 4, FILTERFRONT_WORDS(FILTERFRONT_WORD(PAIRS)))
