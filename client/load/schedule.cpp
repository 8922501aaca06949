#include "client/load/schedule.hpp"

#include <charconv>
#include <cmath>

#include "client/load/text.hpp"
#include "protocol/duration.hpp"

namespace holdfast::client::load {
namespace {

using std::chrono::nanoseconds;

constexpr double rate_max = 10'000'000;
constexpr std::string_view ramp = "..";

protocol::failure refuse(std::string_view text, std::string const& why) {
  return {protocol::errc::invalid_parameter, "'" + std::string(text.substr(0, 60)) + "' " + why};
}

double seconds_of(nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

/// The number of requests due in a stage.
double count_of(stage const& stage) {
  return (stage.rate_begin + stage.rate_end) / 2 * seconds_of(stage.duration);
}

/// The time at which `count` requests have become due, in seconds since the stage began: the root of rate_begin t +
/// slope t² / 2 = count, in a form without cancellation for small slopes.
double time_of(stage const& stage, double count) {
  auto const slope = (stage.rate_end - stage.rate_begin) / seconds_of(stage.duration);
  auto const square = std::max(0.0, stage.rate_begin * stage.rate_begin + 2 * slope * count);
  return 2 * count / (stage.rate_begin + std::sqrt(square));
}

}  // namespace

protocol::result<double> parse_rate(std::string_view text) {
  constexpr auto how = "is not a rate: write a number and a unit, such as 5000/s or 300/m";
  double number = 0;
  auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (failed != std::errc() || !std::isfinite(number)) return refuse(text, how);
  std::string_view const unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.empty()) return refuse(text, "is not a rate: add a unit, such as " + std::string(text) + "/s");
  if (unit == "/m") {
    number /= 60;
  } else if (unit != "/s") {
    return refuse(text, how);
  }
  if (number <= 0 || number > rate_max) return refuse(text, "is not a rate: it is above 0 and at most 10000000/s");
  return number;
}

protocol::result<stage> parse_stage(std::string_view text) {
  auto const at = text.find('@');
  if (at == std::string_view::npos)
    return refuse(text, "is not a stage: write DURATION@RATE, such as 10s@1000/s, or a ramp, 10s@1000/s..5000/s");
  auto const duration = protocol::parse_duration(text.substr(0, at));
  if (!duration) return duration.error();
  if (duration->count() == 0) return refuse(text, "is not a stage: it takes some time, such as 10s@1000/s");
  auto const rates = text.substr(at + 1);
  auto const middle = rates.find(ramp);
  auto const begin = parse_rate(rates.substr(0, middle));
  if (!begin) return begin.error();
  auto const end = middle == std::string_view::npos ? begin : parse_rate(rates.substr(middle + ramp.size()));
  if (!end) return end.error();
  return stage{*duration, *begin, *end};
}

std::string format_rate(double per_second) {
  return format_number(per_second) + "/s";
}

std::string format_stage(stage const& stage) {
  auto text = protocol::format_duration(stage.duration) + '@' + format_rate(stage.rate_begin);
  if (stage.rate_end != stage.rate_begin) (text += ramp) += format_rate(stage.rate_end);
  return text;
}

std::string_view name_of(arrivals kind) noexcept {
  return kind == arrivals::poisson ? "poisson" : "constant";
}

nanoseconds length_of(std::vector<stage> const& stages) {
  nanoseconds length(0);
  for (auto const& stage : stages) length += stage.duration;
  return length;
}

schedule::schedule(std::vector<stage> stages, load::arrivals arrivals, std::uint32_t thread, std::uint32_t threads,
                   std::uint64_t seed)
    : stages_(std::move(stages)),
      arrivals_(arrivals),
      threads_(threads),
      random_(random_numbers(seed ^ (thread * 0xD1342543DE82EF95))()),
      count_(arrivals == arrivals::constant ? thread : 0) {}

std::optional<nanoseconds> schedule::next() {
  if (arrivals_ == arrivals::poisson) count_ += -std::log1p(-random_.share()) * threads_;
  while (at_ < stages_.size() && count_ >= count_before_ + count_of(stages_[at_])) {
    count_before_ += count_of(stages_[at_]);
    time_before_ += stages_[at_].duration;
    ++at_;
  }
  if (at_ == stages_.size()) return std::nullopt;
  auto const within = time_of(stages_[at_], count_ - count_before_);
  if (arrivals_ == arrivals::constant) count_ += threads_;
  return time_before_ + std::chrono::round<nanoseconds>(std::chrono::duration<double>(within));
}

}  // namespace holdfast::client::load
