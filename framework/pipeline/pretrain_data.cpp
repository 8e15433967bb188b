#include "pipeline/pretrain_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <queue>

#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "core/seed.h"
#include "core/text.h"
#include "format/safetensors.h"
#include "text/bpe_training.h"
#include "text/corpus.h"
#include "text/wikitext_style.h"
#include "train/leak.h"

namespace gyre {
namespace fs = std::filesystem;
namespace {

// Raised when the same texts and settings give another tokenizer, or other tokens.
constexpr int kVersion = 1;
constexpr std::size_t kBatchBytes = std::size_t{4} << 20;  // tokenized at once

std::vector<std::string> read_banned(const std::string& path) {
  std::vector<std::string> ids;
  if (path.empty()) return ids;
  try {
    const auto file = nlohmann::json::parse(read_file(path));
    GYRE_CHECK(file.is_array(), ErrorCode::kInput, "{}: expected a JSON list of articles", path);
    for (const auto& item : file) {
      const auto& id = item.is_array() ? item.at(0) : item;
      ids.push_back(id.is_string() ? id.get<std::string>() : id.dump());
    }
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::kInput, "{}: not a list of articles: {}", path, error.what());
  }
  std::ranges::sort(ids);
  return ids;
}

std::uint64_t seed_of(const PretrainSpec& spec, const char* what, const std::string& name) {
  return derive_seed(static_cast<std::uint64_t>(spec.seed), std::string(what) + "/" + name);
}

// What the trained model is judged on, as tokens.
struct JudgedText {
  std::string name;
  std::vector<TokenId> ids;
};

std::vector<JudgedText> judged_texts(const PretrainSpec& spec, const Tokenizer& tokenizer) {
  std::vector<JudgedText> out;
  for (const std::string& name : {spec.eval.dataset, std::string("wikitext2-valid")})
    if (out.empty() || out[0].name != name) out.push_back({name, tokenizer.encode(load_corpus(name).text)});
  return out;
}

// Takes the documents that share a passage with a judged text out of a batch; returns how many those were.
std::int64_t remove_leaks(std::vector<TokenId>& ids, const std::vector<JudgedText>& judged) {
  std::int64_t n = 0;
  for (const auto& text : judged)
    while (const auto shared = find_shared_tokens(ids, text.ids)) {
      auto begin = ids.begin() + shared->train_at;
      while (begin != ids.begin() && *begin != text::kBosId) --begin;
      ids.erase(begin, std::find(begin + 1, ids.end(), text::kBosId));
      ++n;
    }
  return n;
}

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

}  // namespace

PretrainData::PretrainData(const PretrainSpec& spec, fs::path cache, std::function<void()> on_step)
    : spec_(spec),
      sources_(parse_sources(spec.data.sources)),
      cache_(std::move(cache)),
      on_step_(std::move(on_step)),
      banned_(read_banned(spec.data.decontaminated)) {
  std::string settings = fmt::format("version {}\nseed {}\nstyle {}\n", kVersion, spec.seed, spec.data.style);
  for (const auto& source : sources_) {
    GYRE_CHECK(fs::is_regular_file(source.path), ErrorCode::kInput,
               "data.sources: {}: no such file; expected .jsonl or UTF-8 text, either also as .xz",
               source.path);
    inputs_ +=
        fmt::format("text {} {}\n", fs::path(source.path).filename().string(), file_digest(source.path));
    settings += fmt::format("weight {} unk {}\n", source.weight, source.keep_unknown);
    if (on_step_) on_step_();
  }
  if (!spec.data.decontaminated.empty())
    inputs_ += "decontaminated " + file_digest(spec.data.decontaminated) + "\n";
  settings += inputs_;
  tokenizer_key_ =
      sha256_hex(settings + fmt::format("vocab_size {} sample_mb {} digits {} max_length {}\n",
                                        spec.model.vocab_size, spec.tokenizer.sample_mb,
                                        spec.tokenizer.digits, spec.model.max_position_embeddings))
          .substr(0, 32);
  const auto& judged = load_corpus(spec.eval.dataset);
  inputs_ += "evaluated " + judged.digest + "\n";
  tokens_key_ =
      sha256_hex("tokenizer " + tokenizer_key_ + "\nevaluated " + judged.digest + "\n").substr(0, 32);
}

