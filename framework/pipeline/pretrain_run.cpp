#include "pipeline/pretrain_run.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "core/text.h"
#include "eval/perplexity.h"
#include "model/checkpoint.h"
#include "model/hf_folder.h"
#include "model/outliers.h"
#include "pipeline/device.h"
#include "pipeline/environment.h"
#include "pipeline/inputs.h"
#include "pipeline/pretrain_card.h"
#include "pipeline/pretrain_data.h"
#include "text/bpe_training.h"
#include "train/pretrain.h"

namespace gyre {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;
constexpr double kHeartbeatSeconds = 10;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

fs::path cache_of(const fs::path& database) {
  return database.parent_path() / "cache";
}

torch::ScalarType stored_dtype(const std::string& name) {
  return name == "float32" ? torch::kFloat32 : name == "float16" ? torch::kFloat16 : torch::kBFloat16;
}

store::Point point_of(const PretrainSpec& spec, const PretrainData& data) {
  store::Point point;
  point.canonical = canonical_text(spec);
  point.digest = sha256_hex(point.canonical + data.inputs());
  point.label = "pretrain " + spec.name;
  for (const auto& [key, value] : params(spec)) point.params.push_back({"pretrain." + key, value});
  return point;
}

// How often each token stands in the training stream, one added.
std::vector<double> token_counts(const std::vector<TokenId>& ids, std::int64_t vocab_size) {
  std::vector<double> counts(static_cast<std::size_t>(vocab_size), 1.0);
  for (const auto id : ids) counts[static_cast<std::size_t>(id)] += 1;
  return counts;
}

// Perplexity of the same targets under these frequencies.
double unigram_perplexity(const std::vector<double>& counts, const std::vector<TokenId>& judged,
                          const Perplexity& ppl, std::int64_t window) {
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  double sum = 0;
  for (std::int64_t w = 0; w < ppl.n_windows; ++w)
    for (std::int64_t i = 1; i < window; ++i) {
      const auto id = judged[static_cast<std::size_t>(w * window + i)];
      sum -= std::log(counts[static_cast<std::size_t>(id)] / total);
    }
  return std::exp(sum / static_cast<double>(ppl.n_targets));
}

class Pretraining {
 public:
  Pretraining(const PretrainSpec& spec, store::RunStore& store, const std::string& command)
      : spec_(spec),
        store_(store),
        command_(command),
        data_(spec, cache_of(store.path()) / "pretrain", [this] { on_step(); }),
        point_(point_of(spec, data_)),
        state_(cache_of(store.path()) / "training" / (point_.digest.substr(0, 32) + ".safetensors")),
        partial_(spec.out + ".partial") {}

  std::string run() {
    ExecutionSpec execution;
    execution.device = spec_.run.device;
    execution.threads = spec_.run.threads;
    const int threads = set_numeric_mode(execution);
    const auto device = open_device(spec_.run.device);
    environment_ = environment_json(spec_.run.device, threads);
    const bool there = fs::exists(spec_.out) && !fs::is_empty(spec_.out);
    if (const auto done = store_.find_ok(point_.digest, gyre_version()); done && there) return point_.digest;
    GYRE_CHECK(!there || is_own(), ErrorCode::kConfig,
               "out: {} is there already, and no run of these settings by this program made it; name another "
               "folder (out=...) or move it away",
               spec_.out);
    const auto run = store_.begin("", point_, gyre_version(), environment_);
    GYRE_CHECK(
        run, ErrorCode::kStore,
        "run {} is being made by another process, or was finished in this database and its folder is gone; "
        "use another database (--db FILE) to make it anew",
        point_.digest.substr(0, 12));
    run_id_ = *run;
    try {
      make(device);
    } catch (const Error& error) {
      const bool interrupted = error.code() == ErrorCode::kInterrupted;
      store_.fail(run_id_, interrupted ? "interrupted" : "failed", error.what(), error_name(error.code()));
      throw;
    } catch (const std::exception& error) {
      store_.fail(run_id_, "failed", error.what(), error_name(ErrorCode::kRun));
      throw;
    }
    return point_.digest;
  }

 private:
  // Whether the folder is this run's, which ended between naming it and recording it.
  bool is_own() const {
    const auto card = fs::path(spec_.out) / "README.md";
    return fs::exists(state_) && fs::exists(card) && read_file(card).find(point_.digest) != std::string::npos;
  }

  void on_step() {
    throw_if_interrupted();
    if (run_id_ == 0 || seconds_since(last_beat_) < kHeartbeatSeconds) return;
    last_beat_ = Clock::now();
    store_.heartbeat(run_id_);
  }

  template <class Fn>
  auto timed(const char* stage, Fn&& fn) {
    const auto begin = Clock::now();
    auto out = fn();
    stages_.push_back(
        {stage, sha256_hex(point_.digest + stage), seconds_since(begin), false, peak_memory_bytes()});
    return out;
  }

