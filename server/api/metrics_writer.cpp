#include "server/api/metrics_writer.hpp"

namespace holdfast::server {
namespace {

/// Seconds with as many decimals as needed.
std::string seconds(std::uint64_t ns) {
  auto text = std::to_string(ns / 1'000'000'000);
  auto const rest = ns % 1'000'000'000;
  if (rest == 0) return text;
  auto decimals = std::to_string(1'000'000'000 + rest).substr(1);
  decimals.resize(decimals.find_last_not_of('0') + 1);
  return (text += '.') += decimals;
}

void append_escaped(std::string& out, std::string_view value) {
  for (char const c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
}

}  // namespace

void metrics_writer::begin(std::string_view family, std::string_view type, std::string_view help) {
  family_ = family;
  (((text_ += "# HELP ") += family) += ' ') += help;
  ((((text_ += "\n# TYPE ") += family) += ' ') += type) += '\n';
}

void metrics_writer::append_name(std::string_view suffix, labels with, std::string_view bound) {
  (text_ += family_) += suffix;
  if (with.size() != 0 || !bound.empty()) {
    auto separator = '{';
    for (auto const& [name, value] : with) {
      ((text_ += separator) += name) += "=\"";
      append_escaped(text_, value);
      text_ += '"';
      separator = ',';
    }
    if (!bound.empty()) (((text_ += separator) += "le=\"") += bound) += '"';
    text_ += '}';
  }
  text_ += ' ';
}

void metrics_writer::sample(std::uint64_t value, labels with) {
  append_name({}, with);
  (text_ += std::to_string(value)) += '\n';
}

void metrics_writer::sample_seconds(std::uint64_t value_ns, labels with) {
  append_name({}, with);
  (text_ += seconds(value_ns)) += '\n';
}

void metrics_writer::sample_sum(std::uint64_t count, std::uint64_t sum_ns, labels with) {
  append_name("_sum", with);
  (text_ += seconds(sum_ns)) += '\n';
  append_name("_count", with);
  (text_ += std::to_string(count)) += '\n';
}

void metrics_writer::sample_histogram(std::span<std::int64_t const> bounds_ns, std::span<std::uint64_t const> counts,
                                      std::uint64_t sum_ns, labels with) {
  append_histogram(bounds_ns, counts, sum_ns, with, seconds);
}

void metrics_writer::sample_histogram_of_numbers(std::span<std::int64_t const> bounds,
                                                 std::span<std::uint64_t const> counts, std::uint64_t sum,
                                                 labels with) {
  append_histogram(bounds, counts, sum, with, [](std::uint64_t number) { return std::to_string(number); });
}

void metrics_writer::append_histogram(std::span<std::int64_t const> bounds, std::span<std::uint64_t const> counts,
                                      std::uint64_t sum, labels with, number_text text_of) {
  std::uint64_t up_to = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    up_to += counts[i];
    append_name("_bucket", with, i < bounds.size() ? text_of(static_cast<std::uint64_t>(bounds[i])) : "+Inf");
    (text_ += std::to_string(up_to)) += '\n';
  }
  append_name("_sum", with);
  (text_ += text_of(sum)) += '\n';
  append_name("_count", with);
  (text_ += std::to_string(up_to)) += '\n';
}

}  // namespace holdfast::server
