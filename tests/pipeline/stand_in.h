// A model of LLaMA-2-7B's shape family, a few hundred thousand times smaller: as many key-value heads as
// heads, of 128; all sizes multiples of 128, intermediate_size no power of two. Random weights, so that its
// perplexity means nothing.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <vector>

#include "core/seed.h"

namespace gyre {

// llama2.c's file and its tokenizer beside it; returns the file's path. 64 positions.
inline std::filesystem::path write_stand_in(const std::filesystem::path& folder) {
  constexpr std::int32_t kDim = 256, kHidden = 768, kLayers = 2, kHeads = 2, kVocab = 512, kPositions = 64;
  const auto path = folder / "stand_in.bin";
  std::ofstream out(path, std::ios::binary);
  const std::int32_t header[] = {kDim, kHidden, kLayers, kHeads, kHeads, kVocab, kPositions};
  out.write(reinterpret_cast<const char*>(header), sizeof header);
  Rng rng(derive_seed(0, "stand-in"));
  const auto write = [&](std::int64_t n, double scale, double middle) {
    std::vector<float> values(static_cast<std::size_t>(n));
    for (auto& x : values) x = static_cast<float>(middle + scale * (2 * rng.uniform() - 1));
    out.write(reinterpret_cast<const char*>(values.data()),
              static_cast<std::streamsize>(values.size() * sizeof(float)));
  };
  const double scale = 1.0 / std::sqrt(static_cast<double>(kDim));
  write(std::int64_t{kVocab} * kDim, 1, 0);     // embedding, shared with the head
  write(std::int64_t{kLayers} * kDim, 0.3, 1);  // attention norms
  for (int i = 0; i < 4; ++i) write(std::int64_t{kLayers} * kDim * kDim, scale, 0);
  write(std::int64_t{kLayers} * kDim, 0.3, 1);  // feed-forward norms
  for (int i = 0; i < 3; ++i) write(std::int64_t{kLayers} * kHidden * kDim, scale, 0);
  write(kDim, 0.3, 1);
  write(2 * std::int64_t{kPositions} * kDim / kHeads / 2, 0, 0);  // RoPE tables, unused
  std::filesystem::copy_file(std::filesystem::path(GYRE_TEST_DATA) / "tokenizers/stories260K/tok512.bin",
                             folder / "tok512.bin");
  return path;
}

}  // namespace gyre
