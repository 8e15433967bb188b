// gyre bench: kernels, checked and then timed.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "bench_report.h"
#include "commands.h"
#include "core/files.h"
#include "core/progress.h"
#include "ops/cuda_library.h"
#include "output.h"
#include "pipeline/device.h"
#include "pipeline/environment.h"

namespace gyre {
namespace {

struct BenchOptions {
  std::vector<std::string> kernels{"fht", "fake_quant", "fused"}, dtypes{"f32", "bf16", "f16"};
  std::string device = "cpu", output = "md", report;
  std::int64_t threads = 0, windows = 2;
  bool quick = false;
};

torch::ScalarType dtype_of(const std::string& name) {
  return name == "f32" ? torch::kFloat32 : name == "f16" ? torch::kFloat16 : torch::kBFloat16;
}

bool has(const BenchOptions& options, std::string_view kernel) {
  return std::find(options.kernels.begin(), options.kernels.end(), kernel) != options.kernels.end();
}

void record(const bench::Report& report, const std::string& device, const std::string& path) {
  store::RunStore store(path);
  for (const auto& row : report.rows)
    store.add_kernel_timing(
        {row.kernel, row.variant,
         fmt::format("{}; {} rows {}", row.shape, row.rows, row.streams ? "from memory" : "in cache"),
         row.dtype, device, row.time.samples, row.time.median, row.time.p10, row.time.p90, row.bytes,
         row.error, row.copy_share});
}

std::string for_terminal(const bench::Report& report) {
  std::vector<std::vector<std::string>> lines{
      {"kernel", "shape", "dtype", "variant", "where", "us/row", "p10", "p90", "GB/s", "of copy", "error"}};
  for (const auto& row : report.rows) {
    const double rows = static_cast<double>(row.rows);
    lines.push_back({row.kernel, row.shape, row.dtype, row.variant, row.streams ? "memory" : "cache",
                     fmt::format("{:.4g}", row.row_us()), fmt::format("{:.4g}", row.time.p10 / rows),
                     fmt::format("{:.4g}", row.time.p90 / rows),
                     fmt::format("{:.1f}", row.bytes / row.time.median / 1e3),
                     row.streams ? fmt::format("{:.0f} %", 100 * row.copy_share) : "-",
                     fmt::format("{:.1e}", row.error)});
  }
  std::string out = columns(lines);
  if (report.copy > 0) out += fmt::format("copy: {:.1f} GB/s\n", report.copy / 1e9);
  for (const auto& pair : report.eval)
    out += fmt::format("evaluate: {:.2f} s at full precision, {:.2f} s at W4A4KV4 with R1 to R4: {:.3f}\n",
                       pair.full, pair.quantized, pair.quantized / pair.full);
  return out;
}

std::string as_json(const bench::Report& report) {
  auto rows = nlohmann::ordered_json::array();
  for (const auto& row : report.rows)
    rows.push_back({{"kernel", row.kernel},
                    {"variant", row.variant},
                    {"shape", row.shape},
                    {"dtype", row.dtype},
                    {"where", row.streams ? "memory" : "cache"},
                    {"rows", row.rows},
                    {"samples", row.time.samples},
                    {"median_us", row.time.median},
                    {"p10_us", row.time.p10},
                    {"p90_us", row.time.p90},
                    {"bytes", row.bytes},
                    {"max_error", row.error},
                    {"copy_share", row.copy_share}});
  auto pairs = nlohmann::ordered_json::array();
  for (const auto& pair : report.eval) pairs.push_back({{"full", pair.full}, {"quantized", pair.quantized}});
  return nlohmann::ordered_json{
             {"copy_bytes_per_second", report.copy}, {"timings", rows}, {"evaluate", pairs}}
             .dump(2) +
         "\n";
}

int execute(const GlobalOptions& global, const BenchOptions& options) {
  ExecutionSpec execution;
  execution.threads = options.threads;
  const int threads = set_numeric_mode(execution);
  const torch::InferenceMode inference;
  bench::Options chosen{open_device(options.device), {}, options.quick};
  for (const auto& name : options.dtypes) chosen.dtypes.push_back(dtype_of(name));

  const auto environment = nlohmann::json::parse(environment_json(options.device, threads));
  bench::Report report;
  report.command = "gyre bench";
  for (const auto& kernel : options.kernels) report.command += " " + kernel;
  if (!options.report.empty()) report.command += " --report " + options.report;
  report.version = gyre_version();
  report.date = fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr)));
  for (const char* key : {"cpu", "capability", "torch", "os"})
    report.machine.emplace_back(key, environment.at(key));
  report.machine.emplace_back("threads", std::to_string(threads));
  if (chosen.device.is_cuda()) report.machine.emplace_back("gpu", cuda_library_status());

  if (has(options, "fht") || has(options, "fake_quant") || has(options, "fused")) {
    // A launch on a GPU is to last so long that its beginning and end do not count.
    const std::int64_t mebibytes = options.quick ? 1 : chosen.device.is_cuda() ? 256 : 64;
    bench::Slices slices(mebibytes << 20, chosen.device);
    report.slice_bytes = slices.bytes();
    report.slices = slices.count();
    report.copy = bench::copy_bandwidth(slices, chosen.device, {options.quick ? 2 : 21, 1e-6});
    using Family = void (*)(const bench::Options&, bench::Slices&, double, std::vector<bench::Row>&);
    const std::pair<const char*, Family> families[] = {
        {"fht", bench::bench_fht}, {"fake_quant", bench::bench_fake_quant}, {"fused", bench::bench_fused}};
    for (const auto& [name, family] : families) {
      if (!has(options, name)) continue;
      log_info(fmt::format("{}: checking and timing", name));
      family(chosen, slices, report.copy, report.rows);
    }
  }
  if (has(options, "eval")) report.eval = bench::bench_eval(options.quick ? 1 : 3, options.windows);

  const std::string device =
      chosen.device.is_cuda() ? cuda_library_status() : environment.at("cpu").get<std::string>();
  record(report, device, database_path(global, ExecutionSpec{}.db));
  if (!options.report.empty()) emit(bench::to_markdown(report), options.report);
  emit(options.output == "json" ? as_json(report) : for_terminal(report), "");
  return 0;
}

}  // namespace

