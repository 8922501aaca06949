// bench_map: what a look-up in the database costs without a server's own work around it, and what a key takes in
// memory, beside a bare std::map from strings to shared texts. Keys are drawn uniformly. Prints one line of JSON.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "server/store/database.hpp"

namespace {

using namespace holdfast;
namespace asio = boost::asio;
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
  for (std::uint64_t i = 0; i < keys; ++i) database->apply(server::put_operation{key_of(i), make_value()});
  return database;
}

auto filled_map(std::uint64_t keys) {
  auto map = std::make_unique<std::map<std::string, protocol::json_text>>();
  for (std::uint64_t i = 0; i < keys; ++i) map->emplace(key_of(i), make_value());
  return map;
}

/// Bytes that travel through the kernel and back, over as many connections as the loads have: what a server does
/// between two look-ups, and what that leaves in the caches.
class traffic {
 public:
  traffic() {
    asio::ip::tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
    for (int i = 0; i < 64; ++i) {
      auto& there = there_.emplace_back(io_);
      there.connect(acceptor.local_endpoint());
      here_.push_back(acceptor.accept());
    }
  }

  void go() {
    auto const at = turn_++ % here_.size();
    asio::write(there_[at], asio::buffer(bytes_));
    asio::read(here_[at], asio::buffer(bytes_));
  }

 private:
  asio::io_context io_{1};
  std::vector<asio::ip::tcp::socket> here_, there_;
  std::size_t turn_ = 0;
  std::array<char, 200> bytes_{};
};

/// A look-up in the company it has in a server. On its own, in a loop, it would find the upper levels of the map in the
/// first caches, from where a server's system calls have driven them by the next request.
double ns_per_get(std::uint64_t keys, double seconds) {
  auto const database = filled_database(keys);
  std::mt19937_64 random(20'261'124);
  traffic between;
  clock_type::duration looking_up{}, reading_the_clock{};
  auto const end =
      clock_type::now() + std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>(seconds));
  std::uint64_t done = 0;
  for (; clock_type::now() < end; ++done) {
    server::data_operation const get = server::get_operation{key_of(random() % keys)};
    between.go();
    auto const start = clock_type::now();
    auto const found = database->apply(get);
    auto const stop = clock_type::now();
    reading_the_clock += clock_type::now() - stop;
    looking_up += stop - start;
    if (!std::holds_alternative<server::value_found>(found)) std::abort();
  }
  return std::chrono::duration<double, std::nano>(looking_up - reading_the_clock).count() / static_cast<double>(done);
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
