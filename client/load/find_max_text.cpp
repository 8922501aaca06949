#include "client/load/find_max.hpp"
#include "client/load/text.hpp"
#include "protocol/duration.hpp"

namespace holdfast::client::load {
namespace {

std::string limits_of(found_rate const& found) {
  std::string text;
  for (auto const& limit : found.limits) (text += text.empty() ? "" : " and ") += limit.text;
  return text;
}

std::string answer(found_rate const& found) {
  if (!found.rate || found.probes.empty()) {
    if (found.interrupted) return "the search was interrupted before a rate had held " + limits_of(found) + '\n';
    if (found.bounded_by == probe_outcome::client_was_late)
      return "no rate could be probed: the client could not keep up with the lowest\n";
    return "no rate held " + limits_of(found) + '\n';
  }
  auto const by_client = found.bounded_by == probe_outcome::client_was_late;
  auto const at_least = by_client || !found.bounded_by || found.interrupted;
  std::string text = (at_least ? "at least " : "max ") + grouped(static_cast<std::uint64_t>(*found.rate + 0.5)) +
                     " requests/s with " + limits_of(found) + '\n';
  if (found.interrupted) {
    text += "  The search was interrupted: more may hold, and this was not confirmed.\n";
  } else if (!found.confirmed) {
    text += "  It was NOT confirmed over " + readable(found.confirmation_duration) + ".\n";
  }
  if (by_client) {
    text +=
        "  The client could not keep up with more, which says nothing about the server: use more --threads, or run "
        "the\n"
        "  client on another machine.\n";
  }
  return text;
}

std::string probe_line(std::size_t number, probe const& one) {
  auto const rate = [](double per_second) { return to_right(short_number(per_second) + "/s", 13); };
  auto const latency = [&](nanoseconds of) { return to_right(of.count() == 0 ? "-" : readable(of), 10); };
  return "  " + to_right(std::to_string(number), 5) + rate(one.rate) + rate(one.answered) + latency(one.p50) +
         latency(one.p99) + "  " + (one.confirms ? "confirmation: " : "") +
         (one.outcome == probe_outcome::held ? "held" : one.why) + '\n';
}

}  // namespace

std::string text_of(found_rate const& found) {
  auto text = answer(found);
  if (found.probes.empty()) return text;
  text +=
      "\n  probe" + to_right("asked", 13) + to_right("answered", 13) + to_right("p50", 10) + to_right("p99", 10) + '\n';
  std::size_t number = 0;
  for (auto const& one : found.probes) text += probe_line(++number, one);
  text += "  Rates were doubled until one did not hold, then the gap was halved down to 5 %. Each probe took " +
          protocol::format_duration(found.probe_duration) + " after " + protocol::format_duration(found.warm_up) +
          "\n  of warm-up, the confirmation " + protocol::format_duration(found.confirmation_duration) +
          ". Latency counts from when a request was due.\n";
  return text;
}

}  // namespace holdfast::client::load
