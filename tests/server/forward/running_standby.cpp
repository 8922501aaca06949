#include "tests/server/forward/running_standby.hpp"

#include <atomic>
#include <future>
#include <thread>

#include "server/api/api_handler.hpp"
#include "server/app/settings.hpp"
#include "server/app/worker.hpp"
#include "server/forward/forwarder.hpp"
#include "server/net/listener.hpp"

namespace holdfast::tests {

using namespace server;

struct running_standby::parts {
  parts(std::chrono::nanoseconds read_patience, leader_trust* trust, cluster_secret const* secret)
      : forwarding{.advertise = "http://standby:1", .trust = trust, .secret = secret, .read_patience = read_patience} {
    listening.start();
    thread = std::jthread([this] { work.run(); });
  }
  ~parts() {
    work.stop();
    thread.join();
    listening.close();
    pool.forget_waiting();
    work.shut_down();
  }

  static bool is_local(request_head const& head) { return head.target == "/livez" || head.target == "/readyz"; }

  settings its_settings;
  fixed_settings fixed;
  store data{16, 100'000'000, 0x3f};
  server::insight insight{1, 42};
  live_settings live{true, {}, {}};
  byte_budget under_way{100'000'000};
  std::atomic<std::size_t> connections{0};
  std::atomic<bool> draining{false};
  api_context context{its_settings.routes, fixed, data, insight, live, under_way, connections, draining, 1'000'000, 42};
  durable_progress progress;
  leader_directory leaders;
  forward_settings forwarding;
  forward_figures figures;
  worker work{its_settings.sessions,
              under_way,
              under_way,
              draining,
              progress,
              [this] { return make_forwarder(make_api_handler(context, *insight.recorders[0], hub), is_local, pool); },
              *insight.recorders[0],
              [](peer_address const&) {}};
  watch_hub hub{work.loop(), data.history()};
  upstream_pool pool{work.loop(), leaders, forwarding, figures};
  listener listening{work.loop(),
                     listen_at({asio::ip::make_address("127.0.0.1"), 0}),
                     [this](unique_socket& socket) {
                       work.start_session(std::move(socket), {}, {});
                       return true;
                     },
                     {}};
  std::jthread thread;
};

running_standby::running_standby(std::chrono::nanoseconds read_patience, leader_trust* trust,
                                 cluster_secret const* secret)
    : parts_(std::make_unique<parts>(read_patience, trust, secret)) {}
running_standby::~running_standby() = default;

leader_directory& running_standby::leaders() noexcept {
  return parts_->leaders;
}

forward_figures const& running_standby::figures() const noexcept {
  return parts_->figures;
}

raw_client running_standby::connect(int receive_buffer_bytes) const {
  return raw_client(parts_->listening.endpoint().port(), receive_buffer_bytes);
}

void running_standby::settle() const {
  auto probe = connect();
  probe.ask(request("GET", "/livez"));
}

void running_standby::drain() {
  parts_->draining = true;
  parts_->work.for_each_session(&session::drain);
}

void running_standby::hurry() {
  parts_->work.for_each_session(&session::hurry);
}

}  // namespace holdfast::tests
