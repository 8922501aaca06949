// bench_hammer: a closed-loop HTTP/1.1 client that costs as little CPU as it can, so that the server is what is
// measured. It reads every answer, keeps --depth requests in flight on each connection, and prints one line of JSON.
// Latencies are of whole bursts: from their sending to their last answer. Talks to 127.0.0.1 alone.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <deque>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

struct options {
  std::vector<std::uint16_t> ports;
  std::size_t connections = 64;
  double seconds = 1;
  std::string method = "GET";
  std::string path = "/v1/kv/bench";
  std::size_t depth = 1;
  std::size_t body_bytes = 0;
  std::uint64_t keys = 0;
  bool fill = false;
  bool random_body = false;
  bool lock_waits = false;
  std::string request;
  bool stream = false;
  double slice_ms = 0;
};

struct connection {
  int descriptor = -1;
  std::size_t answers_owed = 0;
  clock_type::time_point sent_at;
  std::string partial_header;
  bool in_content = false;  // an answer's header has been read
  std::size_t content_left = 0;
  std::string unsent;       // what the socket did not take at once
  std::size_t sent_of = 0;  // the burst, of one that streams
};

int connect_to(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int const descriptor = ::socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (descriptor < 0 || ::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::system_error(errno, std::generic_category(), "connect");
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return descriptor;
}

/// A value of exactly so many bytes: an object of short strings, as JSON in the wild looks to a parser.
std::string json_of(std::size_t bytes) {
  if (bytes == 0) return R"({"name":"hello-world"})";
  std::string text = "{";
  for (std::size_t i = 0; text.size() + 64 < bytes; ++i)
    text += "\"field-" + std::to_string(i) + "\":\"some text of no importance\",";
  text += "\"rest\":\"";
  text.append(bytes - std::min(bytes, text.size() + 2), 'x');
  return text + "\"}";
}

/// Other text each time, of 64 characters: a general compressor can hardly make less of it.
void fill_with_noise(std::string& text, std::mt19937_64& random) {
  constexpr std::string_view alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
  constexpr unsigned bits = 6;
  std::uint64_t drawn = 0;
  for (std::size_t i = 1; i + 1 < text.size(); ++i, drawn >>= bits) {
    if (i % 10 == 1) drawn = random();
    text[i] = alphabet[drawn % alphabet.size()];
  }
}

/// What the Content-Length field says, 0 where there is none.
std::size_t content_length_of(std::string_view header) {
  constexpr std::string_view name = "content-length: ";
  for (auto line = header.find('\n'); line != std::string_view::npos; line = header.find('\n', line + 1)) {
    auto const field = header.substr(line + 1);
    if (!std::ranges::equal(field.substr(0, name.size()), name, {}, [](unsigned char c) { return std::tolower(c); }))
      continue;
    std::size_t length = 0;
    std::from_chars(field.data() + name.size(), field.data() + field.size(), length);
    return length;
  }
  return 0;
}

class client {
 public:
  explicit client(options const& options)
      : options_(options), body_(options.method == "PUT" ? json_of(options.body_bytes) : "") {
    if (options.random_body) body_ = '"' + std::string(std::max<std::size_t>(options.body_bytes, 2) - 2, 'x') + '"';
    for (std::size_t i = 0; i < options.connections; ++i) {
      auto& one = connections_.emplace_back();
      one.descriptor = connect_to(options.ports[i % options.ports.size()]);
      watch(one, EPOLL_CTL_ADD, options.stream ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
    latencies_us_.reserve(1 << 20);
    lock_waits_us_.reserve(options.lock_waits ? 1 << 22 : 0);
    if (options.keys == 0) append_request(burst_, options.path);
    for (std::size_t i = 1; i < options.depth && options.keys == 0; ++i) append_request(burst_, options.path);
  }

  nlohmann::json run() {
    auto const start = clock_type::now();
    auto const end =
        start + std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>(options_.seconds));
    auto now = start;
    started_at_ = start;
    if (!options_.stream)
      for (auto& one : connections_) send_burst(one, now);
    std::array<epoll_event, 256> events;
    while (open_ != 0 && (options_.fill ? in_flight_ != 0 : now < end)) {
      auto const ready = ::epoll_wait(set_, events.data(), static_cast<int>(events.size()), 200);
      now = clock_type::now();
      for (int i = 0; i < ready; ++i) {
        auto const& event = events[static_cast<std::size_t>(i)];
        on_ready(*static_cast<connection*>(event.data.ptr), event.events, now);
      }
    }
    return report(std::chrono::duration<double>(now - start).count());
  }

 private:
  void watch(connection& one, int what, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &one;
    ::epoll_ctl(set_, what, one.descriptor, &event);
  }

  void append_request(std::string& out, std::string_view path) {
    if (!options_.request.empty()) {
      out += options_.request;
      return;
    }
    ((out += options_.method) += ' ') += path;
    ((out += " HTTP/1.1\r\nHost: 127.0.0.1:") += std::to_string(options_.ports.front())) += "\r\n";
    if (options_.method == "PUT")
      ((out += "Content-Type: application/json\r\nContent-Length: ") += std::to_string(body_.size())) += "\r\n";
    (out += "\r\n") += body_;
  }

  void send_burst(connection& one, clock_type::time_point now) {
    one.sent_at = now;
    std::string_view bytes = burst_;
    one.answers_owed = options_.depth;
    if (options_.keys != 0) {
      drawn_.clear();
      for (one.answers_owed = 0; one.answers_owed < options_.depth; ++one.answers_owed) {
        if (options_.fill && next_key_ == options_.keys) break;
        // A prime, so that each key comes once unless it divides their number.
        constexpr std::uint64_t stride = 2'654'435'761;
        auto const key = options_.fill ? next_key_++ * stride % options_.keys : random_() % options_.keys;
        if (options_.random_body) fill_with_noise(body_, random_);
        append_request(drawn_, options_.path + std::to_string(key));
      }
      bytes = drawn_;
    }
    in_flight_ += one.answers_owed;
    if (one.answers_owed != 0) send(one, bytes);
  }

  void send(connection& one, std::string_view bytes) {
    auto const sent = ::send(one.descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) {
      ++errors_;
    } else if (auto const taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0)); taken < bytes.size()) {
      one.unsent = std::string(bytes.substr(taken));
      watch(one, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    } else if (!one.unsent.empty()) {
      one.unsent.clear();
      watch(one, EPOLL_CTL_MOD, EPOLLIN);
    }
  }

  /// As much of one request after the other as the socket takes, whatever has been answered.
  void stream(connection& one) {
    auto const sent =
        ::send(one.descriptor, burst_.data() + one.sent_of, burst_.size() - one.sent_of, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) one.sent_of = (one.sent_of + static_cast<std::size_t>(sent)) % burst_.size();
  }

  void on_ready(connection& one, std::uint32_t events, clock_type::time_point now) {
    if ((events & EPOLLOUT) != 0) options_.stream ? stream(one) : send(one, std::string(one.unsent));
    if ((events & ~std::uint32_t{EPOLLOUT}) == 0) return;
    auto const got = ::recv(one.descriptor, bytes_.data(), bytes_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      ++errors_;
      --open_;
      in_flight_ -= one.answers_owed;
      ::epoll_ctl(set_, EPOLL_CTL_DEL, one.descriptor, nullptr);
      return;
    }
    auto const before = answers_;
    take_answers(one, {bytes_.data(), static_cast<std::size_t>(got)});
    if (options_.slice_ms != 0) count_in_slice(answers_ - before, now);
    if (options_.stream || one.answers_owed != 0) return;
    if (latencies_us_.size() < latencies_us_.capacity())
      latencies_us_.push_back(std::chrono::duration<float, std::micro>(now - one.sent_at).count());
    send_burst(one, now);
  }

  void take_answers(connection& one, std::string_view bytes) {
    bytes_received_ += bytes.size();
    for (;;) {
      if (!one.in_content) {
        auto const used = take_header(one, bytes);
        if (used == 0) return;
        bytes.remove_prefix(used);
      }
      auto const piece = std::min(one.content_left, bytes.size());
      bytes.remove_prefix(piece);
      one.content_left -= piece;
      if (one.content_left != 0) return;
      one.in_content = false;
      ++answers_;
      --one.answers_owed;
      --in_flight_;
    }
  }

  /// @return how many of the bytes end the header; 0 where it goes on.
  std::size_t take_header(connection& one, std::string_view bytes) {
    constexpr std::string_view blank_line = "\r\n\r\n";
    auto const held = one.partial_header.size();
    auto header = held == 0 ? bytes : std::string_view(one.partial_header += bytes);
    auto const end = header.find(blank_line);
    if (end == std::string_view::npos) {
      if (held == 0) one.partial_header = bytes;
      return 0;
    }
    auto const used = end + blank_line.size() - held;
    header = header.substr(0, end + 2);
    if (header.size() < 12 || header[9] != '2') ++errors_;
    one.in_content = true;
    one.content_left = content_length_of(header);
    if (options_.lock_waits) note_lock_wait(header);
    one.partial_header.clear();
    return used;
  }

  void count_in_slice(std::uint64_t answers, clock_type::time_point now) {
    auto const slice = static_cast<std::size_t>(std::chrono::duration<double, std::milli>(now - started_at_).count() /
                                                options_.slice_ms);
    if (slices_.size() <= slice) slices_.resize(slice + 1);
    slices_[slice] += answers;
  }

  void note_lock_wait(std::string_view header) {
    constexpr std::string_view name = "wait;dur=";
    auto const at = header.find(name);
    if (at == std::string_view::npos) return;
    double wait_ms = 0;
    std::from_chars(header.data() + at + name.size(), header.data() + header.size(), wait_ms);
    if (lock_waits_us_.size() < lock_waits_us_.capacity()) lock_waits_us_.push_back(static_cast<float>(wait_ms * 1000));
  }

  [[nodiscard]] nlohmann::json report(double seconds) {
    nlohmann::json report{{"requests", answers_},
                          {"seconds", seconds},
                          {"errors", errors_},
                          {"rps", static_cast<double>(answers_) / seconds},
                          {"bytes", bytes_received_},
                          {"p50_us", percentile(latencies_us_, 0.5)},
                          {"p99_us", percentile(latencies_us_, 0.99)}};
    if (options_.slice_ms != 0) {
      report["started_s"] = std::chrono::duration<double>(started_at_.time_since_epoch()).count();
      report["slices"] = slices_;
    }
    if (options_.lock_waits) {
      auto const waited = std::count_if(lock_waits_us_.begin(), lock_waits_us_.end(), [](float us) { return us > 0; });
      report["contended_share"] =
          static_cast<double>(waited) / static_cast<double>(std::max<std::size_t>(1, lock_waits_us_.size()));
      report["lock_wait_p99_us"] = percentile(lock_waits_us_, 0.99);
    }
    return report;
  }

  static double percentile(std::vector<float>& values, double share) {
    if (values.empty()) return 0;
    auto const at = values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), at, values.end());
    return *at;
  }

  options const& options_;
  std::string body_;
  int const set_ = ::epoll_create1(0);
  std::deque<connection> connections_;
  std::size_t open_ = options_.connections;  // that the server has not ended
  std::string burst_, drawn_;
  std::array<char, 256 * 1024> bytes_;
  std::mt19937_64 random_{20'261'124};
  std::uint64_t next_key_ = 0;  // of a fill
  std::size_t in_flight_ = 0;
  std::uint64_t answers_ = 0, errors_ = 0, bytes_received_ = 0;
  std::vector<float> latencies_us_, lock_waits_us_;
  clock_type::time_point started_at_;
  std::vector<std::uint64_t> slices_;
};

