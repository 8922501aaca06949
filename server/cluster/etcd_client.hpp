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

/// Settings for connections to etcd.
struct etcd_settings {
  std::vector<std::string> endpoints{};  ///< such as http://127.0.0.1:2379 or https://…
  std::string user{}, password{};        ///< empty: no authentication
  std::string ca_certificate{};          ///< PEM file for https; empty: the system's authorities
  std::string client_certificate{}, client_key{};
};

/// A failed call of etcd.
class etcd_error : public std::runtime_error {
 public:
  enum class kind : std::uint8_t {
    unreachable,  ///< no endpoint answered in time; the call may have had its effect
    refused,      ///< by etcd; without effect
    no_space,     ///< etcd's quota is used up; without effect
    compacted,    ///< the requested revision has been compacted, or etcd has not reached it
    cancelled,    ///< by cancel_signal::set(); the call may have had its effect
  };
  etcd_error(kind what, std::string const& line) : std::runtime_error(line), what_(what) {}
  [[nodiscard]] kind why() const noexcept { return what_; }

 private:
  kind what_;
};

/// Cancels the current and all later calls of the clients that refer to it. Thread-safe.
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

/// A key in etcd, with its value.
struct etcd_entry {
  std::string key, value;
  std::int64_t create_revision = 0, mod_revision = 0;
};

/// One page of a range of keys.
struct etcd_page {
  std::int64_t revision = 0;  ///< etcd's revision that the page shows
  std::vector<etcd_entry> entries;
  bool has_more = false;
};

/// A condition of a transaction.
struct etcd_check {
  enum class number : std::uint8_t { create_revision, mod_revision };
  number which = number::create_revision;
  std::string key;
  std::int64_t is = 0;  ///< the expected revision; 0: the key must not exist

  bool operator==(etcd_check const&) const = default;
};

/// An operation of a transaction. A transaction may change each key only once.
struct etcd_step {
  enum class kind : std::uint8_t { put, remove, read };
  kind what = kind::put;
  std::string key;
  std::string value{};      ///< for put
  std::string range_end{};  ///< for remove and read: the end (exclusive) of a range from `key`; empty: only `key`
  std::int64_t lease = 0;   ///< for put; 0: none
};

struct etcd_outcome {
  bool succeeded = false;     ///< whether all checks held; if not, the transaction had no effect
  std::int64_t revision = 0;  ///< etcd's revision after the transaction
};

struct etcd_status {
  std::uint64_t bytes = 0;      ///< size of etcd's database file
  std::uint64_t bytes_max = 0;  ///< etcd's quota
};

struct etcd_event {
  bool is_removal = false;
  etcd_entry entry;  ///< after a removal: only key and mod_revision
};

/// The first key after all keys with that prefix, which must end with a slash.
[[nodiscard]] std::string end_of_prefix(std::string prefix);

/// A client of etcd's JSON gateway (/v3, etcd 3.4 and later). Calls block until `due` at the latest, and throw
/// etcd_error. Looking up a host name is the exception: the system's resolver knows neither `due` nor the
/// cancel_signal, so with a name server that is silent a call lasts as long as resolv.conf says. If an endpoint does
/// not answer, the call is sent to the next one and may therefore take effect twice: the checks of a transaction must
/// make that harmless. Not thread-safe.
class etcd_client {
 public:
  using clock = std::chrono::steady_clock;

  /// @param cancel must outlive the client. @throws std::invalid_argument for an invalid URL; tls::error
  etcd_client(etcd_settings settings, cancel_signal const& cancel);
  ~etcd_client();
  etcd_client(etcd_client const&) = delete;
  etcd_client& operator=(etcd_client const&) = delete;

  /// Reads keys in order; linearizable. @param range_end empty: only `key`. @param at a revision; 0: the current one.
  [[nodiscard]] etcd_page range(std::string const& key, std::string const& range_end, std::int64_t at,
                                std::int64_t limit, clock::time_point due);
  /// Reads the last key of a range; linearizable. nullopt: the range is empty.
  [[nodiscard]] std::optional<etcd_entry> last(std::string const& key, std::string const& range_end,
                                               clock::time_point due);
  etcd_outcome transact(std::vector<etcd_check> const& checks, std::vector<etcd_step> const& steps,
                        clock::time_point due);

  /// True if all checks hold, at one revision; linearizable.
  [[nodiscard]] bool holds(std::vector<etcd_check> const& checks, clock::time_point due);

  struct lease {
    std::int64_t id = 0;
    std::chrono::seconds time{};  ///< as granted
  };
  [[nodiscard]] lease grant(std::chrono::seconds time, clock::time_point due);
  /// @return false if the lease has expired.
  [[nodiscard]] bool keep_alive(std::int64_t id, clock::time_point due);
  void revoke(std::int64_t id, clock::time_point due);

  /// Discards the history of all keys of this etcd before that revision.
  void compact(std::int64_t revision, clock::time_point due);
  [[nodiscard]] etcd_status status(clock::time_point due);

  enum class watched : std::uint8_t { puts_and_removals, puts };
  /// Starts to watch the keys from `key` to `range_end` (exclusive), from a revision on. Ends the previous watch.
  void watch(std::string const& key, std::string const& range_end, std::int64_t from, clock::time_point due,
             watched what = watched::puts_and_removals);
  /// Waits for events of the watch; empty: none until `due`. Events of one revision arrive together.
  [[nodiscard]] std::vector<etcd_event> next_events(clock::time_point due);

  enum class member_role : std::uint8_t { leader, follower };
  /// Sends the next calls to an endpoint whose member of etcd has that role, if there is one that says so in time.
  /// Calls of the leader save etcd a hop; the others of its members have more processor time left. Never throws.
  void prefer(member_role role, clock::time_point due) noexcept;

  /// The endpoint in use: the one that answered last.
  [[nodiscard]] std::string const& endpoint() const noexcept;

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace holdfast::server
