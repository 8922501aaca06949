#include "server/json/merge_patch.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "server/json/pointer.hpp"
#include "server/json/spacing.hpp"

namespace holdfast::server::json {

using protocol::errc;
using protocol::result;

result<merge_patch> merge_patch::parse(std::string_view text) {
  auto parsed = document::parse(text);
  if (!parsed) return parsed.error();
  merge_patch patch(std::move(*parsed));
  auto const root = patch.document_.root();
  if (!root.is(value_kind::object)) return patch;

  // An object comes before those in it, so no recursion is needed: those of one depth, then those of the next.
  std::vector<value> sources{root};
  std::size_t level_end = 1;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (i == level_end) {
      level_end = sources.size();
      ++patch.levels_;
    }
    object_changes object;
    std::vector<std::uint32_t> by_name;
    std::vector<member_change> in_order;
    for (auto const member : sources[i].children()) {
      member_change change{member.name(), member};
      if (member.is(value_kind::object)) {
        change.object = static_cast<std::uint32_t>(sources.size());
        sources.push_back(member);
      }
      in_order.push_back(std::move(change));
    }
    by_name.resize(in_order.size());
    std::iota(by_name.begin(), by_name.end(), 0U);
    std::ranges::sort(by_name, {}, [&](std::uint32_t index) -> std::string const& { return in_order[index].name; });
    object.in_order.resize(in_order.size());
    for (std::uint32_t position = 0; position < by_name.size(); ++position) {
      object.in_order[by_name[position]] = position;
      object.changes.push_back(std::move(in_order[by_name[position]]));
      if (position == 0 || object.changes[position - 1].name != object.changes[position].name) continue;
      auto failure =
          sources[i].failure("the name " + std::string(object.changes[position].to.name_text()) + " is there twice");
      failure.code = errc::invalid_patch;
      return failure;
    }
    patch.objects_.push_back(std::move(object));
  }
  ++patch.levels_;
  return patch;
}

result<std::string> merge_patch::apply(std::string_view target) const {
  auto const root = document_.root();
  std::string out;
  if (objects_.empty()) {
    out = root.text();
    return out;
  }
  auto const parsed = document::parse(target, levels_);
  if (!parsed) return parsed.error();
  out.reserve(target.size() + root.document_text().size());
  if (!parsed->root().is(value_kind::object)) {
    append_new(out, {"", root, 0});
    return out;
  }
  auto const text = parsed->root().text();
  out += target.substr(0, static_cast<std::size_t>(text.data() - target.data()));
  std::string conflict;
  if (!append_merged(out, parsed->root(), objects_.front(), conflict))
    return protocol::failure{errc::patch_conflict, std::move(conflict)};
  out += target.substr(static_cast<std::size_t>(text.data() + text.size() - target.data()));
  return out;
}

/// What `change` makes of nothing. Recurses as deep as the patch.
void merge_patch::append_new(std::string& out, member_change const& change) const {
  if (change.object == no_object) {
    out += change.to.text();
    return;
  }
  auto const& object = objects_[change.object];
  out += '{';
  bool first = true;
  for (auto const position : object.in_order) {
    auto const& member = object.changes[position];
    if (member.to.is(value_kind::null)) continue;
    if (!first) out += ',';
    first = false;
    out += member.to.name_text();
    out += ':';
    append_new(out, member);
  }
  out += '}';
}

/// What `object` makes of the object `target`. Recurses as deep as the patch.
/// @return false for a conflict.
bool merge_patch::append_merged(std::string& out, value target, object_changes const& object,
                                std::string& conflict) const {
  auto const begin = out.size();
  std::vector<bool> found(object.changes.size());
  bool first = true;
  out += '{';
  for (auto const member : target.children()) {
    auto const name = member.name();
    auto const change = std::ranges::lower_bound(object.changes, name, {}, &member_change::name);
    auto const is_named = change != object.changes.end() && change->name == name;
    if (is_named) {
      auto const position = static_cast<std::size_t>(change - object.changes.begin());
      if (found[position]) {
        conflict = "the value has a name twice, so the patch does not say which member it means: " + member.pointer();
        return false;
      }
      found[position] = true;
      if (change->to.is(value_kind::null)) continue;
    }
    auto const spacing = spacing_of(member);
    if (!first) out += ',';
    first = false;
    out += spacing.before;
    out += member.name_text();
    out += spacing.colon;
    if (!is_named) {
      out += member.text();
    } else if (change->object != no_object && member.is(value_kind::object)) {
      if (!append_merged(out, member, objects_[change->object], conflict)) return false;
    } else {
      append_new(out, *change);
    }
    out += spacing.after;
  }
  auto const spacing = spacing_for_new(target);
  for (auto const position : object.in_order) {
    auto const& change = object.changes[position];
    if (found[position] || change.to.is(value_kind::null)) continue;
    if (!first) out += ',';
    first = false;
    out += spacing.before;
    out += change.to.name_text();
    out += spacing.colon;
    append_new(out, change);
  }
  if (first && target.children().empty()) {
    out.resize(begin);
    out += target.text();
    return true;
  }
  if (!first) out += end_space_of(target);
  out += '}';
  return true;
}

}  // namespace holdfast::server::json
