// Threads over panels of columns; below the diagonal only what shares a tile with it is computed.
#include "kernels/gram.h"

#include <algorithm>

#include "kernels/cpu/buffer.h"
#include "kernels/cpu/gram_simd.h"
#include "kernels/cpu_features.h"

namespace gyre::kernels {

using namespace avx512bf16;

bool has_gram() {
  return cpu_has_avx512bf16();
}

int add_gram(const GramArgs& args) {
  if (!has_gram()) return 1;
  constexpr auto kPanelPairs = kGramPairs * kGramPanel;
  const auto n_panels = (args.width + kGramPanel - 1) / kGramPanel;
  const Buffer buffer(n_panels * kPanelPairs * static_cast<std::int64_t>(sizeof(std::uint32_t)));
  auto* panels = static_cast<std::uint32_t*>(buffer.data());
  if (panels == nullptr) return 1;
  const auto* x = static_cast<const std::uint16_t*>(args.x);
  for (std::int64_t t = 0; t < args.rows; t += 2 * kGramPairs) {
    const auto rows = std::min(2 * kGramPairs, args.rows - t), pairs = (rows + 1) / 2;
#pragma omp parallel
    {
#pragma omp for schedule(static)
      for (std::int64_t j = 0; j < n_panels; ++j)
        gram_pack(x + t * args.width, rows, args.width, j * kGramPanel, panels + j * kPanelPairs);
        // The widest panels come first, so that threads end together.
#pragma omp for schedule(dynamic)
      for (std::int64_t from_last = 0; from_last < n_panels; ++from_last) {
        const auto j = n_panels - 1 - from_last, begin = j * kGramPanel;
        const auto end = std::min(begin + kGramPanel, args.width);
        for (std::int64_t i = 0; i < end; i += kGramTile)
          gram_tile(panels + i / kGramPanel * kPanelPairs + i % kGramPanel, panels + j * kPanelPairs, pairs,
                    args.sum + i * args.width + begin, args.width, std::min(kGramTile, end - i), end - begin);
      }
    }
  }
  return 0;
}

}  // namespace gyre::kernels
