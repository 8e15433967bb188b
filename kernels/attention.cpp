// Threads over heads and query blocks, the best instruction set.
#include "kernels/attention.h"

#include <omp.h>

#include <new>

#include "kernels/cpu/attention_simd.h"
#include "kernels/cpu_features.h"

namespace gyre::kernels {
namespace {

constexpr std::align_val_t kAlign{64};

struct Buffer {
  explicit Buffer(std::int64_t bytes)
      : data(::operator new(static_cast<std::size_t>(bytes), kAlign, std::nothrow)) {}
  ~Buffer() { ::operator delete(data, kAlign); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  char* at(std::int64_t offset) const { return static_cast<char*>(data) + offset; }
  void* data;
};

struct Functions {
  AttentionScratch (*scratch)(const AttentionArgs&);
  void (*pack)(const AttentionArgs&, std::int64_t, void*, void*);
  void (*block)(const AttentionArgs&, std::int64_t, std::int64_t, const void*, const void*, void*);
};

Functions choose(DType dtype) {
  if (dtype == DType::kBF16 && cpu_has_avx512bf16())
    return {avx512bf16::attention_scratch, avx512bf16::attention_pack, avx512bf16::attention_block};
  if (cpu_has_avx512()) return {avx512::attention_scratch, avx512::attention_pack, avx512::attention_block};
  if (cpu_has_avx2()) return {avx2::attention_scratch, avx2::attention_pack, avx2::attention_block};
  return {scalar::attention_scratch, scalar::attention_pack, scalar::attention_block};
}

}  // namespace

int causal_attention(const AttentionArgs& args) {
  if (args.dtype == DType::kF64 || args.dim % 2 != 0 || args.heads % args.kv_heads != 0) return 1;
  const Functions run = choose(args.dtype);
  const AttentionScratch sizes = run.scratch(args);
  const std::int64_t kv_heads = args.batch * args.kv_heads, heads = args.batch * args.heads;
  const std::int64_t blocks = (args.length + kQueryBlock - 1) / kQueryBlock,
                     group = args.heads / args.kv_heads;
  const Buffer packed(kv_heads * (sizes.keys + sizes.values));
  if (packed.data == nullptr) return 1;
  int failed = 0;
#pragma omp parallel reduction(| : failed)
  {
    const Buffer scratch(sizes.thread);
    failed = scratch.data == nullptr;
#pragma omp for schedule(dynamic)
    for (std::int64_t kv = 0; kv < kv_heads; ++kv) {
      char* keys = packed.at(kv * (sizes.keys + sizes.values));
      run.pack(args, kv, keys, keys + sizes.keys);
    }
    // Later queries see more keys: the longest tasks go first, so that threads end together. Heads that share
    // keys follow one another while these lie in the cache.
#pragma omp for schedule(dynamic)
    for (std::int64_t task = 0; task < heads * blocks; ++task) {
      const std::int64_t kv = task / group % kv_heads, head = kv * group + task % group;
      const std::int64_t block = blocks - 1 - task / heads;
      const char* keys = packed.at(kv * (sizes.keys + sizes.values));
      if (!failed) run.block(args, head, block, keys, keys + sizes.keys, scratch.data);
    }
  }
  return failed;
}

}  // namespace gyre::kernels
