#include <nlohmann/json.hpp>

#include "client/load/text.hpp"
#include "client/load/verify/verification.hpp"

namespace holdfast::client::verify {
namespace {

using load::grouped;
using json = nlohmann::ordered_json;

std::string plural(std::uint64_t count, std::string const& one) {
  return grouped(count) + ' ' + one + (count == 1 ? "" : "s");
}

std::string_view word_for(verdict verdict) {
  switch (verdict) {
    case verdict::linearizable:
      return "linearizable";
    case verdict::violated:
      return "violated";
    case verdict::undecided:
      break;
  }
  return "undecided";
}

std::string scope_of(verification const& verified) {
  auto text = plural(verified.operations, "operation") + " on " + plural(verified.keys, "key");
  if (verified.unanswered != 0) text += ", " + grouped(verified.unanswered) + " of them unanswered";
  return text + ", checked in " + load::readable(verified.took);
}

std::string answer_lines(verification const& verified) {
  auto const together = verified.proof == proof::by_revision;
  std::string text;
  switch (verified.verdict) {
    case verdict::linearizable:
      text = together ? "  answers  strictly serializable: right in the order of their revisions,\n"
                        "           which agrees with real time\n"
                      : "  answers  linearizable: an order of all operations explains every answer\n";
      break;
    case verdict::violated:
      text = "  answers  VIOLATED: " + (together
                                            ? plural(verified.contradictions, "contradiction") + " among the answers\n"
                                            : "no order of the operations explains the answers on " +
                                                  plural(verified.violated_keys, "key") + "\n");
      break;
    case verdict::undecided:
      text = "  answers  UNDECIDED: " +
             (verified.was_replaced
                  ? "the server's database was replaced during the run: it was started without its data,\n"
                    "           or from a backup, and what it acknowledged before may be gone\n"
              : verified.proof == proof::none
                  ? "they don't state the revision of the database, without which transactions\n"
                    "           and values that expire can't be checked\n"
                  : "no violation found, but time or memory did not suffice for " +
                        plural(verified.undecided_keys, "key") + "\n");
      break;
  }
  text += "           " + scope_of(verified) + '\n';
  if (together) {
    text += "           " + plural(verified.changes, "change") + " replayed";
    if (verified.hidden_changes != 0) text += ", " + grouped(verified.hidden_changes) + " more inferred";
    if (verified.events != 0) text += ", " + plural(verified.events, "event") + " of watchers compared";
    text += '\n';
  }
  if (verified.was_full)
    text += "           The run ended early: it had made the " + grouped(requests_max) +
            " requests that --verify can keep. Ask for a shorter run or a lower rate.\n";
  return text;
}

std::string lock_lines(lock_audit const& locks) {
  std::string text = "  lock     ";
  if (locks.judged_pairs == 0 && locks.judged_revisions == 0)
    return text + "not judged: no answers tell surely who asked for the lock first and who was granted it first\n";
  if (locks.is_broken()) {
    text += "OUT OF TURN: ";
    if (locks.broken_pairs != 0)
      text += "in " + grouped(locks.broken_pairs) + " of " + plural(locks.judged_pairs, "pair") +
              " who asked later was granted earlier, in one case although it asked " +
              load::readable(std::chrono::nanoseconds(locks.example->margin)) + " later";
    if (locks.broken_revisions != 0) {
      text += std::string(locks.broken_pairs != 0 ? "; " : "") + grouped(locks.broken_revisions) + " of " +
              plural(locks.judged_revisions, "put") + " had a revision that was told before they began";
    }
    return text + '\n';
  }
  text +=
      locks.judged_pairs == 0
          ? "no pair of requests tells surely who asked first and was granted first; that takes waits above " +
                load::readable(std::chrono::nanoseconds(lock_audit::tolerance))
          : "granted in the order of asking, in all " + plural(locks.judged_pairs, "pair") + " of which that is sure";
  if (locks.judged_revisions != 0)
    text += "\n           revisions rise in all " + plural(locks.judged_revisions, "put") + " that show it";
  return text + '\n';
}

std::string example_lines(violation_example const& one, std::string const& prefix) {
  auto text = "\n  " + std::string(one.kind) + ", key '" + prefix + one.key + "': " + std::string(one.sentence) + ".\n";
  if (!one.remark.empty()) text += "  " + one.remark + '\n';
  text += '\n' + one.timeline;
  if (!one.is_minimal) text += "  Some of these may not be needed: to show it would have taken too long.\n";
  return text;
}

json value_json(value_number value) {
  if (value == absent) return {};
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(value));
  return digits;
}

json violation_json(violation_example const& one, std::string const& prefix) {
  auto const begin = one.operations.empty() ? 0 : one.operations.front().invoked;
  auto const ms = [&](instant when) { return load::in_ms(std::chrono::nanoseconds(when - begin)); };
  auto operations = json::array();
  for (auto const& done : one.operations) {
    operations.push_back(json{{"connection", done.connection},
                              {"action", done.action},
                              {"value", value_json(done.value)},
                              {"invoked_ms", ms(done.invoked)},
                              {"responded_ms", done.responded == never ? json() : json(ms(done.responded))}});
  }
  return {{"key", prefix + one.key},
          {"kind", one.kind},
          {"remark", one.remark.empty() ? json() : json(one.remark)},
          {"minimal", one.is_minimal},
          {"initial", value_json(one.initial)},
          {"timeline", one.timeline},
          {"operations", operations}};
}

std::string_view name_of(proof proof) {
  constexpr std::string_view names[] = {"by_revision", "by_key", "none"};
  return names[static_cast<std::size_t>(proof)];
}

}  // namespace

std::string text_of(verification const& verified, std::string const& key_prefix) {
  auto text = answer_lines(verified) + lock_lines(verified.locks);
  for (auto const& one : verified.examples) text += example_lines(one, key_prefix);
  auto const by_key = verified.proof == proof::by_key;
  auto const found = by_key ? verified.violated_keys : verified.contradictions;
  if (found > verified.examples.size())
    text +=
        "\n  " + plural(found - verified.examples.size(), by_key ? "more key" : "more contradiction") + " like this.\n";
  return text;
}

std::string json_of(verification const& verified, std::string const& key_prefix) {
  auto const& locks = verified.locks;
  auto violations = json::array();
  for (auto const& one : verified.examples) violations.push_back(violation_json(one, key_prefix));
  json const margin = locks.example ? json(load::in_ms(std::chrono::nanoseconds(locks.example->margin))) : json();
  json const document{{"verdict", word_for(verified.verdict)},
                      {"proof", name_of(verified.proof)},
                      {"operations", verified.operations},
                      {"unanswered", verified.unanswered},
                      {"keys", verified.keys},
                      {"violated_keys", verified.violated_keys},
                      {"undecided_keys", verified.undecided_keys},
                      {"changes", verified.changes},
                      {"hidden_changes", verified.hidden_changes},
                      {"events", verified.events},
                      {"contradictions", verified.contradictions},
                      {"was_full", verified.was_full},
                      {"was_replaced", verified.was_replaced},
                      {"took_ms", load::in_ms(verified.took)},
                      {"violations", violations},
                      {"lock_order",
                       {{"broken", locks.is_broken()},
                        {"timed", locks.timed},
                        {"implausible", locks.implausible},
                        {"judged_pairs", locks.judged_pairs},
                        {"broken_pairs", locks.broken_pairs},
                        {"judged_revisions", locks.judged_revisions},
                        {"broken_revisions", locks.broken_revisions},
                        {"margin_ms", margin}}}};
  return document.dump();
}

}  // namespace holdfast::client::verify
