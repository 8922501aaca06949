#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/json/document.hpp"

namespace holdfast::server::json {

/// A JSON Merge Patch (RFC 7396), parsed once and applicable to any number of texts. Thread-safe once parsed.
class merge_patch {
 public:
  /// @param text must outlive the patch.
  /// @return errc::invalid_json if it is not JSON; errc::invalid_patch if one of its objects has a duplicate name.
  [[nodiscard]] static protocol::result<merge_patch> parse(std::string_view text);

  /// Applies the patch to the JSON text `target`. Everything that the patch does not name keeps its bytes and its
  /// order; new members are appended in the patch's order with the patch's bytes, so numbers are never reformatted.
  /// Takes time linear in both texts, but for the look-up of names in objects with many.
  /// @return errc::patch_conflict if a name in the patch occurs twice in an object of the target, which is ambiguous.
  /// Other duplicate names are kept.
  [[nodiscard]] protocol::result<std::string> apply(std::string_view target) const;

 private:
  static constexpr std::uint32_t no_object = 0xFFFFFFFF;

  struct member_change {
    value to;
    std::uint32_t object = no_object;  // index of the nested changes, if `to` is an object
  };
  struct object_changes {
    std::vector<member_change> changes;
    std::map<std::string_view, std::uint32_t> by_name;  // ordered: no client can choose names that collide
  };

  explicit merge_patch(document parsed) : document_(std::move(parsed)) {}
  void append_new(std::string& out, member_change const& change) const;
  bool append_merged(std::string& out, value target, object_changes const& object, std::string& conflict) const;

  document document_;
  std::deque<std::string> decoded_names_;  // names written with escapes
  std::vector<object_changes> objects_;    // the first is the patch itself
  int levels_ = 1;
};

}  // namespace holdfast::server::json
