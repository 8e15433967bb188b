#include "bench_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace gyre::bench {
namespace {

// Microseconds of FFHT's AVX code on one core of an AVX-512 Xeon, float32, in cache; the figures to beat are
// 0.8 times these.
const std::map<std::string, double> kFfht{
    {"64", 0.021}, {"256", 0.072}, {"1024", 0.325}, {"4096", 1.38}, {"16384", 6.18}};

std::string figures(double value) {
  return value >= 100  ? fmt::format("{:.0f}", value)
         : value >= 10 ? fmt::format("{:.1f}", value)
                       : fmt::format("{:.3g}", value);
}

std::string in_cache(const Report& report, const std::string& kernel) {
  const bool fht = kernel == "fht";
  std::string out =
      fmt::format("| shape | dtype | variant | rows a call | µs a row | p10 | p90 | ns a value |{}{}\n",
                  fht ? " error |" : "", fht ? " of FFHT's time |" : "");
  out += fmt::format("| --- | --- | --- | --: | --: | --: | --: | --: |{}\n", fht ? " --: | --: |" : "");
  for (const auto& row : report.rows) {
    if (row.kernel != kernel || row.streams) continue;
    const double rows = static_cast<double>(row.rows);
    const double values = row.bytes / 2 / (row.dtype == "f32" ? 4 : 2);
    out += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {:.3f} |", row.shape, row.dtype, row.variant,
                       row.rows, figures(row.row_us()), figures(row.time.p10 / rows),
                       figures(row.time.p90 / rows), row.time.median * 1e3 / values);
    const auto ffht = kFfht.find(row.shape);
    if (fht)
      out += fmt::format(" {:.1e} | {} |", row.error,
                         row.dtype == "f32" && ffht != kFfht.end()
                             ? fmt::format("{:.2f}x", row.row_us() / ffht->second)
                             : "");
    out += "\n";
  }
  return out;
}

std::string streaming(const Report& report, const std::string& kernel) {
  std::string out =
      "| shape | dtype | variant | rows | MB | ms | p10 | p90 | GB/s | of copy |\n"
      "| --- | --- | --- | --: | --: | --: | --: | --: | --: | --: |\n";
  for (const auto& row : report.rows)
    if (row.kernel == kernel && row.streams)
      out += fmt::format("| {} | {} | {} | {} | {:.0f} | {} | {} | {} | {:.1f} | {:.0f} % |\n", row.shape,
                         row.dtype, row.variant, row.rows, row.bytes / 1e6, figures(row.time.median / 1e3),
                         figures(row.time.p10 / 1e3), figures(row.time.p90 / 1e3),
                         row.bytes / row.time.median / 1e3, 100 * row.copy_share);
  return out;
}

std::string evaluation(const std::vector<EvalPair>& pairs) {
  std::string out =
      "\n## A whole evaluation\n\nSmolLM2-135M on WikiText-2, windows of 2048: seconds of the stage "
      "`evaluate` at full precision "
      "and at W4A4KV4 with R1 to R4 (R3 and R4 online), float32, in pairs.\n\n"
      "| pair | full precision, s | W4A4KV4, s | ratio |\n| --: | --: | --: | --: |\n";
  std::vector<double> ratios;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ratios.push_back(pairs[i].quantized / pairs[i].full);
    out += fmt::format("| {} | {:.2f} | {:.2f} | {:.3f} |\n", i + 1, pairs[i].full, pairs[i].quantized,
                       ratios.back());
  }
  std::sort(ratios.begin(), ratios.end());
  return out + fmt::format("\nMedian ratio **{:.3f}**; to reach: at most 1.15.\n", ratios[ratios.size() / 2]);
}

}  // namespace

std::string to_markdown(const Report& report) {
  std::string out = fmt::format("# Kernels\n\nMade by `{}` on {}, gyre {}.\n\n| | |\n| --- | --- |\n",
                                report.command, report.date, report.version);
  for (const auto& [key, value] : report.machine) out += fmt::format("| {} | {} |\n", key, value);
  out += fmt::format(
      "| copy | {:.1f} GB/s read and written, all threads: the fastest of torch's copy, memcpy and stores "
      "past the caches, in "
      "this process |\n\nEvery variant was checked before it was timed: the transform against float64 (the "
      "error is the "
      "largest, over the size of an output), the others bit for bit against the plain loops or the two "
      "launches that they "
      "replace. Times are medians with the 10th and 90th percentile. *In cache*: one core, {} KB that stay "
      "in the first-level "
      "cache, all rows in one call; the transform in place. *From memory*: all threads, {} pairs of buffers "
      "of {:.0f} MB in turn.\n",
      report.copy / 1e9, 16, report.slices, static_cast<double>(report.slice_bytes) / 1e6);
  const std::pair<const char*, const char*> families[] = {
      {"fht", "Hadamard transform"},
      {"fake_quant", "Fake quantization, 4 bits"},
      {"fht+fake_quant", "Hadamard transform with fake quantization, 4 bits"}};
  for (const auto& [kernel, title] : families) {
    const auto any = [&](bool streams) {
      return std::any_of(report.rows.begin(), report.rows.end(),
                         [&](const Row& row) { return row.kernel == kernel && row.streams == streams; });
    };
    if (any(false)) out += fmt::format("\n## {}: in cache\n\n", title) + in_cache(report, kernel);
    if (any(true)) out += fmt::format("\n## {}: from memory\n\n", title) + streaming(report, kernel);
  }
  if (std::any_of(report.rows.begin(), report.rows.end(),
                  [](const Row& row) { return row.kernel == "fht" && !row.streams; }))
    out +=
        "\nFFHT's times (published AVX code, one core of an AVX-512 Xeon, float32, in cache): 0.021, 0.072, "
        "0.325, 1.38 and 6.18 "
        "µs at n = 64, 256, 1024, 4096 and 16384; to reach: at most 0.80x.\n";
  return report.eval.empty() ? out : out + evaluation(report.eval);
}

}  // namespace gyre::bench
