#include "server/json/json_patch.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "protocol/json.hpp"
#include "server/json/equality.hpp"
#include "server/json/string.hpp"

namespace holdfast::server::json {

using protocol::errc;
using protocol::result;

namespace {

constexpr std::array<std::string_view, 6> verbs{"add", "remove", "replace", "move", "copy", "test"};

protocol::failure invalid(protocol::failure failure) {
  failure.code = errc::invalid_patch;
  return failure;
}

bool is_proper_prefix(pointer_tokens const& prefix, pointer_tokens const& tokens) {
  return prefix.size() < tokens.size() && std::ranges::equal(prefix, std::span(tokens).first(prefix.size()));
}

/// The members of one operation that RFC 6902 defines.
struct operation_members {
  std::optional<value> op, path, from, operand;
};

result<operation_members> members_of(value operation) {
  auto const members = operation.as_object();
  if (!members) return invalid(members.error());
  operation_members found;
  std::pair<std::string_view, std::optional<value> operation_members::*> const named[] = {
      {"op", &operation_members::op},
      {"path", &operation_members::path},
      {"from", &operation_members::from},
      {"value", &operation_members::operand}};
  for (auto const member : *members) {
    for (auto const& [name, place] : named) {
      if (!says(member.name_text(), name)) continue;
      if (found.*place) return invalid(operation.failure("the member \"" + std::string(name) + "\" is there twice"));
      found.*place = member;
    }
  }
  return found;
}

result<pointer_tokens> pointer_of(value operation, std::optional<value> member, std::string_view name) {
  if (!member) return invalid(operation.failure("the member \"" + std::string(name) + "\" is missing"));
  if (!member->is(value_kind::string)) return invalid(member->as_string().error());
  auto tokens = parse_pointer(decode_for_comparing(member->text()));
  if (!tokens)
    return invalid(member->failure("this is no JSON pointer: it has to be empty or start with /, and ~ is written ~0"));
  return *std::move(tokens);
}

result<json_patch::operation> parse_operation(value source) {
  auto const members = members_of(source);
  if (!members) return members.error();
  if (!members->op) return invalid(source.failure("the member \"op\" is missing"));
  if (!members->op->is(value_kind::string)) return invalid(members->op->as_string().error());
  auto const verb = std::ranges::find(verbs, decode_for_comparing(members->op->text()));
  if (verb == verbs.end())
    return invalid(members->op->failure("there is no such operation; known: add, remove, replace, move, copy, test"));
  json_patch::operation operation;
  operation.verb = static_cast<json_patch::verb>(verb - verbs.begin());
  auto path = pointer_of(source, members->path, "path");
  if (!path) return path.error();
  operation.path = *std::move(path);
  operation.description = '"' + std::string(*verb) + '"';
  auto const add_pointer = [&](pointer_tokens const& tokens) {
    operation.description += ' ';
    for (auto const& token : tokens) append_token(operation.description, token);
    if (tokens.empty()) operation.description += "\"\"";
  };
  add_pointer(operation.path);
  if (!operation.path.empty()) append_string(operation.name, operation.path.back());
  switch (operation.verb) {
    case json_patch::verb::move:
    case json_patch::verb::copy: {
      auto from = pointer_of(source, members->from, "from");
      if (!from) return from.error();
      operation.from = *std::move(from);
      operation.description += " from";
      add_pointer(operation.from);
      if (operation.verb == json_patch::verb::move && is_proper_prefix(operation.from, operation.path))
        return invalid(source.failure("a value can't be moved into itself"));
      break;
    }
    case json_patch::verb::remove:
      if (operation.path.empty())
        return invalid(source.failure("a patch can't remove the whole value; DELETE does that"));
      break;
    case json_patch::verb::add:
    case json_patch::verb::replace:
    case json_patch::verb::test:
      if (!members->operand) return invalid(source.failure("the member \"value\" is missing"));
      operation.operand = members->operand;
  }
  return operation;
}

/// Nesting depth of arrays and objects in a JSON text; 0 for other values.
std::size_t levels_of_text(std::string_view text) {
  std::size_t depth = 0, deepest = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

result<json_patch> json_patch::parse(std::string_view text) {
  auto parsed = document::parse(text);
  if (!parsed) return parsed.error();
  json_patch patch(std::move(*parsed));
  auto const operations = patch.document_.root().as_array();
  if (!operations) return invalid(operations.error());
  for (auto const source : *operations) {
    if (patch.operations_.size() == operations_max)
      return invalid(patch.document_.root().failure("more than " + std::to_string(operations_max) + " operations"));
    auto operation = parse_operation(source);
    if (!operation) return operation.error();
    auto const deepest = std::max(operation->path.size(), operation->from.size());
    patch.levels_ = std::max(patch.levels_, static_cast<int>(deepest) + 1);
    patch.operations_.push_back(*std::move(operation));
  }
  return patch;
}

result<std::string> json_patch::apply(std::string_view target, std::size_t bytes_max) const {
  json_patching patching(*this, target, bytes_max);
  while (patching.step()) {
  }
  return patching.finish();
}

json_patching::json_patching(json_patch const& patch, std::string_view target, std::size_t bytes_max)
    : patch_(patch), bytes_max_(bytes_max) {
  auto parsed = document::parse(target, patch.levels_);
  if (!parsed) {
    refused_ = parsed.error();
    return;
  }
  documents_.push_back(*std::move(parsed));
  root_.source = documents_.back().root();
  auto const text = root_.source->text();
  auto const begin = static_cast<std::size_t>(text.data() - target.data());
  before_ = target.substr(0, begin);
  after_ = target.substr(begin + text.size());
}

bool json_patching::step() {
  if (refused_ || failed() || done_ == patch_.operations_.size()) return false;
  run(patch_.operations_[done_]);
  if (!failed() && size_of(root_) > bytes_max_)
    fail("the value would have more than " + std::to_string(bytes_max_) + " bytes");
  if (failed()) return false;
  ++done_;
  return done_ != patch_.operations_.size();
}

result<std::string> json_patching::finish() {
  if (refused_) return *refused_;
  if (failed())
    return protocol::failure{errc::patch_conflict, "operation " + std::to_string(done_) + ", " +
                                                       patch_.operations_[done_].description + ": " + reason_};
  std::string out;
  out.reserve(before_.size() + size_of(root_) + after_.size());
  out += before_;
  write(out, root_);
  out += after_;
  return out;
}

void json_patching::run(json_patch::operation const& operation) {
  switch (operation.verb) {
    case json_patch::verb::add:
      return put(operation, {operation.operand, nullptr});
    case json_patch::verb::remove:
      return remove(operation.path);
    case json_patch::verb::replace:
      if (look_up(operation.path) != nullptr) put(operation, {operation.operand, nullptr});
      return;
    case json_patch::verb::move:
    case json_patch::verb::copy: {
      auto const* const from = look_up(operation.from);
      if (from == nullptr) return;
      auto moved = *from;
      if (operation.verb == json_patch::verb::move) {
        if (operation.from == operation.path) return;
        remove(operation.from);
      }
      return put(operation, std::move(moved));
    }
    case json_patch::verb::test:
      return test(operation);
  }
}

void json_patching::put(json_patch::operation const& operation, piece content) {
  auto const& path = operation.path;
  if (path.size() + levels_of(content) > static_cast<std::size_t>(protocol::json_depth_max))
    return fail("the value would be nested deeper than " + std::to_string(protocol::json_depth_max) + " levels");
  if (path.empty()) {
    root_ = std::move(content);
    return;
  }
  change(path, [&](opened_container& container) {
    auto& order = container.order;
    auto index = order.size();
    auto const is_array = container.source.is(value_kind::array);
    auto const inserts = is_array && operation.verb != json_patch::verb::replace;
    if (!inserts || (path.back() != "-" && array_position(path.back()) != order.size())) {
      auto const found = find(container, path.back());
      if (!found && (is_array || ambiguous_)) return;
      reason_.clear();  // a missing member is added
      index = found.value_or(order.size());
    }
    if (inserts || index == order.size()) {
      order.insert(order.begin() + static_cast<std::ptrdiff_t>(index),
                   altered_bit | static_cast<std::uint32_t>(container.altered.size()));
      container.altered.push_back({std::move(content), std::nullopt, is_array ? std::string_view() : operation.name});
    } else {
      container.children_bytes -= size_at(container, index);
      alter(container, index).held = std::move(content);
    }
    container.children_bytes += size_at(container, index);
  });
}

void json_patching::remove(pointer_tokens const& path) {
  change(path, [&](opened_container& container) {
    auto const index = find(container, path.back());
    if (!index) return;
    container.children_bytes -= size_at(container, *index);
    if (altered_at(container, *index) != nullptr) alter(container, *index) = {};
    container.order.erase(container.order.begin() + static_cast<std::ptrdiff_t>(*index));
  });
}

void json_patching::test(json_patch::operation const& operation) {
  auto const* const found = look_up(operation.path);
  if (found == nullptr) return;
  std::string text;
  write(text, *found);
  auto const present = document::parse(text);
  if (!present) return fail(present.error().detail);
  if (!are_equal(present->root(), *operation.operand)) fail("the value there is another one");
}

/// The children of an array or object.
json_patching::opened_container* json_patching::open(piece& content) {
  if (content.opened != nullptr) return content.opened.get();
  auto source = *content.source;
  if (!source.is(value_kind::array) && !source.is(value_kind::object)) {
    fail("the path leads into a value that is neither an array nor an object");
    return nullptr;
  }
  auto const inside = source.text().substr(1, source.text().size() - 2);
  if (source.children().empty() && inside.find_first_not_of(" \t\r\n") != std::string_view::npos) {
    // The value lies below the indexed levels of its document: it was moved or copied to a place at a smaller depth.
    auto parsed = document::parse(source.text(), patch_.levels_);
    if (!parsed) {
      fail(parsed.error().detail);
      return nullptr;
    }
    source = documents_.emplace_back(*std::move(parsed)).root();
  }
  auto opened = std::make_shared<opened_container>(opened_container{source, {}, {}});
  for (auto const inner : source.children()) opened->order.push_back(inner.index());
  content.opened = std::move(opened);
  return content.opened.get();
}

std::optional<std::size_t> json_patching::find(opened_container const& container, std::string_view token) {
  auto const count = container.order.size();
  if (container.source.is(value_kind::array)) {
    auto const position = array_position(token);
    if (position && *position < count) return position;
    if (position)
      fail("there is no element " + std::string(token) + ": the array has " + std::to_string(count));
    else
      fail("the array has no element \"" + std::string(token) + "\": its elements are numbered from 0");
    return std::nullopt;
  }
  ambiguous_ = false;
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < count; ++i) {
    if (!says(name_at(container, i), token)) continue;
    if (found) {
      ambiguous_ = true;
      fail("the object has the name \"" + std::string(token) + "\" twice, so it is not clear which member is meant");
      return std::nullopt;
    }
    found = i;
  }
  if (!found) fail("there is no member \"" + std::string(token) + "\"");
  return found;
}

json_patching::piece* json_patching::look_up(pointer_tokens const& path) {
  auto* content = &root_;
  for (auto const& token : path) {
    auto* const container = open(*content);
    if (container == nullptr) return nullptr;
    auto const index = find(*container, token);
    if (!index) return nullptr;
    content = &alter(*container, *index).held;
  }
  return content;
}

/// Calls `change` with the container of the value at `path`, unshared from copies, and updates the sizes of all
/// enclosing containers.
template <class Change>
void json_patching::change(pointer_tokens const& path, Change change) {
  std::vector<std::pair<opened_container*, std::size_t>> around;  // with their previous sizes
  auto* content = &root_;
  for (auto const& token : path) {
    auto* container = open(*content);
    if (container == nullptr) return;
    if (content->opened.use_count() > 1) {
      content->opened = std::make_shared<opened_container>(*container);
      container = content->opened.get();
    }
    around.emplace_back(container, size_of(*container));
    if (around.size() == path.size()) break;
    auto const index = find(*container, token);
    if (!index) return;
    content = &alter(*container, *index).held;
  }
  for (auto const& [container, size] : around) {
    if (container->changed) continue;
    container->changed = true;
    auto const frame = size_of(*container);  // the size without children_bytes
    container->children_bytes = container->order.empty() ? 0 : size - frame;
  }
  change(*around.back().first);
  for (auto i = around.size() - 1; i != 0; --i)
    around[i - 1].first->children_bytes += size_of(*around[i].first) - around[i].second;
}

json_patching::child const* json_patching::altered_at(opened_container const& container, std::size_t index) {
  auto const which = container.order[index];
  return (which & altered_bit) != 0 ? &container.altered[which & ~altered_bit] : nullptr;
}

json_patching::child& json_patching::alter(opened_container& container, std::size_t index) {
  auto& which = container.order[index];
  if ((which & altered_bit) == 0) {
    auto const original = container.source.at(which);
    which = altered_bit | static_cast<std::uint32_t>(container.altered.size());
    container.altered.push_back({{original, nullptr}, original, ""});
  }
  return container.altered[which & ~altered_bit];
}

std::string_view json_patching::name_at(opened_container const& container, std::size_t index) {
  auto const* const altered = altered_at(container, index);
  if (altered == nullptr) return container.source.at(container.order[index]).name_text();
  return altered->place ? altered->place->name_text() : altered->name;
}

spacing json_patching::spacing_at(opened_container const& container, std::size_t index) {
  auto const* const altered = altered_at(container, index);
  if (altered == nullptr) return spacing_of(container.source.at(container.order[index]));
  return altered->place ? spacing_of(*altered->place) : spacing_for_new(container.source);
}

std::size_t json_patching::size_at(opened_container const& container, std::size_t index) {
  auto const around = spacing_at(container, index);
  auto const* const altered = altered_at(container, index);
  auto const size =
      altered == nullptr ? container.source.at(container.order[index]).text().size() : size_of(altered->held);
  return around.before.size() + name_at(container, index).size() + around.colon.size() + size + around.after.size();
}

std::size_t json_patching::size_of(piece const& content) {
  return content.opened != nullptr ? size_of(*content.opened) : content.source->text().size();
}

std::size_t json_patching::size_of(opened_container const& container) {
  if (!container.changed) return container.source.text().size();
  auto const count = container.order.size();
  return 2 + container.children_bytes + (count == 0 ? 0 : count - 1 + end_space_of(container.source).size());
}

std::size_t json_patching::levels_of(piece const& content) {
  if (content.opened == nullptr || !content.opened->changed) return levels_of_text(content.source->text());
  auto const& container = *content.opened;
  std::size_t deepest = 0;
  for (std::size_t i = 0; i < container.order.size(); ++i) {
    auto const* const altered = altered_at(container, i);
    deepest = std::max(deepest, altered != nullptr ? levels_of(altered->held)
                                                   : levels_of_text(container.source.at(container.order[i]).text()));
  }
  return deepest + 1;
}

void json_patching::write(std::string& out, piece const& content) {
  if (content.opened == nullptr || !content.opened->changed) {
    out += content.source->text();
    return;
  }
  auto const& container = *content.opened;
  auto const is_array = container.source.is(value_kind::array);
  out += is_array ? '[' : '{';
  for (std::size_t i = 0; i < container.order.size(); ++i) {
    if (i != 0) out += ',';
    auto const around = spacing_at(container, i);
    out += around.before;
    out += name_at(container, i);
    out += around.colon;
    if (auto const* const altered = altered_at(container, i); altered != nullptr)
      write(out, altered->held);
    else
      out += container.source.at(container.order[i]).text();
    out += around.after;
  }
  if (!container.order.empty()) out += end_space_of(container.source);
  out += is_array ? ']' : '}';
}

}  // namespace holdfast::server::json
