#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.hpp"
#include "protocol/json.hpp"

namespace holdfast::server::json {

enum class value_kind : std::uint8_t { null, boolean, number, string, array, object };

class elements;

/// A view of a value in a parsed text. Valid as long as the document and the text live; cheap to copy.
class value {
 public:
  [[nodiscard]] value_kind kind() const noexcept;
  [[nodiscard]] bool is(value_kind wanted) const noexcept { return kind() == wanted; }

  /// The value's text as written, without surrounding white space.
  [[nodiscard]] std::string_view text() const noexcept;

  /// The member's name as written, with quotes; empty if the value is not a member.
  [[nodiscard]] std::string_view name_text() const noexcept;

  /// The member's name decoded for comparisons; see decode_for_comparing().
  [[nodiscard]] std::string name() const;

  /// The value's location as a JSON pointer (RFC 6901), "" for the root. Takes time linear in the document: for errors.
  [[nodiscard]] std::string pointer() const;

  /// The string decoded to UTF-8. @return errc::invalid_json with the pointer if the value is not a string, or contains
  /// an unpaired surrogate, which UTF-8 cannot represent.
  [[nodiscard]] protocol::result<std::string> as_string() const;

  /// The number as an integer, in any notation: 5, 5.0, 50e-1. @return errc::invalid_json with the pointer if the value
  /// is not a number, or not exactly a 64-bit integer.
  [[nodiscard]] protocol::result<std::int64_t> as_integer() const;

  /// @return errc::invalid_json with the pointer if the value is neither true nor false.
  [[nodiscard]] protocol::result<bool> as_boolean() const;

  /// The elements or members in the order of the text; empty for other values. Members may have equal names.
  [[nodiscard]] elements children() const noexcept;

  /// The same, or errc::invalid_json with the pointer if the value is not an array (as_object(): an object).
  [[nodiscard]] protocol::result<elements> as_array() const;
  [[nodiscard]] protocol::result<elements> as_object() const;

  /// The index identifies the value in four bytes; at() returns any value of the same document by its index.
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  [[nodiscard]] value at(std::uint32_t index) const noexcept { return {*data_, index}; }

  /// The entire text of the document.
  [[nodiscard]] std::string_view document_text() const noexcept;

  /// errc::invalid_json: "at /operations/2/ttl: `problem`", or "at the top: …" for the root.
  [[nodiscard]] protocol::failure failure(std::string_view problem) const;

 private:
  friend class document;
  friend class elements;

  /// One value of the text, in 20 bytes.
  struct node {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
    std::uint32_t name_begin = 0;  // offset of the name's quote; 0, where no name can begin, if there is no name
    std::uint32_t name_size = 0;
    std::uint32_t next = 0;  // index of the first node after this one and its descendants
  };
  struct contents {
    std::string_view text;
    std::vector<node> nodes;  // in the order of the text, so a container precedes its children
  };

  value(contents const& data, std::uint32_t index) noexcept : data_(&data), index_(index) {}
  [[nodiscard]] node const& self() const noexcept { return data_->nodes[index_]; }
  [[nodiscard]] protocol::failure wrong_type(std::string_view wanted) const;

  contents const* data_;
  std::uint32_t index_;
};

/// The children of a container in the order of the text.
class elements {
 public:
  class iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = value;
    using difference_type = std::ptrdiff_t;
    using reference = value;
    using pointer = void;

    iterator() = default;
    [[nodiscard]] value operator*() const noexcept { return {*data_, index_}; }
    iterator& operator++() noexcept {
      index_ = data_->nodes[index_].next;
      return *this;
    }
    iterator operator++(int) noexcept {
      auto const before = *this;
      ++*this;
      return before;
    }
    [[nodiscard]] bool operator==(iterator const&) const noexcept = default;

   private:
    friend class elements;
    iterator(value::contents const* data, std::uint32_t index) noexcept : data_(data), index_(index) {}

    value::contents const* data_ = nullptr;
    std::uint32_t index_ = 0;
  };

  [[nodiscard]] iterator begin() const noexcept { return {data_, first_}; }
  [[nodiscard]] iterator end() const noexcept { return {data_, end_}; }
  [[nodiscard]] bool empty() const noexcept { return first_ == end_; }

 private:
  friend class value;
  elements(value::contents const* data, std::uint32_t first, std::uint32_t end) noexcept
      : data_(data), first_(first), end_(end) {}

  value::contents const* data_;
  std::uint32_t first_;
  std::uint32_t end_;
};

/// A checked JSON text with an index of its values. Nothing is converted or copied: a value is a slice of the text.
/// Parsing does not recurse.
class document {
 public:
  static constexpr int every_level = 1 << 20;

  /// @param text must outlive the document. @param levels the number of levels to index. Deeper values are checked and
  /// belong to their container's text, but are not among its children() and use no memory; 1 indexes the root only.
  /// @param depth_max the number of levels that are valid.
  /// @return errc::invalid_json as reported by protocol::check_json(); if a value that has no index for its deeper
  /// levels is nested too deep, with the value's pointer.
  [[nodiscard]] static protocol::result<document> parse(std::string_view text, int levels = every_level,
                                                        int depth_max = protocol::json_depth_max);

  [[nodiscard]] value root() const noexcept { return {*data_, 0}; }

  /// Memory used besides the text: 20 to 40 bytes for each indexed value.
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return data_->nodes.capacity() * sizeof(value::node); }

 private:
  explicit document(std::unique_ptr<value::contents> data) noexcept : data_(std::move(data)) {}

  std::unique_ptr<value::contents> data_;  // allocated separately, so that views stay valid when the document moves
};

}  // namespace holdfast::server::json
