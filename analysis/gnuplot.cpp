#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "analysis/figure.h"
#include "core/error.h"
#include "core/files.h"
#include "core/text.h"

namespace gyre::analysis {
namespace fs = std::filesystem;
namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "gyre-figures-XXXXXX").string();
    GYRE_CHECK(::mkdtemp(name.data()), ErrorCode::kResource, "cannot make a temporary folder {}", name);
    path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  fs::path path;
};

// Exit status of `gnuplot -d script` (-d: no user settings), its messages into a file.
int run_gnuplot(const fs::path& script, const fs::path& messages) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, messages.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  std::string program = "gnuplot", option = "-d", file = script.string();
  char* arguments[] = {program.data(), option.data(), file.data(), nullptr};
  // Numbers are written with a point and texts read as UTF-8 whatever the user's language is.
  std::string path = "PATH=" + std::string(std::getenv("PATH") ? std::getenv("PATH") : "/usr/bin:/bin");
  std::string locale = "LC_ALL=C.UTF-8", home = "HOME=" + script.parent_path().string();
  char* environment[] = {path.data(), locale.data(), home.data(), nullptr};
  pid_t child = 0;
  const int failure = ::posix_spawnp(&child, "gnuplot", &actions, nullptr, arguments, environment);
  posix_spawn_file_actions_destroy(&actions);
  GYRE_CHECK(
      failure != ENOENT, ErrorCode::kInput,
      "figures need the program gnuplot, which is not installed (Debian: apt-get install gnuplot-nox)");
  GYRE_CHECK(failure == 0, ErrorCode::kResource, "cannot start gnuplot (error {})", failure);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

std::string tidy_svg(std::string svg, const std::string& id) {
  svg.erase(0, svg.find("<svg"));
  replace_all(svg, "<image ", "<image style='image-rendering:pixelated' ");  // cells of a heat map have edges
  for (const std::string name : {"gp", "textbox", "greybox"}) {
    replace_all(svg, "id='" + name, "id='" + id + "-" + name);
    replace_all(svg, "'#" + name, "'#" + id + "-" + name);
    replace_all(svg, "url(#" + name, "url(#" + id + "-" + name);
  }
  replace_all(svg, "id=\"gnuplot_canvas\"", "id=\"" + id + "-canvas\"");
  // Titles of the whole and of each curve would show as tooltips; the legend names the curves.
  for (std::size_t at = 0; (at = svg.find("<title>", at)) != std::string::npos;)
    svg.erase(at, svg.find("</title>", at) + 8 - at);
  std::string out;
  for (const auto& line : split(svg, '\n'))
    if (const auto text = trim(line); !text.empty()) out += std::string(text) + "\n";
  return out;
}

// Cairo writes when the file was made, in plain text.
std::string without_date(std::string pdf) {
  constexpr std::string_view kKey = "/CreationDate (D:";
  const auto at = pdf.find(kKey);
  if (at == std::string::npos) return pdf;
  for (auto i = at + kKey.size(); i < pdf.size() && pdf[i] != ')'; ++i)
    if (pdf[i] >= '0' && pdf[i] <= '9') pdf[i] = '0';
  // The first day of a year that has one.
  pdf.replace(at + kKey.size(), 8, "20000101");
  return pdf;
}

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::string valid_utf8(std::string_view text, std::string_view replacement) {
  std::string out;
  while (true) {
    const auto bad = find_invalid_utf8(text);
    out += text.substr(0, bad.value_or(text.size()));
    if (!bad) return out;
    out += replacement;
    text.remove_prefix(*bad + 1);
  }
}

std::string gnuplot_text(std::string_view text) {
  std::string out = "'";
  for (const char c : valid_utf8(text, "?")) {
    if (c == '\'') out += '\'';
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return out + "'";
}

std::string gnuplot_tic(std::string_view text) {
  std::string out = gnuplot_text(text);
  replace_all(out, "%", "%%");
  return out;
}

std::vector<std::string> draw(const std::vector<Figure>& figures, FigureFormat format) {
  if (figures.empty()) return {};
  const TemporaryFolder folder;
  const bool svg = format == FigureFormat::kSvg;
  std::string script = "set encoding utf8\n";
  for (std::size_t i = 0; i < figures.size(); ++i) {
    const auto& figure = figures[i];
    GYRE_ASSERT(std::all_of(figure.id.begin(), figure.id.end(),
                            [](unsigned char c) { return std::isalnum(c) || c == '-'; }));
    script += "reset\n";
    std::string name = figure.id;
    std::replace(name.begin(), name.end(), '-', '_');
    script +=
        svg ? fmt::format(
                  "set terminal svg size 720,{} dynamic font 'sans-serif,14' name '{}' noenhanced "
                  "background '#ffffff'\n",
                  figure.height, name)
            : fmt::format("set terminal pdfcairo size 7.2in,{:.2f}in font 'DejaVu Sans,11' noenhanced\n",
                          figure.height / 100.0);
    script += fmt::format("set output {}\n{}\nunset output\n",
                          gnuplot_text((folder.path / std::to_string(i)).string()), figure.script);
  }
  write_file_atomically(folder.path / "script", script);
  const int status = run_gnuplot(folder.path / "script", folder.path / "messages");
  GYRE_CHECK(status == 0, ErrorCode::kRun, "gnuplot failed (status {}): {}", status,
             trim(bytes_of(folder.path / "messages")));
  std::vector<std::string> drawings;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    auto bytes = bytes_of(folder.path / std::to_string(i));
    GYRE_CHECK(!bytes.empty(), ErrorCode::kRun, "gnuplot drew nothing for figure {}: {}", figures[i].id,
               trim(bytes_of(folder.path / "messages")));
    drawings.push_back(svg ? tidy_svg(std::move(bytes), figures[i].id) : without_date(std::move(bytes)));
  }
  return drawings;
}

}  // namespace gyre::analysis
