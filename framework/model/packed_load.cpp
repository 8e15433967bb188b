#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "format/safetensors.h"
#include "model/config_readers.h"
#include "model/packed.h"
#include "model/packed_codes.h"
#include "model/packed_format.h"
#include "model/spec_json.h"
#include "model/surgery.h"
#include "model/weights.h"

namespace gyre {
namespace {

using Json = nlohmann::json;
using Shape = std::vector<std::int64_t>;

// A weight's facts, as its metadata has them; checked.
struct Facts {
  int n_bits = 0;
  std::int64_t group_size = 0;
  torch::ScalarType dtype = torch::kFloat32;
  double zero_point = 0;
  bool has_zero_point = false;
};

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path)
      : path_(path.string()), file_(format::open_safetensors(path)) {
    const auto format = text("format");
    GYRE_CHECK(format == packed::kFormat, ErrorCode::kUnsupported,
               "{}: the format is '{}', this program reads '{}'", path_, format, packed::kFormat);
    weights_ = json("weights");
    GYRE_CHECK(weights_.is_object(), ErrorCode::kInput, "{}: weights is {}, expected an object", path_,
               weights_.dump());
  }

  const std::string& path() const { return path_; }
  bool contains(const std::string& name) const { return file_->contains(name); }
  std::int64_t n_tensors() const { return std::ssize(file_->names()); }
  bool is_quantized(const std::string& name) const { return weights_.contains(name); }

  std::string text(const std::string& key) const {
    const auto& metadata = file_->metadata();
    const auto it = metadata.find(key);
    GYRE_CHECK(it != metadata.end(), ErrorCode::kInput,
               "{}: metadata has no '{}'; not a packed model of gyre", path_, key);
    return it->second;
  }
  Json json(const std::string& key) const {
    try {
      return Json::parse(text(key));
    } catch (const Json::exception& error) {
      fail(ErrorCode::kInput, "{}: metadata '{}' is not JSON: {}", path_, key, error.what());
    }
  }

  // A copy in the file's dtype; finite.
  torch::Tensor tensor(const std::string& name, const Shape& shape) {
    const auto view = file_->at(name);
    used_.insert(name);
    GYRE_CHECK(view.shape == shape, ErrorCode::kInput, "{}: tensor {} has shape [{}], expected [{}]", path_,
               name, fmt::join(view.shape, ", "), fmt::join(shape, ", "));
    auto tensor = torch::empty(shape, packed::torch_dtype(view.dtype, name));
    GYRE_ASSERT(tensor.nbytes() == view.data.size());
    std::copy(view.data.begin(), view.data.end(), static_cast<std::byte*>(tensor.mutable_data_ptr()));
    GYRE_CHECK(!tensor.is_floating_point() || tensor.isfinite().all().item<bool>(), ErrorCode::kInput,
               "{}: tensor {} has values that are not finite; the file is damaged", path_, name);
    return tensor;
  }

  torch::Tensor quantized(const std::string& name, const Shape& shape) {
    const auto facts = facts_of(name, shape.at(1));
    const auto rows = shape[0], groups = shape[1] / facts.group_size;
    const auto arithmetic = facts.dtype == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
    const auto parameters = [&](const char* part, const Shape& size) {
      const auto values = tensor(name + part, size);
      GYRE_CHECK(values.is_floating_point(), ErrorCode::kInput, "{}: tensor {}{} holds no numbers", path_,
                 name, part);
      return values.to(arithmetic);
    };
    QuantizedTensor q;
    q.codes = unpack_codes(bytes(name + ".codes", {rows, packed_row_bytes(shape[1], facts.n_bits)}), shape[1],
                           facts.n_bits);
    q.group_size = facts.group_size;
    q.dtype = facts.dtype;
    if (contains(name + ".codebook")) {
      q.codebook = parameters(".codebook", {rows, groups, std::int64_t{1} << facts.n_bits});
      return dequantize(q);
    }
    q.scale = parameters(".scale", {rows, groups});
    if (contains(name + ".offset"))
      q.offset = parameters(".offset", {rows, groups});
    else if (facts.has_zero_point)
      q.zero_point = torch::full_like(q.scale, facts.zero_point);
    else
      q.zero_point = unpack_codes(bytes(name + ".zero_point", {rows, packed_row_bytes(groups, facts.n_bits)}),
                                  groups, facts.n_bits)
                         .to(arithmetic);
    return dequantize(q);
  }

  void check_all_used() const {
    for (const auto& name : file_->names())
      GYRE_CHECK(used_.contains(name), ErrorCode::kInput,
                 "{}: tensor {} has no place in this model; the file is damaged", path_, name);
  }

 private:
  torch::Tensor bytes(const std::string& name, const Shape& shape) {
    const auto packed = tensor(name, shape);
    GYRE_CHECK(packed.scalar_type() == torch::kUInt8, ErrorCode::kInput, "{}: tensor {} is no U8", path_,
               name);
    return packed;
  }

