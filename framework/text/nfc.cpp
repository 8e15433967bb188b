#include "text/nfc.h"

#include "core/error.h"
#include "text/regex.h"

namespace gyre::text {

namespace {
// Every mark, and what else is not NFC_Quick_Check=Yes in Unicode 14 (unassigned neighbours included).
constexpr std::string_view kUnstable =
    R"([\p{M})"
    R"(\x{374}\x{37e}\x{387}\x{958}-\x{95f}\x{9dc}-\x{9df}\x{a33}\x{a36}\x{a59}-\x{a5b}\x{a5e})"
    R"(\x{b5c}-\x{b5d}\x{f43}\x{f4d}\x{f52}\x{f57}\x{f5c}\x{f69}\x{1161}-\x{1175})"
    R"(\x{11a8}-\x{11c2}\x{1f71}\x{1f73}\x{1f75}\x{1f77}\x{1f79}\x{1f7b}\x{1f7d}\x{1fbb}\x{1fbe})"
    R"(\x{1fc9}\x{1fcb}\x{1fd3}\x{1fdb}\x{1fe3}\x{1feb}\x{1fee}-\x{1fef}\x{1ff9}\x{1ffb}\x{1ffd})"
    R"(\x{2000}-\x{2001}\x{2126}\x{212a}-\x{212b}\x{2329}-\x{232a}\x{2adc}\x{f900}-\x{fa0d})"
    R"(\x{fa10}\x{fa12}\x{fa15}-\x{fa1e}\x{fa20}\x{fa22}\x{fa25}-\x{fa26}\x{fa2a}-\x{fad9})"
    R"(\x{fb1d}-\x{fb1f}\x{fb2a}-\x{fb4e}\x{1d15e}-\x{1d164}\x{1d1bb}-\x{1d1c0})"
    R"(\x{2f800}-\x{2fa1d})"
    "]";
}  // namespace

void require_composed(std::string_view text) {
  static const Regex unstable(kUnstable);
  if (const auto offset = unstable.find(text))
    fail(ErrorCode::kUnsupported,
         "this tokenizer composes its input (Unicode NFC), and the character at offset {} may have to be "
         "composed; "
         "gyre takes only text whose characters NFC leaves alone",
         *offset);
}

}  // namespace gyre::text
