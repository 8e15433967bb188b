// Whole files in and out.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace gyre {

// The file's bytes. kInput when it is missing, is a folder or a device, or cannot be read.
std::string read_file(const std::filesystem::path& path);

// Replaces path by a file with these bytes: written beside it, synced, renamed, so that a crash leaves the
// old file or the new one. Makes parent folders. kResource when the disk, a quota or a limit on file sizes is
// full, kInput when it cannot be written for another reason; the old file is then as it was.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);
void write_file_atomically(const std::filesystem::path& path, std::span<const std::string_view> pieces);

// The folder with conf/, presets/, sweeps/, references/ and assets/: $GYRE_HOME/experiments if that is set,
// else experiments/ beside the running program's folder, else that of the tree it was built from.
std::filesystem::path experiments_dir();

// experiments_dir()/assets/relative: data that travels with the repository.
std::filesystem::path asset_path(std::string_view relative);

}  // namespace gyre
