#include "filterfront_dot.h"

#define PAIRS                                                                                                          \
    FILTERFRONT_FIRST_PAIR FILTERFRONT_PAIR_AT("8")

FILTERFRONT_CODES(filterfront_codes_8, 8, FILTERFRONT_FOUR_WORDS(FILTERFRONT_WORD(PAIRS)))
