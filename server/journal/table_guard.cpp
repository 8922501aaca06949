#include "server/journal/table_guard.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace holdfast::server {

namespace {

namespace fs = std::filesystem;

/// Removes the varint at the front; nullopt if there is none.
std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    auto const byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    number |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return number;
  }
  return std::nullopt;
}

bool is_fatal(fs::path const& table) {
  std::ifstream file(table, std::ios::binary | std::ios::ate);
  auto const size = static_cast<std::uint64_t>(std::max<std::streamoff>(file.tellg(), 0));
  // The table's index of its meta blocks precedes the footer, and gives the offset and the length of the properties
  // block.
  auto const tail_bytes = std::min<std::uint64_t>(size, 4096);
  std::string tail(tail_bytes, '\0');
  file.seekg(static_cast<std::streamoff>(size - tail_bytes));
  file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  // The footer: kind of checksums, two handles, version, and a magic number.
  constexpr std::size_t footer_bytes = 53, version_at = 41;
  constexpr char xxh3 = 4;
  constexpr std::string_view version{"\5\0\0\0", 4};
  if (tail.size() < footer_bytes) return false;
  auto const footer = std::string_view(tail).substr(tail.size() - footer_bytes);
  if (footer[0] != xxh3 || footer.substr(version_at, version.size()) != version) return true;
  constexpr std::string_view name = "rocksdb.properties";
  auto const at = tail.rfind(name);
  if (at == std::string::npos) return false;
  auto handle = std::string_view(tail).substr(at + name.size());
  auto const offset = take_varint(handle), length = take_varint(handle);
  if (!offset || !length || *length == 0 || *offset >= size || *length > size - *offset) return false;
  file.clear();
  file.seekg(static_cast<std::streamoff>(*offset + *length - 1));
  auto const last = file.get(), compression = file.get();
  return file && ((last & 0x80) != 0 || compression != 0);
}

}  // namespace

std::vector<fs::path> fatal_tables(fs::path const& directory) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    if (it->path().extension() == ".sst" && is_fatal(it->path())) found.push_back(it->path());
  return found;
}

}  // namespace holdfast::server
