#include "model/packed_codes.h"

#include "core/error.h"

namespace gyre {

torch::Tensor pack_codes(const torch::Tensor& given, int n_bits) {
  GYRE_ASSERT(given.dim() == 2 && given.scalar_type() == torch::kUInt8 && n_bits >= 1 && n_bits <= 8);
  const auto codes = given.to(torch::kCPU).contiguous();
  const auto rows = codes.size(0), n = codes.size(1), bytes = packed_row_bytes(n, n_bits);
  auto packed = torch::zeros({rows, bytes}, torch::kUInt8);
  const auto* from = codes.const_data_ptr<std::uint8_t>();
  auto* to = packed.mutable_data_ptr<std::uint8_t>();
  for (std::int64_t r = 0; r < rows; ++r, from += n, to += bytes)
    for (std::int64_t j = 0; j < n; ++j) {
      GYRE_ASSERT(from[j] >> n_bits == 0);
      const auto bit = j * n_bits, byte = bit / 8, shift = bit % 8;
      to[byte] = static_cast<std::uint8_t>(to[byte] | from[j] << shift);
      if (shift + n_bits > 8) to[byte + 1] = static_cast<std::uint8_t>(from[j] >> (8 - shift));
    }
  return packed;
}

torch::Tensor unpack_codes(const torch::Tensor& packed, std::int64_t n, int n_bits) {
  const auto rows = packed.size(0), bytes = packed_row_bytes(n, n_bits);
  GYRE_ASSERT(packed.is_cpu() && packed.is_contiguous() && packed.scalar_type() == torch::kUInt8 &&
              packed.dim() == 2 && packed.size(1) == bytes && n_bits >= 1 && n_bits <= 8);
  auto codes = torch::empty({rows, n}, torch::kUInt8);
  const auto* from = packed.const_data_ptr<std::uint8_t>();
  auto* to = codes.mutable_data_ptr<std::uint8_t>();
  const int mask = (1 << n_bits) - 1;
  for (std::int64_t r = 0; r < rows; ++r, from += bytes, to += n)
    for (std::int64_t j = 0; j < n; ++j) {
      const auto bit = j * n_bits, byte = bit / 8, shift = bit % 8;
      int word = from[byte];
      if (shift + n_bits > 8) word |= from[byte + 1] << 8;
      to[j] = static_cast<std::uint8_t>(word >> shift & mask);
    }
  return codes;
}

}  // namespace gyre