std::string bench::dtype_name(torch::ScalarType dtype) {
  return dtype == torch::kFloat32 ? "f32" : dtype == torch::kFloat16 ? "f16" : "bf16";
}

Verb add_bench(CLI::App& program, const GlobalOptions& global) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* verb = program.add_subcommand(
      "bench", "Kernels, checked and then timed, beside the copy bandwidth of the machine");
  verb->add_option("kernels", options->kernels,
                   "fht, fake_quant, fused (both in one pass); eval: what they cost SmolLM2-135M")
      ->check(CLI::IsMember({"fht", "fake_quant", "fused", "eval"}));
  verb->add_option("--device", options->device, "cpu, cuda or cuda:N");
  verb->add_option("--dtype", options->dtypes, "storage types")
      ->delimiter(',')
      ->check(CLI::IsMember({"f32", "f16", "bf16"}));
  verb->add_option("--threads", options->threads, "threads of the CPU; 0: one per core")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--windows", options->windows, "windows of eval")->check(CLI::PositiveNumber);
  verb->add_flag("--quick", options->quick,
                 "small buffers and few samples: checks everything, times nothing well");
  verb->add_option("--report", options->report, "write a page of Markdown")->type_name("FILE");
  verb->add_option("-o,--output", options->output, "format on stdout")->check(CLI::IsMember({"md", "json"}));
  verb->footer(
      "results/kernels_cpu.md is made by: gyre bench fht fake_quant fused eval --report "
      "results/kernels_cpu.md");
  return [options, &global] { return execute(global, *options); };
}

}  // namespace gyre
