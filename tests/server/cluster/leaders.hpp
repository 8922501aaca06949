#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "server/cluster/etcd_journal.hpp"
#include "tests/server/cluster/etcd_process.hpp"

namespace holdfast::tests {

/// An entry as a journal returns it, by its key with its tag.
struct stored {
  std::string value;
  std::uint64_t version = 0;
  std::optional<server::change::instant> expires_at;

  bool operator==(stored const&) const = default;
};
using contents = std::map<std::string, stored>;

inline void PrintTo(stored const& one, std::ostream* to) {
  *to << one.version << '=' << one.value.substr(0, 20) << (one.expires_at ? " expires" : "");
}

/// What a watcher is told of a change.
struct told {
  server::change::kind what;
  server::keyspace space;
  std::uint64_t revision, previous;
  std::string key, value;
  std::optional<server::change::instant> expires_at;

  bool operator==(told const&) const = default;
};

inline void PrintTo(told const& one, std::ostream* to) {
  *to << one.revision << ':' << name_of(one.what) << ' ' << one.key << '<' << one.previous << '='
      << one.value.substr(0, 20) << (one.space == server::keyspace::locks ? " (lock)" : "")
      << (one.expires_at ? " expires" : "");
}

inline told told_of(server::change const& one) {
  return {one.what, one.space, one.revision, one.previous, one.key, one.value ? *one.value : "", one.expires_at};
}

/// Makes changes as a database does.
class changes_maker {
 public:
  using change = server::change;
  using keyspace = server::keyspace;

  change make(change::kind what, std::string const& key, std::string const& value = {}, keyspace space = keyspace::data,
              std::optional<change::instant> expires_at = {}) {
    auto const place = server::record::tag_of(space) + key;
    auto const is_touch = what == change::kind::touch;
    auto const before = contents_.contains(place) ? contents_.at(place) : stored();
    change one{.what = what,
               .sequence = ++sequence_,
               .previous = before.version,
               .key = key,
               .value = {},
               .expires_at = expires_at,
               .space = space};
    auto const has_revision = !is_touch && space != keyspace::requests;
    one.revision = has_revision ? ++revision_ : is_touch ? before.version : revision_;
    if (what == change::kind::put || space == keyspace::locks) one.value = std::make_shared<std::string const>(value);
    if (is_touch) one.value = std::make_shared<std::string const>(before.value);
    if (what == change::kind::put || is_touch)
      contents_[place] = {*one.value, one.version(), expires_at};
    else
      contents_.erase(place);
    if (has_revision) all_.push_back(told_of(one));
    return one;
  }
  change put(std::string const& key, std::string const& value = "1", std::optional<change::instant> expires_at = {}) {
    return make(change::kind::put, key, value, keyspace::data, expires_at);
  }
  change del(std::string const& key) { return make(change::kind::del, key); }
  change touch(std::string const& key, std::optional<change::instant> expires_at) {
    return make(change::kind::touch, key, {}, keyspace::data, expires_at);
  }

  [[nodiscard]] bool has(std::string const& key, keyspace space = keyspace::data) const {
    return contents_.contains(server::record::tag_of(space) + key);
  }
  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }

  /// The state that the changes result in.
  [[nodiscard]] tests::contents const& contents() const { return contents_; }
  /// What watchers are told after a revision.
  [[nodiscard]] std::vector<told> after(std::uint64_t revision) const {
    return {all_.begin() + static_cast<std::ptrdiff_t>(revision), all_.end()};
  }

 private:
  tests::contents contents_;
  std::vector<told> all_;
  std::uint64_t sequence_ = 0, revision_ = 0;
};

/// An etcd, and the leaders of a cluster in it, one after the other.
class with_leaders : public testing::Test {
 protected:
  using change = server::change;
  using etcd_step = server::etcd_step;

  void SetUp() override {
    if (!etcd_process::is_installed()) GTEST_SKIP() << "etcd is not installed (Debian: etcd-server)";
    etcd.emplace();
    settings = etcd->settings();
    settings.history_changes_max = 65'536;
    settings.history_bytes_max = 64 * 1024 * 1024;
    client.emplace(settings.etcd, cancel);
  }

  static server::etcd_client::clock::time_point soon() {
    return server::etcd_client::clock::now() + std::chrono::seconds(20);
  }

  std::int64_t write(std::string const& key, std::string const& value) {
    return client->transact({}, {{.what = etcd_step::kind::put, .key = key, .value = value}}, soon()).revision;
  }
  void remove(std::string const& key) { client->transact({}, {{.what = etcd_step::kind::remove, .key = key}}, soon()); }
  std::vector<server::etcd_entry> keys_below(std::string const& prefix, std::int64_t at = 0) {
    return client->range(prefix, server::end_of_prefix(prefix), at, 0, soon()).entries;
  }

  /// A place that leads, as there is no other one.
  server::leadership lead(std::string const& name) {
    auto const key = settings.candidates() + name;
    auto const term = write(key, "http://" + name);
    return {.key = key, .term = term, .valid_until = [this] { return server::etcd_client::clock::now() + patience; }};
  }

  /// The next leader, with what the copy has, or with what is in etcd. The one before has been killed.
  void begin(std::optional<server::warm_copy> copy = {}) {
    if (!place.key.empty()) remove(place.key);
    place = lead("leader-" + std::to_string(++leaders));
    journal.emplace(settings, place, copy ? *std::move(copy) : server::warm_copy(settings));
    found.clear();
    journal->recover([&](server::recovered_entry const& one) {
      found[server::record::tag_of(one.space) + std::string(one.key)] = {std::string(one.value), one.version,
                                                                         one.expires_at};
    });
  }

  void commit(std::vector<change> const& batch) {
    auto const error = journal->commit(batch);
    ASSERT_FALSE(error) << error->what();
  }

  /// What is in etcd, as of now.
  server::warm_copy loaded() {
    server::warm_copy copy(settings);
    copy.load(*client, std::chrono::seconds(5));
    return copy;
  }

  std::chrono::milliseconds patience = std::chrono::seconds(20);
  server::cancel_signal cancel;
  std::optional<etcd_process> etcd;
  server::cluster_settings settings;
  std::optional<server::etcd_client> client;
  server::leadership place;
  std::optional<server::etcd_journal> journal;
  contents found;  // by the present leader when it began
  changes_maker changes;

 private:
  int leaders = 0;
};

}  // namespace holdfast::tests
