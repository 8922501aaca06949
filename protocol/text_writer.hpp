#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

namespace holdfast::protocol {

/// Puts a short text together in memory that the caller knows to be enough, for what is written with every answer: a
/// std::string would look at its capacity for each of its pieces. It keeps nothing but the place where the next byte
/// goes, which so stays in a register.
class text_writer {
 public:
  explicit text_writer(char* to) noexcept : end_(to) {}

  /// A literal's length is known to the compiler, which copies it without a call.
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

  /// For functions that write like std::to_chars: where the next byte goes, and then where it went.
  [[nodiscard]] char* end() const noexcept { return end_; }
  void set_end(char* end) noexcept { end_ = end; }

 private:
  char* end_;
};

}  // namespace holdfast::protocol
