#include <fmt/format.h>

#include <string>
#include <vector>

#include "config/compose.h"
#include "spec/limits_text.h"
#include "spec/pretrain.h"

namespace gyre::config {
namespace {

constexpr std::string_view kHead = R"(# Settings

Generated from the settings' own list (`framework/spec/run.h`); a test keeps it current.

Three places set values, each over the one before: the built-in defaults below, the files of `experiments/conf` that
its `config.toml` lists under `defaults` (and, with `experiment=NAME`, `experiments/presets/NAME.toml`), and the words
of the command line or of a sweep file. `gyre run --cfg` prints every setting and where its value came from.

## Words of the command line

| word | does |
| --- | --- |
| `rotation=hadamard` | chooses a file of a group: `experiments/conf/rotation/hadamard.toml` in place of the one in the defaults list |
| `+GROUP=NAME`, `~GROUP` | adds a group to the defaults list, drops one from it |
| `quant.weight.n_bits=3` | sets a setting; texts need no quotes |
| `+KEY=VALUE` | sets it only if no file does: an error otherwise |
| `++KEY=VALUE` | sets it in any case |
| `~KEY`, `~KEY=VALUE` | drops what the files say (with a value: only if they say this), so that the built-in default holds |
| `quant.kv.X=VALUE` | sets `quant.key.X` and `quant.value.X` |
| `experiment=NAME` | lays `experiments/presets/NAME.toml` over the defaults, below all other words |

A choice made in words holds over every file. Later words win over earlier ones.

## Files

A file of a group sets what stands under the group's name: `scheme` inside `[r1]` of `conf/rotation/gsr.toml` is
`rotation.r1.scheme`. `_package_ = "_global_"` at its top makes its keys absolute, another dotted name puts them there.
`defaults` lists files as `"group/name"`, the later over the earlier; `"_self_"` is the file itself, last if not listed.
In a text, `${a.b}` is another setting, `${env:NAME}` and `${env:NAME,default}` are the environment.
The text `"???"` says that a value must be given.

## Sweep files

| key | means |
| --- | --- |
| `name` | the sweep's name in the database; the file's own name if missing |
| `baseline` | the row of its tables that the others are compared with |
| `orderings` | another model's recorded orderings, `experiments/references/orderings/NAME.toml`, that its report holds against it; the file must be `experiments/sweeps/SWEEP.toml` |
| `[base]`, `overrides = ["KEY=VALUE", ...]` | settings and choices of every point |
| `[[axis]]` `key`, `values` | an axis: a setting or a group, and its values |
| `[[zip]]` `keys`, `values = [[...], ...]` | several keys that vary together, a row at a time |
| `seeds = [0, 1, 2]` | an axis over `seed` |
| `[[exclude]]` | drops points of the grid that meet all its conditions `KEY = VALUE`, or `KEY = [A, B]` for either |
| `[[point]]` `overrides` | one more point beside the grid |

Keys are dotted or in tables: `quant.weight.n_bits = 3`, or `n_bits = 3` below `[base.quant.weight]`. TOML does not allow
`quant = "w4a16"` beside them; there, write the setting in quotes: `"quant.weight.n_bits" = 3`.

Single points come first, then the grid in the order of the file: the last axis varies fastest, seeds faster still.
)";

constexpr std::string_view kPretrainHead = R"(
# Files of `gyre pretrain`

`gyre pretrain FILE.toml KEY=VALUE ...`: the file sets these, words of the command line over it; `${env:NAME,default}` in
a text is the environment. Nothing here is shared with the settings above. `experiments/pretrain` holds the ones in use.
)";

class Writer {
 public:
  template <class T>
  void field(std::string_view name, const T& value, std::string_view help, const Limits& limits) {
    rows_ += fmt::format("| `{}{}` | {} | {} | {} |\n", prefix_, name, default_text(value),
                         expected(value, limits), escaped(help));
  }

  template <class Spec>
  void group(std::string_view name, const Spec& spec, std::string_view help) {
    Writer inner;
    inner.prefix_ = prefix_ + std::string(name) + ".";
    Spec::describe(spec, inner);
    const bool nested = !prefix_.empty();
    sections_ +=
        fmt::format("\n{} `{}{}`: {}\n", nested ? "###" : "##", prefix_, name, escaped(help)) + inner.text();
  }

  std::string text() const {
    if (rows_.empty()) return sections_;
    return "\n| setting | default | accepts | meaning |\n| --- | --- | --- | --- |\n" + rows_ + sections_;
  }

 private:
  static std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
    return out;
  }
  static std::string default_text(std::int64_t value) { return fmt::format("`{}`", value); }
  static std::string default_text(double value) { return fmt::format("`{}`", value); }
  static std::string default_text(bool value) { return fmt::format("`{}`", value); }
  static std::string default_text(const std::string& value) { return fmt::format("`\"{}\"`", value); }
  static std::string default_text(const AutoSize& value) {
    return value.is_auto() ? default_text(std::string("auto")) : default_text(value.value);
  }
  static std::string default_text(const Clip& value) { return default_text(to_text(value)); }

  std::string prefix_, rows_, sections_;
};

}  // namespace

std::string config_reference() {
  const RunConfig defaults;
  Writer writer;
  RunConfig::describe(defaults, writer);
  const PretrainSpec pretrain;
  Writer pretrain_writer;
  PretrainSpec::describe(pretrain, pretrain_writer);
  return std::string(kHead) + "\n## Top level\n" + writer.text() + std::string(kPretrainHead) +
         pretrain_writer.text();
}

}  // namespace gyre::config
