#include "server/json/merge_patch.hpp"

#include <utility>

#include "server/json/spacing.hpp"
#include "server/json/string.hpp"

namespace holdfast::server::json {

using protocol::errc;
using protocol::result;

result<merge_patch> merge_patch::parse(std::string_view text) {
  auto parsed = document::parse(text);
  if (!parsed) return parsed.error();
  merge_patch patch(std::move(*parsed));
  auto const root = patch.document_.root();
  if (!root.is(value_kind::object)) return patch;

  // Process the objects level by level, each before the objects in it, which needs no recursion.
  std::vector<value> sources{root};
  std::size_t level_end = 1;
  std::string storage;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (i == level_end) {
      level_end = sources.size();
      ++patch.levels_;
    }
    object_changes object;
    for (auto const member : sources[i].children()) {
      auto name = view_for_comparing(member.name_text(), storage);
      if (name.data() == storage.data()) name = patch.decoded_names_.emplace_back(name);
      if (!object.by_name.emplace(name, static_cast<std::uint32_t>(object.changes.size())).second) {
        auto failure = sources[i].failure("the name " + std::string(member.name_text()) + " is there twice");
        failure.code = errc::invalid_patch;
        return failure;
      }
      object.changes.push_back({member});
      if (!member.is(value_kind::object)) continue;
      object.changes.back().object = static_cast<std::uint32_t>(sources.size());
      sources.push_back(member);
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
    append_new(out, {root, 0});
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

/// The result of applying `change` to nothing. Recurses as deep as the patch.
void merge_patch::append_new(std::string& out, member_change const& change) const {
  if (change.object == no_object) {
    out += change.to.text();
    return;
  }
  auto const& object = objects_[change.object];
  out += '{';
  bool first = true;
  for (auto const& member : object.changes) {
    if (member.to.is(value_kind::null)) continue;
    if (!first) out += ',';
    first = false;
    out += member.to.name_text();
    out += ':';
    append_new(out, member);
  }
  out += '}';
}

/// Appends the result of applying `object` to the object `target`. Recurses as deep as the patch.
/// @return false on a conflict.
bool merge_patch::append_merged(std::string& out, value target, object_changes const& object,
                                std::string& conflict) const {
  auto const begin = out.size();
  std::vector<bool> found(object.changes.size());
  std::string storage;
  bool first = true;
  out += '{';
  for (auto const member : target.children()) {
    auto const named = object.by_name.find(view_for_comparing(member.name_text(), storage));
    auto const is_named = named != object.by_name.end();
    if (is_named) {
      if (found[named->second]) {
        conflict = "the value has a name twice, so the patch does not say which member it means: " + member.pointer();
        return false;
      }
      found[named->second] = true;
      if (object.changes[named->second].to.is(value_kind::null)) continue;
    }
    auto const spacing = spacing_of(member);
    if (!first) out += ',';
    first = false;
    out += spacing.before;
    out += member.name_text();
    out += spacing.colon;
    if (!is_named) {
      out += member.text();
    } else if (auto const& change = object.changes[named->second];
               change.object != no_object && member.is(value_kind::object)) {
      if (!append_merged(out, member, objects_[change.object], conflict)) return false;
    } else {
      append_new(out, change);
    }
    out += spacing.after;
  }
  auto const spacing = spacing_for_new(target);
  for (std::size_t i = 0; i < object.changes.size(); ++i) {
    auto const& change = object.changes[i];
    if (found[i] || change.to.is(value_kind::null)) continue;
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
