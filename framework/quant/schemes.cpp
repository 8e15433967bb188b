// The table of quantization schemes. A new one: its file, its declaration and its row here, and a test of
// what is special about it; tests/quant/contract_test.cpp covers the laws.
#include <array>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/text.h"
#include "quant/quantizer.h"

namespace gyre {

std::shared_ptr<Quantizer> make_rtn(const QuantSpec& spec, std::int64_t size, QuantSite site);
std::shared_ptr<Quantizer> make_rtn_range(const QuantSpec& spec, std::int64_t size, QuantSite site);
std::shared_ptr<Quantizer> make_lsq(const QuantSpec& spec, std::int64_t size, QuantSite site);
std::shared_ptr<Quantizer> make_lwc(const QuantSpec& spec, std::int64_t size, QuantSite site);
std::shared_ptr<Quantizer> make_ldp(const QuantSpec& spec, std::int64_t size, QuantSite site);

namespace {

std::shared_ptr<Quantizer> make_none(const QuantSpec&, std::int64_t, QuantSite) {
  return nullptr;
}

constexpr std::array kSchemes{
    QuantScheme{"none", "values stay as they are", make_none},
    QuantScheme{"rtn",
                "round to nearest on a uniform grid, scales from each input; min-max, ratio or searched clip",
                make_rtn},
    QuantScheme{"rtn_range", "rtn, but in training the gradient reaches the ends of each group too",
                make_rtn_range},
    QuantScheme{"lsq", "learned step size, per group of a weight's rows or for all tokens", make_lsq},
    QuantScheme{"lwc", "weights: equal steps with a real offset between learned clips of each group",
                make_lwc},
    QuantScheme{"ldp", "weights: learned clips and learned partition of each group (RCP)", make_ldp},
};

}  // namespace

std::span<const QuantScheme> quant_schemes() {
  return kSchemes;
}

std::shared_ptr<Quantizer> make_quantizer(const QuantSpec& spec, std::int64_t size, QuantSite site) {
  std::vector<std::string> names;
  for (const auto& scheme : kSchemes) {
    if (scheme.name == spec.scheme) return scheme.make(spec, size, site);
    names.emplace_back(scheme.name);
  }
  fail(ErrorCode::kConfig, "unknown quantizer '{}'{}", spec.scheme, suggestion(spec.scheme, names));
}

}  // namespace gyre
