// Codes of n_bits each as a stream of bits: code j of a row stands at bits j * n_bits and up, the lowest bit
// of a byte first; a row begins on a byte of its own.
#pragma once

#include <torch/torch.h>

namespace gyre {

// Bytes of a row of n codes.
inline std::int64_t packed_row_bytes(std::int64_t n, int n_bits) {
  return (n * n_bits + 7) / 8;
}

// codes: uint8 [rows, n], each below 2^n_bits (1 to 8). uint8 [rows, packed_row_bytes(n, n_bits)].
torch::Tensor pack_codes(const torch::Tensor& codes, int n_bits);
// The codes again: uint8 [rows, n]. packed must have the shape that pack_codes gives.
torch::Tensor unpack_codes(const torch::Tensor& packed, std::int64_t n, int n_bits);

}  // namespace gyre
