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

/// The actions of a run.
enum class action : std::uint8_t {
  get,
  put,                ///< stores a new value under a chosen key
  insert,             ///< puts a new key
  del,                ///< `delete`
  read_modify_write,  ///< `rmw`: a get, then a put of the same key on the same connection
  list,               ///< a page of up to 100 keys with their values, starting at a chosen key
  transaction,        ///< `txn`: reads two keys at once, then writes one or both if neither has changed
  compare_and_set,    ///< `cas`: a get, then a put of the same key if it has not changed
  create,             ///< a put of a chosen key if it has no value
  increment,          ///< `incr`: adds 1 to a chosen counter
  watch,              ///< no requests: this share of the connections watches all keys of the run
};
constexpr std::size_t actions = 11;

/// The names of all actions, as text: `get, put, …`.
[[nodiscard]] std::string mix_names();

/// The relative weights of the actions; their sum is arbitrary.
struct operation_mix {
  std::array<double, actions> weights{90, 10, 0, 0, 0};

  [[nodiscard]] double weight(action one) const { return weights[static_cast<std::size_t>(one)]; }
  bool operator==(operation_mix const&) const = default;
};

/// Parses `get=80,put=15,delete=5`, with the names of mix_names().
[[nodiscard]] protocol::result<operation_mix> parse_mix(std::string_view text);
[[nodiscard]] std::string format_mix(operation_mix const& mix);

/// True if a run of this mix may find keys without a value.
[[nodiscard]] bool may_leave_absent(operation_mix const& mix);
/// The number of connections that watch.
[[nodiscard]] unsigned watching(operation_mix const& mix, unsigned connections);

/// Draws actions according to their weights.
class action_chooser {
 public:
  explicit action_chooser(operation_mix const& mix);
  [[nodiscard]] action operator()(random_numbers& random) const;

 private:
  std::array<std::uint64_t, actions> below_;  ///< cumulative bounds: action i is drawn if 64 random bits are below its
                                              ///< bound and not below the previous one
};

/// One of YCSB's core workloads (Cooper et al.: Benchmarking cloud serving systems with YCSB, 2010).
struct standard_workload {
  operation_mix mix;
  key_choice keys;
};

/// `a` to `f`, in either case.
[[nodiscard]] protocol::result<standard_workload> parse_workload(std::string_view name);

}  // namespace holdfast::client::load
