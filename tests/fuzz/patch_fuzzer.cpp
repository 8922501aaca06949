// A value, a line feed and NUL, and a patch of either kind: what is patched is JSON, says what another implementation
// makes of it, and has the bytes of before where the patch names nothing.
#include <nlohmann/json.hpp>
#include <set>

#include "protocol/json.hpp"
#include "server/json/document.hpp"
#include "server/json/equality.hpp"
#include "server/json/json_patch.hpp"
#include "server/json/merge_patch.hpp"
#include "tests/fuzz/fuzzer.hpp"
#include "tests/fuzz/splits.hpp"

namespace holdfast::fuzz {
namespace {

using namespace server::json;
using holdfast::protocol::check_json;
using nlohmann::ordered_json;

constexpr std::size_t value_bytes_max = 400;

/// Whether another implementation can say the same: no name twice, and numbers that it keeps exactly.
bool is_plain(value one) {
  if (one.is(value_kind::number)) {
    auto const integer = one.as_integer();
    return integer && std::to_string(*integer) == one.text();
  }
  if (one.is(value_kind::string)) return one.as_string().has_value();
  std::set<std::string> names;
  for (auto const child : one.children())
    if (!is_plain(child) || (one.is(value_kind::object) && !names.insert(child.name()).second)) return false;
  return true;
}

std::optional<ordered_json> plain(std::string_view text) {
  auto const parsed = document::parse(text);
  if (!parsed || !is_plain(parsed->root())) return std::nullopt;
  auto parsed_there = ordered_json::parse(text, nullptr, false);
  if (parsed_there.is_discarded()) return std::nullopt;  // half a surrogate pair in a name
  return parsed_there;
}

bool are_same(std::string_view text, ordered_json const& other) {
  auto const dumped = other.dump(-1, ' ', false, ordered_json::error_handler_t::ignore);
  auto const left = document::parse(text), right = document::parse(dumped);
  return left && right && are_equal(left->root(), right->root());
}

/// What a merge patch does not name is there as it was, in its order.
void hold_rest(value before, value patch, value after) {
  if (!before.is(value_kind::object) || !patch.is(value_kind::object)) return;
  auto at = after.children().begin();
  auto const end = after.children().end();
  for (auto const member : before.children()) {
    auto const name = member.name();
    auto const named = [&] {
      for (auto const change : patch.children())
        if (change.name() == name) return std::optional(change);
      return std::optional<value>();
    }();
    if (named && named->is(value_kind::null)) continue;
    require(at != end && (*at).name_text() == member.name_text(), "members keep their order");
    if (!named) require((*at).text() == member.text(), "what is not named keeps its bytes");
    if (named && !named->is(value_kind::object))
      require((*at).text() == named->text(), "what is named has the patch's bytes");
    if (named) hold_rest(member, *named, *at);
    ++at;
  }
}

void fuzz_merge(std::string_view target, std::string_view text) {
  auto const patch = merge_patch::parse(text);
  if (!patch) return;
  auto const after = patch->apply(target);
  if (!after) return;
  require(check_json(*after).has_value(), "what is patched is JSON", *after, text);
  auto const parsed = document::parse(text), before = document::parse(target), now = document::parse(*after);
  hold_rest(before->root(), parsed->root(), now->root());
  // A patch that was applied has nothing to do the second time.
  auto const again = patch->apply(*after);
  require(again && *again == *after, "a merge patch does the same twice", again ? *again : "a failure", *after);
  auto other = plain(target);
  auto const other_patch = plain(text);
  if (!other || !other_patch) return;
  other->merge_patch(*other_patch);
  require(are_same(*after, *other), "two implementations of RFC 7396 agree", *after, other->dump());
}

void fuzz_operations(std::string_view target, std::string_view text) {
  auto const patch = json_patch::parse(text);
  if (!patch) return;
  auto const after = patch->apply(target, value_bytes_max);
  auto const other = plain(target), other_patch = plain(text);
  if (after) {
    require(check_json(*after).has_value(), "what is patched is JSON", *after, text);
    if (!patch->operations().empty())
      require(after->size() <= value_bytes_max + target.size(), "a patch keeps to the limit");
    auto const only_tests = [](auto const& one) { return one.verb == json_patch::verb::test; };
    if (std::ranges::all_of(patch->operations(), only_tests))
      require(*after == target, "tests change no byte", *after, target);
  }
  // What ours refuses the other asserts, at times.
  if (!after || !other || !other_patch) return;
  std::optional<ordered_json> expected;
  try {
    expected = other->patch(*other_patch);
  } catch (ordered_json::exception const&) {
  }
  require(expected.has_value(), "another implementation takes what ours takes", *after, text);
  require(are_same(*after, *expected), "two implementations of RFC 6902 agree", *after, expected->dump());
}

}  // namespace

void fuzz_patch(std::string_view input) {
  auto const cut = input.find('\0');
  if (cut == std::string_view::npos) return;
  auto const target = exact_copy(input.substr(0, cut)), patch = exact_copy(input.substr(cut + 1));
  if (!check_json(view(target))) return;
  fuzz_merge(view(target), view(patch));
  fuzz_operations(view(target), view(patch));
}

}  // namespace holdfast::fuzz
