#include "tests/support/running_server.hpp"

#include <future>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "server/app/server.hpp"
#include "tests/support/raw_client.hpp"

namespace holdfast::tests {

class running_server::impl {
 public:
  explicit impl(server::settings settings) : server(std::move(settings)) {}
  impl(server::settings settings, std::unique_ptr<server::journal> kept, server::commit_settings const& commits)
      : server(std::move(settings), std::move(kept), {.commits = commits}) {}

  server::server server;
  std::future<void> run = std::async(std::launch::async, [this] { server.run(); });
  bool stopped = false;
};

server::settings running_server::test_settings() {
  server::settings settings;
  settings.listen_port = 0;
  settings.threads = 2;
  settings.writer_period = {};
  return settings;
}

running_server::running_server(server::settings settings, std::unique_ptr<server::journal> kept,
                               server::commit_settings const& commits)
    : impl_(kept ? std::make_unique<impl>(settings, std::move(kept), commits) : std::make_unique<impl>(settings)),
      port_(impl_->server.endpoint().port()),
      threads_(settings.threads),
      is_tls_(!settings.tls.certificate.empty()) {}

running_server::~running_server() {
  if (!impl_->stopped) stop();
}

void running_server::settle() const {
  std::vector<raw_client> probes;
  for (unsigned i = 0; i < threads_; ++i) probes.push_back(connect());
  for (auto& probe : probes) probe.send(request("GET", "/livez"));
  for (auto& probe : probes) probe.receive();
}

void running_server::ask_for_lock(raw_client& client, std::string_view bytes) const {
  client.send(request("GET", "/livez") += bytes);
  auto const live = client.receive();
  if (live.status != 200) throw std::runtime_error("/livez has the status " + std::to_string(live.status));
  settle();
}

bool running_server::is_lock_taken() const {
  auto probe = connect();
  return probe.ask(request("GET", "/v1/kv/probe?hold=0&lock-timeout=0")).code() == "lock_timeout";
}

void running_server::reload() {
  impl_->server.reload();
}

raw_client running_server::connect() const {
  return is_tls_ ? raw_client(port_, tls_terms()) : raw_client(port_);
}

void running_server::stop() {
  impl_->stopped = true;
  impl_->server.stop();
}

bool running_server::ends_within(std::chrono::milliseconds time) {
  return impl_->run.wait_for(time) == std::future_status::ready;
}

void running_server::join() {
  if (!impl_->stopped) stop();
  impl_->run.get();
}

int running_server::exit_status() const {
  return impl_->server.exit_status();
}

}  // namespace holdfast::tests
