#include "server/json/document.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "protocol/json_scanner.hpp"
#include "server/json/number.hpp"
#include "server/json/pointer.hpp"
#include "server/json/string.hpp"

namespace holdfast::server::json {

using protocol::errc;
using protocol::result;

namespace {

std::string_view kind_name(value_kind kind) {
  switch (kind) {
    case value_kind::null:
      return "null";
    case value_kind::boolean:
      return "a boolean";
    case value_kind::number:
      return "a number";
    case value_kind::string:
      return "a string";
    case value_kind::array:
      return "an array";
    case value_kind::object:
      break;
  }
  return "an object";
}

}  // namespace

value_kind value::kind() const noexcept {
  switch (data_->text[self().begin]) {
    case 'n':
      return value_kind::null;
    case 't':
    case 'f':
      return value_kind::boolean;
    case '"':
      return value_kind::string;
    case '[':
      return value_kind::array;
    case '{':
      return value_kind::object;
    default:
      return value_kind::number;
  }
}

std::string_view value::text() const noexcept {
  return data_->text.substr(self().begin, self().size);
}

std::string_view value::name_text() const noexcept {
  return data_->text.substr(self().name_begin, self().name_size);
}

std::string value::name() const {
  return decode_for_comparing(name_text());
}

std::string_view value::document_text() const noexcept {
  return data_->text;
}

elements value::children() const noexcept {
  return {data_, index_ + 1, self().next};
}

std::string value::pointer() const {
  std::string pointer;
  value container(*data_, 0);
  while (container.index_ != index_) {
    auto const is_array = container.is(value_kind::array);
    std::size_t position = 0;
    for (auto const child : container.children()) {
      if (child.self().next > index_) {
        append_token(pointer, is_array ? std::to_string(position) : child.name());
        container = child;
        break;
      }
      ++position;
    }
  }
  return pointer;
}

protocol::failure value::failure(std::string_view problem) const {
  auto const where = pointer();
  return {errc::invalid_json,
          (where.empty() ? "at the top of the body: " : "at " + where + ": ") + std::string(problem)};
}

protocol::failure value::wrong_type(std::string_view wanted) const {
  return failure("this has to be " + std::string(wanted) + ", not " + std::string(kind_name(kind())));
}

result<std::string> value::as_string() const {
  if (!is(value_kind::string)) return wrong_type("a string");
  std::string decoded;
  if (!decode(text(), decoded)) return failure("the string has half a surrogate pair, which is no character");
  return decoded;
}

result<std::int64_t> value::as_integer() const {
  if (!is(value_kind::number)) return wrong_type("an integer");
  auto const integer = integer_of(text());
  if (integer.state == integer_state::not_an_integer) return failure("this has to be an integer");
  if (integer.state == integer_state::too_large) return failure("the integer does not fit into 64 bits");
  return integer.value;
}

result<bool> value::as_boolean() const {
  if (!is(value_kind::boolean)) return wrong_type("true or false");
  return text() == "true";
}

result<elements> value::as_array() const {
  if (!is(value_kind::array)) return wrong_type("an array");
  return children();
}

result<elements> value::as_object() const {
  if (!is(value_kind::object)) return wrong_type("an object");
  return children();
}

result<document> document::parse(std::string_view text, int levels, int depth_max) {
  /// Records the scanner's values down to `levels`.
  struct builder {
    void open(char const* at) {
      if (++depth <= levels) {
        open_nodes.push_back(static_cast<std::uint32_t>(data.nodes.size()));
        add(at, at);
      }
    }
    void close(char const* end) {
      if (depth-- > levels) return;
      auto& node = data.nodes[open_nodes.back()];
      open_nodes.pop_back();
      node.size = static_cast<std::uint32_t>(end - data.text.data()) - node.begin;
      node.next = static_cast<std::uint32_t>(data.nodes.size());
    }
    void name(char const* begin, char const* end) {
      if (depth >= levels) return;
      name_begin = begin;
      name_end = end;
    }
    void scalar(char const* begin, char const* end) {
      if (depth < levels) add(begin, end);
    }
    void add(char const* begin, char const* end) {
      auto const* const text = data.text.data();
      data.nodes.push_back({static_cast<std::uint32_t>(begin - text), static_cast<std::uint32_t>(end - begin),
                            name_begin == nullptr ? 0 : static_cast<std::uint32_t>(name_begin - text),
                            static_cast<std::uint32_t>(name_end - name_begin),
                            static_cast<std::uint32_t>(data.nodes.size() + 1)});
      name_begin = name_end = nullptr;
    }
    /// The innermost indexed container that is open. Ends the open ones, as pointer() needs.
    value innermost() {
      for (auto const one : open_nodes) data.nodes[one].next = static_cast<std::uint32_t>(data.nodes.size());
      return {data, open_nodes.back()};
    }

    value::contents& data;
    int levels;
    int depth = 0;
    std::vector<std::uint32_t> open_nodes = {};
    char const* name_begin = nullptr;  // of the next value
    char const* name_end = nullptr;
  };

  if (text.size() > std::numeric_limits<std::int32_t>::max())
    return protocol::failure{errc::body_too_large, "the text has 2 GiB or more"};
  auto data = std::make_unique<value::contents>(value::contents{text, {}});
  builder sink{*data, std::max(levels, 1)};
  auto const fault = protocol::scan_json(text, sink, depth_max);
  if (fault.problem != protocol::json_problem::none) {
    auto wrong = protocol::json_failure(text, fault);
    if (fault.problem == protocol::json_problem::too_deep && sink.depth > sink.levels)
      return sink.innermost().failure(wrong.detail);
    return wrong;
  }
  return document(std::move(data));
}

}  // namespace holdfast::server::json
