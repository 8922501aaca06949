#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/error.hpp"

namespace holdfast::server::json {

enum class value_kind : std::uint8_t { null, boolean, number, string, array, object };

class elements;

/// A value in a parsed text: a view, which lives as long as the document and the text. Copying it is cheap.
class value {
 public:
  [[nodiscard]] value_kind kind() const noexcept;
  [[nodiscard]] bool is(value_kind wanted) const noexcept { return kind() == wanted; }

  /// The value as it was written, byte for byte, without the white space around it.
  [[nodiscard]] std::string_view text() const noexcept;

  /// The name that it has as a member, with its quotes, or nothing.
  [[nodiscard]] std::string_view name_text() const noexcept;

  /// The same, decoded for comparing names: see decode_for_comparing().
  [[nodiscard]] std::string name() const;

  /// Where it stands, as a JSON pointer (RFC 6901): "" for the root. Takes time linear in the document: for errors.
  [[nodiscard]] std::string pointer() const;

  /// A string decoded to UTF-8. @return errc::invalid_json with the pointer if it is no string, or has half a surrogate
  /// pair, which no UTF-8 can say.
  [[nodiscard]] protocol::result<std::string> as_string() const;

  /// A number whose exact value is an integer of 64 bits, however it is written: 5, 5.0, 50e-1. @return
  /// errc::invalid_json with the pointer otherwise.
  [[nodiscard]] protocol::result<std::int64_t> as_integer() const;

  /// true or false. @return errc::invalid_json with the pointer otherwise.
  [[nodiscard]] protocol::result<bool> as_boolean() const;

  /// What is in an array or object, in the order of the text; nothing in other values. Members may share a name.
  [[nodiscard]] elements children() const noexcept;

  /// The same, or errc::invalid_json with the pointer if it is no array (no object).
  [[nodiscard]] protocol::result<elements> as_array() const;
  [[nodiscard]] protocol::result<elements> as_object() const;

  /// Its number among the document's values, to keep it in four bytes; and any value of the same document by its
  /// number.
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  [[nodiscard]] value at(std::uint32_t index) const noexcept { return {*data_, index}; }

  /// The text of the document that it is in, behind and before it.
  [[nodiscard]] std::string_view document_text() const noexcept;

  /// errc::invalid_json: "at /operations/2/ttl: `problem`", "at the top: …" for the root.
  [[nodiscard]] protocol::failure failure(std::string_view problem) const;

 private:
  friend class document;
  friend class elements;

  /// 20 bytes for each value in a text.
  struct node {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
    std::uint32_t name_begin = 0;  // of the name's quote; 0 without a name, which is where no name begins
    std::uint32_t name_size = 0;
    std::uint32_t next = 0;  // index of the first node behind this one and all that is in it
  };
  struct contents {
    std::string_view text;
    std::vector<node> nodes;  // in the order of the text, a container before what is in it
  };

  value(contents const& data, std::uint32_t index) noexcept : data_(&data), index_(index) {}
  [[nodiscard]] node const& self() const noexcept { return data_->nodes[index_]; }
  [[nodiscard]] protocol::failure wrong_type(std::string_view wanted) const;

  contents const* data_;
  std::uint32_t index_;
};

/// The children of a container, in the order of the text.
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

/// A JSON text that has been checked and of which each value can be found. Nothing is converted or copied: every value
/// is a slice of the text. Parsing does not recurse, and takes at most protocol::json_depth_max levels.
class document {
 public:
  static constexpr int every_level = 1 << 20;

  /// @param text outlives the document. @param levels how deep values can be looked into: what is nested deeper is
  /// checked and is part of its container's text, but not one of its children(), and so costs no memory. 1 finds the
  /// root alone.
  /// @return errc::invalid_json as protocol::check_json() says it.
  [[nodiscard]] static protocol::result<document> parse(std::string_view text, int levels = every_level);

  [[nodiscard]] value root() const noexcept { return {*data_, 0}; }

  /// Bytes of memory besides the text: 20 to 40 for each value that was kept.
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return data_->nodes.capacity() * sizeof(value::node); }

 private:
  explicit document(std::unique_ptr<value::contents> data) noexcept : data_(std::move(data)) {}

  std::unique_ptr<value::contents> data_;  // apart, so that views stay valid when the document moves
};

}  // namespace holdfast::server::json
