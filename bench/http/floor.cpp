// bench_floor: the limit that a server over epoll can come near to. One event loop and one listener a thread; it parses
// nothing, it counts blank lines and answers each with fixed bytes.
//
// With --body each request is a header and that many bytes more, and is answered when they are there: what reading such
// a body costs. With --accept they are also checked to be JSON, by nlohmann_json. With --answer-bytes and
// --clock-readings it does two things more that a server's contract may oblige it to, to tell how much of that server's
// time is for them.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

constexpr std::string_view blank_line = "\r\n\r\n";
constexpr std::string_view answer_front = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 22\r\n";
constexpr std::string_view answer_end = "\r\n{\"name\":\"hello-world\"}";

struct options {
  std::uint16_t port = 0;
  unsigned threads = 1;
  std::size_t body_bytes = 0;
  bool accept_json = false;
  std::size_t answer_bytes = 0;
  unsigned clock_readings = 0;
};

/// The answer, made longer by a field of its own where it is to have more bytes.
std::string make_answer(std::size_t bytes) {
  constexpr std::string_view name = "X: ", line_end = "\r\n";
  std::string answer(answer_front);
  auto const without = answer_front.size() + name.size() + line_end.size() + answer_end.size();
  if (bytes > without) ((answer += name).append(bytes - without, '-')) += line_end;
  return answer += answer_end;
}

/// A request with a body that has not arrived whole.
struct upload {
  std::size_t bytes_left = 0;
  std::string text;  // kept only where it is to be checked
};

int listen_on(std::uint16_t port) {
  int const listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener, 4096) != 0)
    throw std::system_error(errno, std::generic_category(), "listen");
  return listener;
}

void watch(int set, int descriptor, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = descriptor;
  ::epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event);
}

class loop {
 public:
  explicit loop(options const& options)
      : options_(options), answer_(make_answer(options.answer_bytes)), listener_(listen_on(options.port)) {
    watch(set_, listener_, EPOLLIN);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events;
    for (;;) {
      auto const ready = ::epoll_wait(set_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < ready; ++i) {
        auto const descriptor = events[static_cast<std::size_t>(i)].data.fd;
        if (descriptor == listener_) {
          accept_all();
        } else {
          serve(descriptor);
        }
      }
    }
  }

 private:
  void accept_all() {
    int const on = 1;
    for (int peer; (peer = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
      ::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      watch(set_, peer, EPOLLIN | EPOLLRDHUP);
    }
  }

  void serve(int descriptor) {
    auto const got = ::recv(descriptor, bytes_.data(), bytes_.size(), 0);
    if (got <= 0) {
      if (got < 0 && errno == EAGAIN) return;
      uploads_.erase(descriptor);
      ::close(descriptor);
      return;
    }
    answers_.clear();
    std::string_view text(bytes_.data(), static_cast<std::size_t>(got));
    if (options_.body_bytes != 0) {
      take_bodies(uploads_[descriptor], text);
    } else {
      for (std::size_t at = 0; (at = text.find(blank_line, at)) != std::string_view::npos; at += blank_line.size()) {
        for (unsigned i = 0; i < options_.clock_readings; ++i) now_ = std::chrono::steady_clock::now();
        answers_ += answer_;
      }
    }
    if (!answers_.empty()) ::send(descriptor, answers_.data(), answers_.size(), MSG_NOSIGNAL);
  }

  void take_bodies(upload& one, std::string_view text) {
    while (!text.empty()) {
      if (one.bytes_left == 0) {
        auto const end = text.find(blank_line);
        if (end == std::string_view::npos) return;  // our client sends a header in one piece
        text.remove_prefix(end + blank_line.size());
        one.bytes_left = options_.body_bytes;
        one.text.clear();
      }
      auto const piece = text.substr(0, one.bytes_left);
      if (options_.accept_json) one.text += piece;
      text.remove_prefix(piece.size());
      one.bytes_left -= piece.size();
      if (one.bytes_left != 0) return;
      if (!options_.accept_json || nlohmann::json::accept(one.text)) answers_ += answer_;
    }
  }

  options const& options_;
  std::string const answer_;
  int listener_;
  int set_ = ::epoll_create1(0);
  std::array<char, 64 * 1024> bytes_;
  std::string answers_;
  std::chrono::steady_clock::time_point now_;
  std::unordered_map<int, upload> uploads_;
};

void serve_forever(options const& options) {
  std::make_unique<loop>(options)->run();
}

}  // namespace

int main(int argc, char** argv) {
  options options;
  CLI::App app("The least that a server over epoll can do: answers each request with fixed bytes, on 127.0.0.1.");
  app.add_option("--port", options.port)->required();
  app.add_option("--threads", options.threads);
  app.add_option("--body", options.body_bytes, "every request has a body of so many bytes");
  app.add_flag("--accept", options.accept_json, "check that the body is JSON");
  app.add_option("--answer-bytes", options.answer_bytes, "answer with so many bytes instead of 93");
  app.add_option("--clock-readings", options.clock_readings, "read the clock so often for each request");
  CLI11_PARSE(app, argc, argv);
  std::vector<std::jthread> others;
  for (unsigned i = 1; i < options.threads; ++i) others.emplace_back(serve_forever, std::cref(options));
  serve_forever(options);
}
