#include "client/load/hdr_log.hpp"

#include <zlib.h>

#include <bit>
#include <cstdio>
#include <stdexcept>
#include <string_view>

#include "client/load/report.hpp"
#include "client/load/text.hpp"

namespace holdfast::client::load {
namespace {

constexpr std::uint32_t plain_cookie = 0x1c849313;
constexpr std::uint32_t deflated_cookie = 0x1c849314;

/// Appends the bytes of a number, most significant first.
template <class Number>
void append_big_endian(std::string& out, Number number) {
  for (int shift = static_cast<int>(sizeof number) * 8 - 8; shift >= 0; shift -= 8)
    out += static_cast<char>(number >> shift & 0xFF);
}

void append_zigzag(std::string& out, std::int64_t number) {
  auto bits = (static_cast<std::uint64_t>(number) << 1) ^ (number < 0 ? ~std::uint64_t(0) : 0);
  // A ninth byte would hold eight bits; only counts of 2^55 and more need it, which do not occur.
  for (; bits >= 0x80; bits >>= 7) out += static_cast<char>((bits & 0x7F) | 0x80);
  out += static_cast<char>(bits);
}

std::string counts_text(std::span<std::uint64_t const> counts) {
  std::string out;
  while (!counts.empty() && counts.back() == 0) counts = counts.first(counts.size() - 1);
  std::int64_t zeros = 0;
  for (auto const count : counts) {
    if (count == 0) {
      ++zeros;
      continue;
    }
    if (zeros != 0) append_zigzag(out, zeros == 1 ? 0 : -zeros);
    zeros = 0;
    append_zigzag(out, static_cast<std::int64_t>(count));
  }
  return out;
}

std::string deflated(std::string const& plain) {
  auto size = ::compressBound(static_cast<uLong>(plain.size()));
  std::string out(size, '\0');
  // zlib uses unsigned bytes.
  auto* const to = reinterpret_cast<Bytef*>(out.data());
  auto const* const from = reinterpret_cast<Bytef const*>(plain.data());
  if (::compress2(to, &size, from, static_cast<uLong>(plain.size()), Z_DEFAULT_COMPRESSION) != Z_OK)
    throw std::runtime_error("zlib could not deflate a histogram");
  out.resize(size);
  return out;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(3, bytes.size()))) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) out += i <= bytes.size() ? digits[group >> (18 - 6 * i) & 63] : '=';
  }
  return out;
}

template <class... Arguments>
std::string printed(char const* format, Arguments... arguments) {
  char text[160];
  std::snprintf(text, sizeof text, format, arguments...);
  return text;
}

double seconds_of(nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::string hdr_text(histogram const& counted) {
  auto const payload = counts_text(counted.counts());
  std::string plain;
  append_big_endian(plain, plain_cookie);
  append_big_endian(plain, static_cast<std::uint32_t>(payload.size()));
  append_big_endian(plain, std::uint32_t(0));  // normalizing index offset
  append_big_endian(plain, static_cast<std::uint32_t>(histogram::significant_digits));
  append_big_endian(plain, std::uint64_t(1));  // lowest discernible value
  append_big_endian(plain, static_cast<std::uint64_t>(histogram::highest.count()));
  append_big_endian(plain, std::bit_cast<std::uint64_t>(1.0));  // ratio for converting integers to doubles
  plain += payload;

  auto const body = deflated(plain);
  std::string out;
  append_big_endian(out, deflated_cookie);
  append_big_endian(out, static_cast<std::uint32_t>(body.size()));
  return base64(out + body);
}

std::string hdr_log(std::span<load_report const> runs) {
  std::string log =
      "#[Logged by holdfast load; values are latencies in nanoseconds]\n#[Histogram log format version 1.3]\n";
  if (runs.empty()) return log;
  auto const began = runs.front().measured_from();
  log += printed("#[StartTime: %.3f (seconds since epoch), %s]\n", seconds_of(began.time_since_epoch()),
                 rfc3339(began).c_str());
  log += "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";
  for (auto const& run : runs) {
    auto const offset = seconds_of(run.measured_from() - began);
    for (auto const& row : run.seconds) {
      for (auto const& one : row.operations) {
        log += printed("Tag=%s,%.3f,%.3f,%.3f,", std::string(name_of(one.operation)).c_str(), offset + row.second,
                       seconds_of(run.row_length(row)), in_ms(one.latency.max));
        log += one.hdr + '\n';
      }
    }
  }
  return log;
}

}  // namespace holdfast::client::load
