#include "server/net/byte_buffer.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace holdfast::server {

void byte_buffer::make_room(std::size_t bytes) {
  auto const used = size();
  if (capacity_ < used + bytes) {
    auto const wanted = std::max(used + bytes, std::min(capacity_ * 2, capacity_ + 256 * 1024));
    std::unique_ptr<char[]> larger(new char[wanted]);
    if (used != 0) std::memcpy(larger.get(), bytes_.get() + begin_, used);
    bytes_ = std::move(larger);
    capacity_ = wanted;
  } else if (used != 0) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, used);
  }
  begin_ = 0;
  end_ = used;
}

void byte_buffer::append(std::string_view text) {
  std::copy(text.begin(), text.end(), prepare(text.size()).begin());
  commit(text.size());
}

void byte_buffer::truncate(std::size_t bytes) noexcept {
  assert(bytes <= size());
  end_ = begin_ + bytes;
}

void byte_buffer::consume(std::size_t bytes) noexcept {
  assert(bytes <= size());
  begin_ += bytes;
  if (begin_ == end_) begin_ = end_ = 0;
}

void byte_buffer::release() noexcept {
  assert(empty());
  bytes_.reset();
  capacity_ = begin_ = end_ = 0;
}

}  // namespace holdfast::server
