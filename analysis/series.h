// Curves that several runs share, in figures of tensor statistics. Private to analysis.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "analysis/keys.h"
#include "analysis/statistics.h"
#include "core/text.h"

namespace gyre::analysis {

// What several runs have in common, drawn once.
template <class Values>
struct Series {
  std::vector<std::string> names;
  Values values;
  std::vector<std::string> runs;

  // "hadamard", "hadamard (+3)"; long ones are cut, so that room is left for the drawing.
  std::string title() const {
    constexpr std::size_t kLongest = 30;
    std::string name = names.front();
    if (name.size() > kLongest) name = valid_utf8(name.substr(0, kLongest - 2), "") + "..";
    return names.size() == 1 ? name : name + fmt::format(" (+{})", names.size() - 1);
  }
};
using LayerSeries = Series<std::map<std::int64_t, double>>;
using BinSeries = Series<std::vector<Bin>>;

// Whether the eye cannot tell them apart in a drawing. The same statistic of runs that only arithmetic parts
// differs in its last digits.
inline bool alike(const std::map<std::int64_t, double>& a, const std::map<std::int64_t, double>& b) {
  // A scale that single layers far out do not stretch.
  std::vector<double> sizes;
  for (const auto& [layer, value] : a) sizes.push_back(std::abs(value));
  std::sort(sizes.begin(), sizes.end());
  const double middle = sizes.empty() ? 0 : sizes[sizes.size() / 2];
  return std::ranges::equal(a, b, [&](const auto& x, const auto& y) {
    return x.first == y.first &&
           (x.second == y.second || std::abs(x.second - y.second) <= 0.01 * (std::abs(x.second) + middle));
  });
}

inline bool alike(const std::vector<Bin>& a, const std::vector<Bin>& b) {
  return std::ranges::equal(a, b, [](const Bin& x, const Bin& y) {
    return x.low == y.low && x.high == y.high &&
           std::abs(x.density - y.density) <= 0.02 * std::max(x.density, y.density) + 1e-6;
  });
}

template <class Values>
void add(std::vector<Series<Values>>& list, const std::string& name, const Values& values,
         const std::string& digest) {
  const auto same =
      std::find_if(list.begin(), list.end(), [&](const auto& s) { return alike(s.values, values); });
  if (same == list.end()) return list.push_back({{name}, values, {digest}});
  add_once(same->names, name);
  add_once(same->runs, digest);
}

}  // namespace gyre::analysis
