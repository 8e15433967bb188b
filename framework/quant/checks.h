// What every scheme checks of its spec.
#pragma once

#include "spec/quant.h"

namespace gyre {

// n_bits; kConfig when it is not 2 to 8.
int checked_bits(const QuantSpec& spec);
// The fixed ratio of a clip, 1 where it is minmax or searched; kConfig when it is not in (0, 1].
double checked_ratio(const Clip& clip);
// The error power of a searched clip; 0 when nothing is searched.
double search_power(const Clip& clip);

}  // namespace gyre
