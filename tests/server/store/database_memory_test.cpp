// The database where memory runs out: this program's operator new refuses the allocation that it is told to.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <new>

#include "server/store/database.hpp"

namespace {

constexpr int never = -1;
int until_refused = never;  // how many allocations are still granted

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
    // Each of the allocations that a put may make is refused once: the key's, and those of a node and its ancestors.
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

}  // namespace
}  // namespace holdfast::server
