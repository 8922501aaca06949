#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "client/load/key_choice.hpp"
#include "client/load/random.hpp"
#include "protocol/error.hpp"

namespace holdfast::client::load {

/// What a run does to a key.
enum class action : std::uint8_t {
  get,
  put,                ///< a new value for a key that is chosen
  insert,             ///< a put of a key that nobody has
  del,                ///< `delete`
  read_modify_write,  ///< `rmw`: a get, then a put of the same key on the same connection
};
constexpr std::size_t actions = 5;

/// How often each action is drawn, as weights that need not add up to anything.
struct operation_mix {
  std::array<double, actions> weights{90, 10, 0, 0, 0};

  [[nodiscard]] double weight(action one) const { return weights[static_cast<std::size_t>(one)]; }
  bool operator==(operation_mix const&) const = default;
};

/// Reads `get=80,put=15,delete=5`; the names are get, put, insert, delete and rmw.
[[nodiscard]] protocol::result<operation_mix> parse_mix(std::string_view text);
[[nodiscard]] std::string format_mix(operation_mix const& mix);

/// Draws actions by their weights.
class action_chooser {
 public:
  explicit action_chooser(operation_mix const& mix);
  [[nodiscard]] action operator()(random_numbers& random) const;

 private:
  std::array<std::uint64_t, actions> below_;  ///< 64 random bits below it, and not below one before: that action
};

/// One of YCSB's core workloads (Cooper et al.: Benchmarking cloud serving systems with YCSB, 2010).
struct standard_workload {
  operation_mix mix;
  key_choice keys;
};

/// `a` to `f`, in either case. `e` is refused with what to use instead: it scans, and the server has no list.
[[nodiscard]] protocol::result<standard_workload> parse_workload(std::string_view name);

}  // namespace holdfast::client::load
