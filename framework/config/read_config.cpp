#include "config/read_config.h"

#include "config/struct_reader.h"
#include "core/error.h"

namespace gyre::config {
namespace {

// zero_point tells by itself that levels are not symmetric, where nothing says that they are.
void imply_symmetric(Composed& composed) {
  auto& q = composed.config.quant;
  for (const auto& [spec, site] : {std::pair(&q.weight, "weight"), std::pair(&q.activation, "activation"),
                                   std::pair(&q.key, "key"), std::pair(&q.value, "value")}) {
    const std::string key = std::string("quant.") + site;
    std::string& origin = composed.origins[key + ".symmetric"];
    if (spec->zero_point == "unset" || origin != Origin{}.text()) continue;
    spec->symmetric = false;
    origin = "implied by " + key + ".zero_point";
  }
}

}  // namespace

Error with_origin(const Error& error, const Origins& origins) {
  const std::string message = error.what();
  const auto origin = origins.find(message.substr(0, message.find_first_of(" :")));
  return origin == origins.end() ? error : Error(error.code(), origin->second + ": " + message, error.where());
}

Composed read_config(const Table& settings) {
  Composed out;
  StructReader reader(&settings, "", out.origins);
  RunConfig::describe(out.config, reader);
  reader.refuse_unknown_keys();
  imply_symmetric(out);
  try {
    check_rules(out.config);
  } catch (const Error& error) {
    throw with_origin(error, out.origins);
  }
  return out;
}

}  // namespace gyre::config
