#include "tests/client/scripted_server.hpp"

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

namespace holdfast::tests {
namespace {

namespace net = boost::asio;
using boost::system::error_code;

/// The length of the first whole request in `text`, 0 while it is incomplete.
std::size_t whole_request(std::string const& text, bool head_is_enough) {
  auto const end = text.find("\r\n\r\n");
  if (end == std::string::npos) return 0;
  if (head_is_enough) return end + 4;
  if (text.find("Transfer-Encoding: chunked") < end) {
    auto const last = text.find("\r\n0\r\n\r\n", end + 2);
    return last == std::string::npos ? 0 : last + 7;
  }
  std::size_t body = 0;
  if (auto const field = text.find("Content-Length: "); field < end) body = std::stoul(text.substr(field + 16));
  auto const length = end + 4 + body;
  return text.size() >= length ? length : 0;
}

void send(net::ip::tcp::socket& socket, scripted_answer const& answer) {
  error_code ignored;
  auto const step = answer.byte_by_byte ? 1 : std::max<std::size_t>(answer.bytes.size(), 1);
  for (std::size_t at = 0; at < answer.bytes.size(); at += step)
    net::write(socket, net::buffer(answer.bytes.data() + at, step), ignored);
}

}  // namespace

std::string sound_answer(std::string const& status_line, std::string const& fields, std::string const& body) {
  return "HTTP/1.1 " + status_line + "\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

scripted_server::scripted_server(script answer) : scripted_server(std::move(answer), false) {}

std::unique_ptr<scripted_server> scripted_server::that_answers_early(script answer) {
  return std::unique_ptr<scripted_server>(new scripted_server(std::move(answer), true));
}

scripted_server::scripted_server(script answer, bool answers_early)
    : answer_(std::move(answer)),
      answers_early_(answers_early),
      acceptor_(context_, {net::ip::address_v4::loopback(), 0}),
      port_(acceptor_.local_endpoint().port()),
      acceptor_thread_([this] { accept_connections(); }) {}

scripted_server::scripted_server(std::string bytes, scripted_answer::ending then)
    : scripted_server(
          [answer = scripted_answer{.bytes = std::move(bytes), .then = then}](request const&) { return answer; }) {}

scripted_server::~scripted_server() {
  {
    std::lock_guard const guard(mutex_);
    stopped_ = true;
    for (auto& socket : sockets_) ::shutdown(socket.native_handle(), SHUT_RDWR);
  }
  // A blocking accept is woken by nothing gentler.
  ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
  acceptor_thread_.join();
  for (auto& thread : threads_) thread.join();
}

std::vector<scripted_server::request> scripted_server::requests() const {
  std::lock_guard const guard(mutex_);
  return requests_;
}

int scripted_server::connections() const {
  std::lock_guard const guard(mutex_);
  return static_cast<int>(sockets_.size());
}

void scripted_server::note(request const& asked) {
  std::lock_guard const guard(mutex_);
  requests_.push_back(asked);
}

void scripted_server::accept_connections() {
  for (int connection = 0;; ++connection) {
    error_code failed;
    auto accepted = acceptor_.accept(failed);
    std::lock_guard const guard(mutex_);
    if (failed || stopped_) return;
    accepted.set_option(tcp::no_delay(true), failed);
    auto& socket = sockets_.emplace_back(std::move(accepted));
    threads_.emplace_back([this, &socket, connection] { serve(socket, connection); });
  }
}

void scripted_server::serve(tcp::socket& socket, int connection) {
  std::string text;
  std::array<char, 4096> bytes;
  error_code failed;
  auto const receive = [&] {
    auto const count = socket.read_some(net::buffer(bytes), failed);
    text.append(bytes.data(), count);
    return !failed;
  };
  // The descriptor stays open until the server ends, so that its number is not given to another socket meanwhile.
  for (int number = 0;; ++number) {
    std::size_t length = 0;
    while ((length = whole_request(text, answers_early_)) == 0) {
      if (!receive()) return;
    }
    request const asked{.text = text.substr(0, length), .connection = connection, .number = number};
    text.erase(0, length);
    note(asked);
    auto const answer = answer_(asked);
    send(socket, answer);
    switch (answer.then) {
      case scripted_answer::ending::keep:
        break;
      case scripted_answer::ending::close:
        ::shutdown(socket.native_handle(), SHUT_RDWR);
        return;
      case scripted_answer::ending::reset: {
        std::lock_guard const guard(mutex_);
        socket.set_option(tcp::socket::linger(true, 0), failed);
        socket.close(failed);
        return;
      }
      case scripted_answer::ending::stall:
        while (receive()) {
        }
        return;
    }
  }
}

}  // namespace holdfast::tests
