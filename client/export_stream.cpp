#include "client/export_stream.hpp"

#include <algorithm>
#include <boost/crc.hpp>
#include <charconv>
#include <cstdio>

#include "client/json_parts.hpp"
#include "client/refusal.hpp"
#include "protocol/json.hpp"

namespace holdfast::client {
namespace {

/// Parses the last line; nullopt for other lines.
std::optional<export_end> read_end(std::string_view line) {
  if (!line.starts_with(R"({"end")") || !protocol::check_json(line)) return std::nullopt;
  export_end end;
  bool is_end = false;
  for (auto const& [name, value] : members_of(line)) {
    auto const number = [&](std::uint64_t& to) { std::from_chars(value.data(), value.data() + value.size(), to); };
    if (name == "end") is_end = value == "true";
    if (name == "revision") number(end.revision);
    if (name == "entries") number(end.entries);
    if (name == "crc32c") end.crc32c = string_in(value);
  }
  if (!is_end) return std::nullopt;
  return end;
}

/// The reason for which a server aborts an export, if the line has one.
std::optional<error> read_error(std::string_view line) {
  if (!line.starts_with(R"({"error")") || !protocol::check_json(line)) return std::nullopt;
  answer_message refused;
  refused.content = content_kind::problem_json;
  for (auto const& [name, value] : members_of(line)) {
    if (name == "error") refused.body = value;
  }
  for (auto const& [name, value] : members_of(refused.body)) {
    if (name == "status") std::from_chars(value.data(), value.data() + value.size(), refused.status);
  }
  return refused_by(refused);
}

error cut(std::string what) {
  return {error_kind::bad_answer, "the export is not complete: " + std::move(what), {}};
}

}  // namespace

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4).
class export_stream::checksum {
 public:
  void take(std::string_view bytes) { sum_.process_bytes(bytes.data(), bytes.size()); }
  [[nodiscard]] std::string text() const {
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(sum_.checksum()));
    return digits;
  }

 private:
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> sum_;
};

export_stream::export_stream(executor on, endpoint const& server, stream_limits limits)
    : lines_(on, server, limits), checksum_(std::make_unique<checksum>()) {}

export_stream::~export_stream() = default;

awaitable<result<void>> export_stream::open(std::string prefix, request_options options) {
  checksum_ = std::make_unique<checksum>();
  end_.reset();
  query wanted;
  if (!prefix.empty()) wanted.add("prefix", prefix);
  return lines_.open("/v1/export" + wanted.add_lock_terms(options).text());
}

awaitable<result<std::optional<std::string>>> export_stream::next() {
  auto line = co_await lines_.next();
  if (!line) co_return line;
  if (!*line) {
    if (!end_) co_return cut("the connection ended before the last line");
    co_return line;
  }
  if (end_) co_return cut("something follows the last line");
  if (auto broken_off = read_error(**line)) co_return *std::move(broken_off);
  end_ = read_end(**line);
  if (!end_) {
    checksum_->take(**line);
    checksum_->take("\n");
    co_return line;
  }
  auto told = end_->crc32c;
  std::ranges::transform(told, told.begin(), [](char c) { return c >= 'A' && c <= 'F' ? char(c + 32) : c; });
  if (told != checksum_->text()) {
    auto failed = cut("its checksum is " + checksum_->text() + ", not " + end_->crc32c + " as the server says");
    end_.reset();
    co_return failed;
  }
  co_return line;
}

}  // namespace holdfast::client
