#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::tests {

/// What a scripted server does about one request.
struct scripted_answer {
  enum class ending { keep, close, reset, stall };

  std::string bytes;           ///< sent as they are
  ending then = ending::keep;  ///< stall: reads and sends nothing more until the client leaves or the server ends
  bool byte_by_byte = false;   ///< each byte in a segment of its own
};

/// The bytes of a sound answer with a body, as a Holdfast server sends it.
std::string sound_answer(std::string const& status_line, std::string const& fields, std::string const& body);

/// A server on a port of its own that answers what a test tells it to, right or wrong. Every connection has a thread,
/// so the script may be called from several at once.
class scripted_server {
 public:
  struct request {
    std::string text;    ///< header and body
    int connection = 0;  ///< counted from 0 in the order of arrival
    int number = 0;      ///< within its connection, from 0
  };
  using script = std::function<scripted_answer(request const&)>;

  explicit scripted_server(script answer);
  /// Answers as soon as the header is there, whatever content is announced.
  static std::unique_ptr<scripted_server> that_answers_early(script answer);
  /// Answers every request with the same bytes.
  explicit scripted_server(std::string bytes, scripted_answer::ending then = scripted_answer::ending::keep);
  ~scripted_server();
  scripted_server(scripted_server const&) = delete;
  scripted_server& operator=(scripted_server const&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// What has been asked so far.
  [[nodiscard]] std::vector<request> requests() const;
  [[nodiscard]] int connections() const;

 private:
  using tcp = boost::asio::ip::tcp;

  scripted_server(script answer, bool answers_early);
  void accept_connections();
  void serve(tcp::socket& socket, int connection);
  void note(request const& asked);

  script answer_;
  bool answers_early_;
  boost::asio::io_context context_;
  tcp::acceptor acceptor_;
  std::uint16_t port_;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<request> requests_;
  std::list<tcp::socket> sockets_;
  std::list<std::thread> threads_;
  bool stopped_ = false;
  std::thread acceptor_thread_;
};

}  // namespace holdfast::tests
