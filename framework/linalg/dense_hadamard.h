// The constructions that give a Hadamard matrix as a whole, without a power of two split off; see
// linalg/hadamard.h for how an order is made of them.
#pragma once

#include "linalg/hadamard.h"

namespace gyre::linalg {

// Whether one of the constructions gives the order.
bool has_dense_hadamard(std::int64_t order);
// The matrix of the first construction that gives the order; one of them must.
SignMatrix dense_hadamard(std::int64_t order);

SignMatrix kronecker(const SignMatrix& a, const SignMatrix& b);

}  // namespace gyre::linalg
