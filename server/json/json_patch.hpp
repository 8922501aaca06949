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

/// A JSON Patch (RFC 6902), parsed and checked once, and applied to texts any number of times, also by several threads.
class json_patch {
 public:
  static constexpr std::size_t operations_max = 1000;

  enum class verb { add, remove, replace, move, copy, test };

  struct operation {
    json_patch::verb verb = verb::test;
    pointer_tokens path;
    pointer_tokens from;
    std::string name;         ///< the last token of `path` as a JSON string, for a new member
    std::string description;  ///< for people: `"add" /a/b`
    std::optional<value> operand;
  };

  /// @param text outlives the patch.
  /// @return errc::invalid_json if it is not JSON; errc::invalid_patch with the JSON pointer of the place for an
  /// unknown "op", a missing or doubled member, a path that is no JSON pointer, more than operations_max operations, a
  /// move into what is moved, and for the removal of the entire value. Members that RFC 6902 does not name are ignored.
  [[nodiscard]] static protocol::result<json_patch> parse(std::string_view text);

  /// The text of `target`, which is JSON, after all operations: see json_patching.
  [[nodiscard]] protocol::result<std::string> apply(std::string_view target, std::size_t bytes_max) const;

  [[nodiscard]] std::vector<operation> const& operations() const noexcept { return operations_; }

 private:
  explicit json_patch(document parsed) : document_(std::move(parsed)) {}

  document document_;
  std::vector<operation> operations_;
  int levels_ = 1;

  friend class json_patching;
};

/// One application of a patch, operation by operation, so that others can have their turn between two of them: an
/// operation on a value of a megabyte takes up to some milliseconds.
///
/// What no operation names stays byte for byte, in its order; what is added has the patch's bytes, what is copied the
/// bytes of its origin. So no number can come back different from what it was. "test" compares as are_equal() does. An
/// object of the target may have a name twice; an operation that names such a member fails, since it does not say which
/// one is meant.
class json_patching {
 public:
  /// @param target is JSON; it and `patch` outlive this. @param bytes_max how large the value may be after each
  /// operation.
  json_patching(json_patch const& patch, std::string_view target, std::size_t bytes_max);

  /// Runs the next operation. @return true while there is one more, and nothing failed.
  bool step();

  /// How many operations were done: the index of the one that failed, if one did.
  [[nodiscard]] std::size_t operations_done() const noexcept { return done_; }

  /// After the last step(): the new text, or errc::patch_conflict that names the operation's index and what hindered
  /// it.
  [[nodiscard]] protocol::result<std::string> finish();

 private:
  struct opened_container;

  /// A value: as it was read, or as it has been changed since.
  struct piece {
    std::optional<value> source;
    std::shared_ptr<opened_container> opened;  // what is in it, once an operation has looked; copies share it
  };
  struct child {
    piece held;
    std::optional<value> place;  // what stood here in the container's text: it has the name and the spaces
    std::string_view name;       // with quotes, if there is no `place`
  };
  /// An array or object that an operation has looked into. Four bytes for each child that nobody has touched, so that a
  /// child is inserted into half a million others in a moment.
  struct opened_container {
    value source;
    std::vector<std::uint32_t> order;  // the children: an index of the source's document, or altered_bit and one here
    std::vector<child> altered;
    bool changed = false;            // else its text is the source's
    std::size_t children_bytes = 0;  // with their spaces, counted once it is changed
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

  // Each of these says in reason_ why, if it can't.
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
  std::string_view after_;  // white space around the target
  piece root_;
  std::size_t done_ = 0;
  std::string reason_;                        // why the operation done_ failed
  bool ambiguous_ = false;                    // the last find() in an object: it has the name twice
  std::optional<protocol::failure> refused_;  // the target
};

}  // namespace holdfast::server::json
