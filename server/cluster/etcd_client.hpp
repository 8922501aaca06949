#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::server {

/// How to reach an etcd.
struct etcd_settings {
  std::vector<std::string> endpoints{};  ///< http://127.0.0.1:2379, https://…
  std::string user{}, password{};        ///< empty: no authentication
  std::string ca_certificate{};          ///< of https, PEM; empty: the system's authorities
  std::string client_certificate{}, client_key{};
};

/// An etcd that could not be asked, or has refused.
class etcd_error : public std::runtime_error {
 public:
  enum class kind : std::uint8_t {
    unreachable,  ///< no endpoint has answered in time: what was asked may have been done
    refused,      ///< nothing was done
    no_space,     ///< nothing was done: etcd's quota is used up
    compacted,    ///< the revision that was asked for has been compacted
    cancelled,    ///< cancel_signal::set() was called: what was asked may have been done
  };
  etcd_error(kind what, std::string const& line) : std::runtime_error(line), what_(what) {}
  [[nodiscard]] kind why() const noexcept { return what_; }

 private:
  kind what_;
};

/// Ends the waits of the clients that were given it, now and later. Any thread.
class cancel_signal {
 public:
  cancel_signal();
  ~cancel_signal();
  cancel_signal(cancel_signal const&) = delete;
  cancel_signal& operator=(cancel_signal const&) = delete;

  void set() noexcept;
  [[nodiscard]] bool is_set() const noexcept;
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

/// A key as etcd has it.
struct etcd_entry {
  std::string key, value;
  std::int64_t create_revision = 0, mod_revision = 0;
};

/// Part of a range.
struct etcd_page {
  std::int64_t revision = 0;  ///< at which it is true
  std::vector<etcd_entry> entries;
  bool has_more = false;
};

/// What a transaction demands of a key.
struct etcd_check {
  enum class number : std::uint8_t { create_revision, mod_revision };
  number which = number::create_revision;
  std::string key;
  std::int64_t is = 0;  ///< 0: there is no such key
};

/// What a transaction does. A key may be changed once in a transaction.
struct etcd_step {
  enum class kind : std::uint8_t { put, remove, read };
  kind what = kind::put;
  std::string key;
  std::string value{};      ///< of put
  std::string range_end{};  ///< of remove and read: all keys from `key` to before this; empty: the key alone
  std::int64_t lease = 0;   ///< of put; 0: none
};

struct etcd_outcome {
  bool succeeded = false;     ///< whether all checks held; otherwise nothing was done
  std::int64_t revision = 0;  ///< of etcd, after it
};

struct etcd_status {
  std::uint64_t bytes = 0;      ///< what its file takes
  std::uint64_t bytes_max = 0;  ///< its quota
};

struct etcd_event {
  bool is_removal = false;
  etcd_entry entry;  ///< of a removal: key and mod_revision
};

/// The key behind all keys that begin with `prefix`.
[[nodiscard]] std::string end_of_prefix(std::string prefix);

/// A client of etcd's JSON gateway (/v3, etcd 3.4 and later). Its calls block until `due` at most and throw etcd_error.
/// A call that an endpoint does not answer is sent to the next one, so it may be done twice: its checks must make that
/// harmless. One thread.
class etcd_client {
 public:
  using clock = std::chrono::steady_clock;

  /// @param cancel must outlive it. @throws std::invalid_argument of a URL that is none; tls::error
  etcd_client(etcd_settings settings, cancel_signal const& cancel);
  ~etcd_client();
  etcd_client(etcd_client const&) = delete;
  etcd_client& operator=(etcd_client const&) = delete;

  /// Linearizable, in the order of keys. @param range_end empty: the key alone. @param at a revision; 0: the present
  /// one.
  [[nodiscard]] etcd_page range(std::string const& key, std::string const& range_end, std::int64_t at,
                                std::int64_t limit, clock::time_point due);
  etcd_outcome transact(std::vector<etcd_check> const& checks, std::vector<etcd_step> const& steps,
                        clock::time_point due);

  /// Linearizable: whether a key is still the one that was created at that revision.
  [[nodiscard]] bool holds_key(std::string const& key, std::int64_t create_revision, clock::time_point due);

  struct lease {
    std::int64_t id = 0;
    std::chrono::seconds time{};  ///< as granted
  };
  [[nodiscard]] lease grant(std::chrono::seconds time, clock::time_point due);
  /// @return false: there is no such lease any more.
  [[nodiscard]] bool keep_alive(std::int64_t id, clock::time_point due);
  void revoke(std::int64_t id, clock::time_point due);

  /// Forgets what was before that revision. It concerns all keys of this etcd.
  void compact(std::int64_t revision, clock::time_point due);
  [[nodiscard]] etcd_status status(clock::time_point due);

  /// Begins to follow the keys from `key` to before `range_end`, from a revision on. Ends what was followed before.
  void watch(std::string const& key, std::string const& range_end, std::int64_t from, clock::time_point due);
  /// What has happened to them; empty: nothing until `due`. Events of one revision come together.
  [[nodiscard]] std::vector<etcd_event> next_events(clock::time_point due);

  /// The next call goes to another endpoint.
  void avoid_endpoint() noexcept;

  // For those who measure.
  [[nodiscard]] std::string const& endpoint() const noexcept;  ///< that answered last

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace holdfast::server
