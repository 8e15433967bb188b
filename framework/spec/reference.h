// Published values, and what may be held against them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "spec/model.h"

namespace gyre {

// A row of a published table, of one model.
struct Reference {
  std::string id;         // "quarot/table1/w4a4kv4"
  std::string preset;     // whose runs it judges; "": none that gyre can run, and then `needs` says why
  std::string needs;      // "learned rotations"
  std::string source;     // citation; where the file has one for all rows, that
  std::string location;   // "table 1"
  std::string certainty;  // how the value was come by
  std::string model;      // a name of models.toml
  std::string metric = "ppl/wikitext2@gptq2048";
  double value = 0;         // as printed; meaningless where `printed` is a word
  std::int64_t digits = 2;  // after the point, as printed
  std::string printed;      // "Inf" or "NaN" where the table has no number
  double above = 0;         // with Inf: the source prints it above this
  std::string calibration;  // the calibration text of rows that read one
  std::string unsettled;    // settings that the source leaves open: no run is judged by the row then
  std::string note;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("id", s.id, "unique: source/place/row", Limits{});
    v.field("preset", s.preset, "the preset whose runs it judges", Limits{});
    v.field("needs", s.needs, "what gyre lacks to run the row; instead of preset", Limits{});
    v.field("source", s.source, "citation", Limits{});
    v.field("location", s.location, "table, figure, page", Limits{});
    v.field("certainty", s.certainty,
            "read in the paper, in the authors' README, or reported by somebody else (second_hand)",
            Limits{.one_of = {"paper", "readme", "second_hand"}});
    v.field("model", s.model, "a name of models.toml", Limits{});
    v.field("metric", s.metric, "gyre's name of the metric, protocol and window included", Limits{});
    v.field("value", s.value, "as printed", Limits{.min = 0});
    v.field("digits", s.digits, "printed after the point", Limits{.min = 0, .max = 6});
    v.field("printed", s.printed, "a word in place of a number", Limits{.one_of = {"", "Inf", "NaN"}});
    v.field("above", s.above, "with Inf: above which value the source prints it", Limits{.min = 0});
    v.field("calibration", s.calibration, "calibration text, where the row reads one", Limits{});
    v.field("unsettled", s.unsettled, "settings that the source leaves open; such a row judges no run",
            Limits{});
    v.field("note", s.note, "what a reader should know", Limits{});
  }
};

// A model as papers name it.
struct ReferenceModel {
  std::string name;
  std::string full_precision;  // the preset whose reference value tells it from others of its shape
  ModelShape shape;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("name", s.name, "as references name it", Limits{});
    v.field("full_precision", s.full_precision, "preset of the model as it is", Limits{});
    v.group("shape", s.shape, "its sizes");
  }
};

struct References {
  std::vector<Reference> rows;
  std::vector<ReferenceModel> models;
};

// Half a unit of the last digit printed.
double rounding(const Reference& reference);
// "6.10", "Inf".
std::string published(const Reference& reference);

}  // namespace gyre
