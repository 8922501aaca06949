#include "server/journal/log_tail.hpp"

#include <algorithm>
#include <boost/crc.hpp>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "server/journal/data_directory.hpp"

namespace holdfast::server {

namespace {

namespace fs = std::filesystem;

// The log format of RocksDB and LevelDB: blocks of 32 KiB with fragments of records. A fragment has a masked CRC32C of
// its type and bytes (4 bytes), its length (2) and its type (1), and never crosses a block boundary.
constexpr std::size_t block_bytes = 32 * 1024, header_bytes = 7;
enum fragment_type : unsigned char { full = 1, first = 2, middle = 3, last = 4 };

std::uint32_t masked_crc(std::string_view bytes) {
  boost::crc_optimal<32, 0x1edc6f41, 0xffffffff, 0xffffffff, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  auto const sum = static_cast<std::uint32_t>(crc.checksum());
  return (sum >> 15 | sum << 17) + 0xa282ead8;
}

std::uint32_t byte_at(std::string_view bytes, std::size_t offset) {
  return static_cast<unsigned char>(bytes[offset]);
}

struct fragment {
  unsigned char type;
  std::size_t end;
};

/// The fragment at an offset; nullopt if there is no undamaged one.
std::optional<fragment> fragment_at(std::string_view log, std::size_t offset) {
  auto const block_end = std::min(log.size(), (offset / block_bytes + 1) * block_bytes);
  if (offset + header_bytes > block_end) return std::nullopt;
  auto const length = byte_at(log, offset + 4) | byte_at(log, offset + 5) << 8;
  auto const type = byte_at(log, offset + 6);
  auto const end = offset + header_bytes + length;
  if (type < full || type > last || end > block_end) return std::nullopt;
  std::uint32_t crc = 0;
  for (std::size_t i = 4; i-- > 0;) crc = crc << 8 | byte_at(log, offset + i);
  if (crc != masked_crc(log.substr(offset + header_bytes - 1, 1 + length))) return std::nullopt;
  return fragment{static_cast<unsigned char>(type), end};
}

std::string bytes_of(fs::path const& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) throw error_of_call(file.is_open() ? EIO : errno, "can't read " + path.string());
  return bytes;
}

fs::path copy_of(torn_file const& file) {
  return fs::path(file.path) += ".torn";
}

void cut(torn_file const& file) {
  auto const one = std::span(&file, 1);
  std::error_code error;
  try {
    fs::copy_file(file.path, copy_of(file), fs::copy_options::overwrite_existing, error);
    if (error) throw error_of_call(error.value(), "can't copy " + file.path.string());
    // It may take the original's place, which was durable.
    sync_file(copy_of(file));
  } catch (...) {
    forget_copies(one);
    throw;
  }
  try {
    fs::resize_file(file.path, file.whole_bytes, error);
    if (error) throw error_of_call(error.value(), "can't cut " + file.path.string());
    sync_file(file.path);
  } catch (...) {
    undo_cut(one);
    throw;
  }
}

/// The newest write-ahead log, and the manifest named by CURRENT.
std::vector<fs::path> appended_logs(fs::path const& directory) {
  std::vector<fs::path> logs;
  fs::path newest;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    // Numbers have leading zeros; a longer name is newer.
    auto const& path = it->path();
    if (path.extension() != ".log") continue;
    auto const order = [](fs::path const& log) { return std::pair(log.native().size(), log.native()); };
    if (newest.empty() || order(newest) < order(path)) newest = path;
  }
  if (!newest.empty()) logs.push_back(newest);
  std::ifstream current(directory / "CURRENT");
  std::string manifest;
  std::getline(current, manifest);
  if (manifest.starts_with("MANIFEST-") && fs::is_regular_file(directory / manifest, error))
    logs.push_back(directory / manifest);
  return logs;
}

}  // namespace

log_tail examine_log(std::string_view log) {
  log_tail tail;
  std::size_t offset = 0;
  auto inside = false;
  while (offset < log.size()) {
    auto const rest_of_block = block_bytes - offset % block_bytes;
    if (rest_of_block < header_bytes) {
      offset += rest_of_block;
      continue;
    }
    auto const found = fragment_at(log, offset);
    auto const begins = found && (found->type == full || found->type == first);
    if (!found || begins == inside) break;
    inside = found->type == first || found->type == middle;
    offset = found->end;
    if (!inside) tail.whole_bytes = offset;
  }
  // After damage, lengths can't be trusted: a fragment may begin anywhere.
  for (++offset; offset + header_bytes <= log.size() && !tail.goes_on; ++offset) {
    auto const type = byte_at(log, offset + header_bytes - 1);
    tail.goes_on = (type == full || type == first) && fragment_at(log, offset).has_value();
  }
  return tail;
}

std::vector<torn_file> torn_logs(fs::path const& directory) {
  std::vector<torn_file> torn;
  for (auto const& path : appended_logs(directory)) {
    auto const bytes = bytes_of(path);
    auto const tail = examine_log(bytes);
    if (!tail.goes_on && tail.whole_bytes < bytes.size())
      torn.push_back({path, tail.whole_bytes, bytes.size() - tail.whole_bytes});
  }
  return torn;
}

bool other_logs_are_whole(fs::path const& directory, std::span<torn_file const> files) {
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    auto const& path = it->path();
    if (path.extension() != ".log" || std::ranges::find(files, path, &torn_file::path) != files.end()) continue;
    auto const bytes = bytes_of(path);
    if (examine_log(bytes).whole_bytes != bytes.size()) return false;
  }
  return !error;
}

std::string text_of(std::span<torn_file const> files) {
  std::string text;
  for (auto const& file : files)
    text.append(text.empty() ? "" : ", and ")
        .append(std::to_string(file.torn_bytes))
        .append(" bytes at the end of ")
        .append(file.path.string());
  // Without syncs the witness is old, and the system may have lost a part of what was acknowledged.
  if (!text.empty()) text += ": an incomplete last record, never acknowledged unless syncs were off";
  return text;
}

void cut(std::span<torn_file const> files) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    try {
      cut(files[i]);
    } catch (...) {
      undo_cut(files.first(i));
      throw;
    }
  }
}

void undo_cut(std::span<torn_file const> files) {
  for (auto const& file : files) {
    std::error_code error;
    fs::rename(copy_of(file), file.path, error);
    if (error) throw error_of_call(error.value(), "can't restore " + file.path.string());
    sync_directory(file.path.parent_path());
  }
}

void forget_copies(std::span<torn_file const> files) {
  std::error_code ignored;
  for (auto const& file : files) fs::remove(copy_of(file), ignored);
}

}  // namespace holdfast::server
