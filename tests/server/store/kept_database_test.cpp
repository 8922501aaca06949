// A database with a journal, the requests whose answers it remembers, and how large an answer may be.
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "server/journal/commit_queue.hpp"
#include "server/store/database.hpp"
#include "tests/server/store/database_model.hpp"
#include "tests/server/store/outcomes.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;
using namespace std::chrono_literals;

TEST(an_idempotent_operation, is_done_once_and_answered_the_same_each_time) {
  database data;
  auto const call = [](std::string key, std::uint8_t fingerprint, data_operation what) {
    idempotent_operation one{std::move(key), {fingerprint}, std::move(what)};
    return data_operation(std::make_shared<idempotent_operation const>(std::move(one)));
  };
  increment_operation const increment{.key = "k", .ttl = {}, .when = {}};
  EXPECT_EQ(*get_as<value_stored>(data.apply(call("x", 1, increment))).value, "1");
  auto const again = get_as<earlier_outcome_pointer>(data.apply(call("x", 1, increment)));
  EXPECT_EQ(*std::get<value_stored>(again->outcome).value, "1");
  EXPECT_EQ(again->revision, 1U);
  EXPECT_EQ(get_as<value_refused>(data.apply(call("x", 2, increment))).code, errc::idempotency_key_reused);
  EXPECT_EQ(data.revision(), 1U);
  EXPECT_EQ(*get_as<value_stored>(data.apply(call("y", 1, increment))).value, "2");
  data.at(expiry_time(std::chrono::hours(24)));
  EXPECT_EQ(*get_as<value_stored>(data.apply(call("x", 1, increment))).value, "3") << "it is kept for a day";
}

/// Keeps the changes that it receives.
class remembering_journal final : public journal {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "remembering"; }
  void recover(visitor const& visit) override {
    for (auto const& [at, one] : entries_) visit({at.second, *one.value, one.version(), one.expires_at, at.first});
  }
  [[nodiscard]] journal_position position() const override { return position_; }
  [[nodiscard]] std::optional<journal_error> commit(std::span<change const> batch) override {
    batches.emplace_back();
    for (auto const& one : batch) {
      EXPECT_EQ(one.sequence, position_.sequence + 1);
      position_ = {1, one.sequence, std::max(position_.revision, one.revision)};
      auto const at = std::pair(one.space, one.key);
      auto const before = entries_.find(at);
      EXPECT_EQ(one.previous, before != entries_.end() ? before->second.version() : 0) << one.key;
      if (one.what == change::kind::touch) {
        batches.back() += one.key + '=' + *one.value;
        continue;
      }
      if (one.what == change::kind::put) {
        entries_.insert_or_assign(at, one);
      } else {
        entries_.erase(before);
      }
      batches.back() += one.key + (one.what == change::kind::put ? "+" : "-");
    }
    return std::nullopt;
  }
  [[nodiscard]] bool has_room() override { return has_space; }
  [[nodiscard]] journal_figures figures() const override { return {}; }
  void close() override {}

  /// Bytes of the record of a request; 0: there is none.
  [[nodiscard]] std::size_t record_bytes(std::string const& key) const {
    auto const found = entries_.find({keyspace::requests, key});
    return found != entries_.end() ? found->second.value->size() : 0;
  }

  std::vector<std::string> batches;
  bool has_space = true;

 private:
  std::map<std::pair<keyspace, std::string>, change> entries_;
  journal_position position_;
};

/// Each append becomes a batch of its own.
commit_settings one_at_a_time(std::size_t append_bytes_max = 1000) {
  commit_settings settings;
  settings.append_bytes_max = append_bytes_max;
  settings.batch_bytes_max = 1;
  settings.room_check_interval = 0ms;
  return settings;
}

/// A database with this journal, for the rest of the test's block.
class kept_database {
 public:
  explicit kept_database(journal& kept, expiry_time now = expiry_time(1h), commit_settings settings = one_at_a_time(),
                         nanoseconds recovery_takes = {})
      : commits_(kept, settings, {.notify = [] {}, .measure = {}, .take = {}}) {
    moment const start{now, std::chrono::system_clock::now()};
    data.at(now);
    kept.recover([&](recovered_entry const& one) {
      auto const expires =
          one.expires_at ? now + std::chrono::duration_cast<nanoseconds>(*one.expires_at - start.wall) : no_expiry;
      if (one.space == keyspace::data) {
        data.load(one.key, std::make_shared<std::string const>(one.value), one.version, expires);
      } else {
        EXPECT_TRUE(data.load_record(one.space, one.key, one.value, one.version, expires, start));
      }
    });
    data.keep_in(commits_, kept.position().sequence, kept.position().revision, now + recovery_takes);
  }
  ~kept_database() { commits_.finish(); }

