// JSON texts: the scanner against nlohmann's parser, and what documents, numbers and strings promise.
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "protocol/json.hpp"
#include "protocol/json_scanner.hpp"
#include "server/json/document.hpp"
#include "server/json/equality.hpp"
#include "server/json/number.hpp"
#include "server/json/spacing.hpp"
#include "server/json/string.hpp"
#include "tests/fuzz/fuzzer.hpp"
#include "tests/fuzz/splits.hpp"

namespace holdfast::fuzz {
namespace {

using namespace server::json;
using nlohmann::ordered_json;

/// What the other parser does not take, although RFC 8259 does.
struct beyond_other_parser {
  bool is = false;
  static void open(char const*) {}
  static void close(char const*) {}
  void name(char const* begin, char const* end) { scalar(begin, end); }
  void scalar(char const* begin, char const* end) {
    std::string const text(begin, end);
    std::string decoded;
    if (text.front() == '"')
      is |= !decode(text, decoded);
    else if (text.front() == '-' || protocol::is_digit(text.front()))
      is |= !std::isfinite(std::strtod(text.c_str(), nullptr));
  }
};

/// The other parser skips a byte order mark, ends at a NUL, and has no limit of depth.
bool is_for_both(std::string_view text, protocol::json_fault fault) {
  return !text.starts_with("\xEF\xBB\xBF") && text.find('\0') == std::string_view::npos &&
         fault.problem != protocol::json_problem::too_deep;
}

void hold_string(std::string_view text) {
  auto const decoded = decode_for_comparing(text);
  std::string storage, written;
  require(view_for_comparing(text, storage) == decoded && says(text, decoded), "a string says one thing");
  append_string(written, decoded);
  require(protocol::check_json(written).has_value(), "what is written is JSON");
  require(decode_for_comparing(written) == decoded, "a string that is written says the same");
}

void hold_number(std::string_view text) {
  auto const exact = exact_number(text);
  require(exact_number(exact == "0" ? "0" : exact) == exact, "the exact form of a number is final", exact, text);
  auto const integer = integer_of(text);
  if (integer.state == integer_state::exact)
    require(exact_number(std::to_string(integer.value)) == exact, "an integer is the number", exact, text);
  auto const number = std::strtod(std::string(text).c_str(), nullptr);
  if (integer.state == integer_state::exact)
    require(number == static_cast<double>(integer.value), "an integer is as near as a double comes");
  if (integer.state == integer_state::too_large)
    require(std::fabs(number) >= 9.2e18, "an integer that is too large is large");
  auto const opposite = text.starts_with('-') ? std::string(text.substr(1)) : '-' + std::string(text);
  require(exact == "0" || exact_number(opposite) != exact, "a sign matters");
}

/// @return false where an object has a name twice, of which each parser keeps another.
bool hold_value(value one, ordered_json const* other) {
  using kind = value_kind;
  auto const is_both = [&](kind wanted, bool of_other) {
    require(other == nullptr || one.is(wanted) == of_other, "two parsers find the same kinds of values");
  };
  if (other != nullptr) {
    is_both(kind::null, other->is_null());
    is_both(kind::boolean, other->is_boolean());
    is_both(kind::number, other->is_number());
    is_both(kind::string, other->is_string());
    is_both(kind::array, other->is_array());
    is_both(kind::object, other->is_object());
  }
  if (one.is(kind::string)) {
    hold_string(one.text());
    if (other != nullptr)
      require(decode_for_comparing(one.text()) == other->get<std::string>(), "two parsers read the same string");
  }
  if (one.is(kind::number)) {
    hold_number(one.text());
    if (other != nullptr && other->is_number_integer() && !other->is_number_unsigned())
      require(integer_of(one.text()).value == other->get<std::int64_t>(), "two parsers read the same integer");
  }
  if (!one.is(kind::array) && !one.is(kind::object)) return true;

  std::string again(1, one.text().front());
  std::set<std::string> names;
  std::size_t count = 0;
  auto is_comparable = true;
  for (auto const child : one.children()) {
    auto const around = spacing_of(child);
    if (count++ != 0) again += ',';
    (((again += around.before) += child.name_text()) += around.colon) += child.text();
    again += around.after;
    if (one.is(kind::object)) {
      hold_string(child.name_text());
      is_comparable &= names.insert(child.name()).second;
    }
  }
  if (count != 0) again += end_space_of(one);
  if (count != 0)
    require(again + one.text().back() == one.text(), "children and the spaces between them are all", again, one.text());
  if (!is_comparable) other = nullptr;
  if (other != nullptr) require(count == other->size(), "two parsers find the same children");
  count = 0;
  for (auto const child : one.children()) {
    auto const* const its = other == nullptr      ? nullptr
                            : one.is(kind::array) ? &(*other)[count]
                                                  : &other->at(child.name());
    is_comparable &= hold_value(child, its);
    ++count;
  }
  return is_comparable;
}

}  // namespace

void fuzz_json(std::string_view input) {
  auto const exact = exact_copy(input);
  auto const text = view(exact);
  beyond_other_parser beyond;
  auto const fault = protocol::scan_json(text, beyond);
  auto const is_json = fault.problem == protocol::json_problem::none;
  if (is_for_both(text, fault)) {
    auto const other = nlohmann::json::accept(text);
    require(is_json == other || (is_json && beyond.is), "two parsers take the same texts", is_json ? "ours" : "theirs",
            "both or none");
  }
  auto const checked = protocol::check_json(text);
  require(checked.has_value() == is_json, "what is checked is what is scanned");
  if (!is_json) {
    require(fault.position <= text.size(), "a fault is in the text");
    require(nlohmann::json::accept(protocol::problem_json(checked.error())), "a refusal is JSON itself");
    return;
  }
  auto const document = document::parse(text);
  require(document.has_value(), "a text that is JSON is a document");
  ordered_json other;
  auto const compares = !beyond.is && is_for_both(text, fault);
  if (compares) other = ordered_json::parse(text);
  auto const is_unambiguous = hold_value(document->root(), compares ? &other : nullptr);
  require(are_equal(document->root(), document->root()) == is_unambiguous,
          "a value is equal to itself unless it has a name twice");
  for (int const levels : {1, 2, 3}) {
    auto const shallow = document::parse(text, levels);
    require(shallow && shallow->root().text() == document->root().text(), "a shallow look finds the same root");
  }
  if (auto const integer = safe_integer_of(text))
    require(document->root().is(value_kind::number) && *integer == integer_of(document->root().text()).value,
            "an integer to count from is the value");
}

}  // namespace holdfast::fuzz
