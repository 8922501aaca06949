#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/client/scripted_server.hpp"

namespace holdfast::tests {

/// A store in a few lines whose answers state revisions, with conditions, lists, transactions, counters, values that
/// expire and watches, and a place for each fault. Some of its requests meet the fault, now and then.
class revision_server {
 public:
  enum class fault : std::uint8_t {
    none,
    silent,            ///< a connection is closed without an answer; some of what was asked for is done
    lost_update,       ///< a condition is not looked at
    stale_read,        ///< a get shows the version before
    stale_list,        ///< a list shows a key as it was before
    incomplete_list,   ///< a list leaves a key out
    write_skew,        ///< a transaction looks at no check, and shows its keys as they were before
    torn_transaction,  ///< the second part of a transaction is done some requests later
    lost_write,        ///< a put is answered, and the key has no value
    created_twice,     ///< a key is created that is there
    undeleted,         ///< a delete is answered and not done
    backwards,         ///< a put states a revision that was over before
    early_expiry,      ///< a value expires at once
    late_expiry,       ///< a value does not expire
    lost_increment,    ///< two increments make the same number
    missed_event,      ///< a watcher is not told of a change
    repeated_event,    ///< a watcher is told of a change twice
    other_keys_value,  ///< a get shows what another key has
    wrong_refusal,     ///< a condition is met and refused
  };

  explicit revision_server(fault what);

  [[nodiscard]] std::string url() const { return server_.url(); }

 private:
  using clock = std::chrono::steady_clock;
  using json = nlohmann::ordered_json;
  struct version {
    std::string value;
    std::uint64_t revision = 0;
    clock::time_point ends = clock::time_point::max();
  };
  struct entry {
    std::optional<version> now, before;
  };
  struct target;

  scripted_answer answer(scripted_server::request const& request);
  scripted_answer get(std::string const& key);
  scripted_answer put(target const& asked, std::string value);
  scripted_answer del(std::string const& key);
  scripted_answer increment(std::string const& key);
  scripted_answer list(target const& asked);
  scripted_answer transaction(std::string const& body);
  scripted_answer watch(target const& asked);
  void expire();
  void store(std::string const& key, std::string value, std::string const& ttl);
  void finish_torn();
  bool fails(fault what);
  [[nodiscard]] version const* find(std::string const& key) const;
  [[nodiscard]] std::string revision_field() const;

  fault const fault_;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, entry> entries_;
  std::uint64_t requests_ = 0;
  std::uint64_t revision_ = 100;
  std::vector<json> events_;
  std::optional<json> torn_;  ///< a part of a transaction that is not done yet
  int torn_for_ = 0;
  scripted_server server_;  // last: its threads use the others
};

}  // namespace holdfast::tests