void PretrainData::for_each(const std::string& label, std::int64_t& listed,
                            const std::function<void(Item&)>& visit) const {
  constexpr std::uint64_t kUnit = 1000000;
  std::uint64_t total = 0, before = 0, shown = 0;
  for (const auto& source : sources_) total += fs::file_size(source.path);
  Progress progress(label, static_cast<std::int64_t>(total / kUnit), "MB");
  for (std::size_t s = 0; s < sources_.size(); ++s) {
    const auto& source = sources_[s];
    text::read_documents(source.path, [&](text::Document& document) {
      if (on_step_) on_step_();
      const auto done = (before + document.read) / kUnit;
      if (done > shown) progress.advance(static_cast<std::int64_t>(done - shown));
      shown = std::max(shown, done);
      if (!document.id.empty() && std::ranges::binary_search(banned_, document.id)) {
        ++listed;
        return true;
      }
      if (document.form == text::Document::Form::kRows && !source.keep_unknown)
        document.text = text::without_unknown_words(document.text);
      if (trim(document.text).empty()) return true;
      Item item{std::move(document), {}, 0};
      item.name = fmt::format("{}/{}", s, item.document.number);
      const double whole = std::floor(source.weight);
      item.copies = static_cast<std::int64_t>(whole) +
                    (Rng(seed_of(spec_, "data", item.name)).uniform() < source.weight - whole ? 1 : 0);
      if (item.copies > 0) visit(item);
      return true;
    });
    before += fs::file_size(source.path);
  }
}

std::string PretrainData::styled(const Item& item) const {
  const auto& document = item.document;
  switch (document.form) {
    case text::Document::Form::kArticle:
      if (spec_.data.style == "wikitext")
        return join_wikitext_rows(text::wikitext_rows(document.title, document.text));
      return document.title.empty() ? document.text : document.title + "\n\n" + document.text;
    case text::Document::Form::kRows:
      return join_wikitext_rows(document.text);
    case text::Document::Form::kPlain:
      return document.text;
  }
  GYRE_ASSERT(false);
}

fs::path PretrainData::tokenizer() const {
  const auto folder = tokenizer_folder();
  if (fs::exists(folder / "tokenizer.json") && fs::exists(folder / "tokenizer_config.json")) return folder;
  // The documents with the smallest random numbers, as many as the sample holds.
  struct Drawn {
    std::uint64_t number;
    Item item;
  };
  const auto room = static_cast<std::uint64_t>(spec_.tokenizer.sample_mb * 1e6);
  std::vector<Drawn> sample;  // a heap
  std::uint64_t held = 0;
  std::int64_t listed = 0;
  for_each("tokenizer: read", listed, [&](Item& item) {
    const auto number = Rng(seed_of(spec_, "tokenizer", item.name)).next();
    held += item.document.text.size();
    sample.push_back({number, std::move(item)});
    std::ranges::push_heap(sample, {}, &Drawn::number);
    while (held > room && sample.size() > 1) {
      std::ranges::pop_heap(sample, {}, &Drawn::number);
      held -= sample.back().item.document.text.size();
      sample.pop_back();
    }
  });
  GYRE_CHECK(!sample.empty(), ErrorCode::kInput, "data.sources hold no text");
  text::PieceCounts counts(spec_.tokenizer.digits);
  for (const auto& drawn : sample) {
    counts.add(styled(drawn.item));
    if (on_step_) on_step_();
  }
  log_info(fmt::format("tokenizer: {} documents, {}, {} different pieces", sample.size(),
                       format_bytes(counts.bytes()), counts.pieces().size()));
  text::TrainedBpe bpe;
  try {
    bpe = text::train_bpe(counts, spec_.model.vocab_size);
  } catch (const Error& error) {
    throw Error(error.code(), std::string("model.") + error.what(), error.where());
  }
  write_file_atomically(folder / "tokenizer_config.json",
                        text::hf_tokenizer_config_text(spec_.model.max_position_embeddings));
  write_file_atomically(folder / "tokenizer.json", text::hf_tokenizer_text(bpe, spec_.tokenizer.digits));
  return folder;
}