  Facts facts_of(const std::string& name, std::int64_t in) const {
    const Json& json = weights_.at(name);
    const auto where = fmt::format("{}: weights: {}", path_, name);
    const auto integer = [&](const char* key, std::int64_t low, std::int64_t high) {
      GYRE_CHECK(json.is_object() && json.contains(key) && json[key].is_number_integer() &&
                     json[key] >= low && json[key] <= high,
                 ErrorCode::kInput, "{}: {} is no integer from {} to {}", where, key, low, high);
      return json[key].get<std::int64_t>();
    };
    Facts facts;
    facts.n_bits = static_cast<int>(integer("n_bits", 1, 8));
    facts.group_size = integer("group_size", 1, in);
    GYRE_CHECK(in % facts.group_size == 0, ErrorCode::kInput, "{}: group_size {} does not divide {}", where,
               facts.group_size, in);
    for (const auto dtype : {torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16})
      if (json.value("dtype", Json{}) == format::dtype_name(packed::container_dtype(dtype, name))) {
        facts.dtype = dtype;
        facts.has_zero_point = json.contains("zero_point");
        if (!facts.has_zero_point) return facts;
        GYRE_CHECK(json["zero_point"].is_number(), ErrorCode::kInput, "{}: zero_point is no number", where);
        facts.zero_point = json["zero_point"].get<double>();
        GYRE_CHECK(facts.zero_point >= 0 && facts.zero_point < 256, ErrorCode::kInput,
                   "{}: zero_point is {}, expected 0 to 255", where, facts.zero_point);
        return facts;
      }
    fail(ErrorCode::kInput, "{}: dtype is {}, expected F64, F32, F16 or BF16", where,
         json.value("dtype", Json{}).dump());
  }

  std::string path_;
  std::shared_ptr<const format::Safetensors> file_;
  Json weights_;
  std::set<std::string> used_;
};

// Folded norms leave no tensor; every other slot has one.
void read_weights(Reader& reader, Llama& model) {
  for (const auto& slot : weight_slots(model)) {
    if (reader.is_quantized(slot.name)) {
      GYRE_CHECK(slot.shape.size() == 2, ErrorCode::kInput, "{}: {} cannot be quantized", reader.path(),
                 slot.name);
      *slot.tensor = reader.quantized(slot.name, slot.shape);
    } else if (reader.contains(slot.name) || !slot.name.ends_with("norm.weight")) {
      *slot.tensor = reader.tensor(slot.name, slot.shape);
    }
  }
  if (model.config.tie_word_embeddings) model.head.weight = model.embedding;
}

// The weights have the rotations in them already.
void fill_rotation_slots(Llama& model, const RunConfig& run) {
  RotationPlan plan = run.rotation;
  plan.r1 = RotationSpec{};
  const auto rotations = make_rotations(plan, model.config, run.seed);
  for (auto& block : model.blocks) {
    block.attention.r3 = rotations.r3;
    block.attention.o.online_rotation = rotations.across_heads;
    block.mlp.down.online_rotation = rotations.r4;
  }
}

void fill_quantizer_slots(Reader& reader, Llama& model, const RunConfig& run) {
  const torch::NoGradGuard no_grad;
  attach_quantizers(model, run.quant);
  std::set<const Quantizer*> seen;
  packed::for_each_input_quantizer(
      model, [&](const std::string& name, std::shared_ptr<Quantizer>& quantizer) {
        if (!quantizer || !seen.insert(quantizer.get()).second || !quantizer->needs_calibration()) return;
        // On anything of its width, for the parameters' shapes.
        const bool cache = name.ends_with(".key") || name.ends_with(".value");
        std::int64_t width = model.config.head_dim;
        if (!cache)
          model.for_each_linear([&](LinearRef ref) {
            if (ref.name() + ".input" == name) width = ref.linear.weight.size(1);
          });
        quantizer->calibrate(torch::ones({1, width}));
        for (auto& entry : quantizer->named_parameters()) {
          const auto read = reader.tensor(name + "." + entry.key(), entry.value().sizes().vec());
          entry.value().set_data(read);
        }
      });
}

}  // namespace

PackedModel load_packed(const std::filesystem::path& path) {
  const torch::NoGradGuard no_grad;
  Reader reader(path);
  PackedModel packed;
  JsonReader::read(reader.json("run"), path.string() + ": run", packed.run);
  packed.model.config = parse_hf_config(reader.text("model"), path.string() + ": model");
  GYRE_CHECK(packed.model.config.num_hidden_layers <= reader.n_tensors(), ErrorCode::kInput,
             "{}: {} layers, but {} tensors; the file is damaged", path.string(),
             packed.model.config.num_hidden_layers, reader.n_tensors());
  try {
    check_sizes(packed.run, packed.model.config);
    read_weights(reader, packed.model);
    fill_rotation_slots(packed.model, packed.run);
    fill_quantizer_slots(reader, packed.model, packed.run);
  } catch (const Error& error) {
    const std::string message = error.what();
    if (message.find(path.string()) != std::string::npos) throw;
    throw Error(ErrorCode::kInput, path.string() + ": " + message, error.where());
  }
  reader.check_all_used();
  return packed;
}

}  // namespace gyre
