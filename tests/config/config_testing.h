// A folder of settings made for one test, and short ways to ask what became of it.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "config/compose.h"
#include "core/error.h"

namespace gyre::config {

// experiments/ in a temporary folder, removed at the end. Starts with an empty conf/config.toml.
class SettingsFolder {
 public:
  SettingsFolder()
      : root_(std::filesystem::temp_directory_path() / ("gyre_config_test_" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(dir() / "presets");
    write("conf/config.toml", "");
  }
  ~SettingsFolder() { std::filesystem::remove_all(root_); }
  SettingsFolder(const SettingsFolder&) = delete;
  SettingsFolder& operator=(const SettingsFolder&) = delete;

  std::filesystem::path dir() const { return root_ / "experiments"; }
  void write(std::string_view file, std::string_view text) const {
    std::filesystem::create_directories((dir() / file).parent_path());
    std::ofstream(dir() / file, std::ios::binary) << text;
  }
  Composed composed(const std::vector<std::string>& words = {}) const { return compose(dir(), words); }

  // "quant.weight.n_bits" -> "3", "model.path" -> "\"a\"", as canonical texts have it.
  std::string value(const std::string& key, const std::vector<std::string>& words = {}) const {
    return value_of(composed(words), key);
  }
  std::string origin(const std::string& key, const std::vector<std::string>& words = {}) const {
    return composed(words).origins.at(key);
  }
  // The message of the kConfig error, or what went otherwise.
  std::string refusal(const std::vector<std::string>& words = {}) const {
    return refusal_of([&] { composed(words); });
  }
  Sweep sweep(std::string_view text, const std::vector<std::string>& words = {}) const {
    write("sweeps/s.toml", text);
    return load_sweep(dir() / "sweeps" / "s.toml", dir(), words);
  }
  std::string sweep_refusal(std::string_view text, const std::vector<std::string>& words = {}) const {
    return refusal_of([&] { sweep(text, words); });
  }

  static std::string value_of(const Composed& composed, const std::string& key) {
    for (const auto& param : params(composed.config))
      if (param.key == key) return param.value;
    return "no such setting";
  }

 private:
  template <class F>
  static std::string refusal_of(F&& f) {
    try {
      f();
    } catch (const Error& error) {
      return (error.code() == ErrorCode::kConfig ? "" : std::string(error_name(error.code())) + " error: ") +
             error.what();
    }
    return "accepted";
  }

  std::filesystem::path root_;
};

}  // namespace gyre::config
