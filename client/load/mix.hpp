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
  list,               ///< a page of up to 100 keys with their values, from a key that is chosen
  transaction,        ///< `txn`: reads two keys at once, then writes one or both if neither has changed
  compare_and_set,    ///< `cas`: a get, then a put of the same key if it has not changed
  create,             ///< a put of a key that is chosen, if it has no value
  increment,          ///< `incr`: adds 1 to a counter that is chosen
  watch,              ///< no request: this share of the connections watches all keys of the run
};
constexpr std::size_t actions = 11;

/// The names of all actions, for people: `get, put, …`.
[[nodiscard]] std::string mix_names();

/// How often each action is drawn, as weights that need not add up to anything.
struct operation_mix {
  std::array<double, actions> weights{90, 10, 0, 0, 0};

  [[nodiscard]] double weight(action one) const { return weights[static_cast<std::size_t>(one)]; }
  bool operator==(operation_mix const&) const = default;
};

/// Reads `get=80,put=15,delete=5`; the names are those of mix_names.
[[nodiscard]] protocol::result<operation_mix> parse_mix(std::string_view text);
[[nodiscard]] std::string format_mix(operation_mix const& mix);

/// Whether a run of this mix may find keys without a value.
[[nodiscard]] bool may_leave_absent(operation_mix const& mix);
/// How many of the connections watch.
[[nodiscard]] unsigned watching(operation_mix const& mix, unsigned connections);

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

/// `a` to `f`, in either case.
[[nodiscard]] protocol::result<standard_workload> parse_workload(std::string_view name);

}  // namespace holdfast::client::load
