// The database when memory runs out: this program's operator new fails at a chosen allocation.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <new>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "server/journal/history.hpp"
#include "server/store/database.hpp"

namespace {

constexpr int never = -1;
int until_refused = never;  // number of allocations that still succeed

void* allocate(std::size_t bytes) {
  if (until_refused == 0) throw std::bad_alloc();
  if (until_refused > 0) --until_refused;
  if (auto* const memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t bytes) {
  return allocate(bytes);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace holdfast::server {
namespace {

using namespace protocol;

json_text text(int number) {
  return std::make_shared<std::string const>(std::to_string(number));
}

// Too long for a string without memory of its own; in an order that splits nodes everywhere in the tree.
std::string key(int number) {
  return "a key that needs memory of its own " + std::to_string(number * 7919 % 1009);
}

TEST(database_memory, a_put_that_finds_no_memory_changes_nothing_and_succeeds_when_there_is_some_again) {
  database data;
  std::map<std::string, std::string> model;
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    put_operation const put{key(i), text(i)};
    // Each allocation that a put may make fails once: for the key, for a node and for its ancestors.
    for (int granted = 0;; ++granted) {
      until_refused = granted;
      bool stored = true;
      try {
        data.apply(put);
      } catch (std::bad_alloc const&) {
        stored = false;
      }
      until_refused = never;
      if (stored) break;
      ++refused;
      ASSERT_EQ(data.size(), model.size());
      ASSERT_EQ(data.revision(), model.size());
      ASSERT_TRUE(std::holds_alternative<no_such_key>(data.apply(get_operation{put.key})));
    }
    model.emplace(put.key, *put.value);
    if (i % 50 != 49) continue;
    for (auto const& [name, value] : model)
      ASSERT_EQ(*std::get<value_found>(data.apply(get_operation{name})).value, value) << name;
  }
  EXPECT_GT(refused, 1000) << "not even every key's own memory was refused";
}

// --- every operation -----------------------------------------------------------------------------------------------

/// All figures that a database reports about itself.
struct told {
  std::size_t size;
  std::uint64_t revision, sequence, bytes;
  expiry_time next_expiry;
  std::map<std::string, std::tuple<std::string, std::uint64_t, expiry_time>> content;

  bool operator==(told const&) const = default;
};

told told_by(database& data) {
  told all{data.size(), data.revision(), data.sequence(), data.bytes(), data.next_expiry(), {}};
  list_operation list;
  list.limit = 1000;
  auto const outcome = data.apply(list);
  auto const& page = std::get<listing>(outcome);
  for (auto const& one : page.entries)
    all.content.emplace(page.key_of(one), std::tuple(*one.value, one.revision, one.expires));
  return all;
}

class random_writes {
 public:
  data_operation one() {
    switch (below(8)) {
      case 0:
        return delete_range_operation{"a key that needs memory of its own " + std::to_string(below(10)), 3};
      case 1:
      case 2:
      case 3: {
        transaction all;
        // Few keys, so that one is often put, removed and given its previous expiry.
        for (auto count = 1 + below(7); count > 0; --count) all.steps.push_back(step(4));
        if (below(4) == 0) all.steps.emplace_back(touch_operation{"none", {}});
        return all;
      }
      default:
        return std::visit([](auto&& one) { return data_operation(std::move(one)); }, step(40));
    }
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }

  time_to_live ttl() {
    if (below(3) == 0) return {};
    return {time_to_live::kind::set, std::chrono::seconds(1 + below(2))};
  }
  transaction_step step(std::size_t keys) {
    auto const name = below(4) == 0 ? std::to_string(below(keys)) : key(static_cast<int>(below(keys)));
    switch (below(6)) {
      case 0:
        return delete_operation{name};
      case 1:
        return touch_operation{name, ttl()};
      case 2:
        return increment_operation{.key = name, .by = 1, .ttl = ttl(), .when = {}};
      default:
        return put_operation{name, text(static_cast<int>(below(1000))), ttl()};
    }
  }

  std::mt19937 random_{7};
};

TEST(database_memory, an_operation_that_finds_no_memory_changes_nothing_and_succeeds_when_there_is_some_again) {
  history changes(100, 1'000'000);
  database data(1'000'000, &changes);
  random_writes writes;
  auto now = expiry_time(std::chrono::hours(1));
  int refused = 0;
  for (int i = 0; i < 1500; ++i) {
    // Expired keys are removed first, whatever the outcome of the operation.
    if (i % 5 == 0) data.at(now += std::chrono::milliseconds(300));
    auto const operation = writes.one();
    auto const before = told_by(data);
    for (int granted = 0;; ++granted) {
      until_refused = granted;
      auto done = true;
      try {
        data.apply(operation);
      } catch (std::bad_alloc const&) {
        done = false;
      }
      until_refused = never;
      if (done) break;
      ++refused;
      ASSERT_EQ(told_by(data), before) << "operation " << i << " of kind " << operation.index() << " with " << granted
                                       << " allocations";
    }
    auto const after = told_by(data);
    std::uint64_t bytes = 0;
    auto next = no_expiry;
    for (auto const& [name, entry] : after.content) {
      bytes += database::bytes_of(name.size(), std::get<0>(entry).size());
      next = std::min(next, std::get<2>(entry));
    }
    ASSERT_EQ(after.bytes, bytes) << i;
    ASSERT_EQ(after.next_expiry, next) << i;
    ASSERT_EQ(changes.last_revision(), data.revision()) << i;
  }
  EXPECT_GT(refused, 5000) << "not even every change's own memory was refused";
}

// The history forgets changes rather than failing a finished operation.
TEST(database_memory, a_history_without_memory_forgets_and_says_so) {
  history changes(10'000, 1'000'000);
  database data(1'000'000, &changes);
  std::vector<change> all;
  std::uint64_t forgotten = 0;
  for (int i = 0; i < 300; ++i) {
    put_operation const put{key(i), text(i)};
    for (int granted = 0;; ++granted) {
      until_refused = granted;
      auto done = true;
      try {
        data.apply(put);
      } catch (std::bad_alloc const&) {
        done = false;
      }
      until_refused = never;
      if (done) break;
    }
    ASSERT_EQ(changes.last_revision(), data.revision());
    auto const first = changes.first_revision();
    if (first > 1) forgotten = first;
    all.clear();
    ASSERT_TRUE(changes.take(first - 1, 10'000, all));
    ASSERT_EQ(all.size(), changes.last_revision() + 1 - first);
    ASSERT_TRUE(first == 1 || !changes.take(first - 2, 10'000, all));
  }
  EXPECT_GT(forgotten, 0U) << "it never was without memory";
}

}  // namespace
}  // namespace holdfast::server
