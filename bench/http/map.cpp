// bench_map: what a look-up in the database costs without a server around it, and what a key takes in memory, beside a
// bare std::map from strings to shared texts. Keys are drawn uniformly. Prints one line of JSON.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "server/database.hpp"

namespace {

using namespace holdfast;
using clock_type = std::chrono::steady_clock;

protocol::json_text make_value() {
  return std::make_shared<std::string const>(R"({"name":"hello-world"})");
}

std::string key_of(std::uint64_t number) {
  return "bench-" + std::to_string(number);
}

std::size_t heap_bytes() {
  return ::mallinfo2().uordblks;
}

template <class Map>
double bytes_per_key(std::uint64_t keys, Map fill) {
  auto const before = heap_bytes();
  auto const map = fill(keys);
  return static_cast<double>(heap_bytes() - before) / static_cast<double>(keys);
}

std::unique_ptr<server::database> filled_database(std::uint64_t keys) {
  auto database = std::make_unique<server::database>();
  for (std::uint64_t i = 0; i < keys; ++i) database->apply(protocol::put_operation{key_of(i), make_value()});
  return database;
}

auto filled_map(std::uint64_t keys) {
  auto map = std::make_unique<std::map<std::string, protocol::json_text>>();
  for (std::uint64_t i = 0; i < keys; ++i) map->emplace(key_of(i), make_value());
  return map;
}

double ns_per_get(std::uint64_t keys, double seconds) {
  auto const database = filled_database(keys);
  std::mt19937_64 random(20'261'124);
  auto const start = clock_type::now(),
             end = start + std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>(seconds));
  std::uint64_t done = 0;
  while (clock_type::now() < end)
    for (int i = 0; i < 1000; ++i, ++done) {
      auto const found = database->apply(protocol::get_operation{key_of(random() % keys)});
      if (!std::holds_alternative<protocol::value_found>(found)) std::abort();
    }
  return std::chrono::duration<double, std::nano>(clock_type::now() - start).count() / static_cast<double>(done);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t keys = 1000;
  double seconds = 0.5;
  CLI::App app("The database alone: nanoseconds per GET and bytes per key.");
  app.add_option("--keys", keys);
  app.add_option("--seconds", seconds);
  CLI11_PARSE(app, argc, argv);
  std::cout << nlohmann::json{{"keys", keys},
                              {"ns_per_get", ns_per_get(keys, seconds)},
                              {"bytes_per_key", bytes_per_key(keys, filled_database)},
                              {"map_bytes_per_key", bytes_per_key(keys, filled_map)}}
            << '\n';
}