  database data;

 private:
  commit_queue commits_;
};

data_operation once(std::string key, data_operation what, bool shows_value = false) {
  return std::make_shared<idempotent_operation const>(
      idempotent_operation{std::move(key), {1}, std::move(what), shows_value});
}

/// Replaces any value by one of a given size, another one each time.
class replacing_patch final : public text_function {
 public:
  explicit replacing_patch(std::size_t bytes) : bytes_(bytes) {}

 private:
  void begin(json_text const&) override {}
  [[nodiscard]] std::optional<result> advance() override {
    return result(std::make_shared<std::string const>('"' + std::string(bytes_, 'p') + '"'));
  }

  std::size_t bytes_;
};

// A touch wrote the value of its key into the journal once more; patches and deletions kept it in memory.
TEST(an_idempotent_operation, remembers_no_value_that_its_answer_does_not_show) {
  constexpr std::size_t large = 100'000;
  list_operation without_values;
  without_values.limit = 5;
  auto const steps = [&] {
    std::vector<transaction_step> all;
    all.emplace_back(put_operation{"c", text_of(large)});
    all.emplace_back(patch_operation{"c", std::make_shared<replacing_patch>(large)});
    all.emplace_back(touch_operation{"c", {time_to_live::kind::set, 10s}});
    all.emplace_back(delete_operation{"c"});
    all.emplace_back(increment_operation{.key = "n", .ttl = {}, .when = {}});
    all.emplace_back(without_values);
    return all;
  };
  std::map<std::string, data_operation> all;
  all.emplace("1", once("1", put_operation{"a", text_of(large)}));
  all.emplace("2", once("2", patch_operation{"a", std::make_shared<replacing_patch>(large)}));
  all.emplace("3", once("3", touch_operation{"a", {time_to_live::kind::set, 10s}}));
  all.emplace("4", once("4", transaction{{}, steps(), {}}));
  all.emplace("5", once("5", delete_operation{"a"}));
  all.emplace("6", once("6", delete_range_operation{"b"}));
  remembering_journal kept;
  {
    kept_database one(kept, expiry_time(1h), one_at_a_time(std::size_t(-1)));
    one.data.apply(put_operation{"a", text_of(large)});
    for (auto const* key : {"b1", "b2", "b3"}) one.data.apply(put_operation{key, text_of(large)});
    for (auto const& [key, operation] : all) {
      auto const outcome = apply_with_texts(one.data, operation);
      EXPECT_FALSE(std::holds_alternative<no_room>(outcome)) << key;
    }
    EXPECT_LT(one.data.answered().bytes(), 10'000U);
  }
  for (auto const& [key, operation] : all) {
    EXPECT_GT(kept.record_bytes(key), 0U) << key;
    EXPECT_LT(kept.record_bytes(key), 300U) << key;
  }

  kept_database again(kept);
  EXPECT_LT(again.data.answered().bytes(), 10'000U);
  auto const earlier = [&](char const* key) {
    return get_as<earlier_outcome_pointer>(again.data.apply(all.at(key)))->outcome;
  };
  EXPECT_EQ(get_as<value_stored>(earlier("2")).revision, 6U);
  EXPECT_NE(get_as<value_touched>(earlier("3")).expires, no_expiry);
  EXPECT_EQ(get_as<value_deleted>(earlier("5")).revision, 11U);
  EXPECT_EQ(get_as<range_deleted>(earlier("6")).count, 3U);
  auto const whole = get_as<transaction_done>(earlier("4"));
  EXPECT_EQ(*get_as<value_stored>(whole->results.at(4)).value, "1");
  auto const page = get_as<listing>(whole->results.at(5));
  ASSERT_EQ(page.entries.size(), 5U) << "a, b1, b2, b3, n";
  EXPECT_EQ(page.entries[1].bytes, text_of(large)->size());
}

TEST(an_idempotent_operation, remembers_a_value_that_its_answer_shows) {
  remembering_journal kept;
  std::vector<data_operation> const all{once("1", patch_operation{"a", std::make_shared<replacing_patch>(100)}, true),
                                        once("2", touch_operation{"a", {time_to_live::kind::set, 10s}}, true),
                                        once("3", delete_operation{"a"}, true)};
  {
    kept_database one(kept);
    one.data.apply(put_operation{"a", text("1")});
    for (auto const& each : all) apply_with_texts(one.data, each);
  }
  kept_database again(kept);
  auto const earlier = [&](std::size_t index) {
    return get_as<earlier_outcome_pointer>(again.data.apply(all[index]))->outcome;
  };
  EXPECT_EQ(get_as<value_stored>(earlier(0)).value->size(), 102U);
  EXPECT_EQ(get_as<value_touched>(earlier(1)).value->size(), 102U);
  EXPECT_EQ(get_as<value_deleted>(earlier(2)).removed->size(), 102U);
}

// 40 patches of a large value pushed out the record of an increment, which was then done twice.
TEST(an_idempotent_operation, is_still_known_after_a_thousand_changes_of_a_large_value) {
  database data;
  constexpr std::size_t large = 100'000;
  data.apply(put_operation{"large", text_of(large)});
  auto const increment = once("x", increment_operation{.key = "n", .ttl = {}, .when = {}});
  data.apply(increment);
  for (int i = 0; i < 1000; ++i) {
    auto const key = std::to_string(i);
    patch_operation patch{"large", std::make_shared<replacing_patch>(large)};
    apply_with_texts(data, once(key, std::move(patch)));
    data.apply(once(key + "t", transaction{{}, {put_operation{"large", text_of(large)}}, {}}));
  }
  EXPECT_TRUE(std::holds_alternative<earlier_outcome_pointer>(data.apply(increment)));
  EXPECT_EQ(*data.find("n")->value, "1");
}

// After a power loss between the two, a repeated request would have been executed again.
TEST(an_idempotent_operation, is_kept_in_one_batch_with_what_it_has_changed) {
  remembering_journal kept;
  {
    kept_database one(kept);
    one.data.apply(once("x", increment_operation{.key = "k", .ttl = {}, .when = {}}));
    one.data.apply(once("y", delete_operation{"none"}));
    one.data.apply(once("z", transaction{{}, {put_operation{"a", text("1")}, put_operation{"b", text("2")}}, {}}));
    one.data.apply(once("w", transaction{{}, {put_operation{"c", text("1")}, touch_operation{"none", {}, {}}}, {}}));
    one.data.apply(once("v", delete_range_operation{"a"}));
  }
  EXPECT_EQ(kept.batches, (std::vector<std::string>{"k+x+", "y+", "a+b+z+", "w+", "a-v+"}));
}

// The leases began when the loading did: with many keys, a short one was over before the first request.
TEST(a_named_lock_that_is_kept, has_a_whole_lease_left_when_the_data_have_been_loaded) {
  using kind = ticket_operation::kind;
  remembering_journal kept;
  {
    kept_database one(kept);
    for (auto const* id : {"a", "b"})
      one.data.apply(ticket_operation{.what = kind::ask, .lock = "l", .id = id, .owner = {}, .lease = 1s});
  }
  kept_database again(kept, expiry_time(2h), one_at_a_time(), 5s);
  EXPECT_EQ(again.data.next_expiry(), expiry_time(2h + 6s));
  again.data.at(expiry_time(2h + 5s + 999ms));
  EXPECT_EQ(get_as<ticket_found>(again.data.apply(ticket_operation{kind::look, "l", "a"})).token, 1U);
  EXPECT_EQ(get_as<ticket_found>(again.data.apply(ticket_operation{kind::look, "l", "b"})).position, 1U);
}

// A journal may write whole entries.
TEST(a_touch, brings_the_value_of_its_entry_to_the_journal) {
  time_to_live const ten{time_to_live::kind::set, 10s};
  remembering_journal kept;
  {
    kept_database one(kept);
    one.data.apply(put_operation{"k", text("1")});
    one.data.apply(touch_operation{"k", ten});
    one.data.apply(transaction{{}, {put_operation{"k", text("2")}, touch_operation{"k", ten, {}}}, {}});
  }
  EXPECT_EQ(kept.batches, (std::vector<std::string>{"k+", "k=1", "k+k=2"}));
}

TEST(an_idempotent_operation, is_answered_the_same_after_a_restart) {
  remembering_journal kept;
  auto const increment = once("x", increment_operation{.key = "k", .ttl = {}, .when = {}});
  auto const failing = once("w", transaction{{}, {put_operation{"k", text("9")}, touch_operation{"none", {}, {}}}, {}});
  {
    kept_database one(kept);
    one.data.apply(increment);
    EXPECT_EQ(get_as<transaction_done>(one.data.apply(failing))->failed_step, 1U);
  }
  kept_database again(kept);
  auto const earlier = get_as<earlier_outcome_pointer>(again.data.apply(increment));
  EXPECT_EQ(*std::get<value_stored>(earlier->outcome).value, "1");
  EXPECT_EQ(
      std::get<transaction_done>(get_as<earlier_outcome_pointer>(again.data.apply(failing))->outcome)->failed_step, 1U);
  EXPECT_EQ(*again.data.find("k")->value, "1");
}

TEST(an_idempotent_operation, is_forgotten_in_the_journal_too) {
  remembering_journal kept;
  auto const put = [](std::string key) { return once(std::move(key), put_operation{"k", text("1")}); };
  {
    kept_database one(kept);
    for (auto const* key : {"x", "y", "z"}) one.data.apply(put(key));
  }
  {
    kept_database again(kept);
    again.data.at(expiry_time(1h + 24h + 1min));
    again.data.apply(put("y"));
  }
  EXPECT_EQ(kept.batches.back(), "k+x-z-y+") << "y is replaced, the others go, in the order of time";
  kept_database last(kept, expiry_time(26h));
  last.data.apply(put("x"));
}

TEST(an_idempotent_operation, that_had_no_room_may_be_tried_again) {
  database data(database::bytes_of(1, 100));
  data.apply(put_operation{"a", text_of(100)});
  idempotent_operation one{"x", {1}, put_operation{"b", text_of(100)}};
  data_operation const put = std::make_shared<idempotent_operation const>(one);
  EXPECT_TRUE(std::holds_alternative<no_room>(data.apply(put)));
  data.apply(delete_operation{"a"});
  EXPECT_TRUE(std::holds_alternative<value_stored>(data.apply(put)));
}

// It was to be remembered, and could not be encoded.
TEST(an_idempotent_operation, that_is_a_transaction_without_room_may_be_tried_again) {
  remembering_journal kept;
  kept_database one(kept);
  auto const large = once("x", transaction{{}, {put_operation{"a", text_of(2000)}, put_operation{"b", text("1")}}, {}});
  for (int i = 0; i < 2; ++i) {
    auto const done = get_as<transaction_done>(one.data.apply(large));
    ASSERT_EQ(done->failed_step, 1U);
    EXPECT_EQ(get_as<no_room>(done->results.back()).in, no_room::where::commit);
    EXPECT_EQ(one.data.find("a"), nullptr);
  }
}

// In a cluster, a transaction that only read could write a gigabyte into etcd, as its own record.
TEST(an_idempotent_operation, counts_its_record_among_what_a_commit_may_have) {
  remembering_journal kept;
  kept_database one(kept);
  one.data.apply(put_operation{"a", text_of(2000)});
  auto const read = once("x", transaction{{}, {put_operation{"b", text("1")}, get_operation{"a"}}, {}});
  EXPECT_EQ(get_as<no_room>(one.data.apply(read)).in, no_room::where::commit);
  EXPECT_EQ(one.data.find("b"), nullptr);
  EXPECT_EQ(one.data.revision(), 1U);
  EXPECT_EQ(one.data.answered().size(), 0U);
  one.data.apply(put_operation{"a", text_of(20)});
  EXPECT_TRUE(std::holds_alternative<transaction_done>(one.data.apply(read)));
}

TEST(an_idempotent_operation, is_refused_while_too_much_waits_for_the_disk) {
  remembering_journal kept;
  auto settings = one_at_a_time();
  settings.pending_bytes_max = 0;
  kept_database one(kept, expiry_time(1h), settings);
  EXPECT_EQ(get_as<no_room>(one.data.apply(once("x", delete_operation{"none"}))).in, no_room::where::journal);
  EXPECT_EQ(one.data.answered().size(), 0U);
}

TEST(an_idempotent_operation, may_delete_where_the_disk_is_nearly_full_but_not_store_a_large_answer) {
  remembering_journal kept;
  kept_database one(kept, expiry_time(1h), one_at_a_time(std::size_t(-1)));
  one.data.apply(put_operation{"a", text_of(100'000)});
  one.data.apply(put_operation{"b", text_of(100'000)});
  kept.has_space = false;
  auto const read = once("x", transaction{{}, {get_operation{"a"}, delete_operation{"b"}}, {}});
  EXPECT_EQ(get_as<no_room>(one.data.apply(read)).in, no_room::where::disk);
  EXPECT_TRUE(std::holds_alternative<value_deleted>(one.data.apply(once("y", delete_operation{"b"}))));
  EXPECT_TRUE(std::holds_alternative<range_deleted>(one.data.apply(once("z", delete_range_operation{"a"}))));
}

// 120 reads of one large value, or a thousand lists, made an answer of 120 MB, and held the lock for 50 ms.
TEST(the_answer_to_a_transaction, has_a_bounded_size) {
  database data;
  constexpr std::size_t mib = 1024 * 1024;
  data.apply(put_operation{"large", text_of(mib - 2)});
  auto const gets = [](std::size_t count) {
    std::vector<transaction_step> steps{put_operation{"new", text("1")}};
    steps.insert(steps.end(), count, get_operation{"large"});
    return transaction{{}, std::move(steps), {}};
  };
  auto const size = data.find("large")->value->size();
  for (auto const& [is_remembered, most] :
       {std::pair(false, transaction_bytes_max / size), std::pair(true, remembered_transaction_bytes_max / size)}) {
    auto const run = [&](std::size_t count) {
      auto all = gets(count);
      return get_as<transaction_done>(is_remembered ? data.apply(once("x", std::move(all))) : data.apply(all));
    };
    auto const refused = run(most + 1);
    EXPECT_EQ(refused->failed_step, most + 1);
    EXPECT_EQ(get_as<no_room>(refused->results.at(0)).in,
              is_remembered ? no_room::where::record : no_room::where::answer);
    EXPECT_EQ(data.find("new"), nullptr);
    EXPECT_FALSE(run(most)->failed_step);
    data.apply(delete_operation{"new"});
  }
}

TEST(the_answer_to_a_transaction, lists_a_bounded_number_of_keys) {
  database data;
  for (int i = 0; i < 1000; ++i) data.apply(put_operation{"k" + std::to_string(1000 + i), text("1")});
  list_operation all;
  all.limit = 1000;
  transaction ten{{}, std::vector<transaction_step>(10, all), {}};
  EXPECT_FALSE(get_as<transaction_done>(data.apply(ten))->failed_step);
  all.limit = 1;
  all.delimiter = "1";  // a group
  ten.steps.emplace_back(all);
  auto const refused = get_as<transaction_done>(data.apply(ten));
  EXPECT_EQ(refused->failed_step, 10U);
  EXPECT_EQ(get_as<no_room>(refused->results.at(0)).in, no_room::where::answer);
}

// Whoever sets --max-body to more than that may read such a value.
TEST(the_answer_to_a_transaction, may_have_one_value_that_is_larger_than_its_limit) {
  database data;
  data.apply(put_operation{"large", text_of(transaction_bytes_max + 1)});
  transaction one{{}, {get_operation{"none"}, get_operation{"large"}, get_operation{"none"}}, {}};
  EXPECT_FALSE(get_as<transaction_done>(data.apply(one))->failed_step);
  one.steps.emplace_back(get_operation{"large"});
  EXPECT_EQ(get_as<transaction_done>(data.apply(one))->failed_step, 3U);
}

// A few small patches of large values could write more than fits into etcd.
TEST(a_transaction_that_is_kept, writes_a_bounded_amount_at_once) {
  remembering_journal kept;
  kept_database one(kept);
  auto const run = [&](std::size_t bytes) {
    return get_as<transaction_done>(
        one.data.apply(transaction{{}, {put_operation{"a", text_of(bytes)}, put_operation{"b", text("1")}}, {}}));
  };
  EXPECT_FALSE(run(500)->failed_step);
  EXPECT_EQ(run(2000)->failed_step, 1U);
  EXPECT_EQ(one.data.find("a")->value->size(), text_of(500)->size());
  EXPECT_TRUE(std::holds_alternative<value_stored>(one.data.apply(put_operation{"a", text_of(2000)})));
}

}  // namespace
}  // namespace holdfast::server
