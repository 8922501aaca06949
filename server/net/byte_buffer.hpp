#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace holdfast::server {

/// A contiguous FIFO buffer of bytes: appended at the back, consumed from the front.
class byte_buffer {
 public:
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] char* data() noexcept { return bytes_.get() + begin_; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  /// @return free space of at least `bytes` at the back. Invalidates views.
  [[nodiscard]] std::span<char> prepare(std::size_t bytes) {
    if (capacity_ - end_ < bytes) make_room(bytes);
    return {bytes_.get() + end_, capacity_ - end_};
  }

  /// Appends the first `bytes` of the prepared space.
  void commit(std::size_t bytes) noexcept { end_ += bytes; }

  void append(std::string_view text);

  /// Discards everything after the first `bytes`.
  void truncate(std::size_t bytes) noexcept;

  /// Discards `bytes` from the front. Views stay valid until the next prepare() or release().
  void consume(std::size_t bytes) noexcept;

  /// Frees the memory; call only while empty. Idle connections hold no buffer.
  void release() noexcept;

 private:
  void make_room(std::size_t bytes);

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace holdfast::server
