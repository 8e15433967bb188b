// The table of rotation schemes. A new one: its file, its declaration and its row here, and a test of what is
// special about it; tests/rotation/contract_test.cpp and tests/contract cover the rest.
#include <array>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/text.h"
#include "rotation/rotation.h"

namespace gyre {

std::shared_ptr<Rotation> make_identity(const RotationSpec& spec, std::int64_t size, std::uint64_t seed);
std::shared_ptr<Rotation> make_random(const RotationSpec& spec, std::int64_t size, std::uint64_t seed);
std::shared_ptr<Rotation> make_hadamard(const RotationSpec& spec, std::int64_t size, std::uint64_t seed);
std::shared_ptr<Rotation> make_sequency(const RotationSpec& spec, std::int64_t size, std::uint64_t seed);
std::shared_ptr<Rotation> make_local_hadamard(const RotationSpec& spec, std::int64_t size,
                                              std::uint64_t seed);
std::shared_ptr<Rotation> make_gsr(const RotationSpec& spec, std::int64_t size, std::uint64_t seed);
std::shared_ptr<Rotation> make_learned(const RotationSpec& spec, std::int64_t size, std::uint64_t seed);

namespace {

constexpr bool kBlocks = true, kSigns = true, kSeed = true;
constexpr std::array kSchemes{
    RotationScheme{"identity", "rotates nothing; at R1, norms are folded all the same", false, false, false,
                   make_identity},
    RotationScheme{"random", "random orthogonal matrix (Haar)", false, false, kSeed, make_random},
    RotationScheme{"hadamard", "Hadamard matrix; randomized (QuaRot's) with random_signs", false, kSigns,
                   false, make_hadamard},
    RotationScheme{"sequency", "Hadamard matrix with its rows in sequency order (global Walsh)", false,
                   kSigns, false, make_sequency},
    RotationScheme{"local_hadamard", "block-diagonal, Hadamard blocks", kBlocks, kSigns, false,
                   make_local_hadamard},
    RotationScheme{"gsr",
                   "grouped sequency-arranged rotation: block-diagonal, blocks in sequency order (Walsh)",
                   kBlocks, kSigns, false, make_gsr},
    RotationScheme{
        "learned",
        "learned by descent on orthogonal matrices (SpinQuant) from any other scheme, its init; R1 "
        "and R2",
        kBlocks, kSigns, false, make_learned},
};

}  // namespace

std::span<const RotationScheme> rotation_schemes() {
  return kSchemes;
}

std::shared_ptr<Rotation> make_rotation(const RotationSpec& spec, std::int64_t size, std::uint64_t seed) {
  GYRE_ASSERT(size > 0);
  if (spec.scheme == "none") return nullptr;
  std::vector<std::string> names = {"none"};
  for (const auto& scheme : kSchemes) {
    if (scheme.name == spec.scheme) return scheme.make(spec, size, seed);
    names.emplace_back(scheme.name);
  }
  fail(ErrorCode::kConfig, "unknown rotation '{}'{}", spec.scheme, suggestion(spec.scheme, names));
}

}  // namespace gyre
