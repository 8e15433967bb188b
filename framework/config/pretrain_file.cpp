#include "config/pretrain_file.h"

#include "config/interpolate.h"
#include "config/overrides.h"
#include "config/struct_reader.h"
#include "config/toml_reader.h"
#include "core/error.h"

namespace gyre::config {
namespace {

constexpr std::string_view kMandatory = "???";

void refuse_missing(const PretrainSpec& spec) {
  for (const auto& [key, value] : {std::pair("name", &spec.name), std::pair("out", &spec.out),
                                   std::pair("data.sources", &spec.data.sources)})
    GYRE_CHECK(!value->empty() && *value != kMandatory, ErrorCode::kConfig,
               "{} must be given, in the file or on the command line ({}=...)", key, key);
}

}  // namespace

PretrainFile load_pretrain(const std::filesystem::path& file, const std::vector<std::string>& overrides) {
  Table settings = read_toml(file, file.string());
  for (const auto& text : overrides) apply(parse_override(text, Origin{"command line"}), settings);
  settings = resolved(settings);
  PretrainFile out;
  StructReader reader(&settings, "", out.origins);
  PretrainSpec::describe(out.spec, reader);
  reader.refuse_unknown_keys();
  refuse_missing(out.spec);
  try {
    check_pretrain(out.spec);
  } catch (const Error& error) {
    throw with_origin(error, out.origins);
  }
  return out;
}

}  // namespace gyre::config
