#include "tests/server/cluster/etcd_process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

namespace holdfast::tests {

namespace {

/// Below those that the system gives to connections, one of which could have it before etcd, or while etcd is started
/// again.
std::string free_port() {
  std::uniform_int_distribution<std::uint16_t> any(10'000, 32'000);
  std::random_device dice;
  for (;;) {
    auto const port = any(dice);
    int const probe = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto const is_free = ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(probe);
    if (is_free) return std::to_string(port);
  }
}

constexpr char const* program = "/usr/bin/etcd";

}  // namespace

bool etcd_process::is_installed() {
  return ::access(program, X_OK) == 0;
}

etcd_process::etcd_process() {
  auto pattern = (std::filesystem::temp_directory_path() / "holdfast-etcd-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no directory can be made for etcd");
  directory_ = pattern;
  url_ = "http://127.0.0.1:" + free_port();
  peer_url_ = "http://127.0.0.1:" + free_port();
  start();
}

void etcd_process::start() {
  process_ = ::fork();
  if (process_ == 0) {
    int const nowhere = ::open("/dev/null", O_RDWR);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    ::execl(program, "etcd", "--name", "one", "--data-dir", (directory_ / "data").c_str(), "--listen-client-urls",
            url_.c_str(), "--advertise-client-urls", url_.c_str(), "--listen-peer-urls", peer_url_.c_str(),
            "--initial-advertise-peer-urls", peer_url_.c_str(), "--initial-cluster", ("one=" + peer_url_).c_str(),
            "--heartbeat-interval", "20", "--election-timeout", "200", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  server::cancel_signal const never;
  server::etcd_client etcd(settings().etcd, never);
  static_cast<void>(etcd.range("a", {}, 0, 0, std::chrono::steady_clock::now() + std::chrono::seconds(30)));
}

etcd_process::~etcd_process() {
  if (process_ > 0) stop();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void etcd_process::stop() {
  ::kill(process_, SIGKILL);
  ::waitpid(std::exchange(process_, -1), nullptr, 0);
}

void etcd_process::save() {
  stop();
  std::filesystem::copy(directory_ / "data", directory_ / "saved", std::filesystem::copy_options::recursive);
  start();
}

void etcd_process::restore() {
  stop();
  std::filesystem::remove_all(directory_ / "data");
  std::filesystem::copy(directory_ / "saved", directory_ / "data", std::filesystem::copy_options::recursive);
  start();
}

void etcd_process::pause() const {
  ::kill(process_, SIGSTOP);
  // Its threads stop one after the other; until then they may still answer.
  ::waitpid(process_, nullptr, WUNTRACED);
}

void etcd_process::go_on() const {
  ::kill(process_, SIGCONT);
}

server::cluster_settings etcd_process::settings() const {
  server::cluster_settings settings;
  settings.name = "test";
  settings.etcd.endpoints = {url_};
  return settings;
}

}  // namespace holdfast::tests
