#include "spec/orderings.h"

#include "spec/param_writer.h"

namespace gyre {
namespace {

template <class Spec>
void add_table(std::string& text, const char* header, const Spec& spec) {
  std::vector<Param> lines;
  Spec::describe(spec, ParamWriter(lines));
  text += std::string("\n") + header + "\n";
  for (const auto& [key, value] : lines)
    if (value != "nan") text += key + " = " + value + "\n";
}

}  // namespace

std::string to_toml(const Orderings& orderings) {
  std::string text =
      "# Made by the command below, not by hand. README.md in references says what it is for.\n";
  add_table(text, "[recorded]", orderings);
  for (const auto& cell : orderings.cells) add_table(text, "[[cell]]", cell);
  for (const auto& pair : orderings.pairs) add_table(text, "[[pair]]", pair);
  return text;
}

}  // namespace gyre
