#include "server/cluster/commit_format.hpp"

#include <chrono>
#include <memory>
#include <utility>

namespace holdfast::server {

namespace {

// The first byte of a record. Records of later versions have another one.
constexpr char record_version = 1;
constexpr char expires_flag = 1, value_flag = 2;

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
void put_number(std::string& to, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) to += static_cast<char>(number | 0x80);
  to += static_cast<char>(number);
}

void put_text(std::string& to, std::string_view text) {
  put_number(to, text.size());
  to += text;
}

/// Takes a text apart from its beginning. Once something is missing, has_failed() is true and the rest is empty.
class parser {
 public:
  explicit parser(std::string_view text) : rest_(text) {}

  char byte() {
    auto const one = bytes(1);
    return one.empty() ? '\0' : one[0];
  }
  std::uint64_t number() {
    constexpr int bits = 64;
    std::uint64_t all = 0;
    for (auto shift = 0; shift < bits; shift += 7) {
      auto const one = static_cast<unsigned char>(byte());
      all |= std::uint64_t{one & 0x7fU} << shift;
      if (one < 0x80) return all;
    }
    fail();
    return 0;
  }
  std::string_view text() { return bytes(number()); }
  std::string_view rest() const { return rest_; }
  [[nodiscard]] bool has_failed() const { return has_failed_; }

 private:
  std::string_view bytes(std::uint64_t count) {
    if (count > rest_.size()) {
      fail();
      return {};
    }
    auto const taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  void fail() {
    has_failed_ = true;
    rest_ = {};
  }

  std::string_view rest_;
  bool has_failed_ = false;
};

/// @return nullopt if the format is unknown or the text ends too early.
std::optional<change> take_change(parser& from) {
  change one;
  one.what = static_cast<change::kind>(from.byte());
  one.space = static_cast<keyspace>(from.byte());
  auto const flags = from.byte();
  if (one.what > change::kind::touch || one.space > keyspace::locks || (flags & ~(expires_flag | value_flag)) != 0)
    return std::nullopt;
  auto const has_value = (flags & value_flag) != 0;
  if (one.what == change::kind::put && !has_value) return std::nullopt;
  one.sequence = from.number();
  one.revision = from.number();
  one.previous = from.number();
  if (flags & expires_flag) {
    std::chrono::nanoseconds const since(static_cast<std::int64_t>(from.number()));
    one.expires_at = change::instant(std::chrono::duration_cast<change::instant::duration>(since));
  }
  one.key = from.text();
  if (has_value) one.value = std::make_shared<std::string const>(from.text());
  if (from.has_failed()) return std::nullopt;
  return one;
}

}  // namespace

std::string write_record(log_record const& record) {
  std::string head;
  record::write_head(head, record.head);
  std::string text;
  text += record_version;
  text += static_cast<char>(record.what);
  put_number(text, static_cast<std::uint64_t>(record.term));
  put_number(text, record.first);
  put_number(text, record.pieces);
  put_text(text, head);
  text += record.changes;
  return text;
}

std::optional<log_record> read_record(std::string_view text) {
  parser from(text);
  if (from.byte() != record_version) return std::nullopt;
  log_record read{.what = static_cast<log_record::kind>(from.byte())};
  read.term = static_cast<std::int64_t>(from.number());
  read.first = from.number();
  read.pieces = from.number();
  auto const head = record::read_head(from.text());
  if (read.what > log_record::kind::piece || !head || from.has_failed()) return std::nullopt;
  read.head = *head;
  read.changes = from.rest();
  return read;
}

void append_change(std::string& to, change const& one) {
  auto const has_value = one.value && one.what != change::kind::touch;
  char flags = 0;
  if (one.expires_at) flags |= expires_flag;
  if (has_value) flags |= value_flag;
  to += static_cast<char>(one.what);
  to += static_cast<char>(one.space);
  to += flags;
  put_number(to, one.sequence);
  put_number(to, one.revision);
  put_number(to, one.previous);
  if (one.expires_at) {
    auto const since = std::chrono::duration_cast<std::chrono::nanoseconds>(one.expires_at->time_since_epoch());
    put_number(to, static_cast<std::uint64_t>(since.count()));
  }
  put_text(to, one.key);
  if (has_value) put_text(to, *one.value);
}

std::optional<std::vector<change>> read_changes(std::string_view text) {
  std::vector<change> all;
  for (parser from(text); !from.rest().empty();) {
    auto one = take_change(from);
    if (!one) return std::nullopt;
    all.push_back(*std::move(one));
  }
  return all;
}

}  // namespace holdfast::server
