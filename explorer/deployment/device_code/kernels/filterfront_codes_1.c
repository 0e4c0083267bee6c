#include "filterfront_dot.h"

#define PAIRS                                                                                                          \
    FILTERFRONT_FIRST_PAIR FILTERFRONT_PAIR_AT("1") FILTERFRONT_PAIR_AT("2") FILTERFRONT_PAIR_AT("3")                  \
    FILTERFRONT_PAIR_AT("4") FILTERFRONT_PAIR_AT("5") FILTERFRONT_PAIR_AT("6") FILTERFRONT_PAIR_AT("7")                \
    FILTERFRONT_PAIR_AT("8") FILTERFRONT_PAIR_AT("9") FILTERFRONT_PAIR_AT("10")                                        \
    FILTERFRONT_PAIR_AT("11") FILTERFRONT_PAIR_AT("12") FILTERFRONT_PAIR_AT("13")                                      \
    FILTERFRONT_PAIR_AT("14") FILTERFRONT_PAIR_AT("15")

FILTERFRONT_CODES(filterfront_codes_1, 1, FILTERFRONT_WORDS(FILTERFRONT_WORD(PAIRS)))
