// The entry points that attention_simd.cpp compiles to, one set per instruction set; avx512bf16 is the
// AVX-512 one with products of bfloat16 pairs.
#pragma once

#include "kernels/attention.h"

namespace gyre::kernels {

// Queries of one task and keys of one tile; a query block never straddles a tile.
inline constexpr std::int64_t kQueryBlock = 32, kKeyTile = 128;

// Bytes, multiples of 64.
struct AttentionScratch {
  std::int64_t keys, values;  // packed keys and values of one key-value head
  std::int64_t thread;        // of a thread's task
};

// pack: keys and values of head `kv` (of batch * kv_heads) into the layout of the products. attend: one query
// block of one head (of batch * heads) against packed keys and values; thread is scratch.
#define GYRE_DECLARE_ATTENTION                                                                             \
  AttentionScratch attention_scratch(const AttentionArgs& args);                                           \
  void attention_pack(const AttentionArgs& args, std::int64_t kv, void* keys, void* values);               \
  void attention_block(const AttentionArgs& args, std::int64_t head, std::int64_t block, const void* keys, \
                       const void* values, void* thread);
namespace avx512bf16 {
GYRE_DECLARE_ATTENTION
}
namespace avx512 {
GYRE_DECLARE_ATTENTION
}
namespace avx2 {
GYRE_DECLARE_ATTENTION
}
namespace scalar {
GYRE_DECLARE_ATTENTION
}
#undef GYRE_DECLARE_ATTENTION

}  // namespace gyre::kernels
