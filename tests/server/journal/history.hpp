#pragma once

#include <unistd.h>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "server/journal/change.hpp"
#include "server/journal/journal.hpp"

namespace holdfast::server::testing {

/// A directory for one test, removed with its contents.
class scratch_directory {
 public:
  /// In memory if possible: most tests are about what is written, not about a disk.
  scratch_directory() {
    std::filesystem::path const memory = "/dev/shm";
    auto const parent = ::access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
    auto name = (parent / "holdfast-journal-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("can't make " + name);
    path_ = name;
  }
  scratch_directory(scratch_directory const&) = delete;
  scratch_directory& operator=(scratch_directory const&) = delete;
  ~scratch_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::filesystem::path path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(char const* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// The state of an entry.
struct known_entry {
  std::string value;
  std::uint64_t version = 0;
  std::optional<change::instant> expires_at;

  bool operator==(known_entry const&) const = default;
};
using known_state = std::map<std::string, known_entry>;

/// Makes changes like a store, each determined by the seed and the previous ones, and knows the resulting entries.
class history {
 public:
  explicit history(std::uint64_t seed, std::size_t keys = 40, std::size_t value_bytes_max = 200)
      : random_(seed), sizes_(seed), keys_(keys), value_bytes_max_(value_bytes_max) {}

  change next() {
    change made;
    made.space = pick(5) == 0 ? keyspace::requests : keyspace::data;
    auto const is_data = made.space == keyspace::data;
    auto const key = (is_data ? "key-" : "request-") + std::to_string(pick(keys_));
    auto const found = state_.find(key);
    made.sequence = ++sequence_;
    made.key = key;
    made.previous = found == state_.end() ? 0 : found->second.version;
    auto const kind = pick(10);
    if (!is_data && found != state_.end() && kind >= 6) {
      made.what = change::kind::del;
      made.revision = revision_;
      state_.erase(found);
    } else if (found == state_.end() || kind < 6) {
      made.what = change::kind::put;
      made.revision = is_data ? ++revision_ : revision_;
      std::string text(1 + pick(value_bytes_max_), 'x');
      for (auto& c : text) c = static_cast<char>('a' + pick(26));
      made.value = std::make_shared<std::string const>('"' + text + '"');
      made.expires_at = instant_or_never();
      state_[key] = {*made.value, made.version(), made.expires_at};
    } else if (kind < 8) {
      made.what = change::kind::touch;
      made.revision = found->second.version;
      made.expires_at = instant_or_never();
      found->second.expires_at = made.expires_at;
    } else {
      made.what = kind == 8 ? change::kind::del : change::kind::expire;
      made.revision = ++revision_;
      state_.erase(found);
    }
    return made;
  }
  std::vector<change> next(std::size_t count) {
    std::vector<change> made;
    for (std::size_t i = 0; i < count; ++i) made.push_back(next());
    return made;
  }

  [[nodiscard]] known_state const& state() const { return state_; }
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  /// A random size of a batch; it does not affect the changes.
  std::size_t size_up_to(std::size_t most) { return 1 + sizes_() % most; }

 private:
  std::size_t pick(std::size_t below) { return random_() % below; }
  std::optional<change::instant> instant_or_never() {
    if (pick(3) != 0) return std::nullopt;
    return change::instant(std::chrono::duration_cast<change::instant::duration>(
        std::chrono::nanoseconds(static_cast<std::int64_t>(random_() % (1ull << 62)))));
  }

  std::mt19937_64 random_, sizes_;
  std::size_t keys_, value_bytes_max_;
  known_state state_;
  std::uint64_t sequence_ = 0, revision_ = 0;
};

/// The entries of a history with this seed after this number of changes.
inline known_state state_after(history made, std::uint64_t changes) {
  while (made.sequence() < changes) made.next();
  return made.state();
}

inline known_state recovered(journal& journal) {
  known_state state;
  journal.recover([&](recovered_entry const& entry) {
    state[std::string(entry.key)] = {std::string(entry.value), entry.version, entry.expires_at};
  });
  return state;
}

inline std::string bytes_of(std::filesystem::path const& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The newest write-ahead log of a data directory.
inline std::filesystem::path newest_log(std::filesystem::path const& directory) {
  std::filesystem::path newest;
  for (auto const& file : std::filesystem::directory_iterator(directory / "journal"))
    if (file.path().extension() == ".log" && newest < file.path()) newest = file.path();
  return newest;
}

/// Changes bytes of a file.
inline void overwrite(std::filesystem::path const& path, std::size_t at, std::string const& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(at));
  file << bytes;
}

/// Repetitions of random tests: few by default, HOLDFAST_JOURNAL_ROUNDS for a long run.
inline std::size_t rounds(std::size_t by_default) {
  auto const* const wanted = std::getenv("HOLDFAST_JOURNAL_ROUNDS");
  return wanted != nullptr ? std::stoul(wanted) : by_default;
}

}  // namespace holdfast::server::testing
