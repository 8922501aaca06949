#pragma once

#include <absl/container/btree_set.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "server/store/operation.hpp"

namespace holdfast::server {

/// Keys ordered by expiry: 24 bytes each, plus unused space of the tree. Keys of up to 15 bytes are copied; for longer
/// keys the index refers to the database's string, whose memory stays in place when the tree moves the string.
class expiry_index {
 public:
  /// @param key the string in the database's tree. On std::bad_alloc nothing has changed.
  /// @return false if it was already present, which a transaction may leave so until its end.
  bool add(expiry_time at, std::string const& key) { return entries_.insert({at, key}).second; }

  /// Must be called before the key's string is destroyed.
  void remove(expiry_time at, std::string const& key) noexcept { entries_.erase({at, key}); }

  /// When the next key expires; no_expiry: never.
  [[nodiscard]] expiry_time earliest() const noexcept { return entries_.empty() ? no_expiry : entries_.begin()->at; }

  /// The key that expires next, valid until it is removed. There must be one.
  [[nodiscard]] std::string_view earliest_key() const noexcept { return entries_.begin()->key(); }

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct entry {
    entry(expiry_time when, std::string const& key) noexcept : at(when) {
      static_assert(sizeof(std::string) == 32, "a longer string may keep more than 15 bytes within itself");
      if (key.size() <= copied_bytes_max) {
        std::memcpy(bytes, key.data(), key.size());
        length = static_cast<unsigned char>(key.size());
        return;
      }
      auto const* const data = key.data();
      auto const size = static_cast<std::uint32_t>(key.size());
      std::memcpy(bytes, &data, sizeof data);
      std::memcpy(bytes + sizeof data, &size, sizeof size);
      length = is_referred_to;
    }

    [[nodiscard]] std::string_view key() const noexcept {
      if (length != is_referred_to) return {bytes, length};
      char const* data = nullptr;
      std::uint32_t size = 0;
      std::memcpy(&data, bytes, sizeof data);
      std::memcpy(&size, bytes + sizeof data, sizeof size);
      return {data, size};
    }

    friend bool operator<(entry const& a, entry const& b) noexcept {
      return a.at != b.at ? a.at < b.at : a.key() < b.key();
    }

    static constexpr std::size_t copied_bytes_max = 15;
    static constexpr unsigned char is_referred_to = 255;

    expiry_time at;
    char bytes[copied_bytes_max] = {};
    unsigned char length = 0;
  };
  static_assert(sizeof(entry) == 24);

  absl::btree_set<entry> entries_;
};

}  // namespace holdfast::server
