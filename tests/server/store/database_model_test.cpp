// Thousands of random operations on the database and on a model of it: after each, outcomes, contents, memory, next
// expiry and history must be the same.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "server/store/database.hpp"
#include "tests/server/store/database_model.hpp"

namespace holdfast::server {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t bytes_max = 3000;

json_text text(std::string value) {
  return std::make_shared<std::string const>(std::move(value));
}

/// Makes operations that often concern the same keys, whose conditions often hold, and that often fail.
class random_operations {
 public:
  random_operations(unsigned seed, database_model const& present) : random_(seed), present_(present) {}

  std::size_t below(std::size_t bound) { return random_() % bound; }

  data_operation one() {
    switch (below(16)) {
      case 0:
        return range();
      case 1:
        return import();
      case 2:
      case 3:
      case 4:
      case 5:
        return several();
      default:
        return std::visit([](auto&& step) { return data_operation(std::move(step)); }, step());
    }
  }

 private:
  /// Short and long keys, with and without groups; long ones have memory of their own.
  std::string key() {
    static constexpr std::string_view heads[] = {"", "a/", "a/b/", "b/", "a key that is longer than fifteen bytes/"};
    return std::string(heads[below(5)]) + std::to_string(below(5));
  }
  std::string prefix() {
    static constexpr std::string_view some[] = {"",     "a/", "a",
                                                "a/b/", "zz", "a key that is longer than fifteen bytes/"};
    return std::string(some[below(6)]);
  }
  json_text value() {
    if (below(8) == 0) return text('"' + std::string(below(900), 'x') + '"');
    return text(std::to_string(below(2000)));
  }
  time_to_live ttl() {
    auto const what = static_cast<time_to_live::kind>(below(3));
    return {what, std::chrono::milliseconds(1 + below(6))};  // few, so that many expire together
  }
  std::uint64_t revision_near(std::string const& key) {
    auto const there = present_.all().find(key);
    return there != present_.all().end() && below(3) != 0 ? there->second.revision : below(present_.revision() + 1);
  }
  tag_list tags(std::string const& key) {
    tag_list list;
    if (below(5) == 0) list.any = true;
    if (below(3) == 0) list.weak.push_back(revision_near(key));
    list.has_weak = !list.weak.empty();
    for (auto count = below(3); count > 0; --count) list.strong.push_back(revision_near(key));
    return list;
  }
  conditions_pointer when(std::string const& key) {
    if (below(3) != 0) return nullptr;
    auto made = std::make_shared<conditions>();
    if (below(2) == 0) made->if_match = tags(key);
    if (below(2) == 0) made->if_none_match = tags(key);
    return made;
  }
  list_operation list() {
    list_operation made;
    made.prefix = prefix();
    if (below(2) == 0) made.after = made.prefix + key();
    if (below(4) == 0) made.until = made.prefix + key();
    if (below(2) == 0) made.delimiter = "/";
    made.limit = 1 + below(6);
    made.reverse = below(2) == 0;
    made.values = below(2) == 0;
    return made;
  }
  transaction_step step() {
    auto const name = key();
    switch (below(9)) {
      case 0:
        return get_operation{name, when(name)};
      case 1:
      case 2:
        return put_operation{name, value(), ttl(), when(name)};
      case 3:
      case 4:
        return delete_operation{name, when(name)};
      case 5: {
        auto const given = ttl();
        return touch_operation{name, given.what == time_to_live::kind::keep ? time_to_live() : given, when(name)};
      }
      case 6: {
        increment_operation made;
        made.key = name;
        made.by = static_cast<std::int64_t>(below(9)) - 4;
        made.initial = static_cast<std::int64_t>(below(100));
        if (below(3) == 0) made.max = 1000;
        if (below(3) == 0) made.min = 3;
        if (auto const given = ttl(); given.what == time_to_live::kind::set) made.ttl = given;
        made.when = when(name);
        return made;
      }
      case 7:
        return patch_operation{name, make_appending_patch(), when(name)};
      default:
        return list();
    }
  }
  /// Conditions of a transaction are its checks; conditions of its steps never apply, as in the API.
  transaction_step bare_step() {
    auto made = step();
    std::visit(
        [](auto& one) {
          if constexpr (requires { one.when; }) one.when = nullptr;
        },
        made);
    return made;
  }
  transaction several() {
    transaction all;
    for (auto count = below(3) == 0 ? 1 + below(2) : 0; count > 0; --count) {
      check one;
      one.key = key();
      if (below(2) == 0) one.tag = tags(one.key);
      if (below(3) == 0) one.exists = below(2) == 0;
      auto const there = present_.all().find(one.key);
      if (below(3) == 0)
        one.value = make_text_comparison(there != present_.all().end() && below(3) != 0 ? there->second.value : "1");
      all.checks.push_back(std::move(one));
    }
    for (auto count = 1 + below(8); count > 0; --count) all.steps.push_back(bare_step());
    return all;
  }
  delete_range_operation range() { return {prefix(), 1 + below(8)}; }
  import_operation import() {
    import_operation made;
    made.if_exists = static_cast<import_operation::present_key>(below(3));
    if (below(2) == 0) made.since = below(present_.revision() + 1);
    for (auto count = below(5); count > 0; --count)
      made.items.push_back({key(), below(4) == 0 ? nullptr : value(), below(2) == 0 ? time_to_live() : ttl()});
    for (auto& item : made.items)
      if (item.ttl.what == time_to_live::kind::keep) item.ttl = {};
    return made;
  }