namespace {

// int16 where ids fit, else int32.
void write_tokens(const fs::path& path, const PretrainTokens& tokens, std::int64_t vocab_size) {
  const auto n = std::ssize(tokens.ids);
  std::vector<std::int16_t> narrow;
  format::TensorView view{"tokens", format::DType::kI32, {n}, bytes_of(tokens.ids)};
  if (vocab_size <= 32768) {
    narrow.assign(tokens.ids.begin(), tokens.ids.end());
    view.dtype = format::DType::kI16;
    view.data = bytes_of(narrow);
  }
  format::save_safetensors(path, std::span(&view, 1),
                           {{"documents", std::to_string(tokens.documents)},
                            {"bytes", std::to_string(tokens.bytes)},
                            {"listed", std::to_string(tokens.listed)},
                            {"leaked", std::to_string(tokens.leaked)}});
}

PretrainTokens read_tokens(const fs::path& path, std::int64_t vocab_size) {
  const auto file = format::open_safetensors(path);
  const auto view = file->at("tokens");
  PretrainTokens out;
  out.ids.resize(static_cast<std::size_t>(view.numel()));
  if (view.dtype == format::DType::kI16) {
    std::vector<std::int16_t> narrow(out.ids.size());
    std::memcpy(narrow.data(), view.data.data(), view.data.size());
    std::ranges::copy(narrow, out.ids.begin());
  } else {
    GYRE_CHECK(view.dtype == format::DType::kI32, ErrorCode::kStore, "{}: damaged; remove it", path.string());
    std::memcpy(out.ids.data(), view.data.data(), view.data.size());
  }
  GYRE_CHECK(std::ranges::all_of(out.ids, [&](TokenId id) { return id >= 0 && id < vocab_size; }),
             ErrorCode::kStore, "{}: holds ids outside the vocabulary of {}; remove it", path.string(),
             vocab_size);
  const auto number = [&](const char* key) {
    const auto found = file->metadata().find(key);
    GYRE_CHECK(found != file->metadata().end(), ErrorCode::kStore, "{}: damaged; remove it", path.string());
    return std::stoll(found->second);
  };
  out.documents = number("documents");
  out.bytes = static_cast<std::uint64_t>(number("bytes"));
  out.listed = number("listed");
  out.leaked = number("leaked");
  return out;
}

}  // namespace

PretrainTokens PretrainData::tokens() const {
  if (tokens_are_made()) return read_tokens(tokens_file(), spec_.model.vocab_size);
  const auto tokenizer = load_tokenizer(this->tokenizer());
  const auto judged = judged_texts(spec_, *tokenizer);
  PretrainTokens out;
  std::string batch;
  const auto flush = [&] {
    auto ids = tokenizer->encode(batch);
    out.leaked += remove_leaks(ids, judged);
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
    batch.clear();
    if (on_step_) on_step_();
  };
  for_each("tokenize", out.listed, [&](Item& item) {
    const auto text = styled(item);
    for (std::int64_t copy = 0; copy < item.copies; ++copy) {
      batch.append(text::kBosText).append(text).append(text::kEosText);
      out.bytes += text.size();
      ++out.documents;
      if (batch.size() > kBatchBytes) flush();
    }
  });
  flush();
  GYRE_CHECK(!out.ids.empty(), ErrorCode::kInput, "data.sources hold no text that may be trained on");
  if (out.listed > 0)
    log_warning(fmt::format("{} articles that {} names stood in the data and were left out", out.listed,
                            spec_.data.decontaminated));
  if (out.leaked > 0)
    log_warning(
        fmt::format("{} documents share {} tokens in a row with {} or wikitext2-valid and were left out",
                    out.leaked, kLeakWindow, spec_.eval.dataset));
  write_tokens(tokens_file(), out, spec_.model.vocab_size);
  return out;
}

}  // namespace gyre