  void make(torch::Device device) {
    const auto tokenizer = timed("tokenizer", [&] { return data_.tokenizer(); });
    tokens_ = timed("tokens", [&] { return data_.tokens(); });
    n_tokens_ = std::ssize(tokens_.ids);
    counts_ = token_counts(tokens_.ids, spec_.model.vocab_size);
    const auto needed = spec_.train.loop.steps * spec_.train.loop.tokens_per_step();
    const double times = static_cast<double>(needed) / static_cast<double>(n_tokens_);
    log_info(fmt::format(
        "{} documents, {}, {} tokens ({:.2f} bytes each); the training takes {}: {:.2f} times all",
        tokens_.documents, format_bytes(tokens_.bytes), n_tokens_,
        static_cast<double>(tokens_.bytes) / static_cast<double>(n_tokens_), needed, times));
    if (times > 4)
      log_warning(
          fmt::format("every text is trained on {:.1f} times; the model will learn it by heart. Fewer "
                      "train.steps, or more data",
                      times));
    const TokenWindows windows(std::move(tokens_.ids), spec_.train.loop.window, spec_.seed, "data.sources");
    Llama model = new_llama(spec_.model, spec_.seed);
    model.to(device, torch::kFloat32);
    auto result =
        timed("train", [&] { return pretrain(std::move(model), windows, spec_.train, loop_options()); });
    add_train_metrics(result);
    if (result.loop.diverged) {
      log_warning(
          fmt::format("the training diverged at step {}; a smaller train.lr or a longer train.warmup may "
                      "help",
                      result.loop.steps));
      metrics_.insert(metrics_.begin(),
                      {"diverged_at_step", static_cast<double>(result.loop.steps), 0, 1, ""});
      store_.finish(run_id_, "diverged", metrics_, {}, stages_);
      fs::remove(state_);
      return;
    }
    write(std::move(result.model), tokenizer);
    judge(device);
    finish(result);
  }

  LoopOptions loop_options() {
    LoopOptions options;
    options.label = spec_.name;
    options.checkpoint = state_;
    options.checkpoint_every = spec_.train.checkpoint_every;
    options.fingerprint = "program " + gyre_version() + "\n" + data_.inputs() + point_.canonical;
    options.on_step = [this] { on_step(); };
    options.on_points = [this](const std::vector<TrainPoint>& points) {
      std::vector<store::CurveRow> rows;
      for (const auto& p : points) rows.push_back({"train/" + p.name, p.step, p.value});
      store_.add_curve(run_id_, rows);
    };
    return options;
  }

  void add_train_metrics(const PretrainResult& result) {
    const auto& losses = result.loop.losses;
    const auto n = std::max<std::ptrdiff_t>(1, std::ssize(losses) / 10);
    const auto per_step = spec_.train.loop.tokens_per_step();
    if (!losses.empty())
      metrics_.push_back({"train/ce",
                          std::accumulate(losses.end() - n, losses.end(), 0.0) / static_cast<double>(n),
                          kNone, result.loop.steps, "nats"});
    metrics_.push_back({"train/tokens", static_cast<double>(result.loop.steps * per_step), kNone,
                        result.loop.steps, "tokens"});
    metrics_.push_back(
        {"parameters", static_cast<double>(result.n_parameters), kNone, result.n_parameters, ""});
    const auto made = result.loop.steps - result.loop.resumed_at;
    if (made > 0 && result.loop.seconds > 0)
      metrics_.push_back({"speed/train", static_cast<double>(made * per_step) / result.loop.seconds, kNone,
                          made, "tokens/s"});
    n_parameters_ = result.n_parameters;
  }

  void write(Llama model, const fs::path& tokenizer) {
    if (spec_.outliers.enabled()) {
      model.to(torch::kCPU, stored_dtype(spec_.model.dtype));
      inject_outliers(model,
                      {spec_.outliers.norm_channels, spec_.outliers.mlp_channels, spec_.outliers.exponent},
                      spec_.seed);
    }
    for (const char* name : {"tokenizer.json", "tokenizer_config.json"})
      write_file_atomically(partial_ / name, read_file(tokenizer / name));
    save_hf_model(partial_, model, stored_dtype(spec_.model.dtype),
                  {text::kBosId, text::kEosId, spec_.model.init_std});
  }

