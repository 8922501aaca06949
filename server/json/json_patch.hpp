#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/json/document.hpp"
#include "server/json/pointer.hpp"
#include "server/json/spacing.hpp"

namespace holdfast::server::json {

/// A JSON Patch (RFC 6902), parsed and checked once and applicable to any number of texts. Thread-safe once parsed.
class json_patch {
 public:
  static constexpr std::size_t operations_max = 1000;

  enum class verb { add, remove, replace, move, copy, test };

  struct operation {
    json_patch::verb verb = verb::test;
    pointer_tokens path;
    pointer_tokens from;
    std::string name;         ///< the last token of `path` as a JSON string, the name of a new member
    std::string description;  ///< for messages: `"add" /a/b`
    std::optional<value> operand;
  };

  /// @param text must outlive the patch.
  /// @return errc::invalid_json if it is not JSON; errc::invalid_patch with the JSON pointer for an unknown "op", a
  /// missing or duplicate member, an invalid JSON pointer, more than operations_max operations, a move into the moved
  /// value itself, or removal of the entire value. Members that RFC 6902 does not define are ignored.
  [[nodiscard]] static protocol::result<json_patch> parse(std::string_view text);

  /// Applies all operations to the JSON text `target`; see json_patching.
  [[nodiscard]] protocol::result<std::string> apply(std::string_view target, std::size_t bytes_max) const;

  [[nodiscard]] std::vector<operation> const& operations() const noexcept { return operations_; }

 private:
  explicit json_patch(document parsed) : document_(std::move(parsed)) {}

  document document_;
  std::vector<operation> operations_;
  int levels_ = 1;

  friend class json_patching;
};

/// Applies a patch operation by operation, so that others can run in between: an operation on a value of a megabyte
/// takes up to a few milliseconds.
///
/// Everything that no operation names keeps its bytes and its order; added values have the patch's bytes, copied ones
/// those of their origin, so numbers are never reformatted. "test" compares by are_equal(). Objects of the target may
/// have duplicate names; an operation that names such a member fails as ambiguous.
class json_patching {
 public:
  /// @param target JSON; must outlive this object, as must `patch`. @param bytes_max limit for the size of the value
  /// after each operation.
  json_patching(json_patch const& patch, std::string_view target, std::size_t bytes_max);

  /// Runs the next operation. @return true if another one follows and none has failed.
  bool step();

  /// The number of operations done, which is also the index of the one that failed, if any.
  [[nodiscard]] std::size_t operations_done() const noexcept { return done_; }

  /// Call after the last step(). @return the new text, or errc::patch_conflict with the failed operation's index and
  /// the reason.
  [[nodiscard]] protocol::result<std::string> finish();

 private:
  struct opened_container;

  /// A value, original or changed.
  struct piece {
    std::optional<value> source;
    std::shared_ptr<opened_container> opened;  // its children, once an operation has opened it; shared by copies
  };
  struct child {
    piece held;
    std::optional<value> place;  // the original value at this place, which determines name and spacing
    std::string_view name;       // with quotes, if there is no `place`
  };
  /// An array or object that an operation has opened. Unchanged children take four bytes each, so inserting among half
  /// a million is fast.
  struct opened_container {
    value source;
    std::vector<std::uint32_t> order;  // indexes into the source's document, or into `altered` with altered_bit
    std::vector<child> altered;
    bool changed = false;            // if false, its text is the source's
    std::size_t children_bytes = 0;  // including spacing; valid if changed
  };
  static constexpr std::uint32_t altered_bit = 0x80000000;

  static child const* altered_at(opened_container const& container, std::size_t index);
  static child& alter(opened_container& container, std::size_t index);
  static std::string_view name_at(opened_container const& container, std::size_t index);
  static spacing spacing_at(opened_container const& container, std::size_t index);
  static std::size_t size_at(opened_container const& container, std::size_t index);
  static std::size_t size_of(piece const& content);
  static std::size_t size_of(opened_container const& container);
  static std::size_t levels_of(piece const& content);
  static void write(std::string& out, piece const& content);

  void run(json_patch::operation const& operation);
  void put(json_patch::operation const& operation, piece content);
  void remove(pointer_tokens const& path);
  void test(json_patch::operation const& operation);

  // On failure these set reason_.
  opened_container* open(piece& content);
  std::optional<std::size_t> find(opened_container const& container, std::string_view token);
  piece* look_up(pointer_tokens const& path);
  template <class Change>
  void change(pointer_tokens const& path, Change change);
  void fail(std::string reason) { reason_ = std::move(reason); }
  [[nodiscard]] bool failed() const noexcept { return !reason_.empty(); }

  json_patch const& patch_;
  std::size_t bytes_max_;
  std::deque<document> documents_;
  std::string_view before_;
  std::string_view after_;  // white space before and after the target
  piece root_;
  std::size_t done_ = 0;
  std::string reason_;                        // why operation done_ failed
  bool ambiguous_ = false;                    // the last find() in an object found duplicate names
  std::optional<protocol::failure> refused_;  // why the target was rejected
};

}  // namespace holdfast::server::json