/// Ten thousand connections need more descriptors than a shell allows.
void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  options options;
  CLI::App app("A closed-loop HTTP client that costs little; prints what it saw as one line of JSON.");
  app.add_option("--port", options.ports, "with several, connections are dealt to them in turn")
      ->required()
      ->delimiter(',');
  app.add_option("--connections", options.connections);
  app.add_option("--seconds", options.seconds);
  app.add_option("--method", options.method);
  app.add_option("--path", options.path);
  app.add_option("--depth", options.depth, "requests in flight on each connection");
  app.add_option("--body", options.body_bytes, "bytes of a PUT's value");
  app.add_option("--keys", options.keys, "append a number below this to the path, drawn anew for each request");
  app.add_flag("--fill", options.fill, "each number once instead, in a scattered order, then end");
  app.add_flag("--random-body", options.random_body, "another value with each PUT, a string that does not compress");
  app.add_flag("--lock-waits", options.lock_waits, "also report what Server-Timing says of the lock");
  app.add_option("--request", options.request,
                 "these bytes instead of a request that is made of method, path and body");
  app.add_flag("--stream", options.stream, "send without pause, without waiting for answers; --depth requests a piece");
  app.add_option("--slice-ms", options.slice_ms,
                 "also report the answers by slices of so many milliseconds, and when "
                 "the first began (CLOCK_MONOTONIC)");
  CLI11_PARSE(app, argc, argv);
  raise_descriptor_limit();
  try {
    std::cout << std::make_unique<client>(options)->run() << '\n';
  } catch (std::exception const& error) {
    std::cerr << "bench_hammer: " << error.what() << '\n';
    return 2;
  }
}
