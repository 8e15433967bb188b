// Orders that models need, with the base that each must have, and what tests of them share.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "linalg/hadamard.h"

namespace gyre::linalg {

struct OrderCase {
  std::int64_t order, base;
};

// Hidden and intermediate sizes, LLaMA-2/3/3.2, Mistral, TinyLlama, Qwen2, 2.5 and 3, SmolLM2.
inline constexpr OrderCase kModelOrders[] = {
    {576, 36},   {640, 20},    {896, 28},    {1536, 12},   {2048, 1},    {2560, 20},
    {3072, 12},  {3584, 28},   {4096, 1},    {4864, 76},   {5120, 20},   {5632, 44},
    {8192, 1},   {8960, 140},  {9728, 76},   {11008, 172}, {13824, 108}, {14336, 28},
    {17408, 68}, {18944, 148}, {25600, 200}, {28672, 28},  {29568, 924}};

// Head sizes and counts, the bases themselves, and what public codes carry as stored matrices.
inline constexpr OrderCase kSmallOrders[] = {
    {1, 1},     {2, 1},     {4, 1},     {8, 1},     {64, 1},     {80, 20},  {96, 12},   {128, 1},
    {256, 1},   {1024, 1},  {12, 12},   {20, 20},   {24, 12},    {28, 28},  {36, 36},   {40, 20},
    {44, 44},   {48, 12},   {52, 52},   {60, 60},   {68, 68},    {76, 76},  {84, 84},   {104, 52},
    {108, 108}, {124, 124}, {132, 132}, {140, 140}, {148, 148},  {152, 76}, {156, 156}, {164, 164},
    {168, 84},  {172, 172}, {400, 200}, {924, 924}, {1360, 1360}};

inline std::vector<OrderCase> all_orders() {
  std::vector<OrderCase> all(std::begin(kModelOrders), std::end(kModelOrders));
  all.insert(all.end(), std::begin(kSmallOrders), std::end(kSmallOrders));
  return all;
}

// H H^T, exactly: all partial sums are integers below 2^24.
inline bool is_hadamard(const SignMatrix& h) {
  const Eigen::MatrixXf f = h.cast<float>();
  const Eigen::MatrixXf product = f * f.transpose();
  const auto n = static_cast<float>(h.rows());
  return h.rows() == h.cols() && (h.array().abs() == 1).all() &&
         product == Eigen::MatrixXf(n * Eigen::MatrixXf::Identity(h.rows(), h.rows()));
}

template <class Row>
std::int64_t count_changes(const Row& row) {
  std::int64_t changes = 0;
  for (std::int64_t j = 1; j < row.size(); ++j) changes += row[j] != row[j - 1];
  return changes;
}

}  // namespace gyre::linalg
