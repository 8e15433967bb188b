// Damaged files: whatever the damage, opening and reading one gives its tensors or a gyre::Error, never
// anything else, and asks for no more memory than the file's size explains. GYRE_FUZZ_ROUNDS=N makes the
// random part N times as long.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <new>
#include <set>

#include "core/seed.h"
#include "format/containers.h"
#include "format/gguf.h"
#include "format/llama2c.h"
#include "format/safetensors.h"

namespace {

thread_local std::size_t largest_request = 0;

}  // namespace

// For the whole program: the largest single request of this thread.
void* operator new(std::size_t size) {
  largest_request = std::max(largest_request, size);
  if (void* memory = std::malloc(std::max<std::size_t>(size, 1))) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace gyre::format {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestRequest = 1 << 18;  // files here have at most 4 kB, and a read buffer has 64 kB

// Reads all that a source gives.
void read_tensors(const TensorSource& source) {
  std::set<std::pair<const std::byte*, const std::byte*>> places;
  for (const auto& name : source.names()) {
    const auto view = source.at(name);
    std::vector<float> values(static_cast<std::size_t>(view.numel()));
    to_float(view, values);
    ASSERT_EQ(view.data.size(), storage_bytes(view.dtype, values.size()));
    if (!view.data.empty()) places.emplace(view.data.data(), view.data.data() + view.data.size());
  }
  std::uintmax_t size = 0;
  for (const auto& file : source.files()) size += fs::file_size(file);
  std::uintmax_t used = 0;
  const std::byte* end = nullptr;
  for (const auto& [first, last] : places) {
    ASSERT_LE(end, first) << "tensors overlap";
    end = last;
    used += static_cast<std::uintmax_t>(last - first);
  }
  ASSERT_LE(used, size) << "more bytes in tensors than in the files";
}

// Every getter on every kind of value; each either fits or says so.
void read_metadata(const Gguf& file, const std::vector<std::string>& keys) {
  const auto attempt = [](auto get) {
    try {
      get();
    } catch (const Error&) {
    }
  };
  for (const auto& key : keys) {
    attempt([&] { file.get_string(key); });
    attempt([&] { file.get_bool(key); });
    attempt([&] { file.get_uint(key); });
    attempt([&] { file.get_double(key); });
    attempt([&] { file.get_strings(key); });
    attempt([&] { file.get_floats(key); });
    attempt([&] { file.get_ints(key); });
  }
}

struct Sample {
  std::string name, bytes;  // file name, whole and valid
  std::size_t head;         // bytes before the tensors' own
  void (*read)(const fs::path&);
};

const std::vector<GgufFile::Pair> kPairs = {
    {"general.architecture", kString, gguf_text("llama")},
    {"general.alignment", kU32, raw(std::uint32_t{32})},
    {"i8", kI8, "\xff"},
    {"u16", kU16, "\x01\x02"},
    {"f32", kF32, raw(1.5f)},
    {"f64", kF64, raw(1e-5)},
    {"bool", kBool, "\x01"},
    {"i64", kI64, raw(std::int64_t{-1})},
    {"strings", kArray, GgufFile::array(kString, 3, gguf_text("a") + gguf_text("Ġb") + gguf_text(""))},
    {"floats", kArray, GgufFile::array(kF32, 2, raw_all<float>({1, 2}))},
    {"ints", kArray, GgufFile::array(kI32, 3, raw_all<std::int32_t>({1, -2, 3}))}};

Sample gguf_sample() {
  const GgufFile file{.pairs = kPairs,
                      .tensors = {{"norm", {4}, kGgmlF32, raw_all<float>({1, 2, 3, 4})},
                                  {"half", {2, 3}, kGgmlF16, std::string(12, '\x3c')},
                                  {"q4", {32, 2}, kGgmlQ4_1, std::string(40, '\x31')},
                                  {"q8", {32}, kGgmlQ8_0, std::string(34, '\x21')}}};
  constexpr std::size_t kDataBytes = 128 + 34;  // the last tensor's offset and size
  return {"m.gguf", file.bytes(), file.bytes().size() - kDataBytes, [](const fs::path& path) {
            const auto opened = Gguf::open(path);
            read_tensors(*opened);
            std::vector<std::string> keys;
            for (const auto& pair : kPairs) keys.push_back(pair.key);
            read_metadata(*opened, keys);
          }};
}

Sample safetensors_sample() {
  const auto header = std::string(R"({"__metadata__":{"format":"pt","twin":"b"},)") +
                      R"("b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)" +
                      R"("a":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]},)" +
                      R"("z":{"dtype":"U8","shape":[0,7],"data_offsets":[12,12]}}   )";
  return {"m.safetensors", safetensors_file(header, std::string(12, '\x3f')), 8 + header.size(),
          [](const fs::path& path) { read_tensors(*open_safetensors(path)); }};
}

Sample llama2c_sample() {
  const Llama2cFile file{.dim = 4,
                         .hidden_dim = 6,
                         .n_layers = 1,
                         .n_heads = 2,
                         .n_kv_heads = 1,
                         .vocab_size = -5,
                         .seq_len = 2};
  return {"m.bin", file.bytes(), 28, [](const fs::path& path) { read_tensors(*Llama2c::open(path)); }};
}

// Its shards lie beside it.
Sample index_sample() {
  const std::string text =
      R"({"metadata":{"total_size":2},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})";
  return {"model.safetensors.index.json", text, text.size(),
          [](const fs::path& path) { read_tensors(*open_safetensors(path)); }};
}

// The file under test lies in memory, behind a link: there are tens of thousands of them.
class DamagedFiles : public ContainerTest, public testing::WithParamInterface<Sample (*)()> {
 protected:
  void SetUp() override {
    ASSERT_GE(memory_, 0);
    fs::create_symlink("/proc/self/fd/" + std::to_string(memory_), path_);
    const auto shard = [](const char* name) {
      return safetensors_file(
          std::string("{\"") + name + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x");
    };
    write("one.safetensors", shard("a"));
    write("two.safetensors", shard("b"));
    ASSERT_TRUE(reads(sample_.bytes)) << "the sample itself";
  }

  // Whether these bytes can be read; anything but a gyre::Error ends the test.
  bool reads(std::string_view bytes) {
    EXPECT_EQ(::ftruncate(memory_, 0), 0);
    EXPECT_EQ(::pwrite(memory_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    largest_request = 0;
    bool good = true;
    try {
      sample_.read(path_);
    } catch (const Error& error) {
      good = false;
      EXPECT_NE(std::string(error.what()).find(folder_.string()), std::string::npos) << error.what();
    }
    EXPECT_LE(largest_request, kLargestRequest);
    return good;
  }

  void TearDown() override { ::close(memory_); }

  Sample sample_ = GetParam()();
  fs::path path_ = folder_ / sample_.name;
  int memory_ = ::memfd_create("damaged", MFD_CLOEXEC);
};

TEST_P(DamagedFiles, TruncatedAnywhereAreRefused) {
  for (std::size_t size = 0; size < sample_.bytes.size() && !HasFailure(); ++size)
    EXPECT_FALSE(reads(sample_.bytes.substr(0, size))) << "the first " << size << " bytes";
}

TEST_P(DamagedFiles, WithAnyBitFlippedAreReadOrRefused) {
  for (std::size_t bit = 0; bit < 8 * sample_.head && !HasFailure(); ++bit) {
    auto bytes = sample_.bytes;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    reads(bytes);
    EXPECT_FALSE(HasFailure()) << "bit " << bit;
  }
}

TEST_P(DamagedFiles, WithTellingNumbersAnywhereAreReadOrRefused) {
  const std::uint64_t numbers[] = {0,          1,          2,          0x7f,       0xff,       0x7fffffff,
                                   0x80000000, 0xffffffff, 1ull << 32, 1ull << 60, 1ull << 61, 1ull << 62,
                                   1ull << 63, ~0ull,      ~31ull,     ~0ull / 3};
  for (std::size_t at = 0; at + 4 <= sample_.head && !HasFailure(); ++at)
    for (const auto number : numbers)
      for (const std::size_t width : {4, 8}) {
        if (width == 4 && number > 0xffffffff) continue;
        auto bytes = sample_.bytes;
        std::memcpy(bytes.data() + at, &number, std::min(width, bytes.size() - at));
        reads(bytes);
        EXPECT_FALSE(HasFailure()) << number << " at " << at;
      }
}

// Copies, cuts and repeats of random ranges, several at a time.
TEST_P(DamagedFiles, SplicedAtRandomAreReadOrRefused) {
  const char* rounds = std::getenv("GYRE_FUZZ_ROUNDS");
  const int n = 3000 * std::max(1, rounds ? std::atoi(rounds) : 1);
  Rng rng(derive_seed(11, sample_.name));
  for (int i = 0; i < n && !HasFailure(); ++i) {
    auto bytes = sample_.bytes;
    for (auto edits = 1 + rng.below(4); edits > 0 && !bytes.empty(); --edits) {
      const auto from = rng.below(bytes.size()), to = rng.below(bytes.size());
      const auto length =
          std::min<std::uint64_t>(1 + rng.below(rng.below(8) == 0 ? 64 : 12), bytes.size() - from);
      const auto piece = bytes.substr(from, length);
      switch (rng.below(4)) {
        case 0:
          bytes.insert(to, piece);
          break;
        case 1:
          bytes.erase(from, length);
          break;
        case 2:
          bytes.replace(to, std::min(length, bytes.size() - to), piece);
          break;
        default:
          bytes[to] = static_cast<char>(rng.next());
      }
    }
    reads(bytes);
    EXPECT_FALSE(HasFailure()) << "round " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Containers, DamagedFiles,
                         testing::Values(gguf_sample, safetensors_sample, llama2c_sample, index_sample),
                         [](const auto& sample) {
                           auto name = sample.param().name;
                           std::erase_if(name, [](char c) { return c == '.'; });
                           return name;
                         });

}  // namespace
}  // namespace gyre::format
