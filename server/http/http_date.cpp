#include "server/http/http_date.hpp"

#include <cstdio>
#include <ctime>

namespace holdfast::server {
namespace {

// English names: strftime would use the process's locale.
constexpr char const* days[]{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr char const* months[]{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

std::span<char const, http_date_bytes> http_date_now() {
  thread_local std::time_t formatted_at = -1;
  thread_local char text[64];  // the compiler can't know that years have four digits

  auto const now = std::time(nullptr);
  if (now != formatted_at) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday], utc.tm_mday,
                  months[utc.tm_mon], 1900 + utc.tm_year, utc.tm_hour, utc.tm_min, utc.tm_sec);
    formatted_at = now;
  }
  return std::span<char const, http_date_bytes>(text, http_date_bytes);
}

}  // namespace holdfast::server