  std::mt19937 random_;
  database_model const& present_;
};

/// A reader that follows the history from its beginning.
class follower {
 public:
  explicit follower(history const& changes) : changes_(changes) {}

  void catch_up() {
    std::vector<change> news;
    ASSERT_TRUE(changes_.take(position_, 1000, news));
    for (auto& one : news) {
      ASSERT_EQ(one.revision, position_ + 1) << "a gap";
      position_ = one.revision;
      auto const there = content.find(one.key);
      ASSERT_EQ(one.previous, there != content.end() ? there->second.first : 0) << one.key;
      ASSERT_EQ(one.what == change::kind::put, one.value != nullptr);
      if (one.value) {
        content[one.key] = {one.revision, *one.value};
      } else {
        ASSERT_NE(there, content.end()) << "removed what was not there";
        content.erase(there);
      }
    }
  }

  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

  std::map<std::string, std::pair<std::uint64_t, std::string>> content;

 private:
  history const& changes_;
  std::uint64_t position_ = 0;
};

/// All contents, read without changing anything: nothing is expired.
database_model::entries content_of(database& data) {
  database_model::entries all;
  auto const outcome =
      data.apply(list_operation{.prefix = {}, .after = {}, .until = {}, .delimiter = {}, .limit = 1000});
  auto const& page = std::get<listing>(outcome);
  for (auto const& one : page.entries)
    all.emplace(page.key_of(one), database_model::entry{*one.value, one.revision, one.expires});
  return all;
}

class random_run : public testing::TestWithParam<unsigned> {};

TEST_P(random_run, the_database_and_its_history_are_what_a_plain_map_is) {
  history changes(1'000'000, 1'000'000'000);
  database data(bytes_max, &changes);
  database_model model(bytes_max);
  follower reader(changes);
  random_operations operations(GetParam(), model);
  int refused = 0, rolled_back = 0, failed_checks = 0, full = 0, transactions = 0;
  auto now = expiry_time(1h);
  for (int i = 0; i < 6000; ++i) {
    if (operations.below(2) == 0) now += std::chrono::milliseconds(operations.below(3));
    model.at(now);
    data.at(now);
    auto const operation = operations.one();
    auto const expected = model.apply(operation);
    auto const outcome = describe(apply_with_texts(data, operation));
    ASSERT_EQ(outcome, expected) << i;
    transactions += outcome.starts_with("transaction;") ? 1 : 0;
    failed_checks += outcome.starts_with("transaction check") ? 1 : 0;
    rolled_back += outcome.starts_with("transaction step") ? 1 : 0;
    refused += outcome.starts_with("condition") ? 1 : 0;
    full += outcome.find("no room") != std::string::npos ? 1 : 0;

    ASSERT_EQ(content_of(data), model.all()) << i << ": " << outcome;
    ASSERT_EQ(data.size(), model.all().size()) << i << ": " << outcome;
    ASSERT_EQ(data.revision(), model.revision()) << i << ": " << outcome;
    ASSERT_EQ(data.sequence(), model.sequence()) << i << ": " << outcome;
    ASSERT_EQ(data.bytes(), model.bytes()) << i << ": " << outcome;
    ASSERT_EQ(data.next_expiry(), model.next_expiry()) << i << ": " << outcome;
    ASSERT_LE(data.last_removal(), data.sequence()) << i << ": who is told of it would wait for what does not come";
    reader.catch_up();
    if (HasFatalFailure()) return;
    ASSERT_EQ(reader.position(), model.revision()) << i;
    ASSERT_EQ(reader.content.size(), model.all().size()) << i;
    for (auto const& [key, there] : model.all())
      ASSERT_EQ(reader.content.at(key), (std::pair{there.revision, there.value})) << i << key;
  }
  EXPECT_GT(transactions, 200);
  EXPECT_GT(failed_checks, 50);
  EXPECT_GT(rolled_back, 200);
  EXPECT_GT(refused, 100);
  EXPECT_GT(full, 20) << "it was full now and then";
}

INSTANTIATE_TEST_SUITE_P(of, random_run, testing::Values(1, 2, 3));

}  // namespace
}  // namespace holdfast::server
