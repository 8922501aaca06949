#include "client/liveness.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace holdfast::client {
namespace {

namespace net = boost::asio;

constexpr std::chrono::seconds next_doubt{10};
constexpr std::chrono::seconds probe_timeout{3};

}  // namespace

awaitable<result<void>> probe(executor on, endpoint server) {
  connection_settings settings;
  settings.server = std::move(server);
  settings.server.others.clear();
  settings.connect_timeout = settings.request_timeout.emplace(probe_timeout);
  connection other(on, std::move(settings));
  auto const answered = co_await other.fetch("/livez");
  if (answered || answered.error().refused || answered.error().kind == error_kind::bad_answer)
    co_return boost::system::in_place_value;
  co_return answered.error();
}

bool is_there(result<void> const& probed) noexcept {
  return probed || probed.error().kind == error_kind::reset;
}

awaitable<result<void>> until_silent(executor on, endpoint server) {
  using clock = std::chrono::steady_clock;
  net::basic_waitable_timer<clock, net::wait_traits<clock>, executor> timer(on);
  for (auto doubt = first_doubt;; doubt = next_doubt) {
    timer.expires_after(doubt);
    co_await timer.async_wait(net::as_tuple(net::use_awaitable_t<executor>()));
    auto alive = co_await probe(on, server);
    if (!is_there(alive)) co_return alive;
  }
}

}  // namespace holdfast::client
