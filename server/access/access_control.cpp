#include "server/access/access_control.hpp"

namespace holdfast::server {
namespace {

std::unique_ptr<line_log> open_log(std::string const& path) {
  return path.empty() ? nullptr : std::make_unique<line_log>(path);
}

}  // namespace

access_control::access_control(access_settings const& settings)
    : tokens(settings.tokens_file.empty() ? nullptr : std::make_unique<tokens_in_force>(settings.tokens_file)),
      rates(settings.rates.is_limited() ? std::make_unique<rate_limits>(settings.rates) : nullptr),
      streams(settings.streams_max),
      audit(open_log(settings.audit_file)),
      requests(open_log(settings.requests_file)) {}

}  // namespace holdfast::server
