#include "client/load/mix.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <utility>

#include "client/load/text.hpp"

namespace holdfast::client::load {
namespace {

constexpr std::array<std::string_view, actions> names{"get", "put", "insert", "delete", "rmw",  "list",
                                                      "txn", "cas", "create", "incr",   "watch"};

protocol::failure refuse(std::string_view text, std::string const& why) {
  return {protocol::errc::invalid_parameter, "'" + std::string(text.substr(0, 60)) + "' " + why};
}

standard_workload standard(double gets, double puts, double inserts, double read_modify_writes, key_choice::kind keys) {
  return {.mix = {{gets, puts, inserts, 0, read_modify_writes}}, .keys = {keys, zipfian_theta_default}};
}

/// Scans and inserts, as in YCSB.
standard_workload scans() {
  operation_mix mix{{}};
  mix.weights[static_cast<std::size_t>(action::list)] = 95;
  mix.weights[static_cast<std::size_t>(action::insert)] = 5;
  return {.mix = mix, .keys = {key_choice::kind::scrambled, zipfian_theta_default}};
}

}  // namespace

protocol::result<operation_mix> parse_mix(std::string_view text) {
  constexpr auto how = "is not a mix: write the operations and their shares, such as get=80,put=15,delete=5";
  operation_mix mix{{}};
  std::array<bool, actions> seen{};
  for (auto rest = text; !rest.empty() || rest.data() == text.data();) {
    auto const comma = rest.find(',');
    auto const part = rest.substr(0, comma);
    auto const equals = part.find('=');
    if (equals == std::string_view::npos) return refuse(text, how);
    auto const name = part.substr(0, equals);
    auto const* const found = std::ranges::find(names, name);
    if (found == names.end()) return refuse(name, "is no operation of a mix; there are " + mix_names());
    auto const at = static_cast<std::size_t>(found - names.begin());
    if (std::exchange(seen[at], true)) return refuse(text, "has " + std::string(name) + " twice");
    auto const number = part.substr(equals + 1);
    auto const [end, failed] =
        std::from_chars(number.data(), number.data() + number.size(), mix.weights[at], std::chars_format::fixed);
    if (failed != std::errc() || end != number.data() + number.size() || !(mix.weights[at] >= 0) ||
        !std::isfinite(mix.weights[at])) {
      return refuse(text, how);
    }
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
    if (rest.empty()) return refuse(text, how);
  }
  if (std::accumulate(mix.weights.begin(), mix.weights.end(), 0.0) - mix.weight(action::watch) <= 0)
    return refuse(text, "has no operation: one share is above 0, and watch is none");
  return mix;
}

std::string mix_names() {
  std::string text;
  for (auto const name : names) (text += text.empty() ? "" : name == names.back() ? " and " : ", ") += name;
  return text;
}

bool may_leave_absent(operation_mix const& mix) {
  return mix.weight(action::del) != 0;
}

unsigned watching(operation_mix const& mix, unsigned connections) {
  if (mix.weight(action::watch) == 0 || connections < 2) return 0;
  auto const sum = std::accumulate(mix.weights.begin(), mix.weights.end(), 0.0);
  auto const share = std::llround(connections * mix.weight(action::watch) / sum);
  return static_cast<unsigned>(std::clamp<long long>(share, 1, connections - 1));
}

std::string format_mix(operation_mix const& mix) {
  std::string text;
  for (std::size_t i = 0; i < actions; ++i) {
    if (mix.weights[i] == 0) continue;
    if (!text.empty()) text += ',';
    ((text += names[i]) += '=') += format_number(mix.weights[i]);
  }
  return text;
}

action_chooser::action_chooser(operation_mix const& of_all) : below_{} {
  auto mix = of_all;
  mix.weights[static_cast<std::size_t>(action::watch)] = 0;
  auto const sum = std::accumulate(mix.weights.begin(), mix.weights.end(), 0.0);
  double before = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < actions; ++i) {
    before += mix.weights[i];
    below_[i] = before >= sum ? UINT64_MAX : static_cast<std::uint64_t>(std::ldexp(before / sum, 64));
    if (mix.weights[i] != 0) last = i;
  }
  // Rounding errors go to the last requested action, never to one with weight 0.
  for (auto i = last; i < actions; ++i) below_[i] = UINT64_MAX;
}

action action_chooser::operator()(random_numbers& random) const {
  auto const drawn = random();
  std::size_t at = 0;
  while (drawn >= below_[at] && below_[at] != UINT64_MAX) ++at;
  return static_cast<action>(at);
}

protocol::result<standard_workload> parse_workload(std::string_view name) {
  using enum key_choice::kind;
  auto const letter = name.size() == 1 ? static_cast<char>(name[0] | 0x20) : '\0';
  switch (letter) {
    case 'a':
      return standard(50, 50, 0, 0, scrambled);
    case 'b':
      return standard(95, 5, 0, 0, scrambled);
    case 'c':
      return standard(100, 0, 0, 0, scrambled);
    case 'd':
      return standard(95, 0, 5, 0, latest);
    case 'e':
      return scans();
    case 'f':
      return standard(50, 0, 0, 50, scrambled);
    default:
      return refuse(name, "is not a workload: YCSB's are a to f");
  }
}

}  // namespace holdfast::client::load
