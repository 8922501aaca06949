#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/json/document.hpp"

namespace holdfast::server::json {

/// A JSON Merge Patch (RFC 7396), parsed once and applied to texts any number of times, also by several threads.
class merge_patch {
 public:
  /// @param text outlives the patch.
  /// @return errc::invalid_json if it is not JSON; errc::invalid_patch if one of its objects has a name twice.
  [[nodiscard]] static protocol::result<merge_patch> parse(std::string_view text);

  /// The text of `target`, which is JSON, after the patch. What the patch does not name stays byte for byte, in its
  /// order; new members come last, in the patch's order, and have the patch's bytes. So no number changes unless the
  /// patch says another one. Takes time linear in both texts.
  /// @return errc::patch_conflict if an object of the target has twice a name that the patch names: it does not say
  /// which one is meant. Names that the patch does not name may be there any number of times and stay so.
  [[nodiscard]] protocol::result<std::string> apply(std::string_view target) const;

 private:
  static constexpr std::uint32_t no_object = 0xFFFFFFFF;

  struct member_change {
    value to;
    std::uint32_t object = no_object;  // where its own changes are, if `to` is an object
  };
  struct object_changes {
    std::vector<member_change> changes;
    std::unordered_map<std::string_view, std::uint32_t> by_name;
  };

  explicit merge_patch(document parsed) : document_(std::move(parsed)) {}
  void append_new(std::string& out, member_change const& change) const;
  bool append_merged(std::string& out, value target, object_changes const& object, std::string& conflict) const;

  document document_;
  std::deque<std::string> decoded_names_;  // those with escapes
  std::vector<object_changes> objects_;    // the patch's own first
  int levels_ = 1;
};

}  // namespace holdfast::server::json
