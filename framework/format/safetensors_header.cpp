#include "format/safetensors_header.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"

namespace gyre::format {
namespace {

using Json = nlohmann::json;

constexpr const char* kMetadataName = "__metadata__";
constexpr std::size_t kMaxDimensions = 64;  // what a shape may take in memory; readers allow fewer

// Where the parser stands: the header is a fixed shape, so a state is enough.
enum class At { kStart, kTop, kEntry, kShape, kOffsets, kMetadata, kEnd };

class Reader final : public Json::json_sax_t {
 public:
  Reader(SafetensorsHeader& header, const std::string& file) : header_(header), file_(file) {}

  bool null() override { refuse("null"); }
  bool boolean(bool) override { refuse("a boolean"); }
  bool number_integer(number_integer_t value) override { refuse(fmt::format("{}", value)); }
  bool number_float(number_float_t, const string_t& text) override { refuse(text); }
  bool binary(binary_t&) override { refuse("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (at_ == At::kShape && entry().shape.size() < kMaxDimensions) {
      entry().shape.push_back(value);
    } else if (at_ == At::kOffsets && n_offsets_ < 2) {
      entry().offsets[n_offsets_++] = value;
    } else {
      refuse(fmt::format("{}", value));
    }
    return true;
  }

  bool string(string_t& text) override {
    if (at_ == At::kMetadata) {
      header_.metadata[key_] = text;
    } else if (at_ == At::kEntry && key_ == "dtype") {
      entry().dtype = text;
    } else {
      refuse(fmt::format("the text '{}'", text));
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (at_ == At::kStart) {
      at_ = At::kTop;
    } else if (at_ == At::kTop && key_ == kMetadataName) {
      at_ = At::kMetadata;
    } else if (at_ == At::kTop) {
      at_ = At::kEntry;
      header_.entries.push_back({key_});
      keys_.clear();
    } else {
      refuse("an object");
    }
    return true;
  }

  bool key(string_t& text) override {
    key_ = text;
    const bool is_new = at_ == At::kTop        ? names_.insert(text).second
                        : at_ == At::kMetadata ? !header_.metadata.contains(text)
                                               : keys_.insert(text).second;
    GYRE_CHECK(is_new, ErrorCode::kInput, "{}: {}: '{}' occurs twice; expected every name once", file_,
               place(), text);
    GYRE_CHECK(at_ != At::kEntry || text == "dtype" || text == "shape" || text == "data_offsets",
               ErrorCode::kInput, "{}: {}: unknown key '{}'; expected dtype, shape and data_offsets", file_,
               place(), text);
    return true;
  }

  bool end_object() override {
    if (at_ == At::kEntry) {
      GYRE_CHECK(keys_.size() == 3, ErrorCode::kInput,
                 "{}: {}: expected the three keys dtype, shape and data_offsets", file_, place());
      at_ = At::kTop;
    } else {
      at_ = at_ == At::kMetadata ? At::kTop : At::kEnd;
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (at_ != At::kEntry || key_ == "dtype") refuse("an array");
    at_ = key_ == "shape" ? At::kShape : At::kOffsets;
    n_offsets_ = 0;
    return true;
  }

  bool end_array() override {
    GYRE_CHECK(at_ != At::kOffsets || n_offsets_ == 2, ErrorCode::kInput,
               "{}: {}: data_offsets has {} numbers, expected 2", file_, place(), n_offsets_);
    at_ = At::kEntry;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception& error) override {
    fail(ErrorCode::kInput, "{}: the header is no valid JSON at its byte {} ({}); the file is damaged", file_,
         position, error.what());
  }

 private:
  SafetensorsHeader::Entry& entry() { return header_.entries.back(); }

  std::string place() const {
    if (at_ == At::kStart || at_ == At::kTop || at_ == At::kEnd) return "the header";
    return at_ == At::kMetadata ? kMetadataName : fmt::format("tensor '{}'", header_.entries.back().name);
  }

  [[noreturn]] void refuse(const std::string& found) const {
    fail(ErrorCode::kInput, "{}: {}: unexpected {}{}; the file is damaged or no safetensors", file_, place(),
         found, key_.empty() ? "" : fmt::format(" at '{}'", key_));
  }

  SafetensorsHeader& header_;
  const std::string& file_;
  At at_ = At::kStart;
  std::string key_;
  std::set<std::string, std::less<>> names_, keys_;
  std::size_t n_offsets_ = 0;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& file) {
  SafetensorsHeader header;
  Reader reader(header, file);
  Json::sax_parse(json.begin(), json.end(), &reader);
  return header;
}

}  // namespace gyre::format