  // The model as a user will load it.
  void judge(torch::Device device) {
    const auto model = load_model(partial_, torch::kFloat32, device).model;
    Inputs inputs;
    const auto& judged = inputs.tokens(partial_.string(), spec_.eval.dataset, spec_.eval.bos);
    const auto& text = inputs.corpus(spec_.eval.dataset);
    const auto ppl = timed("evaluate", [&] {
      Progress progress(spec_.name + ": evaluate", std::ssize(judged) / spec_.eval.window, "windows");
      return perplexity(model, judged, spec_.eval, text.name, [&](std::int64_t, std::int64_t) {
        progress.advance();
        on_step();
      });
    });
    std::vector<store::SampleRow> samples;
    for (const auto& block : ppl.blocks) samples.push_back({block.window, block.block, block.sum, block.n});
    samples_.emplace_back(ppl.name, std::move(samples));
    const auto protocol = ppl.name.substr(ppl.name.find('/'));
    const auto bits = bits_per_byte(ppl, judged.size(), text.text.size());
    const double unigram = unigram_perplexity(counts_, judged, ppl, spec_.eval.window);
    metrics_.insert(metrics_.begin(), {{ppl.name, ppl.value, ppl.std_error, ppl.n_targets, ""},
                                       {bits.name, bits.value, bits.std_error, ppl.n_targets, "bits"},
                                       {"ppl_unigram" + protocol, unigram, kNone, ppl.n_targets, ""},
                                       {"ppl_over_unigram" + protocol, ppl.value / unigram,
                                        ppl.std_error / unigram, ppl.n_targets, ""}});
    log_info(fmt::format("{} = {:.4f} +- {:.4f}", ppl.name, ppl.value, ppl.std_error));
  }

  void finish(const PretrainResult& result) {
    CardFacts facts;
    facts.command = command_;
    facts.run = point_.digest;
    facts.version = gyre_version();
    facts.environment = environment_;
    facts.n_parameters = n_parameters_;
    facts.n_tokens = n_tokens_;
    facts.n_documents = tokens_.documents;
    facts.n_bytes = tokens_.bytes;
    facts.listed = tokens_.listed;
    facts.leaked = tokens_.leaked;
    facts.losses = result.loop.losses;
    facts.metrics = metrics_;
    write_file_atomically(partial_ / "README.md", pretrain_card(spec_, facts));
    if (fs::exists(spec_.out)) fs::remove_all(spec_.out);  // empty, or this run's own
    fs::rename(partial_, spec_.out);
    store_.finish(run_id_, "ok", metrics_, samples_, stages_);
    std::error_code ignored;
    fs::remove(state_, ignored);
  }

  const PretrainSpec& spec_;
  store::RunStore& store_;
  std::string command_;
  std::int64_t run_id_ = 0;
  Clock::time_point last_beat_ = Clock::now();
  PretrainData data_;
  store::Point point_;
  fs::path state_, partial_;
  std::string environment_;
  PretrainTokens tokens_;       // without the ids, once the windows have them
  std::vector<double> counts_;  // token_counts
  std::int64_t n_tokens_ = 0;
  std::int64_t n_parameters_ = 0;
  std::vector<store::MetricRow> metrics_;
  std::vector<store::StageRow> stages_;
  std::vector<std::pair<std::string, std::vector<store::SampleRow>>> samples_;
};

}  // namespace

std::string pretrain_plan(const PretrainSpec& spec, const fs::path& database) {
  const PretrainData data(spec, cache_of(database) / "pretrain", throw_if_interrupted);
  const auto config = config_of(spec.model);
  const auto& loop = spec.train.loop;
  const double n = count_parameters(config, false);
  std::string out = fmt::format(
      "# run {}\n# {:.2f} M parameters, {} in {}\n# {} steps of {} tokens: {} tokens, {:.3g} floating-point "
      "operations\n# tokenizer and tokens: {}\n",
      point_of(spec, data).digest, n / 1e6,
      format_bytes(static_cast<std::uint64_t>(n * (spec.model.dtype == "float32" ? 4 : 2))), spec.model.dtype,
      loop.steps, loop.tokens_per_step(), loop.steps * loop.tokens_per_step(),
      6 * n * static_cast<double>(loop.steps * loop.tokens_per_step()),
      data.tokens_are_made() ? fmt::format("made, {} tokens", data.tokens().ids.size())
                             : std::string("not made yet"));
  double sum = 0;
  std::string rows;
  for (const auto& row : pretrain_memory(spec)) {
    sum += row.bytes;
    rows += fmt::format("# {:>10}  {}\n", format_bytes(static_cast<std::uint64_t>(row.bytes)), row.what);
  }
  out += fmt::format("# training takes about {} of memory on {}:\n{}",
                     format_bytes(static_cast<std::uint64_t>(sum)), spec.run.device, rows);
  for (const auto& [key, value] : params(spec)) out += key + " = " + value + "\n";
  return out;
}

std::string run_pretrain(const PretrainSpec& spec, store::RunStore& store, const std::string& command) {
  return Pretraining(spec, store, command).run();
}

}  // namespace gyre
