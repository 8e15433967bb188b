// Fixtures of the store's tests: a folder that goes away, points, results.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "core/digest.h"
#include "core/error.h"
#include "store/run_store.h"

namespace gyre::store::testing {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "gyre-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline Point make_point(const std::string& name) {
  return {sha256_hex(name),
          "model.path = \"" + name + "\"\nseed = 3\n",
          name + " W4A16",
          {{"model.path", "\"" + name + "\""}, {"seed", "3"}, {"run.device", "\"cpu\""}}};
}

inline std::vector<Point> make_points(int n) {
  std::vector<Point> points;
  for (int i = 0; i < n; ++i) points.push_back(make_point("p" + std::to_string(i)));
  return points;
}

inline void finish_ok(RunStore& store, std::int64_t run_id, double value = 25.0) {
  store.finish(run_id, "ok", {{"ppl/x@gptq2048", value, 0.5, 256, ""}},
               {{"ppl/x@gptq2048", {{0, 0, 300.0, 128}, {0, 1, 310.0, 128}}}},
               {{"load", "k0", 1.5, false, 1000}, {"evaluate", "k1", 2.5, true, 2000}});
}

// The error that the call throws, or a failure of the test.
template <class Call>
Error error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(ErrorCode::kRun, "nothing was thrown");
}

inline ::testing::AssertionResult is_error(const Error& error, ErrorCode code, const std::string& part) {
  if (error.code() == code && std::string(error.what()).find(part) != std::string::npos)
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << error_name(error.code()) << ": " << error.what() << "\nexpected "
                                       << error_name(code) << " with '" << part << "'";
}

}  // namespace gyre::store::testing
