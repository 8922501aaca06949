#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

namespace holdfast::protocol {

/// Writes a short text into memory that the caller knows to be large enough. For text in every answer: std::string
/// would check its capacity for every part. The only state is the next position, which stays in a register.
class text_writer {
 public:
  explicit text_writer(char* to) noexcept : end_(to) {}

  /// The length of a literal is known at compile time, so no call is needed to copy it.
  template <std::size_t size>
  text_writer& operator<<(char const (&literal)[size]) noexcept {
    std::memcpy(end_, literal, size - 1);
    end_ += size - 1;
    return *this;
  }

  template <std::size_t size>
  text_writer& operator<<(std::span<char const, size> text) noexcept {
    std::memcpy(end_, text.data(), size);
    end_ += size;
    return *this;
  }

  text_writer& operator<<(std::string_view text) noexcept {
    std::memcpy(end_, text.data(), text.size());
    end_ += text.size();
    return *this;
  }

  text_writer& operator<<(std::unsigned_integral auto number) noexcept {
    constexpr std::ptrdiff_t digits_max = 20;
    end_ = std::to_chars(end_, end_ + digits_max, number).ptr;
    return *this;
  }

  /// For functions that write like std::to_chars: the next position, to be set to the end of what they have written.
  [[nodiscard]] char* end() const noexcept { return end_; }
  void set_end(char* end) noexcept { end_ = end; }

 private:
  char* end_;
};

}  // namespace holdfast::protocol
