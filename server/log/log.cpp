#include "server/log/log.hpp"

#include <poll.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

namespace holdfast::server {
namespace {

// spdlog allocates and touches the entire queue at start-up; with 8192 entries that took longer than everything else
// before listening.
constexpr std::size_t queued_lines_max = 512;
constexpr std::chrono::seconds close_time{1};

/// Writes to the descriptor, not to stdio: a thread blocked in stdio holds a lock that exit() needs.
class standard_error_sink final : public spdlog::sinks::base_sink<std::mutex> {
  void sink_it_(spdlog::details::log_msg const& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    for (std::size_t at = 0; at < line.size();) {
      auto const written = ::write(STDERR_FILENO, line.data() + at, line.size() - at);
      if (written > 0) at += static_cast<std::size_t>(written);
      if (written >= 0 || errno == EINTR) continue;
      if (errno != EAGAIN) return;  // there is nowhere to report it
      pollfd room{STDERR_FILENO, POLLOUT, 0};
      ::poll(&room, 1, -1);
    }
  }
  void flush_() override {}
};

struct open_log {
  std::shared_ptr<spdlog::details::thread_pool> writer;
  std::shared_ptr<spdlog::async_logger> logger;
  log_format format = log_format::text;
  std::atomic<std::size_t> drops_told{0};
};

// Written only before threads start and after they have ended; read by all threads.
std::shared_ptr<open_log> current;

std::string quote(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

bool is_plain(std::string_view text) {
  return !text.empty() && text.find_first_not_of(
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                              "-._:/[]@+%*") == std::string_view::npos;
}

std::string render(log_format format, std::string_view event, log_fields fields) {
  auto const json = format == log_format::json;
  std::string line = json ? "\"event\":" + quote(event) : std::string(event);
  for (auto const& [name, value] : fields) {
    ((line += json ? ",\"" : " ") += name) += json ? "\":" : "=";
    if (auto const* number = std::get_if<std::int64_t>(&value)) {
      line += std::to_string(*number);
    } else {
      auto const& text = std::get<std::string>(value);
      line += json || !is_plain(text) ? quote(text) : text;
    }
  }
  return line;
}

/// Reports the number of dropped lines once lines get through again.
void tell_drops(open_log& log) {
  auto const dropped = log.writer->overrun_counter();
  auto told = log.drops_told.load(std::memory_order_relaxed);
  if (dropped <= told || log.writer->queue_size() > queued_lines_max / 2) return;
  if (!log.drops_told.compare_exchange_strong(told, dropped)) return;
  log.logger->warn(render(log.format, "log lines dropped", {{"count", dropped - told}}));
}

void write(spdlog::level::level_enum level, std::string_view event, log_fields fields) {
  auto* const log = current.get();
  if (log == nullptr || !log->logger->should_log(level)) return;
  tell_drops(*log);
  log->logger->log(level, render(log->format, event, fields));
}

}  // namespace

log_scope::log_scope(std::string const& level, log_format format) {
  auto log = std::make_shared<open_log>();
  log->writer = std::make_shared<spdlog::details::thread_pool>(queued_lines_max, 1);
  log->logger = std::make_shared<spdlog::async_logger>("holdfast", std::make_shared<standard_error_sink>(), log->writer,
                                                       spdlog::async_overflow_policy::overrun_oldest);
  log->logger->set_level(spdlog::level::from_str(level));
  log->logger->set_pattern(format == log_format::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                                                      : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
                           spdlog::pattern_time_type::utc);
  log->format = format;
  current = std::move(log);
}

log_scope::~log_scope() {
  auto log = std::exchange(current, nullptr);
  tell_drops(*log);
  // spdlog ends its thread only after writing the entire queue, which never completes if nobody reads the output.
  std::promise<void> closed;
  auto is_closed = closed.get_future();
  std::thread(
      [](std::shared_ptr<open_log> last, std::promise<void> done) {
        last.reset();
        done.set_value();
      },
      std::move(log), std::move(closed))
      .detach();
  is_closed.wait_for(close_time);
}

void log_debug(std::string_view event, log_fields fields) {
  write(spdlog::level::debug, event, fields);
}
void log_info(std::string_view event, log_fields fields) {
  write(spdlog::level::info, event, fields);
}
void log_warn(std::string_view event, log_fields fields) {
  write(spdlog::level::warn, event, fields);
}
void log_error(std::string_view event, log_fields fields) {
  write(spdlog::level::err, event, fields);
}

bool is_log_level(std::string_view level) {
  for (auto const* known : {"trace", "debug", "info", "warn", "error", "off"})
    if (level == known) return true;
  return false;
}

}  // namespace holdfast::server
