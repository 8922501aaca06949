#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace holdfast::protocol {

/// A short text put together on the stack, for what is written with every answer: a std::string would look at its
/// capacity for each of its pieces. The caller knows that `bytes_max` is enough.
template <std::size_t bytes_max>
class text_writer {
 public:
  text_writer() noexcept : end_(bytes_) {}
  text_writer(text_writer const&) = delete;
  text_writer& operator=(text_writer const&) = delete;

  /// A literal's length is known to the compiler, which copies it without a call.
  template <std::size_t size>
  text_writer& operator<<(char const (&literal)[size]) noexcept {
    std::memcpy(end_, literal, size - 1);
    end_ += size - 1;
    return *this;
  }

  text_writer& operator<<(std::string_view text) noexcept {
    std::memcpy(end_, text.data(), text.size());
    end_ += text.size();
    return *this;
  }

  text_writer& operator<<(std::unsigned_integral auto number) noexcept {
    end_ = std::to_chars(end_, bytes_ + bytes_max, number).ptr;
    return *this;
  }

  /// For functions that write like std::to_chars: where the next byte goes, and then where it went.
  [[nodiscard]] char* end() noexcept { return end_; }
  void set_end(char* end) noexcept { end_ = end; }

  [[nodiscard]] std::string_view view() const noexcept { return {bytes_, static_cast<std::size_t>(end_ - bytes_)}; }

 private:
  char bytes_[bytes_max];
  char* end_;
};

}  // namespace holdfast::protocol
